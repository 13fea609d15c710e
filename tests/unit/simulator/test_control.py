# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests ask of the simulator: journal, faults, clock, leaks, reset, coverage."""

from __future__ import annotations

import http.client
import json
import threading
import time
import xmlrpc.client

import pytest

from ansible_collections.xapi.xen.tests.support.simulator import Failure, Session, start_simulator

DISK = {'name_label': 'd', 'virtual_size': '1048576', 'type': 'user', 'sharable': False, 'read_only': False,
        'other_config': {}}


@pytest.fixture(autouse=True)
def fresh(simulator):
    simulator.reset()


# ---------------------------------------------------------------- journal

def test_the_journal_has_every_call_with_its_outcome(simulator, session):
    simulator.clear_journal()
    template = session.VM.get_by_name_label('Other install media')[0]
    with pytest.raises(Failure):
        session.VM.start(template, False, True)
    first, second = simulator.journal()
    assert (first['method'], first['kind'], first['arguments'], first['result']) == (
        'VM.get_by_name_label', 'read', ['Other install media'], [template])
    assert (second['method'], second['kind'], second['arguments'][1:]) == ('VM.start', 'write', [False, True])
    assert second['error'] == ['VM_IS_TEMPLATE', template, 'start']
    assert first['seconds'] >= 0 and first['time'] <= second['time']
    assert simulator.writes() == ['VM.start']


def test_the_journal_keeps_secrets(simulator):
    session = simulator.login()
    session.session.change_password('old secret', simulator.password)
    session.session.get_record(session.ref)
    with pytest.raises(Failure):
        simulator.login(password='wrong secret')
    session.session.logout()
    text = json.dumps(simulator.journal())
    for secret in (session.ref, simulator.password, 'old secret', 'wrong secret'):
        assert secret not in text
    assert {entry['session'] for entry in simulator.journal() if entry['method'] == 'session.logout'} != {None}


@pytest.mark.parametrize('method, kind', [
    ('session.login_with_password', 'session'), ('session.logout', 'session'), ('event.from', 'read'),
    ('VM.get_all', 'read'),
    ('VM.assert_can_boot_here', 'read'), ('VM.set_name_label', 'write'), ('VM.add_tags', 'write'),
    ('VDI.create', 'write'),
    ('Async.VM.clone', 'write'), ('SR.scan', 'write'), ('task.destroy', 'write'), ('host.call_plugin', 'write')])
def test_a_call_reads_or_writes(simulator, method, kind):
    with pytest.raises(Failure):
        Session(simulator).call(method, 'OpaqueRef:none')
    assert simulator.journal()[-1]['kind'] == kind


# ---------------------------------------------------------------- faults

def test_a_rule_hits_calls_by_method_object_and_count(simulator, session):
    one, other = session.SR.get_all()[:2]
    simulator.fault(method='SR.get_*', object=one, skip=1, count=1, error=['HOST_OFFLINE', 'x'])
    assert session.SR.get_uuid(one) and session.SR.get_uuid(other)
    with pytest.raises(Failure) as caught:
        session.SR.get_uuid(one)
    assert [caught.value.code, *caught.value.params] == ['HOST_OFFLINE', 'x']
    assert session.SR.get_uuid(one)
    assert simulator.control('GET', 'faults')[0]['hit'] == 1


def test_a_call_can_be_late(simulator, session):
    simulator.fault(method='SR.get_all', delay=0.3, count=1)
    started = time.monotonic()
    session.SR.get_all()
    assert 0.3 <= time.monotonic() - started < 3


@pytest.mark.parametrize('when, made', [('before', 0), ('after', 1)])
def test_a_connection_can_drop_before_or_after_the_effect(simulator, session, when, made):
    simulator.fault(method='network.create', drop=when, count=1)
    with pytest.raises((http.client.HTTPException, OSError)):
        session.network.create({'name_label': 'dropped', 'other_config': {}})
    assert len(session.network.get_by_name_label('dropped')) == made


def test_an_answer_can_be_cut(simulator, session):
    simulator.fault(method='SR.get_all', truncate=100, count=1)
    with pytest.raises(http.client.IncompleteRead):
        session.SR.get_all()
    assert session.SR.get_all()


def test_a_session_can_end(simulator):
    session = simulator.login()
    simulator.fault(method='SR.get_all', expire=True, count=1)
    with pytest.raises(Failure) as caught:
        session.SR.get_all()
    assert caught.value.code == 'SESSION_INVALID'


