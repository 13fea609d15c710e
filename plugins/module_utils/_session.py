# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A XenAPI session: login, calls, logout. The only file that imports XenAPI.

Reads are repeated when the connection breaks, and once after SESSION_INVALID. A call that changes something is never sent
twice: when its answer is lost, FateUnknown says so.
"""

from __future__ import annotations

import http.client
import socket
import traceback
import xmlrpc.client
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Optional
from xml.parsers.expat import ExpatError

from ._connect import Target, is_stale
from ._errors import ApiError, ConnectionFailed, FateUnknown, MissingLibraryError, XenError
from ._wait import Clock, attempts

try:
    import XenAPI

    XENAPI_IMPORT_ERROR = None
except ImportError:
    XENAPI_IMPORT_ERROR = traceback.format_exc()

NULL_REF = 'OpaqueRef:NULL'
ORIGINATOR = 'ansible/xapi.xen'
LOGIN_TIMEOUT = 10.0
"""Seconds for a login, as long as api_timeout allows it; a dom0 whose disk is full lets logins hang."""
READ_ATTEMPTS = 3
TRANSIENT_ATTEMPTS = 6
LOST = (OSError, http.client.HTTPException, ExpatError, xmlrpc.client.ProtocolError, xmlrpc.client.ResponseError)


@dataclass(frozen=True)
class Credentials:
    """Who logs in; ``session`` is a session of somebody else that is used instead and never logged out."""

    username: str
    password: str
    session: Optional[str] = None


@dataclass
class Statistics:
    """What a run cost: calls sent (login and logout counted), repeated ones, seconds spent waiting for answers, bytes of disk data."""

    calls: int = 0
    retries: int = 0
    seconds: float = 0.0
    bytes: int = 0

    def as_dict(self) -> dict:
        return {'calls': self.calls, 'retries': self.retries, 'seconds': round(self.seconds, 3), 'bytes': self.bytes}


class _Transport(xmlrpc.client.Transport):
    """One attempt per call on a kept-alive connection: the standard one sends a call again when the connection dies."""

    def __init__(self, target: Target) -> None:
        super().__init__(use_builtin_types=False)
        self.target = target
        self.open: Optional[http.client.HTTPConnection] = None
        self.timeout = target.timeout

    def request(self, host: Any, handler: str, request_body: Any, verbose: bool = False) -> Any:
        return self.single_request(host, handler, request_body, verbose)

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        if self.open is not None and is_stale(self.open):
            self.close()
        if self.open is None:
            self.open = self.target.connect(self.timeout)
        self.open.sock.settimeout(self.timeout)
        return self.open

    def close(self) -> None:
        if self.open is not None:
            self.open.close()
            self.open = None


class XenSession:
    """Calls to one host in one session; use it as a context manager. Not thread-safe."""

    def __init__(self, target: Target, credentials: Credentials, clock: Optional[Clock] = None) -> None:
        if XENAPI_IMPORT_ERROR:
            raise MissingLibraryError(
                'the Python library XenAPI is missing',
                details=[XENAPI_IMPORT_ERROR],
                hint='Install it for the interpreter that runs the modules: pip install XenAPI',
            )
        self.credentials = credentials
        self.clock = clock or Clock()
        self.statistics = Statistics()
        self.labels: dict[str, str] = {}
        self.ref = ''
        self._aim(target)

    def _aim(self, target: Target) -> None:
        self.target = target
        self._transport = _Transport(target)
        self._proxy = XenAPI.Session(target.url, transport=self._transport, allow_none=True)

    def __enter__(self) -> XenSession:
        self.login()
        return self

    def __exit__(self, *_error: Any) -> None:
        self.logout()

    # ---------------------------------------------------------------- login and logout

    def login(self) -> None:
        """Log in, at the coordinator when the host names one (HOST_IS_SLAVE is followed once)."""
        if self.credentials.session:
            self.ref = self.credentials.session
            return
        try:
            self.ref = self._login_here()
        except ApiError as error:
            if error.code != 'HOST_IS_SLAVE' or not error.params:
                raise
            self._transport.close()
            self._aim(self.target.moved_to(error.params[0]))
            self.ref = self._login_here()

    def _login_here(self) -> str:
        self._transport.timeout = min(LOGIN_TIMEOUT, self.target.timeout)
        try:
            return self._send(
                'session.login_with_password', (self.credentials.username, self.credentials.password, '1.0', ORIGINATOR)
            )
        except FateUnknown as error:
            raise ConnectionFailed(
                f'{self.target.url} did not answer the login: {error.details[0]}',
                hint='Check that the toolstack runs and that the disk of dom0 is not full.',
            ) from error
        finally:
            self._transport.timeout = self.target.timeout

    def renew(self) -> None:
        """Log in again for cleaning up after the session has ended; if that fails, so will the cleaning up, and tell."""
        try:
            self.login()
        except XenError:
            pass

    def logout(self) -> None:
        """End the session; a failure to do so is nobody's concern any more."""
        try:
            if self.ref and not self.credentials.session:
                self._send('session.logout', (self.ref,))
        except XenError:
            pass
        finally:
            self.ref = ''
            self._transport.close()

    # ---------------------------------------------------------------- calls

    def call(self, method: str, *args: Any, timeout: Optional[float] = None) -> Any:
        """The answer of XAPI to ``method`` (``Class.message``), the session left out of ``args``.

        Integers are sent as decimal strings (XenAPI's form) and come back as such. ``timeout`` (seconds) replaces that of the
        target for this call. Raises ApiError, ConnectionFailed, FateUnknown.
        """
        self._transport.timeout = timeout or self.target.timeout
        try:
            return self._read(method, args) if is_read(method) else self._send_when_possible(method, args)
        finally:
            self._transport.timeout = self.target.timeout

    def quietly(self, method: str, *args: Any) -> Any:
        """Like call() for cleaning up: a failure is swallowed and gives None."""
        try:
            return self.call(method, *args)
        except XenError:
            return None

    def label(self, text: str) -> str:
        """The text with a known reference replaced by what the object is called."""
        return self.labels.get(text, text)

    def _read(self, method: str, args: tuple) -> Any:
        renewed = False
        for attempt in attempts(READ_ATTEMPTS, lambda number: 0.5 * 2**number, self.clock):
            try:
                return self._send_when_possible(method, args)
            except FateUnknown:
                if attempt == READ_ATTEMPTS:
                    raise
            except ApiError as error:
                if error.code != 'SESSION_INVALID' or renewed or self.credentials.session:
                    raise
                renewed = True
                self.login()
            self.statistics.retries += 1
        raise ConnectionFailed(f'{method}: the session ended again and again')

    def _send_when_possible(self, method: str, args: tuple) -> Any:
        """Send; a refusal that had no effect (the host is too busy) is repeated after a pause."""
        for attempt in attempts(TRANSIENT_ATTEMPTS, lambda number: min(5.0, 0.5 * 2**number), self.clock):
            try:
                return self._send(method, (self.ref, *args))
            except ApiError as error:
                if not error.transient or attempt == TRANSIENT_ATTEMPTS:
                    raise
                self.statistics.retries += 1
        raise ConnectionFailed(f'{method}: the host stayed busy')

    def _send(self, method: str, params: tuple) -> Any:
        self.statistics.calls += 1
        started = self.clock.now()
        try:
            with self.clock.interruption.allowed() if is_read(method) else nullcontext():
                answer = getattr(self._proxy, method)(*[to_wire(item) for item in params])
        except XenError:
            raise
        except LOST as error:
            self._transport.close()
            raise self._lost(method, error) from error
        except xmlrpc.client.Fault as fault:
            raise ApiError(method, [str(fault.faultCode), fault.faultString]) from fault
        finally:
            self.statistics.seconds += self.clock.now() - started
        return self._verdict(method, answer)

    def _lost(self, method: str, error: Exception) -> FateUnknown:
        reason = 'no answer in time' if isinstance(error, socket.timeout) else str(error) or type(error).__name__
        return FateUnknown(
            f'{method} was sent to {self.target.url}, and the answer was lost ({reason}): it may or may not have happened',
            details=[reason],
            hint='Look at the pool, then run again: what is there already will be found.',
        )

    def _verdict(self, method: str, answer: Any) -> Any:
        if not isinstance(answer, dict) or 'Status' not in answer:
            raise ConnectionFailed(
                f'{self.target.url} does not speak XenAPI',
                hint='Check hostname: it must be a XenServer or XCP-ng host.',
            )
        if answer['Status'] != 'Success':
            raise ApiError(method, answer.get('ErrorDescription') or ['INTERNAL_ERROR', 'no reason given'], self.label)
        return answer.get('Value')


def is_read(method: str) -> bool:
    """Whether a call changes nothing, so that it may be sent again."""
    message = method.rpartition('.')[2]
    return message.startswith('get_') or method in ('event.from', 'host.compute_free_memory', 'VM.assert_can_boot_here')


def to_wire(value: Any) -> Any:
    """The value as XML-RPC carries it: integers of XenAPI are 64 bits wide and travel as decimal strings."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_wire(item) for item in value]
    if isinstance(value, dict):
        return {str(key): to_wire(item) for key, item in value.items()}
    return value
