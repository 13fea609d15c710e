# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.xapi.xen.tests.unit.plugins.drive import LOCAL, NFS, BadOptions


@pytest.mark.parametrize(
    'options, told',
    [
        ({}, 'one of the following is required: name, uuid, match'),
        ({'name': LOCAL, 'match': 'iso'}, 'parameters are mutually exclusive: name.uuid.match'),
        ({'name': LOCAL, 'state': 'absent'}, 'value of state must be one of: present, got: absent'),
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
    ],
)
def test_bad_input_names_the_option_and_the_remedy(xen, options, code, told):
    error = xen.fail('xen_sr', **options)
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
    assert sr['hosts'] == [{'host': 'xcp-host1', 'plugged': True}]


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
