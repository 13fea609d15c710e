# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a VM is known by, and what a new one is made from."""

from __future__ import annotations

import pytest

from ansible_collections.xapi.xen.tests.unit.plugins.drive import ETH0, LOCAL, NFS, BadOptions

SMALL = {'name': 'web', 'memory': '256MiB', 'vcpus': 1}
FULL = {**SMALL, 'disks': [{'name': 'root', 'size': '1GiB'}], 'networks': [{'network': ETH0}], 'order': 2}


def calls_of(outcome):
    return [action['call'] for action in outcome.actions]


# ---------------------------------------------------------------- external_id


def test_external_id_finds_the_vm_whatever_its_name(xen):
    made = xen.change('xen_vm', **SMALL, external_id='a-1')
    renamed = xen.change('xen_vm', name='shop', external_id='a-1')
    assert calls_of(renamed) == ['VM.set_name_label'] and renamed.object['uuid'] == made.object['uuid']
    xen.settled('xen_vm', external_id='a-1')
    assert xen.calls_counted() <= 6
    xen.change('xen_vm', external_id='a-1', state='absent')
    assert xen.simulator.leaks() == {}


def test_a_vm_of_that_name_without_the_external_id_is_another(xen):
    first = xen.run('xen_vm', **SMALL).object
    second = xen.change('xen_vm', **SMALL, external_id='a-1').object
    assert first['uuid'] != second['uuid']
    xen.change('xen_vm', uuid=first['uuid'], external_id='a-2')
    assert xen.settled('xen_vm', external_id='a-2').object['uuid'] == first['uuid']


def test_external_id_twice_is_listed_and_unknown_needs_a_name(xen):
    xen.run('xen_vm', **SMALL, external_id='a-1')
    xen.run('xen_vm', **{**SMALL, 'name': 'other'}, other_config={'xapi.xen:external_id': 'a-1'})
    error = xen.fail('xen_vm', external_id='a-1')
    assert error.code == 'AMBIGUOUS' and len(error.details) == 2
    assert xen.fail('xen_vm', external_id='a-3').message.startswith('name is required')
    assert not xen.run('xen_vm', external_id='a-3', state='absent').changed


def test_clearing_other_config_keeps_the_external_id(xen):
    xen.run('xen_vm', **SMALL, external_id='a-1', other_config={'a': '1'})
    xen.change('xen_vm', name='web', other_config={})
    xen.settled('xen_vm', external_id='a-1')


# ---------------------------------------------------------------- sources


@pytest.mark.parametrize(
    'how, call, sr',
    [
        ({}, 'VM.clone', LOCAL),
        ({'clone': 'fast'}, 'VM.clone', LOCAL),
        ({'clone': 'full'}, 'VM.copy', LOCAL),
        ({'sr': NFS}, 'VM.copy', NFS),
        ({'clone': 'full', 'sr': NFS}, 'VM.copy', NFS),
    ],
)
@pytest.mark.parametrize('source', ['vm', 'snapshot'])
def test_copy_of_a_vm_or_of_its_snapshot(xen, source, how, call, sr):
    first = xen.run('xen_vm', **FULL, external_id='a-1').object
    options = {'source_vm': 'web'}
    if source == 'snapshot':
        snapshot(xen, 'web', 'monday')
        options = {'source_snapshot': 'monday', 'source_vm': 'web'}
    made = xen.change('xen_vm', name='copy', order=2, memory='512MiB', **options, **how)
    assert calls_of(made)[0] == call and made.object['order'] == 2 and made.object['memory'] == 512 << 20
    disks = [(disk['name'], disk['sr'], disk['owner']) for disk in made.object['disks']]
    assert disks == [('root', sr, True)] and made.object['disks'][0]['vdi_uuid'] != first['disks'][0]['vdi_uuid']
    assert made.object['networks'][0]['mac'] != first['networks'][0]['mac']
    assert 'xapi.xen:external_id' not in made.object['other_config']
    xen.change('xen_vm', name='copy', power_state='running')


def snapshot(xen, vm, name):
    with xen.session() as session:
        ref = session.call('VM.get_by_name_label', vm)[0]
        session.call('VM.snapshot', ref, name)


def test_template_can_be_copied_in_full(xen):
    xen.run('xen_vm', **FULL)
    made = xen.change('xen_vm', name='copy', template='Other install media', clone='full')
    assert calls_of(made)[:2] == ['VM.copy', 'VM.provision']


def test_a_copy_that_fails_later_leaves_nothing(xen):
    xen.run('xen_vm', **FULL)
    before = xen.simulator.leaks()
    xen.simulator.fault(method='Async.VM.start', error=['NO_HOSTS_AVAILABLE'])
    xen.fail('xen_vm', name='copy', source_vm='web', power_state='running')
    assert xen.simulator.leaks() == before


def test_sources_that_can_not_be(xen):
    xen.run('xen_vm', **FULL, power_state='running')
    error = xen.fail('xen_vm', name='copy', source_vm='web')
    assert error.message.startswith('source_vm: VM "web" is running') and 'source_snapshot' in error.hint
    assert xen.fail('xen_vm', name='copy', source_vm='Other install media').code == 'NOT_FOUND'
    assert xen.fail('xen_vm', name='copy', source_snapshot='web').code == 'NOT_FOUND'
    assert xen.fail('xen_vm', name='copy', template='web').code == 'NOT_FOUND'
    with pytest.raises(BadOptions):
        xen.run('xen_vm', name='copy', source_vm='web', template='Other install media')
    xen.run('xen_vm', name='web', power_state='halted', force=True)
    fast = xen.fail('xen_vm', name='copy', source_vm='web', clone='fast', sr=NFS)
    assert fast.message.startswith('sr: a fast clone stays')
