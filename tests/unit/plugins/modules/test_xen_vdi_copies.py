# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""xen_vdi: clones, copies and moves."""

from __future__ import annotations

import pytest

from ansible_collections.xapi.xen.tests.unit.plugins.drive import ETH0, LOCAL, NFS

GIB = 1 << 30
MIB = 1 << 20
MARKS = {'xapi.xen:checksum': 'md5:0', 'image-id': '7', 'nova_instance_uuid': 'x'}
SOURCE = {
    'name': 'data',
    'size': '1GiB',
    'description': 'of the shop',
    'tags': ['gold'],
    'other_config': {'a': '1', **MARKS},
    'external_id': 'shop',
}


def calls(outcome):
    return [action['call'] for action in outcome.actions]


def checksum(xen, uuid):
    with xen.session() as session:
        return session.call('VDI.checksum', session.call('VDI.get_by_uuid', uuid))


@pytest.fixture
def source(xen, tmp_path):
    """A disk with data in it."""
    image = tmp_path / 'image'
    image.write_bytes(bytes(range(256)) * 4096)
    made = xen.run('xen_image', name='data', src=str(image), size='1GiB').object['vdis'][0]
    options = {key: value for key, value in SOURCE.items() if key != 'name'}
    return xen.run('xen_vdi', uuid=made['uuid'], **options).object


def running(xen, **disk):
    """The disk of a VM that runs with guest tools."""
    vm = xen.run(
        'xen_vm',
        name='user',
        memory='1GiB',
        vcpus=1,
        disks=[disk],
        networks=[{'network': ETH0}],
        power_state='running',
        wait_for='address',
    ).object
    return vm['disks'][0]['vdi_uuid']


@pytest.mark.parametrize('option, sr', [('clone_of', LOCAL), ('copy_of', LOCAL), ('copy_of', NFS)])
def test_copies_hold_the_data_and_lose_the_marks(xen, source, option, sr):
    made = xen.change('xen_vdi', name='copy', sr=sr, **{option: 'data'})
    copy = made.object
    assert made.created and copy['uuid'] != source['uuid'] and copy['sr'] == sr
    assert (copy['name'], copy['size'], copy['description'], copy['tags']) == ('copy', GIB, 'of the shop', ['gold'])
    assert {key for key in copy['other_config'] if key != 'content_id'} == {'a'} and copy['external_id'] is None
    assert made.after['other_config'] == {'a': '1'} and made.after['sr'] == sr
    assert checksum(xen, copy['uuid']) == checksum(xen, source['uuid'])
    assert xen.settled('xen_vdi', name='data').object['external_id'] == 'shop'


@pytest.mark.parametrize('option', ['clone_of', 'copy_of'])
def test_what_is_given_is_set_and_an_empty_map_takes_all(xen, source, option):
    wanted = {'description': '', 'tags': [], 'size': '2GiB', 'external_id': 'other', 'cbt': True, 'xenstore_data': {'b': '2'}}
    made = xen.change('xen_vdi', name='copy', **{option: source['uuid']}, **wanted).object
    assert {key: made[key] for key in wanted} == {**wanted, 'size': 2 * GIB}
    bare = xen.run('xen_vdi', name='bare', other_config={}, **{option: source['uuid']}).object
    assert set(bare['other_config']) <= {'content_id'}


def test_a_clone_is_looked_for_on_the_sr_of_its_source(xen):
    xen.run('xen_vdi', name='data', size='1GiB', sr=NFS)
    made = xen.change('xen_vdi', name='clone', clone_of='data')
    assert (made.object['sr'], calls(made)) == (NFS, ['VDI.clone', 'VDI.set_name_label'])
    error = xen.fail('xen_vdi', True, name='other', clone_of='data', sr=LOCAL)
    assert (error.message, error.code) == (f'sr: a clone stays on the SR of its source, "{NFS}"', 'INVALID_OPTION')


def test_a_clone_stays_when_its_source_has_gone(xen):
    xen.run('xen_vdi', name='data', size='1GiB')
    xen.run('xen_vdi', name='clone', clone_of='data')
    xen.run('xen_vdi', name='data', state='absent')
    xen.settled('xen_vdi', name='clone', clone_of='data')
    xen.change('xen_vdi', name='clone', clone_of='data', state='absent')


def test_a_snapshot_is_a_source_by_its_uuid(xen, source):
    with xen.session() as session:
        ref = session.call('VDI.snapshot', session.call('VDI.get_by_uuid', source['uuid']), {})
        uuid = session.call('VDI.get_uuid', ref)
    for option in ('clone_of', 'copy_of'):
        made = xen.change('xen_vdi', name=option, **{option: uuid}).object
        assert checksum(xen, made['uuid']) == checksum(xen, source['uuid'])


@pytest.mark.parametrize('option', ['clone_of', 'copy_of'])
def test_bad_sources(xen, source, option):
    error = xen.fail('xen_vdi', name='copy', **{option: 'nothing'})
    assert (error.code, error.message) == ('NOT_FOUND', f'{option}: there is no object with the name "nothing"')
    error = xen.fail('xen_vdi', True, name='copy', size='512MiB', **{option: 'data'})
    assert error.message.startswith('size: the VDI has 1 GiB, and a disk is never shrunk')
    foretold = xen.check('xen_vdi', name='copy', **{option: 'of an earlier task'})
    assert foretold.changed and foretold.warnings[0].startswith(f'{option}: the VDI "of an earlier task" does not exist')
    assert 'VDI' not in xen.simulator.writes()


