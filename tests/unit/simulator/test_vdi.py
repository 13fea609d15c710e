# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VDIs: sizes, states, copies that keep their bytes, and the space of an SR."""

from __future__ import annotations

import os

import pytest

from ansible_collections.xapi.xen.tests.support.in_process import GIB, Host

MIB = 1 << 20


@pytest.fixture(scope='module')
def host():
    host = Host()
    yield host
    host.close()


def volume(host, vdi, writable=False):
    return host.sim.storage.open(host.sim.db.get('VDI', vdi, 'uuid'), writable)


def shrink_sr(host, size, kind='ext'):
    """An SR of that size and type for one test."""
    sr = host.call('SR.create', host.sim.coordinator, {'device': '/dev/sdb'}, str(size), 'small', '', kind, 'user', False, {})
    assert host.get('SR', sr, 'physical_size') == str(size)
    return sr


@pytest.mark.parametrize('asked, given', [(0, 2 * MIB), (1, 2 * MIB), (1000000001, 1000341504), (GIB, GIB), (2040 * GIB, 2040 * GIB)])
def test_sizes_are_rounded_up_to_blocks(host, asked, given):
    vdi = host.vdi(asked)
    assert host.get('VDI', vdi, 'virtual_size') == str(given)
    host.call('VDI.destroy', vdi)


@pytest.mark.parametrize('size', [-1, 2040 * GIB + 1])
def test_sizes_that_no_disk_has(host, size):
    limits = 'VDI Invalid size [opterr=VDI size must be between 1 MB and 2088960 MB]'
    record = {'name_label': '', 'SR': host.sr(), 'virtual_size': str(size), 'type': 'user', 'sharable': False, 'read_only': False,
              'other_config': {}}
    assert host.error('VDI.create', record) == ['SR_BACKEND_FAILURE_79', '', limits, '']


def test_a_disk_grows_and_does_not_shrink(host):
    vdi = host.vdi(4 * MIB)
    volume(host, vdi, True).write(0, b'kept')
    host.call('VDI.resize', vdi, str(9 * MIB))
    assert host.get('VDI', vdi, 'virtual_size') == str(10 * MIB)
    assert volume(host, vdi).read(0, 10 * MIB) == b'kept' + bytes(10 * MIB - 4)
    shrinking = 'VDI Invalid size [opterr=shrinking not allowed]'
    assert host.error('VDI.resize', vdi, str(2 * MIB)) == ['SR_BACKEND_FAILURE_79', '', shrinking, '']


def test_fields_that_belong_to_the_storage_manager(host):
    vdi = host.vdi()
    for name, value in (('read_only', True), ('sharable', True), ('managed', False), ('virtual_size', '5'), ('cbt_enabled', True)):
        assert host.error('VDI.set_' + name, vdi, value) == ['PERMISSION_DENIED', '']
    assert host.error('VDI.resize_online', vdi, str(GIB)) == ['MESSAGE_REMOVED']


def test_allowed_operations_follow_the_driver_and_the_disk(host):
    everything = ['clone', 'copy', 'destroy', 'forget', 'generate_config', 'resize', 'snapshot', 'update']
    assert sorted(host.get('VDI', host.vdi(), 'allowed_operations')) == everything
    sharable = host.vdi(sharable=True)
    assert sorted(host.get('VDI', sharable, 'allowed_operations')) == [op for op in everything if op != 'snapshot']
    assert host.error('VDI.snapshot', sharable, {}) == ['VDI_IS_SHARABLE', sharable]
    iso = host.call('VDI.get_by_name_label', 'guest-tools.iso')[0]
    assert sorted(host.get('VDI', iso, 'allowed_operations')) == ['copy', 'destroy', 'forget']
    assert host.error('VDI.clone', iso, {}) == ['SR_OPERATION_NOT_SUPPORTED', host.get('VDI', iso, 'SR')]


def test_on_boot_reset_forbids_snapshots(host):
    vdi = host.vdi()
    host.call('VDI.set_on_boot', vdi, 'reset')
    assert host.error('VDI.snapshot', vdi, {}) == ['VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION']
    vm = host.vm()
    host.vbd(vm, vdi)
    host.start(vm)
    assert host.error('VDI.set_on_boot', vdi, 'persist') == ['VM_BAD_POWER_STATE', vm, 'halted', 'running']


