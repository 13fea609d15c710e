# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a session begins, what happens to calls whose answer does not come, and how it ends."""

from __future__ import annotations

import socket
import ssl
import threading
import time
import urllib.parse

import pytest

from ansible_collections.xapi.xen.plugins.module_utils._errors import ApiError, ParameterError, XenError
from ansible_collections.xapi.xen.tests.unit.plugins.drive import Driver
from ansible_collections.xapi.xen.tests.unit.plugins.sources import SourceServer

LOOK = {'match': 'default-sr:true'}
CLONE = {'name': 'web', 'template': 'Other install media'}
BARE = {'name': 'web', 'memory': '256MiB', 'vcpus': 1, 'disks': [{'name': 'root', 'size': '1GiB'}]}
OTHER_PIN = 'ab' * 32


# ---------------------------------------------------------------- certificates


@pytest.fixture
def secured(simulators):
    return simulators(tls=True)


def test_a_certificate_that_nobody_vouches_for_is_refused_before_anything_is_sent(secured):
    error = Driver(secured).fail('xen_sr', **LOOK)
    presented = secured.fingerprint.replace(':', '').lower()
    assert (error.code, error.details) == ('CERTIFICATE_REJECTED', [presented])
    assert presented in error.hint and 'validate_certs: false' in error.hint and 'ca_path' in error.hint
    assert secured.methods() == []


@pytest.mark.parametrize('pins', [lambda right: [right], lambda right: [OTHER_PIN, right.replace(':', '').lower()]])
def test_a_pinned_certificate_is_accepted(secured, pins):
    Driver(secured, fingerprint=pins(secured.fingerprint)).settled('xen_sr', **LOOK)


def test_another_certificate_than_the_pinned_one_is_refused_before_anything_is_sent(secured):
    for more in ({}, {'validate_certs': False}):
        error = Driver(secured, fingerprint=[OTHER_PIN], **more).fail('xen_sr', **LOOK)
        assert error.code == 'CERTIFICATE_REJECTED' and error.details == [secured.fingerprint.replace(':', '').lower()]
        assert secured.methods() == []


def test_a_certificate_is_accepted_by_its_authority(secured, tmp_path):
    parts = urllib.parse.urlsplit(secured.url)
    (tmp_path / 'ca.pem').write_text(ssl.get_server_certificate((parts.hostname, parts.port)))
    Driver(secured, ca_path=str(tmp_path / 'ca.pem')).settled('xen_sr', **LOOK)


def test_certificates_are_not_looked_at_when_told_so(secured):
    Driver(secured, validate_certs=False).settled('xen_sr', **LOOK)


def test_a_bare_name_means_https(simulator):
    error = Driver(simulator, hostname=urllib.parse.urlsplit(simulator.url).netloc, api_timeout=0.5).fail(
        'xen_sr', **LOOK
    )
    assert error.code == 'CONNECTION_FAILED' and error.message.startswith('can not connect to https://127.0.0.1:')
    assert simulator.methods() == []


# ---------------------------------------------------------------- the coordinator


def fake_slave(simulators, coordinator, **options):
    """Another simulator, with a certificate of its own, that names the coordinator at every login."""
    slave = simulators(username='root', **options)
    slave.fault(
        method='session.login_with_password', error=['HOST_IS_SLAVE', urllib.parse.urlsplit(coordinator.url).netloc]
    )
    return slave


def test_the_coordinator_is_followed(simulators):
    coordinator = simulators()
    slave = fake_slave(simulators, coordinator)
    xen = Driver(coordinator, hostname=slave.url)
    xen.settled('xen_sr', **LOOK)
    xen.run('xen_vdi', name='data', size='1GiB')
    assert [leak['name_label'] for leak in coordinator.leaks()['VDI']] == ['data']


def slaves_of(pool):
    """The addresses of the hosts that are not the coordinator."""
    return sorted(set(pool.control('GET', 'hosts').values()) - {pool.url})


