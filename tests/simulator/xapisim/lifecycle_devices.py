# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When an operation on a VBD or a VIF is legal, and how several objects are held for one operation."""

from __future__ import annotations

import contextlib

from xapisim import lifecycle
from xapisim.datamodel.types import NULL
from xapisim.errors import XapiError

VBD_OPERATIONS = ('attach', 'eject', 'unplug', 'unplug_force', 'insert', 'plug', 'pause', 'unpause')
VIF_OPERATIONS = ('attach', 'plug', 'unplug')
_PLUGGING = ('plug', 'unplug', 'unplug_force')
_PARALLEL = ('pause', 'unpause')
_VM_IS_LEAVING = ('clean_shutdown', 'hard_shutdown', 'suspend', 'pause')


@contextlib.contextmanager
def held(call, *objects):
    """Hold operations on several objects, [(class, ref, operation)], taken together once all of them are legal."""
    call.sim.operations.wait(call, lambda: _obstacle(call.sim, objects))
    for cls, ref, op in objects:
        lifecycle.begin(call, cls, ref, op)
    try:
        yield
    finally:
        for cls, ref, unused in objects:
            lifecycle.end(call, cls, ref)


def _obstacle(sim, objects):
    for cls, ref, op in objects:
        sim.db.require(cls, ref)
        error = lifecycle.error_of(sim, cls, ref, op)
        if error is not None and error.code == lifecycle.BUSY:
            return error.params
        if error is not None:
            raise error
    return None


def refresh_devices(sim, vm):
    """After the VM changed its state: what its disks and interfaces allow now."""
    for cls, field in (('VBD', 'VBDs'), ('VIF', 'VIFs')):
        for ref in sim.db.get('VM', vm, field):
            lifecycle.refresh(sim, cls, ref)


# ---------------------------------------------------------------- what VBDs and VIFs have in common

class Device:
    """A device and the VM that it belongs to, as the rules look at them."""

    def __init__(self, sim, cls, ref):
        self.sim, self.cls, self.ref = sim, cls, ref
        self.row = sim.db.require(cls, ref)
        self.vm_ref = self.row['VM']
        self.vm = sim.db.require('VM', self.vm_ref)
        self.plugged = self.row['currently_attached'] or self.row['reserved']
        self.running = self.vm['power_state'] == 'Running'

    def is_hvm(self):
        metrics = self.vm['metrics']
        current = self.sim.db.get('VM_metrics', metrics, 'current_domain_type') if self._has('VM_metrics', metrics) else 'unspecified'
        return (self.vm['domain_type'] if current == 'unspecified' else current) == 'hvm'

    def state_error(self, op):
        """Plugging needs a running VM, and a device that is not yet where it should go."""
        if not self.running:
            return XapiError('VM_BAD_POWER_STATE', self.vm_ref, 'running', self.vm['power_state'].lower())
        if self.plugged and op == 'plug':
            return XapiError('DEVICE_ALREADY_ATTACHED', self.ref)
        if not self.plugged and op != 'plug':
            return XapiError('DEVICE_ALREADY_DETACHED', self.ref)
        return None

    def vm_busy_error(self, op):
        """No plugging while the VM goes down or to sleep."""
        if op not in ('plug', 'unplug'):
            return None
        for current in self.vm['current_operations'].values():
            if current in _VM_IS_LEAVING:
                return XapiError('OPERATION_NOT_ALLOWED', 'Current operation on VM:%s is %s' % (self.vm_ref, current))
        return None

    def drivers_error(self):
        """An HVM guest takes part in plugging: it needs drivers that do not say they cannot."""
        if not (self.running and self.is_hvm()):
            return None
        metrics = self.vm['guest_metrics']
        if not self._has('VM_guest_metrics', metrics):
            return XapiError('VM_MISSING_PV_DRIVERS', self.vm_ref)
        says = self.sim.db.get('VM_guest_metrics', metrics, 'can_use_hotplug_' + self.cls.lower())
        if says == 'no':
            return XapiError('OPERATION_NOT_ALLOWED', 'VM states it does not support %s hotplug.' % self.cls)
        if says == 'yes' or self.sim.db.get('VM_guest_metrics', metrics, 'PV_drivers_detected'):
            return None
        return XapiError('VM_MISSING_PV_DRIVERS', self.vm_ref)

    def _has(self, cls, ref):
        return ref != NULL and self.sim.db.exists(cls, ref)


# ---------------------------------------------------------------- VBD

def vbd_error(sim, ref, op, strict):
    vbd = Device(sim, 'VBD', ref)
    for check in (_vbd_busy, _vbd_medium, _vbd_state, _vbd_drivers, _vbd_suspended, _vbd_disk):
        error = check(vbd, op)
        if error:
            return error
    return _vbd_sharing(vbd, op) if strict else None


def _vbd_busy(vbd, op):
    """Pausing and unpausing go on beside each other; unpausing also beside the attaching of a reboot."""
    current = vbd.row['current_operations']
    stands_in_the_way = {'pause': lambda other: other not in _PARALLEL,
                         'unpause': lambda other: other not in _PARALLEL + ('attach',)}.get(op, lambda other: True)
    for task, other in current.items():
        if stands_in_the_way(other):
            return lifecycle.busy('VBD', vbd.ref, {task: other})
    return None