def test_a_disk_in_use(host):
    vm, vdi = host.vm(), host.vdi()
    vbd = host.vbd(vm, vdi)
    host.start(vm)
    for operation, arguments in (('destroy', ()), ('forget', ()), ('update', ()), ('resize', (str(2 * GIB),)), ('copy', (host.sr(),))):
        assert host.error('VDI.' + operation, vdi, *arguments) == ['VDI_IN_USE', vdi, operation]
    assert host.get('VDI', vdi, 'allowed_operations') == ['snapshot', 'clone']
    host.call('VM.hard_shutdown', vm)
    host.call('VDI.destroy', vdi)
    assert host.error('VBD.get_record', vbd) == ['HANDLE_INVALID', 'VBD', vbd]


# ---------------------------------------------------------------- copies

def test_snapshots_and_clones_keep_the_bytes_of_their_time(host):
    vdi, block = host.vdi(8 * MIB), os.urandom(MIB)
    volume(host, vdi, True).write(3 * MIB, block)
    snapshot = host.call('VDI.snapshot', vdi, {})
    volume(host, vdi, True).write(3 * MIB, bytes(512))
    clone = host.call('VDI.clone', vdi, {})
    volume(host, clone, True).write(0, b'clone')
    assert volume(host, snapshot).read(3 * MIB, MIB) == block
    assert volume(host, vdi).read(3 * MIB, MIB) == bytes(512) + block[512:]
    assert volume(host, clone).read(0, 5) == b'clone'
    assert volume(host, vdi).read(0, 5) == bytes(5)
    host.call('VDI.destroy', snapshot)
    host.call('VDI.destroy', vdi)
    assert volume(host, clone).read(3 * MIB, MIB) == bytes(512) + block[512:]


def test_what_a_snapshot_and_a_clone_say_of_themselves(host):
    vdi = host.vdi(tags=['t'], other_config={'a': 'b'}, xenstore_data={'c': 'd'}, sm_config={'e': 'f'})
    snapshot, clone = host.call('VDI.snapshot', vdi, {}), host.call('VDI.clone', vdi, {})
    source, taken, other = (host.call('VDI.get_record', ref) for ref in (vdi, snapshot, clone))
    assert (taken['is_a_snapshot'], taken['snapshot_of'], source['snapshots']) == (True, vdi, [snapshot])
    assert (other['is_a_snapshot'], other['snapshot_of']) == (False, 'OpaqueRef:NULL')
    for record in (taken, other):
        assert (record['tags'], record['other_config'], record['xenstore_data']) == (['t'], {'a': 'b'}, {'c': 'd'})
        assert list(record['sm_config']) == ['vhd-parent']
    assert source['sm_config'] == {'e': 'f', 'vhd-parent': other['sm_config']['vhd-parent']}


def test_a_copy_holds_the_same_bytes_on_another_sr(host):
    vdi, block = host.vdi(8 * MIB), os.urandom(5 * MIB)
    volume(host, vdi, True).write(MIB, block)
    copy = host.call('VDI.copy', vdi, host.sr('NFS storage'))
    assert host.get('VDI', copy, 'SR') == host.sr('NFS storage')
    assert volume(host, copy).read(0, 8 * MIB) == bytes(MIB) + block + bytes(2 * MIB)


def test_a_copy_into_a_disk_must_fit(host):
    vdi, small, room = host.vdi(4 * MIB), host.vdi(2 * MIB), host.vdi(6 * MIB)
    volume(host, vdi, True).write(0, b'into')
    null = 'OpaqueRef:NULL'
    assert host.error('VDI.copy', vdi, null, null, small) == ['VDI_TOO_SMALL', small, str(4 * MIB)]
    assert host.call('VDI.copy', vdi, null, null, room) == room
    assert volume(host, room).read(0, 4) == b'into'
    assert host.error('VDI.copy', vdi, null) == ['HANDLE_INVALID', 'SR', null]


def test_of_a_base_only_what_differs_is_copied(host):
    base = host.vdi(4 * MIB)
    volume(host, base, True).write(0, b'base' + b'same' * 1024)
    changed, target = host.call('VDI.clone', base, {}), host.vdi(4 * MIB)
    volume(host, changed, True).write(2 * MIB, b'changed')
    host.call('VDI.copy', changed, 'OpaqueRef:NULL', base, target)
    assert volume(host, target).read(0, 4) == bytes(4)
    assert volume(host, target).read(2 * MIB, 7) == b'changed'


