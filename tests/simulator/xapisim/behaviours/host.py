# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts: enabled or not, evacuated, named, asked about."""

from __future__ import annotations

import re
import time

from xapisim import lifecycle, registry
from xapisim.behaviours import vm_memory, vm_placement
from xapisim.datamodel.types import NULL, DateTime
from xapisim.errors import XapiError
from xapisim.registry import message

_HOSTNAME = re.compile(r'(?!-)[A-Za-z0-9.-]+(?<!-)\Z')


def is_live(call, host):
    metrics = call.db.get('host', host, 'metrics')
    return call.db.exists('host_metrics', metrics) and call.db.get('host_metrics', metrics, 'live')


def guests(call, host):
    """The VMs that run there, without the control domain."""
    found = call.db.get('host', host, 'resident_VMs')
    return [vm for vm in found if call.db.exists('VM', vm) and not call.db.get('VM', vm, 'is_control_domain')]


# ---------------------------------------------------------------- enabling, emptying, ending

@message('host.disable')
def disable(call, host, auto_enable=True):
    call.db.require('host', host)
    call.db.set('host', host, enabled=False)
    call.sim.refresh_allowed('host', host)


@message('host.enable')
def enable(call, host):
    lifecycle.require(call.sim, 'host', host, 'enable')
    call.db.set('host', host, enabled=True)
    call.sim.refresh_allowed('host', host)


def plan(call, host):
    """{vm: host that can take it, or the error that keeps it here}."""
    return {vm: _destination(call, vm, host) for vm in guests(call, host)}


def _destination(call, vm, host):
    error = lifecycle.error_of(call.sim, 'VM', vm, 'pool_migrate')
    if error:
        return error
    for other in call.db.refs('host'):
        if other != host and vm_placement.can_boot(call.sim, vm, other):
            return other
    return XapiError('NO_HOSTS_AVAILABLE', vm)


def _obstacles(call, host):
    return {vm: found for vm, found in plan(call, host).items() if isinstance(found, XapiError)}


@message('host.evacuate')
def evacuate(call, host, network=NULL, evacuate_batch_size=0):
    with call.operation('host', host, 'evacuate'):
        moves = plan(call, host)
        for found in moves.values():
            if isinstance(found, XapiError):
                raise found
        options = {'live': 'true'} if network == NULL else {'network': network, 'live': 'true'}
        for done, (vm, destination) in enumerate(moves.items()):
            registry.messages['VM.pool_migrate'](call, vm, destination, options)
            call.progress((done + 1) / len(moves))


@message('host.get_vms_which_prevent_evacuation')
def get_vms_which_prevent_evacuation(call, host):
    call.db.require('host', host)
    return {vm: error.description for vm, error in _obstacles(call, host).items()}


@message('host.assert_can_evacuate')
def assert_can_evacuate(call, host):
    errors = [','.join(error.description) for error in _obstacles(call, host).values()]
    if errors:
        raise XapiError('CANNOT_EVACUATE_HOST', '|'.join(errors))


@message('host.get_uncooperative_resident_VMs')
def get_uncooperative_resident_vms(call, host):
    call.db.require('host', host)
    return []


@message('host.reboot', 'host.shutdown')
def end(call, host):
    """The simulator has no power switch: only what keeps a host from going down is answered as it would be."""
    lifecycle.require(call.sim, 'host', host, call.method.split('.')[1])
    if guests(call, host):
        raise XapiError('HOST_IN_USE', host, 'VM', guests(call, host)[0])
    raise XapiError('NOT_IMPLEMENTED', call.method)


@message('host.power_on')
def power_on(call, host):
    lifecycle.require(call.sim, 'host', host, 'power_on')
    call.db.set('host_metrics', call.db.get('host', host, 'metrics'), live=True)


@message('host.destroy')
def destroy(call, host):
    """Only a host that is gone can be forgotten."""
    _require_dead(call, host)
    if guests(call, host):
        raise XapiError('HOST_HAS_RESIDENT_VMS', host)
    for cls, field in (('PBD', 'host'), ('PIF', 'host'), ('host_cpu', 'host')):
        for ref in call.db.find(cls, **{field: host}):
            call.db.destroy(cls, ref)
    call.db.destroy('host', host)


@message('host.declare_dead')
def declare_dead(call, host):
    _require_dead(call, host)
    for vm in guests(call, host):
        call.db.set('VM', vm, power_state='Halted', resident_on=NULL, current_operations={})
        call.sim.refresh_allowed('VM', vm)


