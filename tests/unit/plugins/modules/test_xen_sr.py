# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.xapi.xen.plugins.module_utils._errors import DeadlineExceeded
from ansible_collections.xapi.xen.plugins.module_utils._kinds._sr_scan import scan_step
from ansible_collections.xapi.xen.plugins.module_utils._wait import Deadline
from ansible_collections.xapi.xen.tests.unit.plugins.drive import LOCAL, NFS, BadOptions, FastClock

NOWHERE = '00000000-0000-4000-8000-000000000000'
EXPORT = {'server': '192.168.1.30', 'serverpath': '/export/shop'}
SHOP = {'name': 'shop', 'type': 'nfs', 'device_config': EXPORT}


@pytest.mark.parametrize(
    'options, told',
    [
        ({}, 'one of the following is required: name, uuid, match'),
        ({'name': LOCAL, 'match': 'iso'}, 'parameters are mutually exclusive: name.match'),
        ({'name': LOCAL, 'state': 'gone'}, 'value of state must be one of: present, absent, forgotten, got: gone'),
        ({'name': LOCAL, 'hosts': [{'plugged': True}]}, 'missing required arguments: host found in hosts'),
        ({'probe': True}, 'probe is True but all of the following are missing: type'),
        (
            {'name': LOCAL, 'scan': 'maybe'},
            'argument .* is of type str and we were unable to convert to bool|unable to convert to bool',
        ),
    ],
)
def test_options_that_do_not_fit_are_refused_before_anything_is_asked(xen, options, told):
    with pytest.raises(BadOptions, match=told):
        xen.run('xen_sr', **options)
    assert xen.simulator.methods() == []


@pytest.mark.parametrize(
    'options, code, told',
    [
        (
            {'name': 'nowhere'},
            'NOT_FOUND',
            'name: there is no object with the name "nowhere". There are: DVD drives, ISO library, Local storage',
        ),
        ({'match': 'other-config:i18n-key=none'}, 'NOT_FOUND', 'match: no SR fits "other-config:i18n-key=none"'),
        (
            {'match': 'fastest'},
            'INVALID_OPTION',
            'match: "fastest" is no rule. Use default-sr:true, other-config:KEY=VALUE, local or iso.',
        ),
        ({'match': 'other-config:alone'}, 'INVALID_OPTION', 'match: "other-config:alone" is no rule'),
        (
            {'name': 'new', 'type': 'tape'},
            'INVALID_OPTION',
            'type: the pool has no storage manager for "tape". There are: ',
        ),
        ({'uuid': NOWHERE, 'type': 'nfs'}, 'INVALID_OPTION', 'name: a new SR needs a name'),
        (
            {'uuid': NOWHERE, 'type': 'nfs', 'name': 'x'},
            'INVALID_OPTION',
            'device_config: an SR is introduced with what says how to reach it',
        ),
        ({'uuid': NOWHERE}, 'NOT_FOUND', f'uuid: there is no object with the uuid "{NOWHERE}"'),
        ({'name': LOCAL, 'type': 'nfs'}, 'INVALID_OPTION', 'type: the SR has type "ext", which can not become "nfs"'),
        ({'name': LOCAL, 'content_type': 'iso'}, 'INVALID_OPTION', 'content_type: the SR has content_type "user"'),
        (
            {'name': LOCAL, 'hosts': [{'host': 'mars'}]},
            'NOT_FOUND',
            'hosts[0].host: there is no object with the name "mars"',
        ),
        (
            {'name': LOCAL, 'device_config': {'password': 'x'}},
            'INVALID_OPTION',
            'device_config: password would be logged',
        ),
        (
            {'name': LOCAL, 'hosts': [{'host': 'xcp-host1', 'device_config': {'chappassword': 'x'}}]},
            'INVALID_OPTION',
            'hosts[0].device_config: chappassword would be logged. Give it in device_secrets',
        ),
        (
            {'name': LOCAL, 'device_config': {'device': ['a']}},
            'INVALID_OPTION',
            'device_config: the value of "device" is no text',
        ),
        ({'name': 'new', 'type': 'dummy', 'physical_size': 'big'}, 'INVALID_OPTION', 'physical_size: "big" is no size'),
        (
            {'probe': True, 'type': 'nfs', 'name': LOCAL},
            'INVALID_OPTION',
            'probe: it looks behind a device and not at an SR',
        ),
        ({'probe': False}, 'INVALID_OPTION', 'name: an SR has to be named. Set name, uuid or match.'),
        (
            {'name': 'ISO library', 'state': 'absent'},
            'INVALID_OPTION',
            'state: SR "ISO library" holds 2 disks. Remove them',
        ),
    ],
)
def test_bad_input_names_the_option_and_the_remedy(xen, options, code, told):
    for check in (True, False):
        error = xen.fail('xen_sr', check, **options)
        assert (error.code, f'{error.message}. {error.hint}'[: len(told)]) == (code, told)
        assert xen.simulator.writes() == []