def test_a_disk_that_is_written_to_is_not_copied_but_cloned(xen):
    running(xen, name='root', size='1GiB')
    for check in (True, False):
        error = xen.fail('xen_vdi', check, name='copy', copy_of='root')
        assert error.message == 'copy_of: VDI "root" is in use by user'
        assert xen.simulator.writes() == []
    xen.change('xen_vdi', name='clone', clone_of='root')


def test_a_copy_that_fails_leaves_nothing(xen, source):
    before = xen.simulator.leaks()
    xen.simulator.fault(method='Async.VDI.copy', error=['VDI_COPY_FAILED', 'no space'])
    assert xen.fail('xen_vdi', name='copy', copy_of='data').code == 'VDI_COPY_FAILED'
    assert xen.simulator.leaks() == before


def test_a_copy_that_was_cut_off_is_no_disk_and_is_made_anew(xen, source):
    xen.simulator.fault(method='Async.VDI.copy', error=['VDI_COPY_FAILED', 'cut'])
    xen.fail('xen_vdi', name='copy', copy_of='data', sr=NFS, on_failure='keep')
    xen.simulator.clear_faults()
    assert 'never came to its end' in xen.fail('xen_vdi', True, name='copy', sr=NFS).message
    made = xen.change('xen_vdi', name='copy', copy_of='data', sr=NFS)
    assert calls(made) == ['VDI.destroy', 'VDI.create', 'VDI.copy', 'VDI.remove_from_other_config']
    assert checksum(xen, made.object['uuid']) == checksum(xen, source['uuid'])


# ---------------------------------------------------------------- moves


def test_a_disk_of_a_running_vm_moves_live(xen):
    xen.run('xen_vdi', uuid=running(xen, name='root', size='1GiB'), external_id='root')
    moved = xen.change('xen_vdi', external_id='root', sr=NFS, description='moved')
    assert calls(moved) == ['VDI.set_name_description', 'VDI.pool_migrate']
    assert (moved.before['sr'], moved.after['sr'], moved.object['sr']) == (LOCAL, NFS, NFS)
    assert moved.object['vms'] == ['user'] and moved.object['attached']
    assert xen.settled('xen_vm', name='user').object['disks'][0]['sr'] == NFS


def test_a_disk_with_tracking_does_not_move_live(xen):
    uuid = running(xen, name='root', size='1GiB')
    xen.run('xen_vdi', uuid=uuid, cbt=True)
    for check in (True, False):
        assert xen.fail('xen_vdi', check, uuid=uuid, sr=NFS).hint == 'Set cbt: false.'
        assert xen.simulator.writes() == []
    assert calls(xen.run('xen_vdi', uuid=uuid, sr=NFS, cbt=False)) == ['VDI.disable_cbt', 'VDI.pool_migrate']


def test_an_unused_disk_moves_by_a_copy_when_that_is_allowed(xen, source):
    for check in (True, False):
        error = xen.fail('xen_vdi', check, external_id='shop', sr=NFS)
        assert error.code == 'INVALID_OPTION' and error.hint.startswith('Set allow_copy: true')
        assert xen.simulator.writes() == []
    data = checksum(xen, source['uuid'])
    moved = xen.change('xen_vdi', external_id='shop', sr=NFS, allow_copy=True)
    assert moved.before == {'sr': LOCAL} and moved.after == {'sr': NFS} and not moved.created
    kept = ('name', 'size', 'description', 'tags', 'external_id')
    assert {key: moved.object[key] for key in kept} == {key: source[key] for key in kept}
    assert {**SOURCE['other_config']}.items() <= moved.object['other_config'].items()
    assert checksum(xen, moved.object['uuid']) == data
    xen.settled('xen_vdi', uuid=source['uuid'], state='absent')


def test_a_halted_vm_keeps_its_disk_when_it_moves(xen):
    disks = [{'name': 'root', 'size': '1GiB', 'bootable': True, 'userdevice': '1'}]
    vm = xen.run('xen_vm', name='user', memory='1GiB', vcpus=1, disks=disks).object
    xen.run('xen_vdi', uuid=vm['disks'][0]['vdi_uuid'], external_id='root')
    moved = xen.change('xen_vdi', external_id='root', sr=NFS, allow_copy=True, name='boot', cbt=True)
    assert (moved.before, moved.after) == (
        {'sr': LOCAL, 'name': 'root', 'cbt': False},
        {'sr': NFS, 'name': 'boot', 'cbt': True},
    )
    disk, = xen.settled('xen_vm', name='user').object['disks']
    assert (disk['name'], disk['sr'], disk['userdevice'], disk['bootable'], disk['owner']) == ('boot', NFS, '1', True, True)
    xen.run('xen_vm', name='user', state='absent')
    assert xen.simulator.leaks() == {}


def test_a_move_that_fails_at_its_end_is_taken_back(xen):
    made = xen.run('xen_vm', name='user', memory='1GiB', vcpus=1, disks=[{'name': 'root', 'size': '1GiB'}]).object
    uuid = made['disks'][0]['vdi_uuid']
    xen.simulator.fault(method='VBD.create', error=['INTERNAL_ERROR', 'x'], count=1)
    assert xen.fail('xen_vdi', uuid=uuid, sr=NFS, allow_copy=True).left_behind == []
    disk, = xen.settled('xen_vm', name='user').object['disks']
    assert (disk['vdi_uuid'], disk['sr']) == (uuid, LOCAL)


def test_a_disk_of_a_suspended_vm_stays(xen):
    uuid = running(xen, name='root', size='1GiB')
    xen.run('xen_vm', name='user', power_state='suspended')
    error = xen.fail('xen_vdi', True, uuid=uuid, sr=NFS, allow_copy=True)
    assert error.code == 'POWER_CYCLE_REQUIRED'
