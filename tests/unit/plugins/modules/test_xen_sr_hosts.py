# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How hosts reach an SR, on one host and in a pool, and what is left when a step of that fails."""

from __future__ import annotations

from random import Random

import pytest

from ansible_collections.xapi.xen.tests.unit.plugins.drive import LOCAL, NFS, Driver

NOWHERE = '00000000-0000-4000-8000-000000000000'
EXPORT = {'server': '192.168.1.30', 'serverpath': '/export/shop'}
SHOP = {'name': 'shop', 'type': 'nfs', 'device_config': EXPORT}
HOSTS = ['xcp-host1', 'xcp-host2', 'xcp-host3']


@pytest.fixture
def pool(simulators):
    """The driver of modules on a fresh pool of three hosts."""
    return Driver(simulators(topology='pool'))


def _shop(session):
    return session.call('SR.get_by_name_label', 'shop')[0]


def plugged(outcome):
    return {item['host']: item['plugged'] for item in outcome.object['hosts']}


# ---------------------------------------------------------------- undo


@pytest.mark.parametrize('method', ['SR.set_tags', 'pool.set_default_SR', 'Async.SR.scan'])
@pytest.mark.parametrize('kind', [{}, {'type': 'iso', 'device_config': {'location': '/srv/more'}}])
def test_a_failed_creation_leaves_nothing(xen, method, kind):
    before = xen.settled('xen_sr', match='default-sr:true').object
    xen.simulator.fault(method=method, count=1, error=['INTERNAL_ERROR', 'told to fail'])
    error = xen.fail('xen_sr', **{**SHOP, **kind}, tags=['a'], default=True, scan=True)
    assert (error.code, error.left_behind) == ('INTERNAL_ERROR', [])
    assert xen.fail('xen_sr', name='shop').code == 'NOT_FOUND'
    assert xen.settled('xen_sr', match='default-sr:true').object == before
    assert 'PBD' not in xen.simulator.leaks() and 'SR' not in xen.simulator.leaks()


@pytest.mark.parametrize('method', ['PBD.create', 'Async.PBD.plug', 'SR.set_tags'])
def test_a_failed_introduction_leaves_nothing(xen, method):
    xen.simulator.fault(method=method, count=1, error=['INTERNAL_ERROR', 'told to fail'])
    error = xen.fail('xen_sr', uuid=NOWHERE, **SHOP, tags=['a'])
    assert (error.code, error.left_behind) == ('INTERNAL_ERROR', [])
    assert not {'SR', 'PBD'} & set(xen.simulator.leaks())
    assert xen.change('xen_sr', uuid=NOWHERE, **SHOP, tags=['a']).object['uuid'] == NOWHERE


def test_a_run_that_was_killed_half_way_is_repaired_by_the_next(xen):
    for method in ('PBD.create', 'Async.PBD.plug'):
        xen.simulator.fault(method=method, count=1, error=['INTERNAL_ERROR', 'told to fail'])
        xen.fail('xen_sr', uuid=NOWHERE, **SHOP, on_failure='keep')
        repaired = xen.change('xen_sr', uuid=NOWHERE, **SHOP)
        assert not repaired.created and plugged(repaired) == {'xcp-host1': True}
        xen.change('xen_sr', uuid=NOWHERE, state='forgotten')


@pytest.mark.parametrize('method', ['Async.PBD.unplug', 'PBD.destroy', 'PBD.create', 'Async.PBD.plug', 'SR.set_tags'])
def test_a_failed_change_of_how_it_is_reached_is_taken_back(xen, method):
    before = xen.change('xen_sr', **SHOP).object
    xen.simulator.fault(method=method, count=1, error=['INTERNAL_ERROR', 'told to fail'])
    error = xen.fail('xen_sr', name='shop', device_config={'server': 'other'}, tags=['a'])
    assert (error.code, error.left_behind) == ('INTERNAL_ERROR', [])
    assert xen.settled('xen_sr', name='shop').object == before


# ---------------------------------------------------------------- how it is reached