def test_a_real_pool_names_its_coordinator(simulators):
    pool = simulators(topology='pool')
    session = pool.login()
    assert len(session.host.get_all()) == 3
    session.session.logout()
    for url in slaves_of(pool):
        pool.clear_journal()
        made = Driver(pool, hostname=url).run('xen_sr', **LOOK)
        assert pool.methods()[:2] == ['session.login_with_password'] * 2 and made.object['default']


def test_the_pins_go_along_to_the_coordinator(simulators):
    coordinator = simulators(tls=True)
    slave = fake_slave(simulators, coordinator, tls=True)
    assert slave.fingerprint != coordinator.fingerprint
    Driver(coordinator, hostname=slave.url, fingerprint=[slave.fingerprint, coordinator.fingerprint]).run(
        'xen_sr', **LOOK
    )
    error = Driver(coordinator, hostname=slave.url, fingerprint=[slave.fingerprint]).fail('xen_sr', **LOOK)
    assert error.code == 'CERTIFICATE_REJECTED' and error.details == [coordinator.fingerprint.replace(':', '').lower()]
    assert coordinator.methods() == [], 'no password was sent'


def test_a_coordinator_that_names_another_is_not_followed_twice(simulators):
    coordinator = simulators()
    slave = fake_slave(simulators, coordinator)
    coordinator.fault(method='session.login_with_password', error=['HOST_IS_SLAVE', '192.0.2.1'])
    error = Driver(coordinator, hostname=slave.url).fail('xen_sr', **LOOK)
    assert error.code == 'HOST_IS_SLAVE' and error.hint == 'Set hostname to the coordinator.'


# ---------------------------------------------------------------- logins that fail


def test_a_wrong_password(xen):
    xen.connection['password'] = 'secret-guess'
    error = xen.fail('xen_sr', **LOOK)
    assert error.code == 'SESSION_AUTHENTICATION_FAILED' and 'user name or the password of "root"' in error.message
    assert 'XENSERVER_PASSWORD' in error.hint and 'secret-guess' not in f'{error.message}{error.details}{error.hint}'


def test_a_host_that_is_not_there(xen):
    with socket.create_server(('127.0.0.1', 0)) as listener:
        port = listener.getsockname()[1]
    xen.connection['hostname'] = f'http://127.0.0.1:{port}'
    error = xen.fail('xen_sr', **LOOK)
    assert (error.code, error.message) == (
        'CONNECTION_FAILED',
        f'can not connect to http://127.0.0.1:{port}: Connection refused',
    )
    assert error.hint.startswith('Check hostname')


def test_a_name_that_nobody_knows(xen):
    xen.connection['hostname'] = 'no-such-host.invalid'
    error = xen.fail('xen_sr', **LOOK)
    assert (
        error.code == 'CONNECTION_FAILED'
        and 'https://no-such-host.invalid' in error.message
        and 'hostname' in error.hint
    )


def test_a_server_that_does_not_speak_xenapi(xen):
    with SourceServer(b'hello') as server:
        xen.connection['hostname'] = server.url.rpartition('/')[0]
        error = xen.fail('xen_sr', **LOOK)
    assert error.code == 'CONNECTION_FAILED' and server.url.rpartition('/')[0] in error.message and error.hint


def hang_up(listener):
    listener.accept()[0].close()


@pytest.mark.parametrize('answers', [False, True], ids=['silent', 'hanging up'])
def test_a_host_that_takes_the_connection_and_does_not_answer_the_login(xen, answers):
    with socket.create_server(('127.0.0.1', 0)) as listener:
        if answers:
            threading.Thread(target=hang_up, args=(listener,), daemon=True).start()
        xen.connection.update(hostname=f'http://127.0.0.1:{listener.getsockname()[1]}', api_timeout=0.3)
        started = time.monotonic()
        error = xen.fail('xen_sr', **LOOK)
        assert time.monotonic() - started < 3
    assert (
        error.code == 'CONNECTION_FAILED'
        and 'did not answer the login' in error.message
        and 'dom0 is not full' in error.hint
    )