def test_a_disk_without_a_vm_does_not_migrate(host):
    vdi = host.vdi()
    assert host.error('VDI.pool_migrate', vdi, host.sr('NFS storage'), {}) == ['VDI_NEEDS_VM_FOR_MIGRATE', vdi]


def test_a_disk_migrates_under_its_vm(host):
    vm, vdi = host.vm(), host.vdi(4 * MIB)
    volume(host, vdi, True).write(0, b'moves')
    vbd = host.vbd(vm, vdi)
    host.start(vm)
    moved = host.call('VDI.pool_migrate', vdi, host.sr('NFS storage'), {})
    assert host.get('VBD', vbd, 'VDI') == moved
    assert volume(host, moved).read(0, 5) == b'moves'
    assert host.error('VDI.get_SR', vdi) == ['HANDLE_INVALID', 'VDI', vdi]


def test_a_forgotten_disk_comes_back_with_a_scan(host):
    vdi = host.vdi(4 * MIB, name_label='lost', other_config={'a': 'b'})
    volume(host, vdi, True).write(0, b'still here')
    uuid = host.get('VDI', vdi, 'uuid')
    host.call('VDI.forget', vdi)
    assert host.error('VDI.get_by_uuid', uuid) == ['UUID_INVALID', 'VDI', uuid]
    host.call('SR.scan', host.sr())
    found = host.call('VDI.get_by_uuid', uuid)
    assert (host.get('VDI', found, 'name_label'), host.get('VDI', found, 'other_config')) == ('lost', {})
    assert volume(host, found).read(0, 10) == b'still here'


def test_slow_disks_take_their_time_and_are_waited_for(host):
    vdi = host.vdi(name_label='slow1-disk')
    task = host.call('Async.VDI.resize', vdi, str(2 * GIB))
    with host.sim.lock:
        while not host.sim.db.get('VDI', vdi, 'current_operations'):
            host.sim.changed.wait(1)
        assert host.sim.db.get('VDI', vdi, 'current_operations') == {task: 'resize'}
        assert host.sim.db.get('VDI', vdi, 'allowed_operations') == []
    host.call('VDI.snapshot', vdi, {})
    assert host.verdict(task)['status'] == 'success'


# ---------------------------------------------------------------- space

def test_written_blocks_are_counted_and_given_back(host):
    sr = shrink_sr(host, GIB)
    vdi = host.vdi(GIB * 10, sr)
    empty = int(host.get('VDI', vdi, 'physical_utilisation'))
    assert empty < MIB
    volume(host, vdi, True).write(3 * MIB, b'x')
    host.call('VDI.update', vdi)
    host.call('SR.scan', sr)
    assert int(host.get('VDI', vdi, 'physical_utilisation')) == empty + 2 * MIB
    assert host.get('SR', sr, 'virtual_allocation') == str(10 * GIB)
    clones = [host.call('VDI.clone', vdi, {}) for unused in range(3)]
    assert int(host.get('SR', sr, 'physical_utilisation')) < 3 * MIB
    for ref in [vdi, *clones]:
        host.call('VDI.destroy', ref)
    assert (host.get('SR', sr, 'physical_utilisation'), host.get('SR', sr, 'virtual_allocation')) == ('0', '0')


def test_an_sr_that_allocates_in_full_is_full_at_once(host):
    sr = shrink_sr(host, GIB, 'lvm')
    full = ['SR_BACKEND_FAILURE_44', '', 'There is insufficient space', '']
    vdi = host.vdi(600 * MIB, sr)
    record = host.call('VDI.get_record', vdi)
    assert host.error('VDI.create', {**record, 'virtual_size': str(600 * MIB)}) == full
    assert host.error('VDI.resize', vdi, str(2 * GIB)) == full
    assert host.get('SR', sr, 'VDIs') == [vdi]


def test_a_copy_that_does_not_fit_leaves_nothing(host):
    sr, vdi = shrink_sr(host, 16 * MIB), host.vdi(64 * MIB)
    volume(host, vdi, True).write(0, b'x' * 32 * MIB)
    assert host.error('VDI.copy', vdi, sr)[0] == 'VDI_COPY_FAILED'
    assert host.get('SR', sr, 'VDIs') == []
