# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VBDs: the drives that show VDIs to VMs."""

from __future__ import annotations

from xapisim import device_number, lifecycle
from xapisim import storage_manager as sm
from xapisim.behaviours.vdi import require_managed
from xapisim.datamodel.types import NULL
from xapisim.errors import XapiError
from xapisim.lifecycle_devices import Device, held
from xapisim.lifecycle_storage import type_text
from xapisim.registry import constructor, destructor, message

AUTODETECT = 'autodetect'
USABLE_TYPES = ('system', 'user', 'ephemeral', 'suspend', 'crashdump', 'metadata', 'rrd', 'pvs_cache')
MIGRATIONS = ('migrate_send', 'pool_migrate')
BACKEND_KIND = 'backend-kind'


# ---------------------------------------------------------------- creating and destroying

@constructor('VBD')
def create(call, record):
    suspended = call.db.get('VM', record['VM'], 'power_state') == 'Suspended'
    _require_consistent(call, record)
    _require_not_migrating(call, record['VM'])
    userdevice = _free_userdevice(call, record)
    # Only a suspended VM keeps a place that the client knows; any other finds it at its next start.
    place = {} if suspended else {'device': '', 'currently_attached': False}
    vbd = call.db.create('VBD', {**record, **place, 'userdevice': userdevice, 'other_config': _backend(call, record),
                                 'metrics': call.db.create('VBD_metrics')})
    lifecycle.refresh(call.sim, 'VBD', vbd)
    return vbd


def _require_consistent(call, record):
    vdi, mode = record['VDI'], record['mode']
    if not record['empty']:
        kind = call.db.get('VDI', vdi, 'type')
        if kind not in USABLE_TYPES:
            raise XapiError('VDI_INCOMPATIBLE_TYPE', vdi, type_text(kind))
    if record['type'] == 'CD' and mode != 'RO':
        raise XapiError('VBD_CDS_MUST_BE_READONLY')
    if record['type'] != 'CD' and record['empty']:
        raise XapiError('VBD_NOT_REMOVABLE_MEDIA', 'in constructor')
    if mode == 'RW' and call.db.get('VDI', vdi, 'read_only'):
        raise XapiError('VDI_READONLY', vdi)


def _require_not_migrating(call, vm):
    for task, operation in call.db.get('VM', vm, 'current_operations').items():
        if operation in MIGRATIONS:
            raise lifecycle.busy('VM', vm, {task: operation})


def _backend(call, record):
    """The storage manager may ask for another kind of backend."""
    if not call.db.exists('VDI', record['VDI']):
        return record['other_config']
    kind = call.db.get('VDI', record['VDI'], 'sm_config').get(BACKEND_KIND)
    return {**record['other_config'], BACKEND_KIND: kind} if kind else record['other_config']


@destructor('VBD')
def destroy(call, vbd):
    row = call.db.require('VBD', vbd)
    if row['currently_attached'] or row['reserved']:
        owner = call.db.get('VM', row['VM'], 'uuid')
        raise XapiError('OPERATION_NOT_ALLOWED', "VBD '%s' still attached to '%s'" % (row['uuid'], owner))
    if call.db.exists('VBD_metrics', row['metrics']):
        call.db.destroy('VBD_metrics', row['metrics'])
    call.db.destroy('VBD', vbd)


# ---------------------------------------------------------------- places

def _free_userdevice(call, record):
    wanted = _resolved(call, record)
    if device_number.interpretations(wanted) & used_positions(call.sim, record['VM']):
        raise XapiError('DEVICE_ALREADY_EXISTS', wanted)
    return wanted


def _resolved(call, record):
    """The place that was asked for, or the lowest free one."""
    wanted, free = record['userdevice'], free_positions(call.sim, record['VM'], record['type'])
    if free is None:
        raise XapiError('NOT_IMPLEMENTED', "VBD of type 'floppy' is not supported on PV domain")
    if not _names_a_place(wanted, record['type']) or (wanted == AUTODETECT and not free):
        raise XapiError('INVALID_DEVICE', wanted)
    if wanted != AUTODETECT:
        return wanted
    return device_number.linux_name(free[0]) if record['type'] == 'Floppy' else str(free[0][1])


def _names_a_place(name, kind):
    """Any number will do for a disk, even one that no bus has."""
    if name == AUTODETECT or device_number.of_string(name, hvm=False):
        return True
    return kind != 'Floppy' and device_number.is_number(name)