@pytest.mark.parametrize('option', ['hostname', 'fingerprint', 'ca_path'])
def test_what_makes_no_sense_is_refused_with_the_option(xen, option):
    xen.connection[option] = {'hostname': 'ftp://x', 'fingerprint': ['beef'], 'ca_path': '/nowhere'}[option]
    if option == 'ca_path':
        xen.connection['hostname'] = 'https://127.0.0.1:1'
    error = xen.fail('xen_sr', **LOOK)
    assert isinstance(error, ParameterError) and error.message.startswith(f'{option}: ') and error.hint
    assert xen.simulator.methods() == []


# ---------------------------------------------------------------- answers that do not come


@pytest.mark.parametrize(
    'options, method', [(CLONE, 'VM.clone'), (BARE, 'VM.create'), (BARE, 'VDI.create'), (BARE, 'VBD.create')]
)
@pytest.mark.parametrize('how', ['before', 'after'])
def test_a_write_whose_answer_is_lost_is_never_sent_twice(xen, options, method, how):
    xen.simulator.fault(method=method, drop=how)
    error = xen.fail('xen_vm', **options)
    assert xen.simulator.methods().count(method) == 1
    assert error.code == 'FATE_UNKNOWN' and error.message.startswith(
        f'{method} was sent to {xen.simulator.url}, and the answer was lost'
    )
    assert error.hint.startswith('Look at the pool, then run again')
    assert how == 'after' or xen.simulator.leaks() == {}
    assert error.left_behind == [
        f'{cls} {uuid}: {method} may have made it' for cls, uuid in left_by_name(xen, method) if how == 'after'
    ]


def left_by_name(xen, method):
    """(class, uuid) of the VM or VDI that a lost answer hides."""
    cls = method.partition('.')[0]
    leaks = xen.simulator.leaks().get(cls, []) if cls in ('VM', 'VDI') else []
    session = xen.simulator.login()
    uuids = [session.call(f'{cls}.get_uuid', session.ref, leak['ref'] if isinstance(leak, dict) else leak) for leak in leaks]
    session.session.logout()
    return [(cls, uuid) for uuid in uuids]


def test_a_write_that_takes_too_long_is_never_sent_twice(xen):
    xen.simulator.fault(method='VDI.create', delay=0.5, count=1)
    xen.connection['api_timeout'] = 0.2
    error = xen.fail('xen_vdi', name='slow', size='1GiB')
    assert error.code == 'FATE_UNKNOWN' and 'no answer in time' in error.message
    assert xen.simulator.methods().count('VDI.create') == 1


def test_what_a_lost_answer_left_is_found_and_completed_by_the_next_run(xen):
    xen.simulator.fault(method='VM.create', drop='after', count=1)
    xen.fail('xen_vm', **BARE)
    assert len(xen.simulator.leaks()['VM']) == 1
    made = xen.change('xen_vm', **BARE)
    assert not made.created and [action['call'] for action in made.actions] == ['VDI.create', 'VBD.create']
    assert len(xen.simulator.leaks()['VM']) == 1


def test_a_read_whose_answer_is_lost_is_repeated(xen):
    xen.simulator.fault(method='VM.get_all_records_where', drop='after', count=1)
    xen.simulator.fault(method='event.from', drop='before', count=1)
    made = xen.run('xen_vm', **BARE)
    assert made.created and made.api['retries'] == 2 and xen.calls_counted() == made.api['calls']


def test_a_read_is_not_repeated_for_ever(xen):
    xen.simulator.fault(method='event.from', drop='before')
    error = xen.fail('xen_sr', **LOOK)
    assert error.code == 'FATE_UNKNOWN' and xen.simulator.methods().count('event.from') == 3
    assert xen.simulator.methods()[-1] == 'session.logout'


