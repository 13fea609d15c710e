# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots, checkpoints (with memory), and going back to them."""

from __future__ import annotations

import contextlib

from xapisim import vm_text
from xapisim.behaviours import vm_clone, vm_disks, vm_domain, vm_power, vm_suspend, vtpm
from xapisim.behaviours import vm as vms
from xapisim.behaviours.vm_messages import tell
from xapisim.datamodel.types import NULL
from xapisim.errors import XapiError
from xapisim.lifecycle_vm import HALTED, RUNNING
from xapisim.registry import message

# What a VM keeps when it goes back to a snapshot.
NOT_REVERTED = set(vm_clone.NOT_COPIED) | {
    'suspend_VDI', 'power_state', 'parent', 'current_operations', 'allowed_operations', 'resident_on', 'domid',
    'protection_policy', 'snapshot_schedule', 'scheduled_to_be_resident_on', 'tags', 'affinity',
    'is_snapshot_from_vmpp'}
# Storage says these in its own words; whatever else goes wrong is VM_REVERT_FAILED.
TOLD_AS_THEY_ARE = ('SR_BACKEND_FAILURE_44', 'SR_BACKEND_FAILURE_109', 'VDI_INCOMPATIBLE_TYPE')


@message('VM.snapshot')
def snapshot(call, vm, new_name, ignore_vdis):
    with call.operation('VM', vm, 'snapshot'):
        new = vm_clone.duplicate(call, vm, new_name, vm_clone.SNAPSHOT, vm_disks.snapshotted, ignore=ignore_vdis)
    tell(call, 'VM_SNAPSHOTTED', vm, 'snapshotted, snapshot name: ' + new_name)
    return new


@message('VM.checkpoint')
def checkpoint(call, vm, new_name):
    with call.operation('VM', vm, 'checkpoint'):
        running = call.db.get('VM', vm, 'power_state') == RUNNING
        new = with_memory(call, vm, new_name) if running else disks_only(call, vm, new_name, {})
    tell(call, 'VM_CHECKPOINTED', vm, 'checkpointed, snapshot name: ' + new_name)
    return new


def with_memory(call, vm, name):
    """A running guest is put to sleep for as long as its disks and memory are copied."""
    host = call.db.get('VM', vm, 'resident_on')
    info = vm_clone.snapshot_info(call.db.require('VM', vm), True, None)
    vm_suspend.save(call, vm)
    try:
        return disks_only(call, vm, name, info)
    finally:
        vm_suspend.restore(call, vm, host, False)


def disks_only(call, vm, name, info):
    return vm_clone.duplicate(call, vm, name, vm_clone.CHECKPOINT, vm_disks.snapshotted, info=info)


@message('VM.update_snapshot_metadata')
def update_snapshot_metadata(call, vm, snapshot_of, snapshot_time, transportable_snapshot_id):
    call.db.set('VM', vm, is_a_snapshot=True, snapshot_of=snapshot_of, snapshot_time=snapshot_time,
                transportable_snapshot_id=transportable_snapshot_id)


# ---------------------------------------------------------------- revert

@message('VM.revert')
def revert(call, snapshot_ref):
    vm = call.db.get('VM', snapshot_ref, 'snapshot_of')
    if not call.db.exists('VM', vm):
        vm = recreate(call, snapshot_ref, vm)
    with call.operation('VM', snapshot_ref, 'revert'), call.operation('VM', vm, 'reverting'):
        vm_power.power_off(call, vm)
        restore_fields(call, snapshot_ref, vm)
        with reported(call, snapshot_ref, vm):
            restore_devices(call, snapshot_ref, vm)
    kept = call.db.require('VM', snapshot_ref)
    tell(call, 'VM_SNAPSHOT_REVERTED', vm, 'reverted to snapshot: %s (uuid %s)' % (kept['name_label'], kept['uuid']))


@contextlib.contextmanager
def reported(call, snapshot_ref, vm):
    """A revert that fails half-way leaves a halted VM."""
    try:
        yield
    except XapiError as error:
        vm_domain.reset(call.sim, vm, HALTED)
        if error.code in TOLD_AS_THEY_ARE:
            raise
        raise XapiError('VM_REVERT_FAILED', snapshot_ref, vm) from error


def restore_fields(call, snapshot_ref, vm):
    """A snapshot of before configurations were kept has only its own fields."""
    row, table = call.db.require('VM', snapshot_ref), call.sim.schema.classes['VM']
    if row['snapshot_metadata']:
        fields = vm_text.read(table, row['snapshot_metadata'])
    else:
        own = ('name_label', 'is_a_snapshot', 'is_a_template', 'is_default_template', 'snapshot_of', 'snapshot_time',
               'transportable_snapshot_id')
        fields = {name: value for name, value in row.items() if name not in own}
    fields = {name: value for name, value in fields.items() if name not in NOT_REVERTED}
    fields.update(ha_always_run=False, generation_id=vm_clone.new_generation(call.sim, call.db.require('VM', vm)))
    call.db.set('VM', vm, **fields)