def test_device_config_changes_by_a_new_pbd(xen):
    xen.change('xen_sr', **SHOP)
    moved = xen.change('xen_sr', name='shop', device_config={'server': '10.0.0.1', 'nfsversion': 4})
    assert [action['call'] for action in moved.actions] == ['PBD.unplug', 'PBD.destroy', 'PBD.create', 'PBD.plug']
    assert moved.object['hosts'][0]['device_config'] == {**EXPORT, 'server': '10.0.0.1', 'nfsversion': '4'}
    back = xen.change('xen_sr', name='shop', device_config={'nfsversion': None}, plugged=False)
    assert back.object['hosts'] == [
        {'host': 'xcp-host1', 'plugged': False, 'device_config': {**EXPORT, 'server': '10.0.0.1'}}
    ]


def test_secrets_are_kept_by_the_host_and_told_nobody(xen):
    made = xen.change('xen_sr', **SHOP, device_secrets={'password': 'hush-hush'})
    assert 'hush' not in str(made) and made.object['hosts'][0]['device_config'] == EXPORT
    error = xen.fail('xen_sr', name='shop', device_config={'server': 'other'})
    assert error.message == 'device_secrets: password must be given again when device_config changes'
    again = xen.change(
        'xen_sr', name='shop', device_config={'server': 'other'}, device_secrets={'password': 'hush-hush'}
    )
    assert 'hush' not in str(again)
    with xen.session() as session:
        kept = next(iter(session.call('PBD.get_all_records_where', f'field "SR" = "{_shop(session)}"').values()))
        uuid = kept['device_config']['password_secret']
        assert session.call('secret.get_value', session.call('secret.get_by_uuid', uuid)) == 'hush-hush'
    xen.change('xen_sr', name='shop', state='absent')


def test_what_running_vms_use_is_not_unplugged(xen):
    xen.change('xen_sr', **SHOP)
    xen.change(
        'xen_vm',
        name='till',
        memory='1GiB',
        vcpus=1,
        disks=[{'name': 'd', 'size': '1GiB', 'sr': 'shop'}],
        power_state='running',
    )
    for options, option in (
        ({'plugged': False}, 'plugged'),
        ({'state': 'forgotten'}, 'state'),
        ({'device_config': {'server': 'other'}}, 'device_config'),
    ):
        for check in (True, False):
            error = xen.fail('xen_sr', check, name='shop', **options)
            assert error.message == f'{option}: VMs on host "xcp-host1" use disks of the SR: till'
    assert xen.settled('xen_sr', **SHOP).api['calls'] <= 6


def test_an_unplugged_sr_can_be_described_and_no_more(xen):
    xen.change('xen_sr', **SHOP)
    xen.change('xen_sr', name='shop', plugged=False, description='closed')
    for options, told in (
        ({'description': 'x'}, 'description: XenAPI changes it only while the SR is plugged on a host'),
        ({'scan': True}, 'scan: the SR is not plugged on any host'),
    ):
        assert xen.fail('xen_sr', True, name='shop', **options).message == told
    xen.change('xen_sr', name='shop', tags=['a'])
    xen.change('xen_sr', name='shop', plugged=True, description='open')


def test_an_sr_that_no_host_knows_is_forgotten_not_destroyed(xen):
    xen.simulator.fault(method='PBD.create', count=1, error=['INTERNAL_ERROR', 'told to fail'])
    xen.fail('xen_sr', uuid=NOWHERE, **SHOP, on_failure='keep')
    assert xen.fail('xen_sr', name='shop', state='absent').message.startswith('state: no host knows how to reach')
    xen.change('xen_sr', name='shop', state='forgotten')


# ---------------------------------------------------------------- pools


def test_a_shared_sr_is_plugged_on_all_hosts(pool):
    made = pool.change('xen_sr', **SHOP)
    assert plugged(made) == dict.fromkeys(HOSTS, True)
    closed = pool.change('xen_sr', name='shop', plugged=False)
    assert plugged(closed) == dict.fromkeys(HOSTS, False)
    assert closed.actions[-1]['about'] == 'unplug the SR from host "xcp-host1"'
    opened = pool.change('xen_sr', name='shop', hosts=[{'host': HOSTS[1]}, {'host': HOSTS[0]}], plugged=True)
    assert plugged(opened) == {HOSTS[0]: True, HOSTS[1]: True, HOSTS[2]: False}
    assert opened.actions[0]['about'] == 'plug the SR on host "xcp-host1"'
    pool.change('xen_sr', name='shop', state='absent')