def _require_dead(call, host):
    call.db.require('host', host)
    if host == call.sim.coordinator or is_live(call, host):
        raise XapiError('HOST_IS_LIVE', host)


# ---------------------------------------------------------------- names and settings

@message('host.set_hostname_live')
def set_hostname_live(call, host, hostname):
    call.db.require('host', host)
    if not hostname:
        raise XapiError('HOST_NAME_INVALID', 'hostname empty')
    if len(hostname) > 255:
        raise XapiError('HOST_NAME_INVALID', 'hostname is too long')
    if not _HOSTNAME.match(hostname):
        raise XapiError('HOST_NAME_INVALID', 'hostname contains invalid characters')
    call.db.set('host', host, hostname=hostname)


def _with_copy(call, host, key, text, **fields):
    """Fields that stand in other_config as well, where they used to be."""
    other = {**call.db.get('host', host, 'other_config'), key: text}
    call.db.set('host', host, other_config=other, **fields)


@message('host.set_iscsi_iqn')
def set_iscsi_iqn(call, host, value):
    call.db.require('host', host)
    if not value:
        raise XapiError('INVALID_VALUE', 'value', value)
    _with_copy(call, host, 'iscsi_iqn', value, iscsi_iqn=value)


@message('host.set_multipathing')
def set_multipathing(call, host, value):
    _with_copy(call, host, 'multipathing', 'true' if value else 'false', multipathing=value)


@message('host.set_power_on_mode')
def set_power_on_mode(call, host, mode, config):
    call.db.set('host', host, power_on_mode=mode, power_on_config=config)
    call.sim.refresh_allowed('host', host)


registry.stores('host.set_https_only', 'host.set_numa_affinity_policy', 'host.set_console_idle_timeout',
                'host.set_ssh_auto_mode',
                'host.set_ssh_enabled_timeout', 'host.set_ntp_mode', 'host.set_ssl_legacy')


# ---------------------------------------------------------------- questions

@message('host.compute_free_memory')
def compute_free_memory(call, host):
    call.db.require('host', host)
    return vm_memory.host_free(call.db, host)


@message('host.compute_memory_overhead')
def compute_memory_overhead(call, host):
    return call.db.get('host', host, 'memory_overhead')


@message('host.get_management_interface')
def get_management_interface(call, host):
    call.db.require('host', host)
    found = call.db.find('PIF', host=host, management=True)
    if not found:
        raise XapiError('HOST_HAS_NO_MANAGEMENT_IP')
    return found[0]


@message('host.get_servertime')
def get_servertime(call, host):
    call.db.require('host', host)
    return call.sim.now()


@message('host.get_server_localtime')
def get_server_localtime(call, host):
    call.db.require('host', host)
    return DateTime(time.strftime('%Y%m%dT%H:%M:%S', time.localtime(call.sim.clock.now())))


@message('host.is_in_emergency_mode')
def is_in_emergency_mode(call):
    return False


@message('host.retrieve_wlb_evacuate_recommendations')
def retrieve_wlb_evacuate_recommendations(call, host):
    raise XapiError('WLB_NOT_INITIALIZED')


@message('host.sync_data', 'host.syslog_reconfigure', 'host.backup_rrds', 'host.refresh_pack_info')
def accepted(call, host, *_):
    """Nothing that a client could see follows from these."""
    call.db.require('host', host)


# ---------------------------------------------------------------- external authentication

@message('host.enable_external_auth')
def enable_external_auth(call, host, config, service, kind):
    row = call.db.require('host', host)
    if row['external_auth_type']:
        raise XapiError('AUTH_ALREADY_ENABLED', row['external_auth_type'], row['external_auth_service_name'])
    if kind not in ('PAM', 'AD'):
        raise XapiError('AUTH_UNKNOWN_TYPE', kind)
    if kind == 'AD':
        for needed in ('user', 'pass'):
            if needed not in config:
                raise XapiError('AUTH_ENABLE_FAILED', 'enable requires ' + needed)
    call.db.set('host', host, external_auth_type=kind, external_auth_service_name=service,
                external_auth_configuration=config)


@message('host.disable_external_auth')
def disable_external_auth(call, host, config, force=False):
    """Sessions of external accounts end with it."""
    if not call.db.get('host', host, 'external_auth_type'):
        return
    call.db.set('host', host, external_auth_type='', external_auth_service_name='', external_auth_configuration={})
    for session, row in call.db.rows('session'):
        if not row['is_local_superuser'] and session != call.session:
            call.sim.sessions.close(session)
