# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""SRs and PBDs: how they come and go, and what needs them plugged."""

from __future__ import annotations

import pytest

from ansible_collections.xapi.xen.tests.support.in_process import Host

NFS = {'server': 'nas', 'serverpath': '/vms'}


@pytest.fixture
def host():
    host = Host()
    yield host
    host.close()


@pytest.fixture
def pool():
    host = Host('--topology', 'pool')
    yield host
    host.close()


def make(host, kind='nfs', device_config=None, shared=False, label='sr', on=''):
    config = NFS if device_config is None else device_config
    return host.call('SR.create', on or host.sim.coordinator, config, '0', label, '', kind, 'user', shared, {})


def test_a_new_sr_is_plugged(host):
    sr = make(host)
    record = host.call('SR.get_record', sr)
    pbd = host.call('PBD.get_record', record['PBDs'][0])
    assert (pbd['host'], pbd['device_config'], pbd['currently_attached']) == (host.sim.coordinator, NFS, True)
    assert int(record['physical_size']) > 0
    assert (record['physical_utilisation'], record['virtual_allocation'], record['shared']) == ('0', '0', False)


def test_a_shared_sr_is_on_every_host(pool):
    sr = make(pool, shared=True)
    pbds = [pool.call('PBD.get_record', pbd) for pbd in pool.get('SR', sr, 'PBDs')]
    assert {pbd['host'] for pbd in pbds} == set(pool.call('host.get_all'))
    assert all(pbd['currently_attached'] for pbd in pbds)
    other = next(ref for ref in pool.call('host.get_all') if ref != pool.sim.coordinator)
    local = make(pool, on=other)
    assert [pool.get('PBD', pbd, 'host') for pbd in pool.get('SR', local, 'PBDs')] == [other]


@pytest.mark.parametrize('kind, device_config, error', [
    ('bogus', {}, ['SR_UNKNOWN_DRIVER', 'bogus']),
    ('ext', {}, ['SR_BACKEND_FAILURE_90', '', 'The request is missing the device parameter', '']),
    ('nfs', {'serverpath': '/x'}, ['SR_BACKEND_FAILURE_102', '', 'The request is missing the server parameter', '']),
    ('nfs', {'server': 'x'}, ['SR_BACKEND_FAILURE_101', '', 'The request is missing the serverpath parameter', '']),
])
def test_what_an_sr_cannot_be_made_of(host, kind, device_config, error):
    before = host.call('SR.get_all'), host.call('PBD.get_all')
    assert host.error('SR.create', host.sim.coordinator, device_config, '0', 'x', '', kind, 'user', False, {}) == error
    assert (host.call('SR.get_all'), host.call('PBD.get_all')) == before


def test_hosts_that_are_not_there(host):
    assert host.error('SR.create', 'x', {}, '0', 'x', '', 'dummy', '', False, {}) == ['HOST_OFFLINE', 'x']
    assert host.error('SR.make', 'x', {}, '0', 'x', '', 'dummy', '', {}) == ['MESSAGE_DEPRECATED']


def test_passwords_become_secrets(host):
    sr = make(host, 'dummy', {'cifspassword': 'pass', 'user': 'u'})
    config = host.get('PBD', host.get('SR', sr, 'PBDs')[0], 'device_config')
    assert set(config) == {'cifspassword_secret', 'user'}
    secret = host.call('secret.get_by_uuid', config['cifspassword_secret'])
    assert host.get('secret', secret, 'value') == 'pass'


def test_the_way_of_an_sr_out_of_the_pool(host):
    sr = make(host)
    pbd, vdi = host.get('SR', sr, 'PBDs')[0], host.vdi(sr=sr)
    for call in ('SR.destroy', 'SR.forget'):
        assert host.error(call, sr) == ['SR_HAS_PBD', sr]
    assert host.error('PBD.destroy', pbd) == ['OPERATION_NOT_ALLOWED', 'PBD is currently attached']
    host.call('PBD.unplug', pbd)
    host.call('PBD.unplug', pbd)
    assert host.error('SR.destroy', sr) == ['SR_NOT_EMPTY']
    assert 'forget' in host.get('SR', sr, 'allowed_operations')
    host.call('PBD.plug', pbd)
    host.call('VDI.destroy', vdi)
    host.call('PBD.unplug', pbd)
    host.call('SR.destroy', sr)
    for cls, ref in (('SR', sr), ('PBD', pbd)):
        assert host.error(cls + '.get_record', ref) == ['HANDLE_INVALID', cls, ref]


