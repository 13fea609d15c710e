# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VDIs made from VDIs: snapshots and clones share what they have in common, copies and migrations move data."""

from __future__ import annotations

from xapisim import lifecycle
from xapisim import storage_manager as sm
from xapisim.behaviours import vdi as vdis
from xapisim.datamodel.types import EPOCH, NULL
from xapisim.errors import XapiError
from xapisim.lifecycle_devices import held
from xapisim.registry import message
from xapisim.storage.store import SpaceError

# Fields that a new disk takes from the one that it was made from.
INHERITED = ('name_label', 'name_description', 'SR', 'virtual_size', 'type', 'sharable', 'other_config', 'xenstore_data', 'on_boot',
             'allow_caching', 'tags')
PIECE = sm.MIB


@message('VDI.snapshot')
def snapshot(call, vdi, driver_params):
    sr = call.db.get('VDI', vdi, 'SR')
    with held(call, ('SR', sr, 'vdi_snapshot'), ('VDI', vdi, 'snapshot')):
        return duplicate(call, vdi, is_a_snapshot=True, snapshot_of=vdi, cbt_enabled=call.db.get('VDI', vdi, 'cbt_enabled'))


@message('VDI.clone')
def clone(call, vdi, driver_params):
    sr = call.db.get('VDI', vdi, 'SR')
    with held(call, ('SR', sr, 'vdi_clone'), ('VDI', vdi, 'clone')):
        return duplicate(call, vdi)


def duplicate(call, vdi, **fields):
    """Another disk with the same content; both stand on one base from now on."""
    sim, row = call.sim, call.db.require('VDI', vdi)
    sm.host_for(sim, row['SR'])
    vdis.require_managed(sim, vdi)
    sm.take_time(sim, vdi)
    uuid, base = sm.clone_volume(sim, vdi)
    chained = {'vhd-parent': base} if sm.sr_type(sim, row['SR']) in sm.CHAINED else {}
    if chained:
        sim.db.set('VDI', vdi, sm_config={**sim.db.get('VDI', vdi, 'sm_config'), **chained})
    inherited = {name: row[name] for name in INHERITED}
    sm.count_disk(sim, vdi)
    return vdis.introduce_record(sim, {**inherited, 'uuid': uuid, 'sm_config': chained, 'snapshot_time': sim.now(), **fields})


@message('VDI.revert')
def revert(call, snapshot_ref):
    sr, live = call.db.get('VDI', snapshot_ref, 'SR'), call.db.get('VDI', snapshot_ref, 'snapshot_of')
    with held(call, ('SR', sr, 'vdi_revert'), ('VDI', snapshot_ref, 'revert_to')), held(call, ('VDI', live, 'revert_from')):
        raise XapiError('UNIMPLEMENTED_IN_SM_BACKEND', sr)


# ---------------------------------------------------------------- copies

@message('VDI.copy')
def copy(call, vdi, sr, base_vdi, into_vdi):
    """Into a disk that is there, or into a new one on the SR; of a base's content only what differs from it."""
    with held(call, ('VDI', vdi, 'copy')):
        vdis.require_managed(call.sim, vdi)
        fresh = not call.db.exists('VDI', into_vdi)
        target = _make_copy_target(call, vdi, sr) if fresh else into_vdi
        try:
            _require_room(call, vdi, target)
            move_data(call, vdi, target, base_vdi if call.db.exists('VDI', base_vdi) else None)
        except XapiError:
            if fresh:
                vdis.destroy(call, target)
            raise
        for ref in (vdi, target):
            _mark_content(call, ref)
        lifecycle.refresh(call.sim, 'VDI', target)
        return target


def _make_copy_target(call, vdi, sr):
    row = call.db.require('VDI', vdi)
    record = {name: row[name] for name in INHERITED if name not in ('on_boot', 'allow_caching')}
    target = vdis.create(call, {**record, 'SR': sr, 'read_only': False, 'sm_config': {}})
    call.db.set('VDI', target, on_boot=row['on_boot'], allow_caching=row['allow_caching'])
    return target


