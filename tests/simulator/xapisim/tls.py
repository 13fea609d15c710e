# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS: a certificate for localhost made at start, or one that is given.

The certificate is self-signed with ECDSA on P-256, which plain Python does in milliseconds. The key guards a test
server on the loopback interface for as long as it runs: nothing here resists timing attacks.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import ssl
import tempfile
import time

from xapisim import der

# NIST P-256
P = 2 ** 256 - 2 ** 224 + 2 ** 192 + 2 ** 96 - 1
A = P - 3
N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
G = (0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296,
     0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5)
ECDSA_SHA256 = der.oid('1.2.840.10045.4.3.2')
EC_KEY, CURVE = der.oid('1.2.840.10045.2.1'), der.oid('1.2.840.10045.3.1.7')
DAY = 86400


def context(cert=None, key=None):
    """(server context, fingerprint): the SHA-256 of the certificate as XenAPI tools show it, hex with colons."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if cert:
        made.load_cert_chain(cert, key)
        with open(cert, encoding='ascii') as pem:
            certificate = ssl.PEM_cert_to_DER_cert(_first_certificate(pem.read()))
        return made, fingerprint(certificate)
    certificate, private = self_signed()
    handle, path = tempfile.mkstemp(prefix='xapisim-', suffix='.pem')
    try:
        with os.fdopen(handle, 'w') as pem:   # the ssl module takes keys from files only
            pem.write(_pem('EC PRIVATE KEY', private) + _pem('CERTIFICATE', certificate))
        made.load_cert_chain(path)
    finally:
        os.unlink(path)
    return made, fingerprint(certificate)


def fingerprint(certificate):
    digest = hashlib.sha256(certificate).hexdigest().upper()
    return ':'.join(digest[at:at + 2] for at in range(0, len(digest), 2))


def _pem(label, data):
    coded = base64.b64encode(data).decode()
    lines = '\n'.join(coded[at:at + 64] for at in range(0, len(coded), 64))
    return '-----BEGIN %s-----\n%s\n-----END %s-----\n' % (label, lines, label)


def _first_certificate(pem):
    begin, end = '-----BEGIN CERTIFICATE-----', '-----END CERTIFICATE-----'
    return pem[pem.index(begin):pem.index(end) + len(end)]


# ---------------------------------------------------------------- the certificate

def self_signed():
    """(certificate, private key), both DER."""
    secret = secrets.randbelow(N - 1) + 1
    point = _encoded(_times(secret, G))
    name = der.sequence(der.tagged(0x31, der.sequence(der.oid('2.5.4.3'), der.text('XenAPI simulator'))))
    now = time.time()
    validity = der.sequence(*(der.utc_time(time.gmtime(moment)) for moment in (now - DAY, now + 3650 * DAY)))
    public = der.sequence(der.sequence(EC_KEY, CURVE), der.bits(point))
    body = der.sequence(der.tagged(0xa0, der.integer(2)), der.integer(secrets.randbits(120) | 1 << 119),
                        der.sequence(ECDSA_SHA256), name,
                        validity, name, public, der.tagged(0xa3, der.sequence(*_extensions(point))))
    certificate = der.sequence(body, der.sequence(ECDSA_SHA256), der.bits(_signature(secret, body)))
    private = der.sequence(der.integer(1), der.octets(secret.to_bytes(32, 'big')), der.tagged(0xa0, CURVE),
                           der.tagged(0xa1, der.bits(point)))
    return certificate, private


def _extensions(point):
    """Its own authority, for a server named localhost or 127.0.0.1: enough for strict verification."""
    identifier = hashlib.sha1(point).digest()
    names = der.sequence(der.tagged(0x82, b'localhost'), der.tagged(0x87, bytes((127, 0, 0, 1))))
    yield _extension('2.5.29.19', der.sequence(der.boolean(True)),
                     critical=True)          # basic constraints: an authority
    yield _extension('2.5.29.15', der.bits(b'\x84', unused=2),
                     critical=True)               # key usage: signatures, certificates
    yield _extension('2.5.29.37', der.sequence(der.oid('1.3.6.1.5.5.7.3.1')))   # extended key usage: TLS server
    yield _extension('2.5.29.14', der.octets(identifier))   # subject's key
    yield _extension('2.5.29.35', der.sequence(der.tagged(0x80, identifier)))   # authority's key
    yield _extension('2.5.29.17', names)   # subject's other names


def _extension(number, value, critical=False):
    return der.sequence(der.oid(number), *([der.boolean(True)] if critical else []), der.octets(value))


def _signature(secret, body):
    """ECDSA with SHA-256."""
    digest = int.from_bytes(hashlib.sha256(body).digest(), 'big')
    nonce = secrets.randbelow(N - 1) + 1
    r = _times(nonce, G)[0] % N
    s = pow(nonce, -1, N) * (digest + r * secret) % N
    return der.sequence(der.integer(r), der.integer(s))


# ---------------------------------------------------------------- points of the curve

def _times(factor, point):
    result = None
    while factor:
        if factor & 1:
            result = _plus(result, point)
        point = _plus(point, point)
        factor >>= 1
    return result


def _plus(left, right):
    if left is None or right is None:
        return left or right
    if left[0] == right[0] and (left[1] + right[1]) % P == 0:
        return None
    if left == right:
        slope = (3 * left[0] * left[0] + A) * pow(2 * left[1], -1, P)
    else:
        slope = (right[1] - left[1]) * pow(right[0] - left[0], -1, P)
    x = (slope * slope - left[0] - right[0]) % P
    return x, (slope * (left[0] - x) - left[1]) % P


def _encoded(point):
    return b'\x04' + point[0].to_bytes(32, 'big') + point[1].to_bytes(32, 'big')