def _vbd_medium(vbd, op):
    if op in ('unplug', 'unplug_force') and not vbd.row['unpluggable']:
        return XapiError('VBD_NOT_UNPLUGGABLE', vbd.ref)
    if op in ('insert', 'eject') and vbd.row['type'] != 'CD':
        return XapiError('VBD_NOT_REMOVABLE_MEDIA', vbd.ref)
    if op == 'eject' and vbd.row['empty']:
        return XapiError('VBD_IS_EMPTY', vbd.ref)
    if op == 'insert' and not vbd.row['empty']:
        return XapiError('VBD_NOT_EMPTY', vbd.ref)
    return None


def _vbd_state(vbd, op):
    if op in _PLUGGING:
        return vbd.state_error(op) or vbd.vm_busy_error(op)
    if op in _PARALLEL and vbd.vm['power_state'] not in ('Running', 'Paused'):
        return XapiError('VM_BAD_POWER_STATE', vbd.vm_ref, 'running', vbd.vm['power_state'].lower())
    return None


def _vbd_drivers(vbd, op):
    if op not in _PLUGGING:
        return None
    if vbd.row['type'] == 'CD' and vbd.running and vbd.is_hvm():
        return vbd.drivers_error() or XapiError(
            'OPERATION_NOT_ALLOWED', 'HVM CDROMs cannot be hotplugged/unplugged, only inserted or ejected')
    return vbd.drivers_error()


def _vbd_suspended(vbd, op):
    if op in ('insert', 'eject') and vbd.vm['power_state'] == 'Suspended':
        return XapiError('VM_BAD_POWER_STATE', vbd.vm_ref, 'halted, running', 'suspended')
    return None


def _vbd_disk(vbd, op):
    """The disk's own operations come first; a copy or a mirror leaves it usable."""
    vdi = None if vbd.row['empty'] else vbd.row['VDI']
    if vdi is None or not vbd.sim.db.exists('VDI', vdi):
        return None
    row = vbd.sim.db.require('VDI', vdi)
    if not row['managed']:
        return XapiError('VDI_NOT_MANAGED', vbd.ref)
    for task, current in row['current_operations'].items():
        if current not in ('mirror', 'copy') and op in ('attach', 'plug', 'insert'):
            return lifecycle.busy('VDI', vdi, {task: current})
    return None


def _vbd_sharing(vbd, op):
    """One writer or several readers, unless the disk is sharable."""
    if op not in ('attach', 'insert', 'plug') or vbd.row['empty'] or vbd.row['currently_attached']:
        return None
    db, vdi_ref = vbd.sim.db, vbd.row['VDI']
    vdi = db.require('VDI', vdi_ref)
    writes = vbd.row['mode'] == 'RW'
    users = [db.require('VBD', other) for other in vdi['VBDs'] if other != vbd.ref and in_use(vbd.sim, other)]
    written = any(user['mode'] == 'RW' for user in users)
    if not vdi['sharable'] and not vbd.vm['is_control_domain'] and (written or (writes and users)):
        return XapiError('VDI_IN_USE', vdi_ref)
    if writes and vdi['read_only']:
        return XapiError('VDI_READONLY', vdi_ref)
    return None


def in_use(sim, vbd):
    """Whether a VBD really holds its disk: that of a suspended VM only keeps it."""
    row = sim.db.require('VBD', vbd)
    if not sim.db.exists('VM', row['VM']) or sim.db.get('VM', row['VM'], 'power_state') == 'Suspended':
        return False
    return bool(row['currently_attached'] or row['reserved'] or row['current_operations'])


def advertise_vbd(sim, ref):
    return [op for op in VBD_OPERATIONS if vbd_error(sim, ref, op, False) is None]


def vbd_refreshed(sim, ref):
    vdi = sim.db.get('VBD', ref, 'VDI')
    if vdi != NULL:
        lifecycle.refresh(sim, 'VDI', vdi)


# ---------------------------------------------------------------- VIF

def vif_error(sim, ref, op, strict):
    vif = Device(sim, 'VIF', ref)
    current = vif.row['current_operations']
    if current:
        return XapiError(lifecycle.BUSY, 'VIF', ref, '{%s}' % '; '.join(current.values()), '{%s}' % '; '.join(current))
    if op == 'plug' and vif.vm['is_control_domain']:
        return XapiError('OPERATION_NOT_ALLOWED', 'Control domain does not support hotplug')
    if op == 'attach':
        return None
    if _is_sriov(sim, vif.row['network']):
        return XapiError('OPERATION_NOT_ALLOWED', 'Network SR-IOV VIF plug/unplug not allowed')
    return vif.state_error(op) or vif.vm_busy_error(op) or vif.drivers_error()


def _is_sriov(sim, network):
    if not sim.db.exists('network', network):
        return False
    return any(sim.db.get('PIF', pif, 'sriov_logical_PIF_of') for pif in sim.db.get('network', network, 'PIFs'))


def advertise_vif(sim, ref):
    return [op for op in VIF_OPERATIONS if vif_error(sim, ref, op, False) is None]


lifecycle.define('VBD', vbd_error, advertise_vbd, vbd_refreshed)
lifecycle.define('VIF', vif_error, advertise_vif)
