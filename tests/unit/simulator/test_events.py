# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""event.from and event.next."""

from __future__ import annotations

import threading
import time

import pytest

from ansible_collections.xapi.xen.tests.support.simulator import Failure


@pytest.fixture
def network(session):
    made = session.network.create({'name_label': 'watched', 'other_config': {}})
    yield made
    if made in session.network.get_all():
        session.network.destroy(made)


def since(session, classes, token, timeout=5.0):
    answer = session.call('event.from', session.ref, classes, token, timeout)
    return [(event['class'], event['operation'], event['ref']) for event in answer['events']], answer['token'], answer


def test_the_first_call_tells_what_there_is(session, network):
    events, token, answer = since(session, ['network'], '')
    assert sorted(events) == sorted(('network', 'add', ref) for ref in session.network.get_all())
    assert answer['events'][0]['snapshot'] == session.network.get_record(answer['events'][0]['ref'])
    assert answer['valid_ref_counts']['network'] == str(len(events))
    assert since(session, ['network'], token, 0.1)[0] == []


def test_changes_wake_a_call_that_waits(simulator, session, network):
    token = since(session, [f'network/{network}'], '')[1]
    threading.Timer(0.2, simulator.login().network.set_name_label, (network, 'new')).start()
    started = time.monotonic()
    events, after, answer = since(session, [f'network/{network}'], token, 10.0)
    assert events == [('network', 'mod', network)]
    assert answer['events'][0]['snapshot']['name_label'] == 'new'
    assert 0.1 < time.monotonic() - started < 3
    assert after > token


def test_other_objects_do_not_wake_it(session, network):
    token = since(session, [f'network/{network}'], '')[1]
    session.VM.set_name_description(session.VM.get_all()[0], 'touched')
    assert since(session, [f'Network/{network}', 'nosuchclass'], token, 0.2)[:2] == ([], token)


def test_what_went_is_told_without_a_snapshot(session, network):
    token = since(session, ['network'], '')[1]
    session.network.destroy(network)
    events, unused, answer = since(session, ['network'], token)
    assert events == [('network', 'del', network)]
    assert 'snapshot' not in answer['events'][0]


def test_what_came_and_went_unseen_is_not_told(session):
    token = since(session, ['network'], '')[1]
    session.network.destroy(session.network.create({'other_config': {}}))
    assert since(session, ['network'], token, 0.1)[0] == []


def test_a_token_has_two_numbers(session):
    with pytest.raises(Failure) as caught:
        since(session, ['pool'], 'garbage')
    assert [caught.value.code, *caught.value.params] == ['EVENT_FROM_TOKEN_PARSE_FAILURE', 'garbage']
    assert [operation for unused, operation, unused in since(session, ['pool'], '1,2')[0]] == ['add']


def test_back_references_change_too(session):
    vm = session.VM.clone(session.VM.get_by_name_label('Other install media')[0], 'with a card')
    token = since(session, [f'VM/{vm}'], '')[1]
    session.VIF.create({'VM': vm, 'network': session.network.get_all()[0], 'device': '0', 'MAC': '', 'MTU': '1500',
                        'other_config': {},
                        'qos_algorithm_type': '', 'qos_algorithm_params': {}})
    assert since(session, [f'VM/{vm}'], token)[0] == [('vm', 'mod', vm)]
    session.VM.set_is_a_template(vm, False)
    session.VM.destroy(vm)


def test_an_injected_event_tells_where_it_stands(session, network):
    token = since(session, ['network'], '')[1]
    after = session.event.inject('network', network)
    assert since(session, ['network'], token)[:2] == ([('network', 'mod', network)], after)


def test_event_next_needs_registration(simulator):
    session = simulator.login()
    with pytest.raises(Failure) as caught:
        session.event.next()
    assert caught.value.code == 'SESSION_NOT_REGISTERED'
    session.event.register(['network'])
    network = session.network.create({'other_config': {}})
    session.network.destroy(network)
    told = [(event['operation'], event['ref']) for event in session.event.next()]
    assert told == [('add', network), ('del', network)]
    session.session.logout()


def test_a_waiting_call_ends_with_its_session(simulator, session):
    other = simulator.login()
    token = since(other, ['network'], '')[1]
    threading.Timer(0.2, session.call, ('session.logout', other.ref)).start()
    with pytest.raises(Failure) as caught:
        since(other, ['network'], token, 10.0)
    assert caught.value.code == 'SESSION_INVALID'
