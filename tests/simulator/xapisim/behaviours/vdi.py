# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VDIs: made, changed, forgotten and destroyed. Copies of all kinds are in vdi_copies.py."""

from __future__ import annotations

import hashlib
import re

from xapisim import lifecycle
from xapisim import storage_manager as sm
from xapisim.datamodel.types import NULL
from xapisim.errors import XapiError
from xapisim.lifecycle_devices import held
from xapisim.lifecycle_storage import Disk, type_text
from xapisim.registry import constructor, destructor, message, on_create, on_startup

UNMANAGEABLE = ('set_virtual_size', 'set_physical_utilisation', 'set_sharable', 'set_read_only', 'set_managed', 'set_missing',
                'set_is_a_snapshot', 'set_snapshot_of', 'set_snapshot_time', 'set_metadata_of_pool', 'set_cbt_enabled')
DATA_DESTROY_PATIENCE = 4
INTRODUCED = ('uuid', 'name_label', 'name_description', 'SR', 'type', 'sharable', 'read_only', 'other_config', 'location', 'xenstore_data',
              'sm_config', 'managed', 'virtual_size', 'physical_utilisation', 'metadata_of_pool', 'is_a_snapshot', 'snapshot_time',
              'snapshot_of', 'cbt_enabled')
_UUID = re.compile(r'[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}')


@on_startup
def adopt_disks(sim):
    """The disks of the pool that the simulator starts with have no data yet."""
    for ref, unused in sim.db.rows('VDI'):
        adopt(sim, ref)


@on_create('VDI')
def adopt(sim, ref):
    """Every record has a volume, wherever it came from."""
    row = sim.db.require('VDI', ref)
    if sim.storage is not None and sim.db.exists('SR', row['SR']):
        sim.storage.adopt(sim.db.get('SR', row['SR'], 'uuid'), row['uuid'], row['virtual_size'], row['physical_utilisation'])


def require_managed(sim, vdi):
    if not sim.db.get('VDI', vdi, 'managed'):
        raise XapiError('VDI_NOT_MANAGED', vdi)


# ---------------------------------------------------------------- creating and destroying

@constructor('VDI')
def create(call, record):
    with held(call, ('SR', record['SR'], 'vdi_create')):
        sm.host_for(call.sim, record['SR'])
        if record['type'] == 'cbt_metadata':
            raise XapiError('VDI_INCOMPATIBLE_TYPE', '', type_text('cbt_metadata'))
        size = sm.rounded(record['virtual_size'])
        uuid = sm.create_volume(call.sim, record['SR'], size)
        # The storage manager makes every disk writable, whatever was asked for.
        return introduce_record(call.sim, {**record, 'uuid': uuid, 'virtual_size': size, 'read_only': False})


def introduce_record(sim, fields):
    """The record of a volume that is there."""
    fields = {'location': fields['uuid'], 'managed': True, 'physical_utilisation': 0, **fields}
    ref = sim.db.create('VDI', fields)
    sm.count_disk(sim, ref)
    sm.count_space(sim, fields['SR'])
    lifecycle.refresh(sim, 'VDI', ref)
    return ref


@destructor('VDI')
def destroy(call, vdi):
    sr = call.db.get('VDI', vdi, 'SR')
    with held(call, ('SR', sr, 'vdi_destroy'), ('VDI', vdi, 'destroy')):
        sm.host_for(call.sim, sr)
        require_managed(call.sim, vdi)
        remove(call.sim, vdi)


def remove(sim, vdi):
    """The volume, its record, the drives that showed it, and its place as the memory of a suspended VM."""
    row = sim.db.require('VDI', vdi)
    sm.destroy_volume(sim, vdi)
    sim.db.destroy('VDI', vdi)
    for vbd in row['VBDs']:
        sim.db.destroy('VBD', vbd)
    for vm in sim.db.find('VM', suspend_VDI=vdi):
        sim.db.set('VM', vm, suspend_VDI=NULL)
    sm.count_space(sim, row['SR'])