def used_positions(sim, vm):
    """Every position that a drive of the VM has, or may mean."""
    used = set()
    for vbd in sim.db.get('VM', vm, 'VBDs'):
        row = sim.db.require('VBD', vbd)
        used |= device_number.interpretations(row['device']) | device_number.interpretations(row['userdevice'])
    return used


def free_positions(sim, vm, kind='Disk'):
    """Positions that a new drive can have, lowest first; None where there are no such drives."""
    row = sim.db.require('VM', vm)
    hvm = row['domain_type'] == 'hvm' or (row['domain_type'] == 'unspecified' and row['HVM_boot_policy'] != '')
    if kind == 'Floppy':
        every = [('floppy', disk, 0) for disk in range(2)] if hvm else None
    else:
        highest = device_number.HIGHEST + (1 if row['is_control_domain'] and not hvm else 0)
        every = [device_number.of_number(number, hvm) for number in range(highest + 1)]
    used = used_positions(sim, vm)
    return None if every is None else [position for position in every if position not in used]


def device_name(userdevice):
    """The name that a guest gives to the drive once it is plugged."""
    position = device_number.of_string(userdevice, hvm=True)
    return device_number.linux_name(position) if position else ''


# ---------------------------------------------------------------- plugging

@message('VBD.plug')
def plug(call, vbd):
    with held(call, ('VBD', vbd, 'plug')):
        row = call.db.require('VBD', vbd)
        if not call.db.get('VM', row['VM'], 'is_control_domain'):
            _require_pluggable(call, vbd, row)
        if not row['empty']:
            sm.take_time(call.sim, row['VDI'])
        attach(call.sim, vbd)


def _require_pluggable(call, vbd, row):
    if row['mode'] == 'RO' and row['type'] != 'CD' and Device(call.sim, 'VBD', vbd).is_hvm():
        raise XapiError('DISK_VBD_MUST_BE_READWRITE_FOR_HVM', vbd)


def attach(sim, vbd):
    """The drive is there; those who look at its disk see it in use."""
    sim.db.set('VBD', vbd, currently_attached=True, device=device_name(sim.db.get('VBD', vbd, 'userdevice')))
    lifecycle.refresh(sim, 'VBD', vbd)


@message('VBD.unplug')
def unplug(call, vbd):
    _unplug(call, vbd, 'unplug')


@message('VBD.unplug_force', 'VBD.unplug_force_no_safety_check')
def unplug_force(call, vbd):
    _unplug(call, vbd, 'unplug_force')


def _unplug(call, vbd, operation):
    with held(call, ('VBD', vbd, operation)):
        call.db.set('VBD', vbd, currently_attached=False)


@message('VBD.assert_attachable')
def assert_attachable(call, vbd):
    lifecycle.require(call.sim, 'VBD', vbd, 'attach')


@message('VBD.pause')
def pause(call, vbd):
    with held(call, ('VBD', vbd, 'pause')):
        raise _no_pausing(call, vbd)


@message('VBD.unpause')
def unpause(call, vbd, token):
    with held(call, ('VBD', vbd, 'unpause')):
        raise _no_pausing(call, vbd)


def _no_pausing(call, vbd):
    return XapiError('SR_OPERATION_NOT_SUPPORTED', call.db.get('VDI', call.db.get('VBD', vbd, 'VDI'), 'SR'))


# ---------------------------------------------------------------- media

@message('VBD.insert')
def insert(call, vbd, vdi):
    with held(call, ('VBD', vbd, 'insert')):
        require_managed(call.sim, vdi)
        call.db.set('VBD', vbd, VDI=vdi, empty=False)


@message('VBD.eject')
def eject(call, vbd):
    with held(call, ('VBD', vbd, 'eject')):
        vdi = call.db.get('VBD', vbd, 'VDI')
        call.db.set('VBD', vbd, VDI=NULL, empty=True)
    if call.db.exists('VDI', vdi):
        lifecycle.refresh(call.sim, 'VDI', vdi)


@message('VBD.set_mode')
def set_mode(call, vbd, value):
    vm = call.db.get('VBD', vbd, 'VM')
    state = call.db.get('VM', vm, 'power_state')
    if state != 'Halted':
        raise XapiError('VM_BAD_POWER_STATE', vm, 'halted', state.lower())
    call.db.set('VBD', vbd, mode=value)