@pytest.mark.parametrize('rule, name', [('default-sr:true', LOCAL), ('local', LOCAL), ('iso', 'ISO library')])
def test_found_by_rule(xen, rule, name):
    assert xen.settled('xen_sr', match=rule).object['name'] == name


def test_found_by_name_and_by_uuid(xen):
    sr = xen.settled('xen_sr', name=LOCAL).object
    assert xen.settled('xen_sr', uuid=sr['uuid']).object == sr
    assert xen.settled('xen_sr', uuid=sr['uuid'].upper()).object == sr
    assert sr['default'] and not sr['shared'] and sr['type'] == 'ext' and sr['content_type'] == 'user'
    assert sr['path'] == f'/var/run/sr-mount/{sr["uuid"]}'
    assert sr['free'] == sr['size'] - sr['used'] > 0
    assert sr['hosts'] == [{'host': 'xcp-host1', 'plugged': True, 'device_config': {'device': '/dev/sda3'}}]


def test_a_rule_that_fits_several_lists_them(xen):
    for name in (LOCAL, NFS):
        xen.change('xen_sr', name=name, other_config={'tier': 'gold'})
    error = xen.fail('xen_sr', match='other-config:tier=gold')
    assert error.code == 'AMBIGUOUS' and len(error.details) == 2 and error.hint == 'Name one of them by its uuid.'
    assert [detail.partition(' ')[2] for detail in sorted(error.details, key=lambda text: text.partition(' ')[2])] == [
        f'({LOCAL})',
        f'({NFS})',
    ]
    xen.change('xen_sr', name=NFS, other_config={'tier': None})
    assert xen.settled('xen_sr', match='other-config:tier=gold').object['name'] == LOCAL


def test_changed_and_changed_back(xen):
    before = xen.settled('xen_sr', name=NFS).object
    changed = xen.change('xen_sr', name=NFS, description='slow', tags=['gold'], other_config={'a': '1'})
    assert changed.after == {
        'description': 'slow',
        'tags': ['gold'],
        'other_config': {**before['other_config'], 'a': '1'},
    }
    assert (changed.object['description'], changed.object['tags']) == ('slow', ['gold'])
    xen.change('xen_sr', name=NFS, description=before['description'], tags=[], other_config={'a': None})
    assert xen.settled('xen_sr', name=NFS).object == before


def test_a_scan_is_made_and_is_no_change(xen):
    foretold = xen.check('xen_sr', name=LOCAL, scan=True)
    scanned = xen.run('xen_sr', name=LOCAL, scan=True)
    assert (
        [action['call'] for action in scanned.actions] == ['SR.scan'] == [action['call'] for action in foretold.actions]
    )
    assert not scanned.changed and not foretold.changed
    assert xen.simulator.writes() == ['Async.SR.scan', 'task.destroy']


def test_a_scan_that_meets_a_disk_in_flux_is_tried_four_times(xen):
    xen.simulator.fault(method='Async.SR.scan', count=3, error=['SR_BACKEND_FAILURE_40', '', 'The SR scan failed', ''])
    assert xen.run('xen_sr', name=LOCAL, scan=True).api['retries'] == 3
    assert xen.clock.slept == [2.0, 4.0, 8.0]
    xen.simulator.clear_faults()
    xen.simulator.fault(method='Async.SR.scan', error=['SR_BACKEND_FAILURE_40', '', 'The SR scan failed', ''])
    assert xen.fail('xen_sr', name=LOCAL, scan=True).code == 'SR_BACKEND_FAILURE_40'
    assert xen.simulator.writes() == ['Async.SR.scan'] * 4