def test_a_read_that_takes_too_long_is_repeated(xen):
    xen.simulator.fault(method='event.from', delay=0.4, count=1)
    xen.connection['api_timeout'] = 0.2
    assert xen.run('xen_sr', **LOOK).api['retries'] == 1


def test_an_idle_connection_that_was_closed_is_opened_again_before_a_write(xen):
    with xen.session() as session:
        session.call('pool.get_all')
        session._transport.open.sock.shutdown(socket.SHUT_RD)
        vdi = session.call('VDI.create', xen.disk(session, 'x', 1 << 20))
        session.call('VDI.destroy', vdi)
        assert session.statistics.retries == 0
    xen.assert_nothing_open()


def test_a_busy_host_is_asked_again(xen):
    xen.simulator.fault(method='VM.create', error=['TOO_MANY_PENDING_TASKS'], count=3)
    made = xen.run('xen_vm', **BARE)
    assert made.created and made.api['retries'] == 3 and xen.simulator.methods().count('VM.create') == 4
    assert sum(xen.clock.slept) > 2


def test_a_host_that_stays_busy_is_an_error(xen):
    xen.simulator.fault(method='VM.create', error=['TOO_MANY_PENDING_TASKS'])
    error = xen.fail('xen_vm', **BARE)
    assert error.code == 'TOO_MANY_PENDING_TASKS' and 'Run fewer jobs' in error.hint
    assert xen.simulator.methods().count('VM.create') == 6


# ---------------------------------------------------------------- sessions that end


def test_a_read_logs_in_again_once(xen):
    xen.simulator.fault(method='event.from', expire=True, count=1)
    assert xen.run('xen_sr', **LOOK).api['retries'] == 1
    assert xen.simulator.methods().count('session.login_with_password') == 2
    xen.simulator.clear_faults()
    xen.simulator.fault(method='event.from', expire=True)
    assert xen.fail('xen_sr', **LOOK).code == 'SESSION_INVALID'
    assert xen.simulator.methods().count('session.login_with_password') == 2


def test_a_write_does_not_log_in_again(xen):
    xen.simulator.fault(method='VDI.create', expire=True, count=1)
    error = xen.fail('xen_vdi', name='data', size='1GiB')
    assert error.code == 'SESSION_INVALID' and xen.simulator.methods().count('VDI.create') == 1


def test_what_was_made_is_taken_back_although_the_session_ended(xen):
    xen.simulator.fault(method='VBD.create', expire=True, count=1)
    error = xen.fail('xen_vm', **BARE)
    assert (error.code, error.left_behind, xen.simulator.leaks()) == ('SESSION_INVALID', [], {})


def test_a_session_of_somebody_else_is_used_and_left_alone(xen):
    mine = xen.simulator.login()
    params = {'password': None, 'session': mine.ref}
    with xen.session(**params) as session:
        assert len(session.call('pool.get_all')) == 1
    assert 'session.logout' not in xen.simulator.methods()
    assert len(mine.pool.get_all()) == 1
    mine.session.logout()
    with pytest.raises(ApiError) as caught, xen.session(**params) as session:
        session.call('pool.get_all')
    assert caught.value.code == 'SESSION_INVALID' and 'username and password' in caught.value.hint
    assert 'OpaqueRef:' not in str(caught.value), 'the reference of a session is a secret'


def test_a_logout_that_fails_is_no_failure(xen):
    xen.simulator.fault(method='session.logout', error=['INTERNAL_ERROR', 'x'])
    with xen.session() as session:
        session.call('pool.get_all')
    xen.simulator.clear_faults()


def test_whatever_happens_inside_the_session_is_logged_out(xen):
    for problem in (XenError('x'), KeyError('x'), KeyboardInterrupt()):
        with pytest.raises(type(problem)), xen.session():
            raise problem
        xen.assert_nothing_open()
