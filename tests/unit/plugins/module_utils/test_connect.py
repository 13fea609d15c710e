# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib

import pytest

from ansible_collections.xapi.xen.plugins.module_utils._connect import Target, TlsPolicy, normalize_fingerprint
from ansible_collections.xapi.xen.plugins.module_utils._errors import CertificateRejected, ParameterError

POLICY = TlsPolicy(fingerprints=('ab' * 32,))


def parse(hostname):
    return Target.parse(hostname, POLICY, 30.0)


@pytest.mark.parametrize(
    'hostname, url, host, port',
    [
        ('xen1', 'https://xen1', 'xen1', None),
        (' xen1.example.org ', 'https://xen1.example.org', 'xen1.example.org', None),
        ('xen1:8443', 'https://xen1:8443', 'xen1', 8443),
        ('192.0.2.1', 'https://192.0.2.1', '192.0.2.1', None),
        ('192.0.2.1:443', 'https://192.0.2.1:443', '192.0.2.1', 443),
        ('2001:db8::1', 'https://[2001:db8::1]', '2001:db8::1', None),
        ('[2001:db8::1]', 'https://[2001:db8::1]', '2001:db8::1', None),
        ('[2001:db8::1]:8443', 'https://[2001:db8::1]:8443', '2001:db8::1', 8443),
        ('https://xen1', 'https://xen1', 'xen1', None),
        ('https://xen1/', 'https://xen1', 'xen1', None),
        ('http://xen1', 'http://xen1', 'xen1', None),
        ('http://[::1]:8080', 'http://[::1]:8080', '::1', 8080),
    ],
)
def test_an_address_is_read(hostname, url, host, port):
    target = parse(hostname)
    assert (target.url, target.host, target.port, target.tls, target.timeout) == (url, host, port, POLICY, 30.0)


@pytest.mark.parametrize(
    'hostname',
    [
        '',
        ' ',
        'ftp://xen1',
        'https://',
        'xen1:port',
        'xen1:99999',
        'https://root:secret@xen1',
        'root@xen1',
        'xen1:-1',
        'http://[::1',
    ],
)
def test_what_is_no_address_is_refused_with_the_option(hostname):
    with pytest.raises(ParameterError, match=r'^hostname: .* is no address of a host$') as caught:
        parse(hostname)
    assert 'https://host' in caught.value.hint


@pytest.mark.parametrize(
    'first, address, url',
    [
        ('xen1', '192.0.2.2', 'https://192.0.2.2'),
        ('http://xen1:8080', '192.0.2.2', 'http://192.0.2.2:8080'),
        ('http://xen1:8080', '192.0.2.2:8081', 'http://192.0.2.2:8081'),
        ('xen1', '2001:db8::2', 'https://[2001:db8::2]'),
        ('xen1', 'https://xen2:444', 'https://xen2:444'),
    ],
)
def test_another_host_is_judged_by_the_same_policy(first, address, url):
    moved = parse(first).moved_to(address)
    assert (moved.url, moved.tls, moved.timeout) == (url, POLICY, 30.0)


def test_a_host_does_not_lead_from_https_to_http():
    """What is verified must not become plain because a host says so."""
    assert parse('https://xen1').moved_to('http://192.0.2.2').url == 'https://192.0.2.2'
    assert parse('https://xen1:8443').moved_to('http://192.0.2.2:80').url == 'https://192.0.2.2:8443'
    assert parse('http://xen1').moved_to('https://192.0.2.2').scheme == 'https'


@pytest.mark.parametrize('text', ['AB' * 32, ':'.join(['ab'] * 32), 'SHA256:' + 'ab' * 32, ' ' + 'ab' * 32 + '\n'])
def test_a_fingerprint_has_many_forms(text):
    assert normalize_fingerprint(text) == 'ab' * 32


@pytest.mark.parametrize('text', ['', 'ab' * 20, 'zz' * 32, 'ab' * 33])
def test_what_is_no_fingerprint_is_refused(text):
    with pytest.raises(ParameterError, match=r'^fingerprint: .* is no SHA-256 fingerprint$') as caught:
        normalize_fingerprint(text)
    assert '64 hexadecimal digits' in caught.value.hint


def test_one_of_several_pins_is_enough():
    right = hashlib.sha256(b'certificate').hexdigest()
    TlsPolicy(fingerprints=('ab' * 32, right)).check_pin('xen1', b'certificate')
    TlsPolicy().check_pin('xen1', b'whatever')
    with pytest.raises(CertificateRejected) as caught:
        TlsPolicy(fingerprints=('ab' * 32,)).check_pin('xen1', b'certificate')
    assert caught.value.details == [right] and 'set the new fingerprint' in caught.value.hint


def test_an_unusable_ca_path_is_refused(tmp_path):
    empty = tmp_path / 'ca.pem'
    empty.write_text('no certificate')
    for path, told in ((tmp_path / 'absent', 'does not exist'), (empty, 'holds no usable certificate')):
        with pytest.raises(ParameterError, match=f'^ca_path: .* {told}'):
            TlsPolicy(ca_path=str(path)).context()
