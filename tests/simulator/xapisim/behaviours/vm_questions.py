# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What VMs are asked, and the messages that hosts of this kind refuse or leave to a guest agent."""

from __future__ import annotations

from xapisim import lifecycle
from xapisim.behaviours import plugin, vbd, vm_placement
from xapisim.errors import XapiError, internal_error
from xapisim.lifecycle_vm import RUNNING, is_true
from xapisim.ocaml import string_of_float
from xapisim.registry import message

VIF_DEVICES = 16


@message('VM.assert_operation_valid')
def assert_operation_valid(call, vm, op):
    call.db.require('VM', vm)
    lifecycle.require(call.sim, 'VM', vm, op)


@message('VM.update_allowed_operations')
def update_allowed_operations(call, vm):
    row = call.db.require('VM', vm)
    for cls in ('VBD', 'VIF'):
        for device in row[cls + 's']:
            lifecycle.refresh(call.sim, cls, device)
    lifecycle.refresh(call.sim, 'VM', vm)


@message('VM.get_boot_record')
def get_boot_record(call, vm):
    """Deprecated: the record as it is, seen from inside the operation."""
    with call.operation('VM', vm, 'get_boot_record'):
        return call.db.record('VM', vm)


@message('VM.get_allowed_VIF_devices')
def get_allowed_vif_devices(call, vm):
    used = {call.db.get('VIF', vif, 'device') for vif in call.db.get('VM', vm, 'VIFs')}
    return [str(number) for number in range(VIF_DEVICES) if str(number) not in used]


@message('VM.get_allowed_VBD_devices')
def get_allowed_vbd_devices(call, vm):
    return [str(place[1]) for place in vbd.free_positions(call.sim, vm)]


# ---------------------------------------------------------------- data sources

@message('VM.query_data_source')
def query_data_source(call, vm, data_source):
    state = call.db.get('VM', vm, 'power_state')
    if state not in ('Running', 'Paused'):
        raise XapiError('VM_BAD_POWER_STATE', vm, 'running;paused', state.lower())
    raise internal_error('Not_found')


@message('VM.get_data_sources')
def get_data_sources(call, vm):
    with call.operation('VM', vm, 'data_source_op'):
        return []


@message('VM.record_data_source', 'VM.forget_data_source_archives')
def change_data_source(call, vm, data_source):
    """No source is recorded here: none can be added to the record or taken from it."""
    with call.operation('VM', vm, 'data_source_op'):
        raise internal_error('Not_found')


# ---------------------------------------------------------------- left to others, as on a real host

@message('VM.send_sysrq')
def send_sysrq(call, vm, key):
    with call.operation('VM', vm, 'send_sysrq'):
        raise XapiError('NOT_IMPLEMENTED', 'send_sysrq')


@message('VM.send_trigger')
def send_trigger(call, vm, trigger):
    with call.operation('VM', vm, 'send_trigger'):
        raise XapiError('NOT_IMPLEMENTED', 'send_trigger')


@message('VM.query_services')
def query_services(call, vm):
    with call.operation('VM', vm, 'query_services'):
        raise XapiError('NOT_IMPLEMENTED', 'query_services')


@message('VM.call_plugin')
def call_plugin(call, vm, plugin_name, fn, args):
    """The agent of these guests has no functions that a plug-in could reach."""
    with lifecycle.operation(call, 'VM', vm, 'call_plugin', patience=lifecycle.IMMEDIATELY):
        if plugin_name != 'guest-agent-operation':
            raise XapiError('XENAPI_MISSING_PLUGIN', plugin_name)
        if fn in ('request-rdp-on', 'request-rdp-off'):
            text = 'The requested fn "%s" of plugin "%s" could not be executed %s' % (
                fn, plugin_name, 'for lack of guest agent control feature.')
            raise XapiError('XENAPI_PLUGIN_FAILURE', 'failed to execute fn', text, text)
        if fn == 'run-script':
            raise XapiError('FEATURE_RESTRICTED')
        text = 'The requested fn "%s" could not be found in plugin "%s".' % (fn, plugin_name)
        raise XapiError('XENAPI_PLUGIN_FAILURE', 'failed to find fn', text, text)


@message('VM.call_host_plugin')
def call_host_plugin(call, vm, plugin_name, fn, args):
    """A plug-in of the host that the VM runs on."""
    state = call.db.get('VM', vm, 'power_state')
    if state != RUNNING:
        raise XapiError('VM_BAD_POWER_STATE', vm, RUNNING, state)
    with lifecycle.operation(call, 'VM', vm, 'call_plugin', patience=lifecycle.IMMEDIATELY):
        return plugin.call_plugin(call, call.db.get('VM', vm, 'resident_on'), plugin_name, fn, args)


@message('crashdump.destroy')
def destroy_crashdump(call, ref):
    call.db.destroy('crashdump', ref)


@message('VM.sysprep')
def sysprep(call, vm, unattend, timeout):
    with lifecycle.operation(call, 'VM', vm, 'sysprep', patience=lifecycle.IMMEDIATELY):
        if timeout < 0:
            raise XapiError('INVALID_VALUE', 'timeout', string_of_float(timeout))
        raise XapiError('SYSPREP', call.db.get('VM', vm, 'uuid'), 'API call is disabled')


@message('VM.get_secureboot_readiness')
def get_secureboot_readiness(call, vm):
    row = call.db.require('VM', vm)
    if row['HVM_boot_params'].get('firmware') != 'uefi':
        return 'not_supported'
    if not is_true(row['platform'], 'secureboot'):
        return 'disabled'
    return 'setup_mode' if 'EFI-variables' in row['NVRAM'] else 'first_boot'


@message('VM.update_secureboot_certificates_on_boot')
def update_certificates_on_boot(call, vm, mark):
    states = ('update_available', 'update_on_boot')
    if call.db.get('VM', vm, 'secureboot_certificates_state') not in states:
        text = 'Cannot %s update_on_boot: VM.secureboot_certificates_state is not in a valid state'
        raise XapiError('OPERATION_NOT_ALLOWED', text % ('set' if mark else 'clear'))
    call.db.set('VM', vm, secureboot_certificates_state=states[mark])


# ---------------------------------------------------------------- disaster recovery

@message('VM.get_SRs_required_for_recovery')
def get_srs_required_for_recovery(call, vm, session_to):
    call.sim.sessions.check(session_to)
    return list(dict.fromkeys(vm_placement.needed_srs(call.db, call.db.require('VM', vm))))


@message('VM.assert_can_be_recovered')
def assert_can_be_recovered(call, vm, session_to):
    row = call.db.require('VM', vm)
    if call.db.exists('VM_appliance', row['appliance']):
        raise XapiError('VM_IS_PART_OF_AN_APPLIANCE', vm, row['appliance'])
    call.sim.sessions.check(session_to)
    require_srs(call, vm)


def require_srs(call, vm):
    for sr in vm_placement.needed_srs(call.db, call.db.require('VM', vm)):
        if vm_placement.srs_out_of_reach(call.db, [sr], call.sim.coordinator):
            raise XapiError('VM_REQUIRES_SR', vm, sr)
