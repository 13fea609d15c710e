# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""xen_vdi_info: one disk, those of an SR or all, in a number of calls that does not depend on how many there are."""

from __future__ import annotations

import pytest

from ansible_collections.xapi.xen.plugins.module_utils._errors import XenError
from ansible_collections.xapi.xen.plugins.module_utils._kinds._vdi import look
from ansible_collections.xapi.xen.plugins.module_utils._reconcile import Mode, inquire
from ansible_collections.xapi.xen.tests.unit.plugins.drive import LOCAL, NFS, BadOptions, Process, validated

MOST_CALLS = 6


def inform(xen, **options):
    xen.simulator.clear_journal()
    found, api = inquire(look, validated('xen_vdi_info', {**xen.connection, **options}), Mode(clock=xen.clock))
    assert xen.simulator.writes() == []
    assert api['calls'] == len(xen.simulator.methods()) <= MOST_CALLS
    xen.assert_nothing_open()
    return found


def make(xen, name, **options):
    return xen.run('xen_vdi', name=name, size='64MiB', **options).object


@pytest.mark.parametrize('count', [1, 8])
def test_calls_do_not_depend_on_the_number_of_disks(xen, count):
    made = [make(xen, f'disk{number}') for number in range(count)]
    disks = [{'vdi': vdi['uuid']} for vdi in made]
    xen.run('xen_vm', name='user', memory='128MiB', vcpus=1, disks=disks, power_state='running')
    for options in ({}, {'sr': LOCAL}, {'name': 'disk0'}, {'uuid': made[0]['uuid'], 'sr': LOCAL}):
        found = [vdi for vdi in inform(xen, **options) if vdi['name'].startswith('disk')]
        assert len(found) == (count if set(options) <= {'sr'} else 1)
        assert all(vdi['vms'] == ['user'] and vdi['attached'] for vdi in found)


def test_one_disk_is_shown_as_its_module_shows_it(xen):
    made = make(xen, 'data', tags=['a'], cbt=True, external_id='mine')
    make(xen, 'other')
    for options in ({'name': 'data'}, {'uuid': made['uuid']}, {'uuid': made['uuid'].upper()}, {'name': 'data', 'sr': LOCAL}):
        assert inform(xen, **options) == [made]


def test_disks_of_an_sr_ordered_by_name(xen):
    for name in ('b', 'a', 'c'):
        make(xen, name, sr=NFS)
    make(xen, 'elsewhere')
    assert [vdi['name'] for vdi in inform(xen, sr=NFS)] == ['a', 'b', 'c']
    everything = [vdi['name'] for vdi in inform(xen)]
    assert everything == sorted(everything) and {'a', 'b', 'c', 'elsewhere'} <= set(everything)


def test_the_vms_of_a_disk_are_told_whether_they_run_or_not(xen):
    made = make(xen, 'data')
    assert inform(xen, name='data')[0]['vms'] == []
    xen.run('xen_vm', name='halted', memory='128MiB', vcpus=1, disks=[{'vdi': made['uuid']}])
    vdi, = inform(xen, name='data')
    assert (vdi['vms'], vdi['attached']) == (['halted'], False)


def test_snapshots_and_bases_are_left_out(xen):
    uuid = make(xen, 'data')['uuid']
    with xen.session() as session:
        session.call('VDI.snapshot', session.call('VDI.get_by_uuid', uuid), {})
    assert [vdi['uuid'] for vdi in inform(xen, name='data')] == [uuid]
    assert [vdi['uuid'] for vdi in inform(xen) if vdi['name'] == 'data'] == [uuid]


@pytest.mark.parametrize('options', [{'name': 'none'}, {'uuid': '00000000-0000-0000-0000-000000000000'}, {'name': 'x', 'sr': NFS}])
def test_what_is_not_there_is_not_found(xen, options):
    make(xen, 'x')
    assert inform(xen, **options) == []


def test_bad_options(xen):
    with pytest.raises(BadOptions, match=r'mutually exclusive: name\|uuid'):
        inform(xen, name='a', uuid='b')
    with pytest.raises(XenError) as failure:
        inform(xen, sr='nowhere')
    assert failure.value.code == 'NOT_FOUND'


def test_module_reports_what_was_found_and_what_it_cost(xen, tmp_path):
    make(xen, 'data')
    result = Process(xen.simulator, 'xen_vdi_info', tmp_path, name='data').result()
    assert [vdi['name'] for vdi in result['vdis']] == ['data']
    assert not result['changed'] and result['api']['calls'] <= MOST_CALLS
