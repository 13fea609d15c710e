# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting and stopping, pools of several hosts, and what is the same each time."""

from __future__ import annotations

import hashlib
import json
import os
import re
import resource
import ssl
import subprocess
import sys
import time
import urllib.parse
import xmlrpc.client

import pytest

from ansible_collections.xapi.xen.tests.support.simulator import PROGRAM, Failure, start_simulator


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where a simulator keeps its temporary files: apart from those of other tests."""
    folder = tmp_path / 'temporary'
    folder.mkdir()
    monkeypatch.setenv('TMPDIR', str(folder))
    return folder


def test_it_says_where_it_listens_and_leaves_nothing(tmp_path, folder):
    ready = tmp_path / 'ready.json'
    with start_simulator(ready_file=ready) as simulator:
        told = json.loads(ready.read_text())
        assert set(told) == {'url', 'username', 'password', 'fingerprint', 'pid'}
        assert (told['url'], told['pid'], told['fingerprint']) == (simulator.url, simulator.process.pid, None)
        assert simulator.login().VM.get_all()
        assert os.listdir(folder)
        assert simulator.stop() == 0
        assert simulator.errors() == ''
    assert (sorted(os.listdir(tmp_path)), os.listdir(folder)) == (['ready.json', 'temporary'], [])


def test_it_starts_within_a_second():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with start_simulator(topology='pool', tls=True):
        pass
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Of the processor, for other tests may keep it busy.
    assert after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime < 1.5


def test_it_stops_with_its_parent():
    simulator = start_simulator()
    simulator.process.stdin.close()
    assert simulator.process.wait(timeout=5) == 0
    simulator.process.stdout.close()


@pytest.mark.parametrize('arguments, reason', [
    (['--cert', 'x'], '--tls'), (['--tls', '--cert', 'x'], '--key'), (['--seed', '/no/such'], '--seed'),
    (['--clock', 'sun'], 'invalid choice')])
def test_options_that_make_no_sense_end_it(arguments, reason):
    ended = subprocess.run([sys.executable, str(PROGRAM), *arguments], capture_output=True, text=True, timeout=20,
                           check=False)
    assert ended.returncode == 2 and reason in ended.stderr and ended.stdout == ''


@pytest.mark.parametrize('name', ['localhost', '127.0.0.1'])
def test_its_certificate_can_be_verified(name, tmp_path):
    with start_simulator(tls=True) as simulator:
        parts = urllib.parse.urlsplit(simulator.url)
        pem = ssl.get_server_certificate((parts.hostname, parts.port))
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
        assert simulator.fingerprint.replace(':', '').lower() == digest
        assert re.fullmatch('([0-9A-F]{2}:){31}[0-9A-F]{2}', simulator.fingerprint)
        (tmp_path / 'ca.pem').write_text(pem)
        context = ssl.create_default_context(cafile=tmp_path / 'ca.pem')
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        with xmlrpc.client.ServerProxy(f'https://{name}:{parts.port}', context=context) as proxy:
            assert proxy.session.login_with_password('root', simulator.password)['Status'] == 'Success'
        with pytest.raises(ssl.SSLCertVerificationError), xmlrpc.client.ServerProxy(simulator.url) as proxy:
            proxy.session.login_with_password('root', simulator.password)
        assert simulator.errors() == ''


def test_a_certificate_can_be_given(tmp_path):
    with start_simulator(tls=True) as simulator:
        parts = urllib.parse.urlsplit(simulator.url)
        assert ssl.get_server_certificate((parts.hostname, parts.port))
    from xapisim import tls
    certificate, key = tls.self_signed()
    (tmp_path / 'cert.pem').write_text(tls._pem('CERTIFICATE', certificate))
    (tmp_path / 'key.pem').write_text(tls._pem('EC PRIVATE KEY', key))
    with start_simulator(tls=True, cert=tmp_path / 'cert.pem', key=tmp_path / 'key.pem') as simulator:
        assert simulator.fingerprint == tls.fingerprint(certificate)
        assert simulator.login().VM.get_all()


def test_the_same_start_gives_the_same_names():
    found = []
    for unused in range(2):
        with start_simulator() as simulator:
            session = simulator.login()
            vm = session.VM.clone(session.VM.get_by_name_label('Other install media')[0], 'x')
            vif = session.VIF.create({'VM': vm, 'network': session.network.get_all()[0], 'device': '0', 'MAC': '',
                                      'MTU': '1500',
                                      'other_config': {}, 'qos_algorithm_type': '', 'qos_algorithm_params': {}})
            found.append((vm, session.VM.get_uuid(vm), vif, session.VIF.get_MAC(vif), sorted(session.role.get_all())))
    assert found[0] == found[1]


def test_the_small_pool_has_the_names_that_everybody_knows(session):
    pool = session.pool.get_all()[0]
    assert session.SR.get_name_label(session.pool.get_default_SR(pool)) == 'Local storage'
    assert {row['name_label'] for row in session.SR.get_all_records().values()} >= {'Local storage', 'NFS storage',
                                                                                    'ISO library'}
    assert {row['bridge'] for row in session.network.get_all_records().values()} == {'xenbr0', 'xenbr1', 'xenapi'}
    template = session.VM.get_record(session.VM.get_by_name_label('Debian Bookworm 12')[0])
    assert template['is_default_template'] and '<disk size="10737418240"' in template['other_config']['disks']
    assert 'supports-uefi' in template['recommendations']


def test_a_pool_has_three_hosts_of_which_one_answers():
    with start_simulator(topology='pool') as simulator:
        session = simulator.login()
        hosts = session.host.get_all_records()
        assert sorted(row['name_label'] for row in hosts.values()) == ['xcp-host1', 'xcp-host2', 'xcp-host3']
        assert len(session.SR.get_by_name_label('Local storage')) == 3
        default = session.SR.get_record(session.pool.get_default_SR(session.pool.get_all()[0]))
        assert default['shared'] and len(default['PBDs']) == 3
        coordinator = session.pool.get_master(session.pool.get_all()[0])
        addresses = simulator.control('GET', 'hosts')
        assert addresses[coordinator] == simulator.url
        for host, url in addresses.items():
            if host != coordinator:
                answer = simulator.xmlrpc('session.login_with_password', ['root', simulator.password], url=url)
                assert answer['ErrorDescription'] == ['HOST_IS_SLAVE', urllib.parse.urlsplit(simulator.url).netloc]


def test_wrong_credentials(simulator):
    with pytest.raises(Failure) as caught:
        simulator.login(password='wrong')
    assert [caught.value.code, *caught.value.params] == ['SESSION_AUTHENTICATION_FAILED', 'root',
                                                         'Authentication failure']
    with pytest.raises(Failure) as caught:
        simulator.login(username='who')
    assert caught.value.params[1] == 'User not known to the underlying authentication module'


def test_latency_is_added_to_calls():
    with start_simulator(latency=50) as simulator:
        session = simulator.login()
        started = time.monotonic()
        for unused in range(4):
            session.VM.get_all()
        assert time.monotonic() - started >= 0.2
