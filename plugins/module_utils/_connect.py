# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a host is and how it proves who it is: addresses, TLS policy, HTTP connections."""

from __future__ import annotations

import hashlib
import http.client
import os
import socket
import ssl
from dataclasses import dataclass, replace
from typing import Optional, cast
from urllib.parse import urlsplit

from ._errors import CertificateRejected, ConnectionFailed, ParameterError


def normalize_fingerprint(text: str) -> str:
    """A SHA-256 fingerprint as 64 lower-case hexadecimal digits; raises ParameterError."""
    digits = text.lower().replace('sha256:', '').replace(':', '').strip()
    if len(digits) != 64 or set(digits) - set('0123456789abcdef'):
        raise ParameterError(
            f'fingerprint: "{text}" is no SHA-256 fingerprint',
            hint='Give 64 hexadecimal digits, with or without colons.',
        )
    return digits


@dataclass(frozen=True)
class TlsPolicy:
    """How the certificate of a host is judged.

    A fingerprint takes the place of the check against certificate authorities, so that a self-signed pool can be pinned.
    """

    verify: bool = True
    ca_path: Optional[str] = None
    fingerprints: tuple[str, ...] = ()

    def context(self) -> ssl.SSLContext:
        if self.ca_path and not os.path.exists(self.ca_path):
            raise ParameterError(
                f'ca_path: {self.ca_path} does not exist', hint='Give a file or folder with certificates in PEM form.'
            )
        if not self.verify or self.fingerprints:
            return self._unverified()
        folder = self.ca_path is not None and os.path.isdir(self.ca_path)
        try:
            return ssl.create_default_context(
                cafile=None if folder else self.ca_path, capath=self.ca_path if folder else None
            )
        except (ssl.SSLError, OSError) as error:
            raise ParameterError(f'ca_path: {self.ca_path} holds no usable certificate: {error}') from error

    @staticmethod
    def _unverified() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context

    def check_pin(self, host: str, certificate: Optional[bytes]) -> None:
        """Raise CertificateRejected unless the certificate (DER) is one of the pinned ones."""
        presented = hashlib.sha256(certificate or b'').hexdigest()
        if self.fingerprints and presented not in self.fingerprints:
            raise CertificateRejected(
                f'the certificate of {host} does not have the expected fingerprint; it has {presented}',
                details=[presented],
                hint='Compare it with the fingerprint that the host itself shows. If the certificate was renewed, set the new fingerprint; '
                'each member of a pool has its own, and fingerprint takes several.',
            )


@dataclass(frozen=True)
class Target:
    """One XenAPI host: scheme, host, port (None: the default of the scheme), TLS policy, time-out of a call in seconds."""

    scheme: str
    host: str
    port: Optional[int]
    tls: TlsPolicy
    timeout: float

    @classmethod
    def parse(cls, hostname: str, tls: TlsPolicy, timeout: float) -> Target:
        """A bare name, an address, ``host:port`` or a URL; https unless http:// is spelled out."""
        text = hostname.strip()
        try:
            parts = urlsplit(text if '://' in text else f'https://{_bracket(text)}')
            if parts.scheme in ('http', 'https') and parts.hostname and not parts.username:
                return cls(parts.scheme, parts.hostname, parts.port, tls, timeout)
        except ValueError:
            pass  # a port that is no number, or brackets that do not close
        raise ParameterError(
            f'hostname: "{hostname}" is no address of a host',
            hint='Give a name, an address, host:port, https://host or, without encryption, http://host.',
        )

    def moved_to(self, address: str) -> Target:
        """The same policy for another host: an ``address`` of HOST_IS_SLAVE or of an HTTP redirect.

        A session that began encrypted stays so, whatever the address says.
        """
        other = Target.parse(
            address if '://' in address else f'{self.scheme}://{_bracket(address)}', self.tls, self.timeout
        )
        if (self.scheme, other.scheme) == ('https', 'http'):
            other = replace(other, scheme='https', port=None if other.port == 80 else other.port)
        return replace(other, port=other.port or self.port)

    @property
    def netloc(self) -> str:
        return _bracket(self.host) + (f':{self.port}' if self.port else '')

    @property
    def url(self) -> str:
        return f'{self.scheme}://{self.netloc}'

    def connect(self, timeout: Optional[float] = None) -> http.client.HTTPConnection:
        """An open connection; the certificate has been judged before anything is sent.

        Raises ConnectionFailed or CertificateRejected.
        """
        seconds = self.timeout if timeout is None else timeout
        connection: http.client.HTTPConnection
        if self.scheme == 'http':
            connection = http.client.HTTPConnection(self.host, self.port, timeout=seconds)
        else:
            connection = http.client.HTTPSConnection(self.host, self.port, timeout=seconds, context=self.tls.context())
        try:
            connection.connect()
        except ssl.SSLCertVerificationError as error:
            raise self._rejected(error) from error
        except (OSError, http.client.HTTPException) as error:
            raise ConnectionFailed(
                f'can not connect to {self.url}: {_reason(error)}',
                hint='Check hostname, the network, and that the toolstack of the host runs.',
            ) from error
        if isinstance(connection.sock, ssl.SSLSocket):
            self._check_pin(connection)
        return connection

    def _check_pin(self, connection: http.client.HTTPConnection) -> None:
        secured = cast(ssl.SSLSocket, connection.sock)
        try:
            self.tls.check_pin(self.url, secured.getpeercert(binary_form=True))
        except CertificateRejected:
            connection.close()
            raise

    def _rejected(self, error: ssl.SSLCertVerificationError) -> CertificateRejected:
        presented = self._presented_fingerprint()
        return CertificateRejected(
            f'the certificate of {self.url} is not trusted: {error.verify_message}',
            details=[presented] if presented else [],
            hint=f'Give ca_path, or pin the certificate with fingerprint after comparing it with the one the host itself shows '
            f'(presented: {presented or "unknown"}), or, only where nobody can listen, set validate_certs: false.',
        )

    def _presented_fingerprint(self) -> str:
        """SHA-256 of the certificate that was refused; only a handshake is made, nothing is sent."""
        try:
            with socket.create_connection((self.host, self.port or 443), timeout=min(self.timeout, 5.0)) as plain:
                with TlsPolicy(verify=False).context().wrap_socket(plain, server_hostname=self.host) as secured:
                    return hashlib.sha256(secured.getpeercert(binary_form=True) or b'').hexdigest()
        except OSError:
            return ''


def is_stale(connection: http.client.HTTPConnection) -> bool:
    """Whether an idle kept-alive connection was closed by the other side: then it can be replaced before a call is sent."""
    if connection.sock is None:
        return True
    try:
        connection.sock.setblocking(False)
        connection.sock.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        pass
    return True


def _bracket(host: str) -> str:
    return f'[{host}]' if host.count(':') > 1 and not host.startswith('[') else host


def _reason(error: Exception) -> str:
    if isinstance(error, socket.timeout):
        return 'no answer in time'
    return getattr(error, 'strerror', None) or str(error) or type(error).__name__