def restore_devices(call, snapshot_ref, vm):
    db = call.db
    kept = db.record('VM', snapshot_ref)
    drop_disks(call, kept, vm)
    bring_disks(call, kept, vm)
    for vif in db.get('VM', vm, 'VIFs'):
        drop_device(db, 'VIF', vif)
    for vif in kept['VIFs']:
        vm_disks.copy_vif(call, vif, vm, keep_mac=True)
    restore_metrics(db, kept, vm)
    for tpm in db.get('VM', vm, 'VTPMs'):
        vtpm.forget(db, tpm)
    for tpm in kept['VTPMs']:
        vtpm.copy(call, tpm, vm)
    db.set('VM', vm, parent=snapshot_ref)
    vm_domain.reset(call.sim, vm, kept['power_state'])


def drop_device(db, cls, device):
    vms.drop(db, cls + '_metrics', db.get(cls, device, 'metrics'))
    db.destroy(cls, device)


def drop_disks(call, kept, vm):
    """Drives go; so do the disks of which the snapshot has an older state, and the memory. Other disks are let go."""
    db = call.db
    older = {db.get('VDI', db.get('VBD', vbd, 'VDI'), 'snapshot_of') for vbd in disks_of(db, kept['VBDs'])}
    doomed = [db.get('VM', vm, 'suspend_VDI')]
    for vbd in db.get('VM', vm, 'VBDs'):
        if disks_of(db, [vbd]) and db.get('VBD', vbd, 'VDI') in older:
            doomed.append(db.get('VBD', vbd, 'VDI'))
        drop_device(db, 'VBD', vbd)
    db.set('VM', vm, suspend_VDI=NULL)
    for vdi in doomed:
        if db.exists('VDI', vdi) and db.get('SR', db.get('VDI', vdi, 'SR'), 'content_type') != 'iso':
            vm_disks.destroy_vdi(call, vdi)


def disks_of(db, vbds):
    return [vbd for vbd in vbds if db.get('VBD', vbd, 'type') == 'Disk']


def bring_disks(call, kept, vm):
    """Clones of the snapshot's disks take the place of the disks they were taken of, for the other snapshots too."""
    db = call.db
    # CDs come first: that is how a real host lists them afterwards.
    vbds = sorted(kept['VBDs'], key=lambda vbd: db.get('VBD', vbd, 'type') == 'Disk')
    disks = vm_disks.duplicate(call, vbds, vm_disks.cloned)
    try:
        for vbd, vdi, new in disks:
            if new:
                adopt_snapshots(db, db.get('VDI', db.get('VBD', vbd, 'VDI'), 'snapshot_of'), vdi)
            vm_disks.copy_vbd(call, vbd, vm, vdi)
        if db.exists('VDI', kept['suspend_VDI']):
            db.set('VM', vm, suspend_VDI=vm_disks.cloned(call, kept['suspend_VDI']))
    except XapiError:
        vm_disks.discard(call, disks)
        raise


def adopt_snapshots(db, old, new):
    for vdi in db.find('VDI', snapshot_of=old):
        db.set('VDI', vdi, snapshot_of=new)


def restore_metrics(db, kept, vm):
    row = db.require('VM', vm)
    vms.drop(db, 'VM_guest_metrics', row['guest_metrics'])
    vms.drop(db, 'VM_metrics', row['metrics'])
    metrics = vm_clone.copy_metrics(db, kept) if db.exists('VM_metrics', kept['metrics']) else NULL
    db.set('VM', vm, metrics=metrics, guest_metrics=vm_clone.copy_guest_metrics(db, kept))


def recreate(call, snapshot_ref, gone):
    """The VM of a snapshot was destroyed: it comes back under its old uuid, and its snapshots are its own again."""
    db, kept = call.db, call.db.record('VM', snapshot_ref)
    if not kept['snapshot_metadata']:
        raise XapiError('VM_REVERT_FAILED', snapshot_ref, gone)
    fields = vm_text.read(call.sim.schema.classes['VM'], kept['snapshot_metadata'])
    uuid = fields['uuid']
    fields = {name: value for name, value in fields.items() if name not in NOT_REVERTED}
    vm = db.create('VM', {**fields, 'uuid': uuid, 'ha_always_run': False, 'domid': -1, 'metrics': vms.new_metrics(db)})
    for other in db.find('VM', snapshot_of=gone):
        db.set('VM', other, snapshot_of=vm)
    return vm
