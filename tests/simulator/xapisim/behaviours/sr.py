# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""SRs: made, introduced, scanned, forgotten and destroyed."""

from __future__ import annotations

from xml.sax.saxutils import escape

from xapisim import lifecycle
from xapisim import storage_manager as sm
from xapisim.behaviours import pbd as pbds
from xapisim.behaviours.vdi import create as create_vdi
from xapisim.behaviours.vdi import destroy as destroy_vdi
from xapisim.behaviours.vdi import introduce_record
from xapisim.behaviours.vdi_copies import as_it_was_scanned
from xapisim.errors import XapiError
from xapisim.lifecycle_devices import held
from xapisim.lifecycle_storage import features, plugged_pbds
from xapisim.registry import message, on_create

UNKNOWN_SIZE = -1
ROOM_FOR_HA = 4 * 1024 * sm.MIB
METADATA = {'name_label': 'Metadata for DR', 'name_description': 'Used for disaster recovery', 'virtual_size': 256 * sm.MIB,
            'type': 'metadata', 'sharable': False, 'read_only': False, 'other_config': {}, 'xenstore_data': {},
            'sm_config': {'type': 'raw'}, 'tags': []}


# ---------------------------------------------------------------- coming

@message('SR.create')
def create(call, host, device_config, physical_size, name_label, name_description, kind, content_type, shared, sm_config):
    if not shared and not call.db.exists('host', host):
        raise XapiError('HOST_OFFLINE', host)
    kind, device_config = kind.lower(), pbds.without_passwords(call, device_config)
    sm.require_driver(call.sim, kind)
    sm.require_device_config(kind, device_config)
    sr = _introduce(call, call.sim.new_uuid(), name_label, name_description, kind, content_type, shared, sm_config)
    call.db.set('SR', sr, physical_size=physical_size or sm.NEW_SR_SIZE, physical_utilisation=0)
    call.sim.storage.sizes[call.db.get('SR', sr, 'uuid')] = call.db.get('SR', sr, 'physical_size')
    for each in _hosts_of(call, host, shared):
        pbds.plug(call, pbds.add(call, each, sr, device_config))
    return sr


def _hosts_of(call, host, shared):
    """A shared SR is on every host, the coordinator first."""
    first = call.sim.coordinator
    return [first] + [ref for ref in call.db.refs('host') if ref != first] if shared else [host]


def _introduce(call, uuid, name_label, name_description, kind, content_type, shared, sm_config):
    sr = call.db.create('SR', {
        'uuid': uuid, 'name_label': name_label, 'name_description': name_description, 'type': kind, 'content_type': content_type,
        'shared': shared, 'sm_config': sm_config, 'physical_size': UNKNOWN_SIZE, 'physical_utilisation': UNKNOWN_SIZE})
    lifecycle.refresh(call.sim, 'SR', sr)
    return sr


@message('SR.introduce')
def introduce(call, uuid, name_label, name_description, kind, content_type, shared, sm_config):
    if uuid and call.db.find('SR', uuid=uuid):
        raise XapiError('SR_UUID_EXISTS', uuid)
    return _introduce(call, uuid, name_label, name_description, kind.lower(), content_type, shared, sm_config)


@message('SR.make')
def make(call, *_):
    raise XapiError('MESSAGE_DEPRECATED')


@on_create('SR')
def remember_size(sim, sr):
    """An SR keeps its size while it is forgotten."""
    row = sim.db.require('SR', sr)
    if row['physical_size'] > 0:
        sim.storage.sizes.setdefault(row['uuid'], row['physical_size'])


# ---------------------------------------------------------------- going

@message('SR.destroy')
def destroy(call, sr):
    with held(call, ('SR', sr, 'destroy')):
        _require_destructible(call, sr)
        for vdi in call.db.get('SR', sr, 'VDIs'):
            sm.destroy_volume(call.sim, vdi)
        _remove(call, sr)


def _require_destructible(call, sr):
    if call.db.get('SR', sr, 'other_config').get('indestructible') == 'true':
        raise XapiError('SR_INDESTRUCTIBLE', sr)
    for host, row in call.db.rows('host'):
        if row['local_cache_sr'] == sr:
            raise XapiError('SR_IS_CACHE_SR', host)


@message('SR.forget')
def forget(call, sr):
    with held(call, ('SR', sr, 'forget')):
        row = call.db.record('SR', sr)
        for vdi in row['VDIs']:
            call.sim.storage.remember(call.db.record('VDI', vdi))
        call.sim.storage.sizes[row['uuid']] = row['physical_size']
        configs = [call.db.get('PBD', pbd, 'device_config') for pbd in row['PBDs']]
        call.sim.storage.forgotten[row['uuid']] = (row, configs)
        _remove(call, sr)


def _remove(call, sr):
    """The records of an SR; its data are another matter."""
    row = call.db.record('SR', sr)
    for pbd in row['PBDs']:
        call.db.destroy('PBD', pbd)
    for vdi in row['VDIs']:
        call.db.destroy('VDI', vdi)
    call.db.destroy('SR', sr)


# ---------------------------------------------------------------- looking

@message('SR.scan')
def scan(call, sr):
    with held(call, ('SR', sr, 'scan')):
        sm.host_for(call.sim, sr)
        bring_in_step(call, sr)


@message('SR.update')
def update(call, sr):
    sm.host_for(call.sim, sr)
    sm.count_space(call.sim, sr)


