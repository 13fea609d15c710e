# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""xen_vdi: every field that XenAPI lets a user set, at creation, alone, and unchanged."""

from __future__ import annotations

import pytest

GIB = 1 << 30
DATA = {'name': 'data', 'size': '1GiB'}
SETTABLE = [
    ('description', 'one', 'two'),
    ('tags', ['a', 'b'], ['b']),
    ('other_config', {'a': '1'}, {'a': '2'}),
    ('sm_config', {'a': '1'}, {'a': '2'}),
    ('xenstore_data', {'vm-data/a': '1'}, {'vm-data/a': '2'}),
    ('on_boot', 'reset', 'persist'),
    ('allow_caching', True, False),
    ('cbt', True, False),
    ('external_id', 'mine', 'yours'),
]


@pytest.mark.parametrize('option, first, then', SETTABLE, ids=[row[0] for row in SETTABLE])
def test_set_at_creation_then_alone(xen, option, first, then):
    made = xen.change('xen_vdi', **DATA, **{option: first})
    assert made.object[option] == first and made.after[option] == first
    changed = xen.change('xen_vdi', uuid=made.object['uuid'], **{option: then})
    assert changed.object == {**made.object, option: then, 'other_config': changed.object['other_config']}
    assert changed.before[option] == first and changed.after[option] == then


@pytest.mark.parametrize('option, first, then', SETTABLE, ids=[row[0] for row in SETTABLE])
def test_set_on_a_disk_that_had_none(xen, option, first, then):
    made = xen.change('xen_vdi', **DATA).object
    assert xen.change('xen_vdi', uuid=made['uuid'], **{option: first}).object[option] == first
    assert xen.settled('xen_vdi', **DATA).object[option] == first


@pytest.mark.parametrize('option', ['other_config', 'sm_config', 'xenstore_data'])
def test_keys_of_others_stay_and_an_empty_map_takes_them(xen, option):
    uuid = xen.change('xen_vdi', **DATA, **{option: {'a': '1', 'b': '2'}}).object['uuid']
    assert xen.change('xen_vdi', uuid=uuid, **{option: {'a': None, 'c': '3'}}).object[option] == {'b': '2', 'c': '3'}
    assert xen.change('xen_vdi', uuid=uuid, **{option: {}}).object[option] == {}


def test_the_chain_of_a_disk_is_not_cut_by_an_empty_map(xen):
    xen.run('xen_vdi', **DATA, sm_config={'a': '1'})
    xen.run('xen_vdi', name='clone', clone_of='data')
    before = xen.settled('xen_vdi', name='data').object['sm_config']
    assert set(before) == {'a', 'vhd-parent'}
    after = xen.change('xen_vdi', name='data', sm_config={}).object['sm_config']
    assert after == {'vhd-parent': before['vhd-parent']}


@pytest.mark.parametrize('option, value, has', [('sharable', True, 'false'), ('type', 'system', 'user')])
def test_what_xenapi_can_not_change_is_refused(xen, option, value, has):
    xen.run('xen_vdi', **DATA)
    for check in (True, False):
        error = xen.fail('xen_vdi', check, name='data', **{option: value})
        assert error.message == f'{option}: VDI "data" has {has}, and XenAPI can not change it'
        assert xen.simulator.writes() == []
    assert xen.change('xen_vdi', name='other', size='1GiB', **{option: value}).object[option] == value


def test_read_only_that_the_sr_does_not_keep_leaves_nothing(xen):
    error = xen.fail('xen_vdi', **DATA, read_only=True)
    assert error.message == 'read_only: SR "Local storage" makes every VDI writable'
    assert xen.simulator.leaks() == {}
    xen.change('xen_vdi', **DATA, read_only=False)
    assert xen.fail('xen_vdi', name='data', read_only=True).code == 'INVALID_OPTION'


def test_reset_and_tracking_exclude_each_other(xen):
    assert xen.fail('xen_vdi', **DATA, on_boot='reset', cbt=True).message.startswith('on_boot: with "reset"')
    xen.change('xen_vdi', **DATA, cbt=True)
    for options in ({'on_boot': 'reset'}, {'on_boot': 'reset', 'cbt': True}):
        assert xen.fail('xen_vdi', True, name='data', **options).code == 'INVALID_OPTION'
    forgets = xen.change('xen_vdi', name='data', on_boot='reset', cbt=False)
    assert [action['call'] for action in forgets.actions] == ['VDI.disable_cbt', 'VDI.set_on_boot']
    tracks = xen.change('xen_vdi', name='data', on_boot='persist', cbt=True)
    assert [action['call'] for action in tracks.actions] == ['VDI.set_on_boot', 'VDI.enable_cbt']


@pytest.mark.parametrize('options', [{'size': '2GiB'}, {'on_boot': 'reset'}, {'allow_caching': True}])
def test_what_needs_a_halted_vm_says_so_before_anything_is_done(xen, options):
    xen.run('xen_vm', name='user', memory='1GiB', vcpus=1, disks=[{'name': 'root', 'size': '1GiB'}], power_state='running')
    for check in (True, False):
        error = xen.fail('xen_vdi', check, name='root', **options)
        assert (error.code, error.details) == ('POWER_CYCLE_REQUIRED', ['user'])
        assert error.message.startswith('VDI "root" is in use by user, and this needs it halted: ')
        assert xen.simulator.writes() == []
    xen.run('xen_vm', name='user', power_state='halted', force=True)
    xen.change('xen_vdi', name='root', **options)


def test_growing_beyond_the_sr_is_refused(xen):
    xen.run('xen_vdi', **DATA)
    error = xen.fail('xen_vdi', True, name='data', size='200TiB')
    assert error.message.startswith('size: ') and 'do not fit on SR "Local storage"' in error.message


# ---------------------------------------------------------------- identity


def test_external_id_survives_a_rename(xen):
    made = xen.change('xen_vdi', **DATA, external_id='shop').object
    renamed = xen.change('xen_vdi', external_id='shop', name='store')
    assert (renamed.object['uuid'], renamed.object['name']) == (made['uuid'], 'store')
    assert renamed.after == {'name': 'store'} and not renamed.created
    cleared = xen.run('xen_vdi', external_id='shop', other_config={})
    assert cleared.object['external_id'] == 'shop' and not cleared.changed
    xen.change('xen_vdi', external_id='shop', state='absent')
    assert xen.simulator.leaks() == {}


def test_external_id_and_an_empty_map(xen):
    made = xen.change('xen_vdi', **DATA, external_id='shop', other_config={}).object
    assert made['other_config'] == {'xapi.xen:external_id': 'shop'}
    xen.run('xen_vdi', uuid=made['uuid'], other_config={'a': '1'})
    changed = xen.change('xen_vdi', uuid=made['uuid'], external_id='store', other_config={}).object
    assert changed['other_config'] == {'xapi.xen:external_id': 'store'}


def test_one_external_id_for_two_disks_is_listed(xen):
    uuids = [xen.run('xen_vdi', name=name, size='1GiB').object['uuid'] for name in ('a', 'b')]
    for uuid in uuids:
        xen.run('xen_vdi', uuid=uuid, external_id='same')
    error = xen.fail('xen_vdi', external_id='same', state='absent')
    assert (error.code, error.details) == ('AMBIGUOUS', sorted(f'{uuid} ({name})' for uuid, name in zip(uuids, 'ab')))


def test_a_new_disk_needs_a_name(xen):
    error = xen.fail('xen_vdi', True, external_id='none', size='1GiB')
    assert error.message == 'name is required for a new VDI'
