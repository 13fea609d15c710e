# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.xapi.xen.tests.unit.plugins.drive import LOCAL, NFS, BadOptions

GIB = 1 << 30
DATA = {'name': 'data', 'size': '1GiB'}


@pytest.mark.parametrize(
    'options, told',
    [
        ({}, 'one of the following is required: name, uuid, external_id'),
        ({'name': 'data', 'copy_of': 'a', 'clone_of': 'b'}, 'parameters are mutually exclusive: clone_of|copy_of'),
        ({'name': 'data', 'on_boot': 'never'}, 'value of on_boot must be one of: persist, reset'),
        ({'name': 'data', 'state': 'gone'}, 'value of state must be one of: present, absent'),
        ({'name': 'data', 'type': 'floppy'}, 'value of type must be one of'),
    ],
)
def test_options_that_do_not_fit_are_refused_before_anything_is_asked(xen, options, told):
    with pytest.raises(BadOptions, match=told.replace('|', r'\|')):
        xen.run('xen_vdi', **options)
    assert xen.simulator.methods() == []


@pytest.mark.parametrize(
    'options, code, told',
    [
        ({'name': 'data'}, 'INVALID_OPTION', 'size is required for a new VDI. Give a size such as 10GiB.'),
        (
            {'name': 'data', 'size': 'much'},
            'INVALID_OPTION',
            'size: "much" is no size. Use bytes or a number with a unit',
        ),
        ({'name': 'data', 'size': '0'}, 'INVALID_OPTION', 'size: "0" is not more than nothing. Give a size'),
        ({'name': 'data', 'size': '-1GiB'}, 'INVALID_OPTION', 'size: "-1GiB" is no size'),
        (
            {'name': 'data', 'size': '200TiB'},
            'INVALID_OPTION',
            'size: 200 TiB do not fit on SR "Local storage", which has 100 GiB free. Choose',
        ),
        (
            {'name': 'data', 'size': '1GiB', 'sr': 'nowhere'},
            'NOT_FOUND',
            'sr: there is no object with the name "nowhere". There are: ',
        ),
        ({'uuid': '00000000-0000-0000-0000-000000000000'}, 'INVALID_OPTION', 'uuid: there is no VDI 0000'),
    ],
)
def test_bad_input_names_the_option_and_the_remedy(xen, options, code, told):
    for check in (True, False):
        error = xen.fail('xen_vdi', check, **options)
        assert (error.code, f'{error.message}. {error.hint}'[: len(told)]) == (code, told)
        assert xen.simulator.writes() == []


def test_from_nothing_to_nothing(xen):
    made = xen.change(
        'xen_vdi', **DATA, description='of the shop', tags=['gold', 'blue'], other_config={'a': '1'}, sharable=True
    )
    assert made.created
    assert made.actions == [{'call': 'VDI.create', 'about': 'create VDI "data" (1 GiB) on SR "Local storage"'}]
    assert made.after == {
        'name': 'data',
        'size': GIB,
        'sr': LOCAL,
        'description': 'of the shop',
        'type': 'user',
        'sharable': True,
        'tags': ['blue', 'gold'],
        'other_config': {'a': '1'},
    }
    assert made.object['size'] == GIB and made.object['sr'] == LOCAL and made.object['tags'] == ['blue', 'gold']

    grown = xen.change(
        'xen_vdi', name='data', size='2GiB', description='of the store', tags=[], other_config={'a': None, 'b': '2'}
    )
    assert not grown.created and grown.object['uuid'] == made.object['uuid']
    assert grown.before == {
        'size': GIB,
        'description': 'of the shop',
        'tags': ['blue', 'gold'],
        'other_config': {'a': '1'},
    }
    assert grown.after == {'size': 2 * GIB, 'description': 'of the store', 'tags': [], 'other_config': {'b': '2'}}
    assert (grown.object['size'], grown.object['tags'], grown.object['other_config']) == (2 * GIB, [], {'b': '2'})

    gone = xen.change('xen_vdi', name='data', state='absent')
    assert gone.object == {} and [action['call'] for action in gone.actions] == ['VDI.destroy']
    assert xen.simulator.leaks() == {}


def test_an_option_left_out_is_not_touched(xen):
    xen.run('xen_vdi', **DATA, description='mine', tags=['gold'], other_config={'a': '1'})
    assert xen.settled('xen_vdi', name='data').object['description'] == 'mine'
    assert xen.settled('xen_vdi', **DATA, other_config={'a': '1'}).object['tags'] == ['gold']


def test_an_empty_map_removes_all_keys(xen):
    xen.run('xen_vdi', **DATA, other_config={'a': '1', 'b': '2'})
    assert xen.change('xen_vdi', name='data', other_config={}).object['other_config'] == {}


def test_never_shrunk(xen):
    xen.run('xen_vdi', **DATA)
    error = xen.fail('xen_vdi', name='data', size='512MiB')
    assert error.message == 'size: the VDI has 1 GiB, and a disk is never shrunk to 512 MiB: data would be lost'
    assert xen.simulator.writes() == []


def test_a_size_that_the_sr_rounds_up_is_no_change(xen):
    made = xen.change('xen_vdi', name='odd', size=GIB + 512)
    assert made.object['size'] >= GIB + 512


def test_the_name_is_looked_up_within_the_sr(xen):
    local = xen.change('xen_vdi', **DATA).object
    shared = xen.change('xen_vdi', **DATA, sr=NFS).object
    assert local['uuid'] != shared['uuid'] and shared['sr'] == NFS
    xen.change('xen_vdi', name='data', sr=NFS, state='absent')
    assert xen.settled('xen_vdi', **DATA).object['uuid'] == local['uuid']


def test_several_of_one_name_are_listed(xen):
    session = xen.simulator.login()
    sr = session.SR.get_by_name_label(LOCAL)[0]
    record = {
        'name_label': 'twin',
        'name_description': '',
        'SR': sr,
        'virtual_size': str(GIB),
        'type': 'user',
        'sharable': False,
        'read_only': False,
        'other_config': {},
    }
    uuids = sorted(session.VDI.get_uuid(session.VDI.create(record)) for unused in range(2))
    session.session.logout()
    for state in ('present', 'absent'):
        error = xen.fail('xen_vdi', name='twin', size='1GiB', state=state)
        assert (error.code, error.details, error.hint) == (
            'AMBIGUOUS',
            [f'{uuid} (twin)' for uuid in uuids],
            'Name one of them by its uuid.',
        )
        assert xen.simulator.writes() == []
    xen.change('xen_vdi', uuid=uuids[0], state='absent')
    assert xen.settled('xen_vdi', name='twin').object['uuid'] == uuids[1]


def test_a_disk_in_use_is_not_removed(xen):
    xen.run(
        'xen_vm', name='user', memory='1GiB', vcpus=1, disks=[{'name': 'root', 'size': '1GiB'}], power_state='running'
    )
    error = xen.fail('xen_vdi', name='root', state='absent')
    assert (error.message, error.hint) == (
        'state: VDI "root" is in use by user',
        'Detach it first: xen_vbd with state: absent.',
    )
    assert xen.simulator.writes() == []


def test_absent_is_content_with_an_unknown_uuid(xen):
    xen.settled('xen_vdi', uuid='00000000-0000-0000-0000-000000000000', state='absent')