def _require_room(call, vdi, target):
    size = call.db.get('VDI', vdi, 'virtual_size')
    if call.db.get('VDI', target, 'read_only'):
        raise XapiError('VDI_READONLY', target)
    if call.db.get('VDI', target, 'virtual_size') < size:
        raise XapiError('VDI_TOO_SMALL', target, size)


def _mark_content(call, vdi):
    """Disks that data went through are marked, so that a later migration can find what they have in common."""
    other_config = call.db.get('VDI', vdi, 'other_config')
    call.db.set('VDI', vdi, other_config={**other_config, 'content_id': call.sim.new_uuid()})


def move_data(call, vdi, target, base=None):
    """Copies what a disk holds, without the lock; the task shows how far it is."""
    storage = call.sim.storage
    source, sink = storage.open(sm.uuid_of(call.sim, vdi)), storage.open(sm.uuid_of(call.sim, target), writable=True)
    old = storage.open(sm.uuid_of(call.sim, base)) if base else None
    pieces = list(_pieces(source, old))
    sm.take_time(call.sim, vdi)
    for done, (offset, length) in enumerate(pieces, 1):
        call.check_cancelled()
        with call.sim.unlocked():
            _move_piece(source, sink, old, offset, length)
        call.progress(done / len(pieces))
    sm.count_disk(call.sim, target)
    sm.count_space(call.sim, call.db.get('VDI', target, 'SR'))


def _move_piece(source, sink, old, offset, length):
    data = source.read(offset, length)
    if old is not None and offset + length <= old.size and old.read(offset, length) == data:
        return
    try:
        sink.write(offset, data)
    except SpaceError as error:
        raise XapiError('VDI_COPY_FAILED', 'No space left on device') from error


def _pieces(source, old):
    """Where data may be: what was ever written, or everything where a base has to be compared."""
    for start, length in source.extents() if old is None else [(0, source.size)]:
        for offset in range(start, start + length, PIECE):
            yield offset, min(PIECE, start + length - offset)


# ---------------------------------------------------------------- migration

@message('VDI.pool_migrate')
def pool_migrate(call, vdi, sr, options):
    """A disk of a VM goes to another SR, with the VM running or not; the drive shows the new disk afterwards."""
    users = call.db.get('VDI', vdi, 'VBDs') if call.db.exists('VDI', vdi) else []
    if not users:
        raise XapiError('VDI_NEEDS_VM_FOR_MIGRATE', vdi)
    with call.operation('VM', call.db.get('VBD', users[0], 'VM'), 'migrate_send'), held(call, ('VDI', vdi, 'mirror')):
        row = call.db.require('VDI', vdi)
        record = {name: row[name] for name in INHERITED if name not in ('on_boot', 'allow_caching')}
        target = vdis.create(call, {**record, 'SR': sr, 'read_only': False, 'sm_config': {}})
        move_data(call, vdi, target)
        for vbd in users:
            call.db.set('VBD', vbd, VDI=target)
        for taken in row['snapshots']:
            call.db.set('VDI', taken, snapshot_of=target)
        vdis.remove(call.sim, vdi)
        lifecycle.refresh(call.sim, 'VDI', target)
        return target


def as_it_was_scanned(remembered):
    """What a scan tells of a disk that had been forgotten: its name and its chain, nothing that xapi alone knows."""
    kept = {name: remembered[name] for name in ('uuid', 'name_label', 'name_description', 'SR', 'virtual_size', 'type', 'location')}
    chain = {key: value for key, value in remembered['sm_config'].items() if key == 'vhd-parent'}
    return {**kept, 'sm_config': chain, 'is_a_snapshot': False, 'snapshot_of': NULL, 'snapshot_time': EPOCH}