def test_looking_costs_six_calls_at_most(xen):
    assert xen.run('xen_sr', match='default-sr:true').api['calls'] <= 6


# ---------------------------------------------------------------- coming and going


def test_from_nothing_to_nothing(xen):
    full = {
        **SHOP,
        'description': 'Disks of the shop',
        'tags': ['gold'],
        'other_config': {'rack': 7, 'auto-scan': True},
        'sm_config': {'layout': 'flat'},
        'default': True,
    }
    made = xen.change('xen_sr', **full)
    sr = made.object
    assert made.created and (sr['name'], sr['type'], sr['content_type'], sr['shared']) == ('shop', 'nfs', 'user', True)
    assert sr['default'] and sr['tags'] == ['gold'] and sr['other_config'] == {'rack': '7', 'auto-scan': 'true'}
    assert sr['hosts'] == [{'host': 'xcp-host1', 'plugged': True, 'device_config': EXPORT}]
    assert made.api['calls'] <= 20

    gone = xen.change('xen_sr', name='shop', state='absent')
    assert (gone.object, gone.before) == ({}, {'uuid': sr['uuid'], 'name': 'shop', 'type': 'nfs'})
    assert [action['call'] for action in gone.actions] == ['pool.set_default_SR', 'PBD.unplug', 'SR.destroy']
    assert xen.fail('xen_sr', match='default-sr:true').message == 'match: the pool has no default SR'


@pytest.mark.parametrize(
    'option, first, second',
    [
        ('description', 'slow', 'fast'),
        ('tags', ['a', 'b'], ['b']),
        ('other_config', {'a': '1'}, {'a': '2', 'b': '3'}),
        ('sm_config', {'a': '1'}, {'a': '2'}),
        ('default', True, False),
        ('shared', False, True),
        ('plugged', False, True),
    ],
)
def test_an_option_at_creation_and_changed_alone(xen, option, first, second):
    told = xen.change('xen_sr', **SHOP, **{option: first})
    assert option == 'plugged' or told.object[option] == first
    changed = xen.change('xen_sr', name='shop', **{option: second})
    assert set(changed.after) == {'hosts' if option == 'plugged' else option}
    assert option == 'plugged' or changed.object[option] == second
    xen.settled('xen_sr', name='shop')
    xen.change('xen_sr', name='shop', state='absent')


@pytest.mark.parametrize(
    'kind, config, shared, content',
    [
        ('nfs', EXPORT, True, 'user'),
        ('NFS', EXPORT, True, 'user'),
        ('ext', {'device': '/dev/sdb'}, False, 'user'),
        ('iso', {'location': '/srv/more'}, False, 'iso'),
    ],
)
def test_what_a_new_sr_is_when_nothing_is_said(xen, kind, config, shared, content):
    sr = xen.change('xen_sr', name='new', type=kind, device_config=config).object
    assert (sr['type'], sr['shared'], sr['content_type']) == (kind.lower(), shared, content)


def test_the_size_of_a_new_sr(xen):
    sr = xen.change('xen_sr', name='fake', type='dummy', physical_size='3GiB').object
    assert sr['size'] == 3 << 30 and sr['path'] is None