def test_an_sr_without_a_plugged_pbd_does_nothing(host):
    sr, none = make(host), ['SR_HAS_NO_PBDS']
    vdi = host.vdi(sr=sr)
    host.call('PBD.unplug', host.get('SR', sr, 'PBDs')[0])
    assert host.error('SR.scan', sr) == [*none, sr]
    assert host.error('VDI.destroy', vdi) == [*none, sr]
    assert host.error('VDI.resize', vdi, '8589934592') == [*none, sr]
    assert host.error('VDI.snapshot', vdi, {}) == [*none, sr]
    assert host.error('VDI.create', host.call('VDI.get_record', vdi)) == [*none, sr]


def test_a_pbd_stays_while_a_vm_uses_a_disk(host):
    sr, vm = make(host), host.vm()
    vdi = host.vdi(sr=sr)
    host.vbd(vm, vdi)
    host.start(vm)
    assert host.error('PBD.unplug', host.get('SR', sr, 'PBDs')[0]) == ['VDI_IN_USE', vdi]


def test_a_forgotten_sr_comes_back_with_its_disks_and_their_bytes(host):
    sr = make(host)
    vdi = host.vdi(4 << 20, sr, name_label='kept')
    uuid, disk = host.get('SR', sr, 'uuid'), host.get('VDI', vdi, 'uuid')
    host.sim.storage.open(disk, True).write(0, b'bytes')
    host.call('PBD.unplug', host.get('SR', sr, 'PBDs')[0])
    host.call('SR.forget', sr)
    assert host.error('VDI.get_record', vdi) == ['HANDLE_INVALID', 'VDI', vdi]
    assert uuid in host.call('SR.probe', host.sim.coordinator, NFS, 'nfs', {})
    again = host.call('SR.introduce', uuid, 'again', '', 'nfs', 'user', False, {})
    assert host.error('SR.introduce', uuid, 'again', '', 'nfs', 'user', False, {}) == ['SR_UUID_EXISTS', uuid]
    assert host.get('SR', again, 'physical_size') == '-1'
    pbd = host.call('PBD.create', {'host': host.sim.coordinator, 'SR': again, 'device_config': NFS})
    assert host.error('PBD.create', {'host': host.sim.coordinator, 'SR': again, 'device_config': NFS}) == [
        'PBD_EXISTS', again, host.sim.coordinator, pbd]
    host.call('PBD.plug', pbd)
    found = host.call('VDI.get_by_uuid', disk)
    assert (host.get('VDI', found, 'name_label'), host.get('VDI', found, 'SR')) == ('kept', again)
    assert host.sim.storage.open(disk).read(0, 5) == b'bytes'
    assert int(host.get('SR', again, 'physical_size')) > 0


def test_what_only_storage_managers_set(host):
    sr = host.sr()
    for field in ('physical_size', 'physical_utilisation', 'virtual_allocation'):
        assert host.error('SR.set_' + field, sr, '5') == ['PERMISSION_DENIED', '']
    pbd = host.get('SR', sr, 'PBDs')[0]
    assert host.error('PBD.set_device_config', pbd, {}) == ['PERMISSION_DENIED', '']


def test_operations_that_a_type_has(host):
    iso, local = host.sr('ISO library'), host.sr()
    assert 'vdi_snapshot' not in host.get('SR', iso, 'allowed_operations')
    assert {'vdi_snapshot', 'vdi_resize', 'scan'} <= set(host.get('SR', local, 'allowed_operations'))
    record = {'name_label': '', 'SR': local, 'virtual_size': '1', 'type': 'cbt_metadata', 'sharable': False, 'read_only': False,
              'other_config': {}}
    assert host.error('VDI.create', record) == ['VDI_INCOMPATIBLE_TYPE', '', 'CBT metadata']


def test_where_a_pool_can_keep_its_own_data(host):
    local, iscsi = host.sr(), make(host, 'lvmoiscsi', {'target': 't', 'targetIQN': 'i', 'SCSIid': 's'})
    host.call('SR.assert_can_host_ha_statefile', local)
    assert host.error('SR.enable_database_replication', local) == ['SR_OPERATION_NOT_SUPPORTED', local]
    host.call('SR.enable_database_replication', iscsi)
    assert [host.get('VDI', vdi, 'type') for vdi in host.get('SR', iscsi, 'VDIs')] == ['metadata']
    host.call('SR.disable_database_replication', iscsi)
    assert host.get('SR', iscsi, 'VDIs') == []
