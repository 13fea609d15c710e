# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The XenAPI SDK as scripts use it, without anything of this collection in between."""

from __future__ import annotations

import contextlib

import pytest
import XenAPI

from ansible_collections.xapi.xen.tests.support.simulator import start_simulator

SECONDS = 10.0


@contextlib.contextmanager
def logged_in(simulator, **options):
    session = XenAPI.Session(simulator.url, **options)
    session.login_with_password(simulator.username, simulator.password, '1.0', 'script')
    try:
        yield session.xenapi
    finally:
        session.logout()


def new_vm(api) -> str:
    template, = api.VM.get_by_name_label('Other install media')
    vm = api.VM.clone(template, 'scripted')
    api.VM.provision(vm)
    return vm


def events_until(api, classes, token, enough) -> list[dict]:
    """The events since the token, up to those that are enough; each wait must bring some."""
    seen = []
    while not enough(seen):
        batch = getattr(api.event, 'from')(classes, token, SECONDS)   # `from` is a word of Python's own
        assert batch['events'], 'no event came'
        seen, token = seen + batch['events'], batch['token']
    return seen


def test_reads_every_vm(simulator, refused):
    with logged_in(simulator) as api:
        records = api.VM.get_all_records()
        assert set(records) == set(api.VM.get_all())
        (ref, dom0), = ((ref, record) for ref, record in records.items() if record['is_control_domain'])
        assert api.VM.get_by_uuid(dom0['uuid']) == ref
        assert api.VM.get_record(ref) == dom0
        assert api.host.get_control_domain(dom0['resident_on']) == ref
        assert isinstance(dom0['memory_static_max'], str), 'integers travel as strings'
    assert refused() == []
    assert simulator.leaks() == {}


def test_hears_of_a_vm_that_starts_in_the_background(simulator, refused):
    with logged_in(simulator) as api:
        vm = new_vm(api)
        token = getattr(api.event, 'from')([f'VM/{vm}', 'task'], '', SECONDS)['token']
        task = api.Async.VM.start(vm, False, False)
        done = ('task', task, 'success')
        events = events_until(api, [f'VM/{vm}', 'task'], token, lambda seen: done in map(outcome, seen))
        states = [event['snapshot']['power_state'] for event in events if event['ref'] == vm]

        assert {event['ref'] for event in events if event['class'] == 'vm'} == {vm}
        assert states[-1] == 'Running'
        assert api.VM.get_resident_on(vm) == api.host.get_all()[0]
        api.task.destroy(task)
        api.VM.hard_shutdown(vm)
        api.VM.destroy(vm)
    assert refused() == []
    assert simulator.leaks() == {}


def outcome(event: dict) -> tuple:
    return event['class'], event['ref'], event.get('snapshot', {}).get('status')


def test_is_told_why_a_call_failed(simulator):
    with logged_in(simulator) as api:
        vm = new_vm(api)
        with pytest.raises(XenAPI.Failure) as failure:
            api.VM.hard_shutdown(vm)
        with pytest.raises(XenAPI.Failure) as unknown:
            api.VM.levitate(vm)
        api.VM.destroy(vm)

    assert failure.value.details == ['VM_BAD_POWER_STATE', vm, 'paused, suspended, running', 'halted']
    assert unknown.value.details == ['MESSAGE_METHOD_UNKNOWN', 'VM.levitate']


def test_logs_in_again_by_itself_when_its_session_ends(simulator):
    with logged_in(simulator) as api:
        simulator.fault(method='VM.get_all', expire=True, count=1)
        assert api.VM.get_all()
    assert simulator.methods().count('session.login_with_password') == 2


def test_is_sent_from_a_host_to_the_coordinator():
    with start_simulator(topology='pool') as simulator:
        member = next(url for url in simulator.control('GET', 'hosts').values() if url != simulator.url)
        with pytest.raises(XenAPI.Failure) as failure:
            XenAPI.Session(member).login_with_password(simulator.username, simulator.password)
        assert failure.value.details == ['HOST_IS_SLAVE', simulator.url.partition('//')[2]]


def test_speaks_https():
    with start_simulator(tls=True) as simulator, logged_in(simulator, ignore_ssl=True) as api:
        assert api.pool.get_all()