def test_forgotten_and_introduced_with_its_disks(xen):
    uuid = xen.change('xen_sr', **SHOP).object['uuid']
    disk = xen.change('xen_vdi', name='data', sr='shop', size='1GiB').object['uuid']
    error = xen.fail('xen_sr', name='shop', state='absent')
    assert error.details == ['data'] and 'use state: forgotten' in error.hint
    gone = xen.change('xen_sr', name='shop', state='forgotten')
    assert [action['call'] for action in gone.actions] == ['PBD.unplug', 'SR.forget']
    probed = xen.settled('xen_sr', probe=True, type='nfs', device_config=EXPORT)
    assert probed.object == {'probe': [{'UUID': uuid}]} and not probed.created

    back = xen.change('xen_sr', uuid=uuid, **{**SHOP, 'name': 'shop again'}, tags=['old'])
    assert back.created and (back.object['uuid'], back.object['name'], back.object['tags']) == (
        uuid,
        'shop again',
        ['old'],
    )
    assert [action['call'] for action in back.actions] == ['SR.introduce', 'PBD.create', 'PBD.plug', 'SR.set_tags']
    xen.run('xen_sr', uuid=uuid, scan=True)
    assert xen.settled('xen_vdi', uuid=disk).object['sr'] == 'shop again'
    xen.change('xen_vdi', uuid=disk, state='absent')
    xen.change('xen_sr', uuid=uuid, name='shop')
    xen.change('xen_sr', uuid=uuid, state='absent')


def test_gone_by_a_rule_that_nothing_fits(xen):
    assert xen.settled('xen_sr', match='other-config:a=b', state='forgotten').object == {}


def test_one_name_twice_is_never_guessed(xen):
    first = xen.change('xen_sr', **SHOP).object['uuid']
    second = xen.change('xen_sr', name='copy', type='nfs', device_config=EXPORT).object['uuid']
    xen.change('xen_sr', uuid=second, name='shop')
    for state in ('present', 'absent', 'forgotten'):
        error = xen.fail('xen_sr', name='shop', state=state)
        assert (error.code, error.details) == ('AMBIGUOUS', sorted([f'{first} (shop)', f'{second} (shop)']))


def test_a_dangling_default_is_none(xen):
    with xen.session() as session:
        pool = session.call('pool.get_all')[0]
        session.call('pool.set_default_SR', pool, 'OpaqueRef:gone')
    assert xen.fail('xen_sr', match='default-sr:true').message == 'match: the pool has no default SR'


# ---------------------------------------------------------------- scan and probe


class Scanned:
    """A run whose SR is being scanned by somebody else, for so many looks."""

    def __init__(self, looks):
        self.session, self.clock, self.looks, self.log = self, FastClock(), looks, []

    def call(self, method, sr):
        assert (method, sr) == ('SR.get_current_operations', 'SR')
        self.looks -= 1
        return {'task': 'scan'} if self.looks >= 0 else {'task': 'vdi_create'}

    def resolve(self, ref):
        return ref

    def deadline(self, what):
        return Deadline(3.0, what, self.clock)

    def perform(self, step):
        self.log.append((step.method, step.args, len(self.clock.slept)))


def test_a_scan_waits_for_the_end_of_another():
    for looks in (0, 3):
        run = Scanned(looks)
        scan_step('SR').perform(run)
        assert run.log == [('SR.scan', ('SR',), looks)]
    run = Scanned(99)
    with pytest.raises(DeadlineExceeded, match='the end of another scan did not happen within 3 seconds'):
        scan_step('SR').perform(run)
    assert run.log == []


def test_a_probe_tells_the_choices_for_what_is_missing(xen):
    luns = '<?xml version="1.0" ?><iscsi-target><LUN><LUNid>0</LUNid><SCSIid>36001405</SCSIid></LUN></iscsi-target>'
    xen.simulator.fault(
        method='SR.probe', error=['SR_BACKEND_FAILURE_107', '', 'The SCSIid parameter is missing', luns]
    )
    options = {'probe': True, 'type': 'lvmoiscsi', 'device_config': {'target': '10.0.0.5'}}
    assert xen.settled('xen_sr', **options).object == {'probe': [{'LUNid': '0', 'SCSIid': '36001405'}]}


def test_a_probe_of_nothing_and_one_that_fails(xen):
    assert xen.settled('xen_sr', probe=True, type='nfs', device_config=EXPORT).object == {'probe': []}
    error = xen.fail('xen_sr', probe=True, type='nfs', device_config={'server': 'a'})
    assert error.code == 'SR_BACKEND_FAILURE_101'
    assert xen.fail('xen_sr', probe=True, type='tape').code == 'SR_UNKNOWN_DRIVER'
