# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks: Async calls, and what clients do to tasks."""

from __future__ import annotations

import time

import pytest

from ansible_collections.xapi.xen.tests.support.simulator import Failure, start_simulator


def finished(session, task, seconds=5):
    """The record of a task that has ended."""
    until = time.monotonic() + seconds
    while session.task.get_status(task) == 'pending' and time.monotonic() < until:
        time.sleep(0.01)
    return session.task.get_record(task)


@pytest.fixture
def template(session):
    return session.VM.get_by_name_label('Other install media')[0]


def test_a_result_is_a_fragment_of_xml_rpc(session, template):
    task = session.Async.VM.clone(template, 'made by a task')
    record = finished(session, task)
    vm = session.VM.get_by_name_label('made by a task')[0]
    assert (record['status'], record['result'], record['error_info']) == ('success', f'<value>{vm}</value>', [])
    assert (record['progress'], record['name_label'], record['type']) == (1.0, 'Async.VM.clone', '<none/>')
    assert record['resident_on'] == session.host.get_all()[0]
    session.VM.set_is_a_template(vm, False)
    assert finished(session, session.Async.VM.destroy(vm))['result'] == '<value></value>'


def test_a_failure_is_in_the_task(session):
    record = finished(session, session.Async.VM.start('OpaqueRef:none', False, False))
    assert (record['status'], record['error_info'], record['result'], record['progress']) == (
        'failure', ['HANDLE_INVALID', 'VM', 'OpaqueRef:none'], '', 1.0)


def test_what_is_wrong_with_the_call_is_told_at_once(session):
    with pytest.raises(Failure) as caught:
        session.Async.VM.start('OpaqueRef:none', 'x', False)
    assert caught.value.code == 'INTERNAL_ERROR'
    with pytest.raises(Failure) as caught:
        session.Async.VM.start('OpaqueRef:none')
    assert [caught.value.code, *caught.value.params] == ['MESSAGE_PARAMETER_COUNT_MISMATCH', 'VM.start', '3', '1']


def test_tasks_of_clients(session):
    task = session.task.create('mine', 'told')
    session.task.set_progress(task, 0.25)
    session.task.set_result(task, 'partly')
    record = session.task.get_record(task)
    assert (record['status'], record['progress'], record['result'],
            record['name_description']) == ('pending', 0.25, 'partly', 'told')
    session.task.cancel(task)
    assert list(session.task.get_current_operations(task).values()) == ['cancel']
    session.task.destroy(task)
    assert task in session.task.get_all()
    session.task.set_status(task, 'success')
    session.task.destroy(task)
    assert task not in session.task.get_all()


def test_tasks_of_synchronous_calls_do_not_stay(session, template):
    vm = session.VM.clone(template, 'quick')
    session.VM.set_is_a_template(vm, False)
    session.VM.destroy(vm)
    assert [row['name_label'] for row in session.task.get_all_records().values()
            if row['name_label'] == 'VM.clone'] == []


def test_work_takes_the_pools_time():
    """A slow disk keeps a snapshot running for two seconds of the pool's time."""
    with start_simulator(clock='ticks', guests='marked') as simulator:
        session = simulator.login()
        sr = session.SR.get_by_name_label('Local storage')[0]
        vdi = session.VDI.create({'name_label': 'slow2-disk', 'SR': sr, 'virtual_size': '1048576', 'type': 'user',
                                  'sharable': False,
                                  'read_only': False, 'other_config': {}})
        task = session.Async.VDI.snapshot(vdi, {})
        until = time.monotonic() + 5
        while not session.VDI.get_current_operations(vdi) and time.monotonic() < until:
            time.sleep(0.01)
        assert session.VDI.get_current_operations(vdi) == {task: 'snapshot'}
        assert session.task.get_status(task) == 'pending'
        simulator.advance(3)
        assert finished(session, task)['status'] == 'success'
        assert session.VDI.get_current_operations(vdi) == {}
        assert simulator.errors() == ''