@message('VDI.forget')
def forget(call, vdi):
    with held(call, ('VDI', vdi, 'forget')):
        call.sim.storage.remember(call.db.record('VDI', vdi))
        call.db.destroy('VDI', vdi)


@message('VDI.introduce')
def introduce(call, uuid, name_label, name_description, sr, kind, sharable, read_only, other_config, location, xenstore_data,
              sm_config, *_of_other_pools):
    with held(call, ('SR', sr, 'vdi_introduce')):
        sm.host_for(call.sim, sr)
        require_free_location(call, sr, location, uuid)
        size = call.sim.storage.size(uuid) if uuid in call.sim.storage else 0
        return introduce_record(call.sim, {
            'uuid': uuid, 'name_label': name_label, 'name_description': name_description, 'SR': sr, 'type': kind,
            'sharable': sharable, 'other_config': other_config, 'location': location, 'xenstore_data': xenstore_data,
            'virtual_size': size})


def require_free_location(call, sr, location, uuid):
    for vdi in call.db.get('SR', sr, 'VDIs'):
        row = call.db.require('VDI', vdi)
        if row['location'] == location and row['uuid'] != uuid:
            raise XapiError('LOCATION_NOT_UNIQUE', sr, location)


@message('VDI.pool_introduce')
def pool_introduce(call, *values):
    """The record of a disk that another pool had: as it is told, if its place is free."""
    fields = dict(zip(INTRODUCED, values))
    for other in call.db.get('SR', fields['SR'], 'VDIs'):
        if call.db.get('VDI', other, 'location') == fields['location']:
            raise XapiError('LOCATION_NOT_UNIQUE', fields['SR'], fields['location'])
    if not _UUID.match(fields['uuid']):
        raise XapiError('UUID_INVALID', 'VDI', fields['uuid'])
    return introduce_record(call.sim, fields)


@message('VDI.db_introduce')
def db_introduce(call, uuid, name_label, name_description, sr, *_fields):
    """Only a storage manager may."""
    call.db.require('SR', sr)
    raise XapiError('PERMISSION_DENIED', '')


@message('VDI.db_forget')
def db_forget(call, vdi):
    call.db.require('VDI', vdi)
    raise XapiError('PERMISSION_DENIED', '')


# ---------------------------------------------------------------- changing

@message('VDI.resize')
def resize(call, vdi, size):
    sr = call.db.get('VDI', vdi, 'SR')
    with held(call, ('SR', sr, 'vdi_resize'), ('VDI', vdi, 'resize')):
        sm.host_for(call.sim, sr)
        require_managed(call.sim, vdi)
        size = sm.rounded(size)
        if size < call.db.get('VDI', vdi, 'virtual_size'):
            raise sm.bad_size('shrinking not allowed')
        sm.take_time(call.sim, vdi)
        sm.resize_volume(call.sim, vdi, size)
        call.db.set('VDI', vdi, virtual_size=size)
        sm.count_disk(call.sim, vdi)
        sm.count_space(call.sim, sr)


@message('VDI.update')
def update(call, vdi):
    with held(call, ('VDI', vdi, 'update')):
        sm.host_for(call.sim, call.db.get('VDI', vdi, 'SR'))
        sm.count_disk(call.sim, vdi)


@message('VDI.set_name_label')
def set_name_label(call, vdi, value):
    _set_through_storage(call, vdi, name_label=value)


@message('VDI.set_name_description')
def set_name_description(call, vdi, value):
    _set_through_storage(call, vdi, name_description=value)


def _set_through_storage(call, vdi, **fields):
    sm.host_for(call.sim, call.db.get('VDI', vdi, 'SR'))
    call.db.set('VDI', vdi, **fields)


@message('VDI.set_on_boot')
def set_on_boot(call, vdi, value):
    require_halted_users(call, vdi)
    sr = call.db.get('VDI', vdi, 'SR')
    with held(call, ('SR', sr, 'vdi_set_on_boot'), ('VDI', vdi, 'set_on_boot')):
        sm.host_for(call.sim, sr)
        call.db.set('VDI', vdi, on_boot=value)


@message('VDI.set_allow_caching')
def set_allow_caching(call, vdi, value):
    require_halted_users(call, vdi)
    call.db.set('VDI', vdi, allow_caching=value)