def bring_in_step(call, sr):
    """Records for volumes that have none, and the figures of all."""
    row = call.db.require('SR', sr)
    known = {call.db.get('VDI', vdi, 'uuid') for vdi in row['VDIs']}
    for uuid in call.sim.storage.disks(row['uuid']):
        if uuid not in known:
            introduce_record(call.sim, _found(call, sr, uuid))
    for vdi in row['VDIs']:
        sm.count_disk(call.sim, vdi)
    if row['physical_size'] <= 0:
        call.db.set('SR', sr, physical_size=call.sim.storage.sizes.get(row['uuid'], sm.NEW_SR_SIZE), physical_utilisation=0)
    sm.count_space(call.sim, sr)


def _found(call, sr, uuid):
    remembered = call.sim.storage.remembered.pop(uuid, None)
    fields = as_it_was_scanned(remembered) if remembered else {'uuid': uuid, 'type': 'user', 'location': uuid}
    return {**fields, 'SR': sr, 'virtual_size': call.sim.storage.size(uuid)}


@message('SR.probe')
def probe(call, host, device_config, kind, sm_config):
    """The SRs that are there behind a device, as the storage manager lists them."""
    call.db.require('host', host)
    sm.require_driver(call.sim, kind.lower())
    sm.require_device_config(kind.lower(), device_config)
    if 'SR_PROBE' not in call.db.get('SM', call.db.find('SM', type=kind.lower())[0], 'features'):
        raise XapiError('SR_OPERATION_NOT_SUPPORTED')
    srs = ''.join(_probed(row) for row in _behind(call, kind.lower(), device_config))
    return '<?xml version="1.0" ?>\n' + ('<SRlist>%s\n</SRlist>\n' % srs if srs else '<SRlist/>\n')


def _behind(call, kind, device_config):
    for unused, row in call.db.rows('PBD'):
        if row['device_config'] == device_config and call.db.exists('SR', row['SR']) and call.db.get('SR', row['SR'], 'type') == kind:
            yield call.db.record('SR', row['SR'])
    for row, configs in call.sim.storage.forgotten.values():
        if row['type'] == kind and device_config in configs and not call.db.find('SR', uuid=row['uuid']):
            yield row


def _probed(row):
    return '\n\t<SR>\n\t\t<UUID>\n\t\t\t%s\n\t\t</UUID>\n\t</SR>' % escape(row['uuid'])


@message('SR.probe_ext')
def probe_ext(call, host, device_config, kind, sm_config):
    """Only storage managers of a newer kind can, and none of these is."""
    call.db.require('host', host)
    sm.require_driver(call.sim, kind.lower())
    raise XapiError('SR_OPERATION_NOT_SUPPORTED')


@message('SR.get_supported_types')
def get_supported_types(call):
    return [row['type'] for unused, row in call.db.rows('SM')]


@message('SR.get_live_hosts')
def get_live_hosts(call, sr):
    return [call.db.get('PBD', pbd, 'host') for pbd in plugged_pbds(call.sim, sr)]


# ---------------------------------------------------------------- fields

@message('SR.set_name_label')
def set_name_label(call, sr, value):
    sm.host_for(call.sim, sr)
    call.db.set('SR', sr, name_label=value)


@message('SR.set_name_description')
def set_name_description(call, sr, value):
    sm.host_for(call.sim, sr)
    call.db.set('SR', sr, name_description=value)


@message('SR.set_shared')
def set_shared(call, sr, value):
    known = call.db.get('SR', sr, 'PBDs')
    if not value and len(known) > 1:
        raise XapiError('SR_HAS_MULTIPLE_PBDS', *known)
    call.db.set('SR', sr, shared=value)


@message('SR.set_virtual_allocation', 'SR.set_physical_utilisation', 'SR.set_physical_size')
def refuse_to_set(call, sr, value):
    """These fields belong to the storage manager."""
    call.db.require('SR', sr)
    raise XapiError('PERMISSION_DENIED', '')


# ---------------------------------------------------------------- what else an SR may be good for

@message('SR.assert_can_host_ha_statefile')
def assert_can_host_ha_statefile(call, sr):
    _require_every_host(call, sr)
    if not {'VDI_GENERATE_CONFIG', 'VDI_ATTACH_OFFLINE'} & set(features(call.sim, sr)):
        raise XapiError('SR_OPERATION_NOT_SUPPORTED', sr)
    row = call.db.require('SR', sr)
    if row['physical_size'] - row['physical_utilisation'] < ROOM_FOR_HA:
        raise XapiError('SR_SOURCE_SPACE_INSUFFICIENT', sr)


@message('SR.assert_supports_database_replication')
def assert_supports_database_replication(call, sr):
    _require_every_host(call, sr)
    if 'SR_METADATA' not in features(call.sim, sr):
        raise XapiError('SR_OPERATION_NOT_SUPPORTED', sr)


def _require_every_host(call, sr):
    pbds = call.db.get('SR', sr, 'PBDs')
    if len({call.db.get('PBD', pbd, 'host') for pbd in pbds}) < call.db.count('host') or pbds != plugged_pbds(call.sim, sr):
        raise XapiError('SR_HAS_NO_PBDS', sr)


@message('SR.enable_database_replication')
def enable_database_replication(call, sr):
    """The pool's database is written to a disk on the SR as well."""
    assert_supports_database_replication(call, sr)
    if not _metadata_disks(call, sr):
        vdi = create_vdi(call, {**METADATA, 'SR': sr})
        call.db.set('VDI', vdi, metadata_of_pool=call.sim.pool)


@message('SR.disable_database_replication')
def disable_database_replication(call, sr):
    for vdi in _metadata_disks(call, sr):
        destroy_vdi(call, vdi)


def _metadata_disks(call, sr):
    rows = [(vdi, call.db.require('VDI', vdi)) for vdi in call.db.get('SR', sr, 'VDIs')]
    return [vdi for vdi, row in rows if row['type'] == 'metadata' and row['metadata_of_pool'] == call.sim.pool]