def test_hosts_may_differ(pool):
    hosts = [{'host': HOSTS[1], 'plugged': False}, {'host': HOSTS[2], 'device_config': {'server': 'near'}}]
    made = pool.change('xen_sr', **SHOP, hosts=hosts)
    assert plugged(made) == {HOSTS[0]: True, HOSTS[1]: False, HOSTS[2]: True}
    assert [item['device_config']['server'] for item in made.object['hosts']] == [EXPORT['server']] * 2 + ['near']
    uuid = made.object['uuid']
    pool.change('xen_sr', name='shop', state='forgotten')
    back = pool.change('xen_sr', uuid=uuid, **SHOP, hosts=hosts[:1])
    assert plugged(back) == {HOSTS[1]: False}
    joined = pool.change('xen_sr', uuid=uuid, hosts=[{'host': HOSTS[0]}])
    assert joined.object['hosts'][0] == {'host': HOSTS[0], 'plugged': True, 'device_config': EXPORT}
    assert plugged(pool.change('xen_sr', **SHOP)) == dict.fromkeys(HOSTS, True)


def test_a_local_sr_belongs_to_one_host(pool):
    local = {'name': 'local', 'type': 'ext', 'device_config': {'device': '/dev/sdb'}}
    error = pool.fail('xen_sr', **local)
    assert error.details == HOSTS and error.message.startswith('hosts: an SR that is not shared belongs to one host')
    error = pool.fail('xen_sr', **local, hosts=[{'host': host} for host in HOSTS[:2]])
    assert error.message == 'hosts: an SR that is not shared can not be plugged on 2 hosts'
    assert plugged(pool.change('xen_sr', **local, hosts=[{'host': HOSTS[1]}])) == {HOSTS[1]: True}
    error = pool.fail('xen_sr', name=NFS, shared=False)
    assert error.message == 'shared: 3 hosts know the SR, so it can not be taken from them'


def test_of_several_local_srs_the_one_of_a_host_is_meant(pool):
    for options in ({'name': LOCAL}, {'match': 'local'}):
        assert len(pool.fail('xen_sr', **options).details) == 3
        for host in HOSTS:
            assert plugged(pool.settled('xen_sr', **options, hosts=[{'host': host}])) == {host: True}
    assert pool.settled('xen_sr', name=NFS, hosts=[{'host': HOSTS[2]}]).object['shared']
    local = {'name': 'scratch', 'type': 'ext', 'device_config': {'device': '/dev/sdb'}}
    made = [pool.change('xen_sr', **local, hosts=[{'host': host}]).object['uuid'] for host in HOSTS]
    assert len(set(made)) == 3
    pool.change('xen_sr', name='scratch', hosts=[{'host': HOSTS[1]}], state='absent')
    assert sorted(pool.fail('xen_sr', name='scratch').details) == sorted(f'{uuid} (scratch)' for uuid in made[::2])


# ---------------------------------------------------------------- any state after any other


def _wish(random):
    """Options of an SR, each there or not."""
    options = {
        'description': ['', 'slow'],
        'tags': [[], ['a'], ['b', 'a']],
        'other_config': [{'a': '1'}, {'a': None, 'b': '2'}],
        'sm_config': [{'x': '1'}, {'x': '2'}],
        'default': [True, False],
        'shared': [True],
        'hosts': [[{'host': HOSTS[0]}], [{'host': HOSTS[1], 'plugged': False}, {'host': HOSTS[0], 'plugged': True}]],
        'device_config': [EXPORT, {**EXPORT, 'server': '10.0.0.1'}],
        'scan': [True],
    }
    return {name: random.choice(values) for name, values in options.items() if random.random() < 0.5}


@pytest.mark.parametrize('seed', range(12))
def test_any_state_is_reached_from_any_other_as_it_was_foretold(pool, seed):
    random = Random(seed)
    pool.run('xen_sr', **SHOP)
    for options in (_wish(random) for unused in range(4)):
        foretold = pool.check('xen_sr', name='shop', **options)
        done = pool.run('xen_sr', name='shop', **options)
        assert (foretold.changed, foretold.actions, foretold.after) == (done.changed, done.actions, done.after)
        assert {key: done.object[key] for key in foretold.after} == foretold.after
        again = pool.run('xen_sr', name='shop', **options)
        assert not again.changed and again.object == done.object