def require_halted_users(call, vdi):
    for vbd in call.db.get('VDI', vdi, 'VBDs'):
        vm = call.db.get('VBD', vbd, 'VM')
        state = call.db.get('VM', vm, 'power_state')
        if state != 'Halted':
            raise XapiError('VM_BAD_POWER_STATE', vm, 'halted', state.lower())


def _refuse(call, vdi, _value):
    """These fields belong to the storage manager."""
    call.db.require('VDI', vdi)
    raise XapiError('PERMISSION_DENIED', '')


message(*('VDI.' + name for name in UNMANAGEABLE))(_refuse)


@message('VDI.force_unlock')
def force_unlock(call, vdi):
    with held(call, ('VDI', vdi, 'force_unlock')):
        raise XapiError('MESSAGE_DEPRECATED')


# ---------------------------------------------------------------- changed blocks

@message('VDI.enable_cbt')
def enable_cbt(call, vdi):
    _set_cbt(call, vdi, 'enable_cbt', True)


@message('VDI.disable_cbt')
def disable_cbt(call, vdi):
    _set_cbt(call, vdi, 'disable_cbt', False)


def _set_cbt(call, vdi, operation, value):
    sr = call.db.get('VDI', vdi, 'SR')
    with held(call, ('SR', sr, 'vdi_' + operation), ('VDI', vdi, operation)):
        sm.host_for(call.sim, sr)
        call.db.set('VDI', vdi, cbt_enabled=value)


@message('VDI.data_destroy')
def data_destroy(call, vdi):
    """The data go, the knowledge of which blocks changed stays."""
    sr = call.db.get('VDI', vdi, 'SR')
    with held(call, ('SR', sr, 'vdi_data_destroy'), ('VDI', vdi, 'data_destroy')):
        if call.db.get('VDI', vdi, 'type') == 'cbt_metadata':
            return
        sm.host_for(call.sim, sr)
        require_managed(call.sim, vdi)
        _wait_for_no_vbds(call, vdi)
        sm.destroy_volume(call.sim, vdi)
        call.db.set('VDI', vdi, type='cbt_metadata', physical_utilisation=0)
        adopt(call.sim, vdi)


def _wait_for_no_vbds(call, vdi):
    until = call.sim.clock.now() + DATA_DESTROY_PATIENCE
    while call.db.get('VDI', vdi, 'VBDs'):
        if call.sim.clock.now() >= until:
            raise XapiError('VDI_IN_USE', vdi, 'data_destroy')
        call.sim.clock.sleep(0.5)


# ---------------------------------------------------------------- reading

@message('VDI.checksum')
def checksum(call, vdi):
    """MD5 of the disk's content."""
    disk = call.sim.storage.open(sm.uuid_of(call.sim, vdi))
    digest = hashlib.md5(usedforsecurity=False)
    with call.sim.unlocked():
        for offset in range(0, disk.size, sm.MIB):
            digest.update(disk.read(offset, min(sm.MIB, disk.size - offset)))
    return digest.hexdigest()


@message('VDI.open_database')
def open_database(call, vdi):
    kind = call.db.get('VDI', vdi, 'type')
    if kind != 'metadata':
        raise XapiError('VDI_INCOMPATIBLE_TYPE', vdi, type_text(kind))
    raise XapiError('COULD_NOT_IMPORT_DATABASE', 'Database does not match local schema.')


@message('VDI.read_database_pool_uuid')
def read_database_pool_uuid(call, vdi):
    call.db.require('VDI', vdi)
    return ''


@message('VDI.get_nbd_info')
def get_nbd_info(call, vdi):
    """Where an NBD client finds the disk: nowhere, until some network is for that."""
    if Disk(call.sim, vdi).row['type'] == 'cbt_metadata':
        raise XapiError('VDI_INCOMPATIBLE_TYPE', vdi, type_text('cbt_metadata'))
    if any(row['purpose'] for unused, row in call.db.rows('network')):
        raise XapiError('NOT_IMPLEMENTED', 'VDI.get_nbd_info')
    return []