@pytest.mark.parametrize('rule', [
    {'method': 'VM.start'}, {'error': ['HOST_OFFLINE']}, {'method': 'x', 'error': ['NO_SUCH_CODE']},
    {'method': 'x', 'drop': 'never'},
    {'method': 'x', 'colour': 'red'}, {'method': 'x', 'count': '1', 'delay': 1}, {'method': 'x', 'expire': 1}])
def test_a_rule_that_cannot_work_is_refused(simulator, rule):
    with pytest.raises(ValueError, match=r'\w'):
        simulator.fault(**rule)
    assert simulator.control('GET', 'faults') == []


# ---------------------------------------------------------------- leaks, reset, coverage

def test_leaks_are_what_nobody_owns(simulator):
    assert simulator.leaks() == {}
    session = simulator.login()
    sr = session.SR.get_by_name_label('Local storage')[0]
    vdi = session.VDI.create({**DISK, 'SR': sr})
    session.task.create('t', '')
    leaks = simulator.leaks()
    assert set(leaks) == {'session', 'task', 'VDI'}
    assert (leaks['VDI'][0]['ref'], leaks['VDI'][0]['name_label'],
            leaks['VDI'][0]['why']) == (vdi, 'd', 'no VBD uses it')


def test_reset_is_the_start(simulator):
    session = simulator.login()
    before, networks = session.VM.get_all_records(), session.network.get_all()
    for vm in session.VM.get_by_name_label('Debian Bookworm 12'):
        session.VM.set_name_label(vm, 'changed')
    session.network.create({'other_config': {}})
    simulator.reset()
    with pytest.raises(Failure) as caught:
        session.VM.get_all()
    assert caught.value.code == 'SESSION_INVALID'
    session = simulator.login()
    assert session.VM.get_all_records() == before
    assert session.network.get_all() == networks
    session.session.logout()


def test_coverage_counts_what_is_answered(simulator):
    coverage = simulator.control('GET', 'coverage')
    assert coverage['task']['missing'] == []
    assert coverage['event']['implemented'] == coverage['event']['messages'] == 6
    assert 'pool_migrate' not in coverage['VM']['missing']
    assert 0 < sum(row['implemented'] for row in coverage.values()) <= sum(row['messages'] for row in coverage.values())


@pytest.mark.parametrize('method, action, told', [('GET', 'nothing', None), ('POST', 'clock', {'advance': 1}),
                                                  ('POST', 'faults', 5)])
def test_what_control_cannot_do_it_says(simulator, method, action, told):
    with pytest.raises(ValueError, match=r'\w'):
        simulator.control(method, action, told)


# ---------------------------------------------------------------- time

def test_a_stepped_clock_moves_by_order_only():
    with start_simulator(clock='ticks') as simulator:
        session = simulator.login()
        host = session.host.get_all()[0]
        start = session.host.get_servertime(host)
        time.sleep(1.1)
        assert session.host.get_servertime(host) == start
        simulator.advance(90)
        assert session.host.get_servertime(host) != start
        simulator.advance(25 * 3600)
        with pytest.raises(Failure) as caught:
            session.host.get_servertime(host)
        assert caught.value.code == 'SESSION_INVALID'
        assert simulator.errors() == ''


def addresses(session, vm):
    metrics = session.VM.get_guest_metrics(vm)
    return {} if metrics == 'OpaqueRef:NULL' else session.VM_guest_metrics.get_networks(metrics)


def test_guests_boot_on_the_stepped_clock():
    with start_simulator(clock='ticks') as simulator:
        session = simulator.login()
        vm = session.VM.clone(session.VM.get_by_name_label('Other install media')[0], 'guest')
        session.VM.provision(vm)
        session.VIF.create({'VM': vm, 'network': session.network.get_all()[0], 'device': '0', 'MAC': '', 'MTU': '1500',
                            'other_config': {}, 'qos_algorithm_type': '', 'qos_algorithm_params': {}})
        session.VM.start(vm, False, False)
        assert addresses(session, vm) == {}
        simulator.advance(60)
        assert '0/ip' in addresses(session, vm)


def test_many_clients_at_once(simulator):
    """Each has a session and a network of its own; nobody sees an error."""
    problems = []

    def work(number):
        try:
            session = simulator.login()
            for unused in range(20):
                session.network.destroy(session.network.create({'name_label': str(number), 'other_config': {}}))
            session.session.logout()
        except (Failure, OSError, xmlrpc.client.Error) as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert simulator.leaks() == {}
