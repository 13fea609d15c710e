# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disk data over HTTP: from a file or URL into a VDI, and from a VDI into a file. The only file that imports requests.

The host answers 200 before it has read a byte, so the verdict comes from the task that every transfer is bound to.
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import io
import os
import select
import socket
import ssl
import struct
import tempfile
import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Callable, Iterator, Optional, Union, cast
from urllib.parse import quote, urlsplit

from ._connect import Target
from ._errors import ApiError, MissingLibraryError, ParameterError, TransferFailed, XenError
from ._images._detect import HEAD, sniff
from ._images._raw import BLOCK, ZEROS, data_pieces
from ._session import XenSession
from ._tasks import wait_for_task
from ._wait import Deadline

FRAME = struct.Struct('<QI')
"""Head of a frame of xapi's ``chunked`` form: offset and length, little endian; twelve zero bytes end the stream."""
ANSWER_WAIT = 10.0
"""Seconds to wait for the host's answer to the head of a request before the data are sent all the same."""
REDIRECTS = 3

Progress = Callable[[int], None]
Data = Union[bytes, memoryview]


# -------------------------------------------------------------------------------------------- sources


@dataclass
class Source:
    """An image to read from: ``stream`` from its first byte, ``size`` bytes of it, ``format`` by its content."""

    name: str
    stream: BinaryIO
    size: int
    format: str


@contextmanager
def open_source(src: Optional[str], url: Optional[str], timeout: float) -> Iterator[Source]:
    """The image at a path or an http(s) URL. Raises ParameterError naming the option, TransferFailed for a broken server."""
    if src:
        with _open_file(src) as stream:
            head = stream.read(HEAD)
            stream.seek(0)
            yield Source(src, stream, os.fstat(stream.fileno()).st_size, sniff(head))
        return
    with _open_url(url or '', timeout) as (body, size):
        head = _read_up_to(body, HEAD)
        yield Source(url or '', cast(BinaryIO, _Chained(head, body)), size, sniff(head))


def _open_file(path: str) -> BinaryIO:
    try:
        return open(path, 'rb', buffering=0)  # type: ignore[return-value]
    except OSError as error:
        raise ParameterError(
            f'src: {path} can not be read: {error.strerror}', hint='Give a file on the machine that runs the module.'
        ) from error


@contextmanager
def _open_url(url: str, timeout: float) -> Iterator[tuple[_Body, int]]:
    requests = _requests()
    try:
        with requests.get(url, stream=True, timeout=timeout, headers={'Accept-Encoding': 'identity'}) as response:
            if response.status_code != 200:
                raise ParameterError(
                    f'url: the server answered {response.status_code} {response.reason}', hint='Check the address.'
                )
            length = response.headers.get('Content-Length', '')
            if not length.isdigit():
                raise ParameterError(
                    'url: the server does not say how large the image is (no Content-Length)',
                    hint='Download the image first and give it as src.',
                )
            yield _Body(response.raw, requests.packages.urllib3.exceptions.HTTPError), int(length)
    except requests.exceptions.RequestException as error:
        raise ParameterError(
            f'url: the image can not be fetched: {_reason(error)}', hint='Check the address and that this machine can reach it.'
        ) from error


def _requests() -> Any:
    """The library, loaded only when a URL is read: its import alone takes longer than most tasks."""
    try:
        import requests
    except ImportError as error:
        raise MissingLibraryError(
            'the Python library requests is missing',
            details=[traceback.format_exc()],
            hint='Install it for the interpreter that runs the modules: pip install requests',
        ) from error
    return requests


def _read_up_to(stream: Any, count: int) -> bytes:
    parts, left = [], count
    while left:
        part = stream.read(left)
        if not part:
            break
        parts.append(part)
        left -= len(part)
    return b''.join(parts)


def _reason(error: BaseException) -> str:
    """Why, in a few words: the exceptions of requests and urllib3 wrap that of the system, and quote each other at length."""
    inner: Optional[BaseException] = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror
        inner = inner.__cause__ or inner.__context__
    return str(error.args[0] if error.args else error)


class _Body:
    """The body of an answer; whatever breaks it off is told as a failed transfer."""

    def __init__(self, raw: Any, broken: type[Exception]) -> None:
        self.raw, self.broken = raw, (broken, OSError, http.client.HTTPException)

    def read(self, count: int) -> bytes:
        try:
            return self.raw.read(count)
        except self.broken as error:
            raise TransferFailed(
                f'url: the server broke off in the middle of the image: {_reason(error)}',
                hint='Run again, or download the image first and give it as src.',
            ) from error


class _Chained(io.RawIOBase):
    """Bytes read ahead, followed by the stream they came from."""

    def __init__(self, head: bytes, rest: Any) -> None:
        super().__init__()
        self.head, self.rest = io.BytesIO(head), rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.head.read(len(buffer)) or self.rest.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


# -------------------------------------------------------------------------------------------- into a VDI


def upload(
    session: XenSession,
    vdi: str,
    source: Source,
    sparse: bool,
    deadline: Deadline,
    checksum: Optional[str] = None,
    progress: Optional[Progress] = None,
) -> None:
    """Write an image to a VDI from its first byte. ``sparse``: what is zero is not sent, so the VDI must read as zeros.

    ``checksum`` (C(sha256:…)) is compared with that of the source. Raises ApiError (the verdict of the host), TransferFailed.
    """
    digest = hashlib.new(checksum.partition(':')[0]) if checksum else None
    query = f'vdi={quote(vdi)}&format=raw' + ('&chunked=true' if sparse else '')
    body = _frames(source, digest) if sparse else _whole(source, digest)
    with _task(session, f'import of {source.name}') as task:
        path = f'/import_raw_vdi?{query}&task_id={quote(task)}'
        try:
            with session.clock.interruption.allowed():
                _put(session, path, None if sparse else source.size, body, progress)
        except EOFError as error:
            raise TransferFailed(
                f'{source.name} is truncated: {error}', hint='Fetch or make the image again.'
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise _lost_transfer(session, task, error) from error
        if digest is not None:
            _compare(source, checksum or '', digest.hexdigest())
        wait_for_task(session, task, 'VDI import', deadline)


@contextmanager
def _task(session: XenSession, label: str) -> Iterator[str]:
    task = session.call('task.create', f'xapi.xen: {label}', '')
    try:
        yield task
    except BaseException:
        # A transfer that never began, or was refused, leaves its task pending, and a pending task is not destroyed.
        session.quietly('task.set_status', task, 'failure')
        raise
    finally:
        session.quietly('task.destroy', task)


def _frames(source: Source, digest: Any) -> Iterator[Data]:
    for offset, data in data_pieces(source.stream, source.size, digest):
        yield FRAME.pack(offset, len(data))
        yield data
    yield FRAME.pack(0, 0)


def _whole(source: Source, digest: Any) -> Iterator[Data]:
    """Every byte, the zeros that data_pieces() leaves out put back."""
    sent = 0
    for offset, data in data_pieces(source.stream, source.size, digest):
        yield from _zeros(offset - sent)
        data = data[: source.size - offset]
        yield data
        sent = offset + len(data)
    yield from _zeros(source.size - sent)


def _zeros(count: int) -> Iterator[Data]:
    for start in range(0, count, BLOCK):
        yield ZEROS[: min(BLOCK, count - start)]


def _put(
    session: XenSession, path: str, length: Optional[int], body: Iterator[Data], progress: Optional[Progress]
) -> None:
    """Send a PUT once the host that holds the disk has taken the head of the request; redirects are followed before any data."""
    connection = _accepted(session, session.target, path, length)
    try:
        for data in body:
            connection.sock.sendall(data)
            session.statistics.bytes += len(data)
            if progress:
                progress(len(data))
        _drain(connection.sock)
    finally:
        connection.close()


def _accepted(session: XenSession, target: Target, path: str, length: Optional[int]) -> http.client.HTTPConnection:
    """A connection whose request was answered with 200 (or not answered yet: some hosts wait for the data)."""
    for _attempt in range(REDIRECTS + 1):
        connection = target.connect()
        lines = [
            f'PUT {path} HTTP/1.1',
            f'Host: {target.netloc}',
            f'Cookie: session_id={session.ref}',
            'Content-Type: application/octet-stream',
            'Connection: close',
        ] + ([f'Content-Length: {length}'] if length is not None else [])
        connection.sock.sendall(('\r\n'.join(lines) + '\r\n\r\n').encode('ascii'))
        status, headers = _head(connection.sock)
        if status in (None, 200):
            return connection
        connection.close()
        location = headers.get('location') if headers else None
        if status not in (301, 302, 307) or not location:
            raise TransferFailed(f'{target.url} refused the transfer with HTTP status {status}', details=[str(status)])
        target, path = _redirected(target, location)
    raise TransferFailed(f'{target.url} redirects the transfer in a circle')


def _redirected(target: Target, location: str) -> tuple[Target, str]:
    parts = urlsplit(location)
    return target.moved_to(f'{parts.scheme}://{parts.netloc}'), f'{parts.path}?{parts.query}'


def _head(sock: socket.socket) -> tuple[Optional[int], Optional[http.client.HTTPMessage]]:
    """Status and headers of an answer that comes before the data were sent; (None, None) when none comes."""
    if not (isinstance(sock, ssl.SSLSocket) and sock.pending()) and not select.select([sock], [], [], ANSWER_WAIT)[0]:
        return None, None
    head = b''
    while b'\r\n\r\n' not in head and len(head) < HEAD:
        data = sock.recv(1)
        if not data:
            raise ConnectionResetError(errno.ECONNRESET, 'the host closed the connection')
        head += data
    lines = io.BytesIO(head)
    status = lines.readline().split()
    return int(status[1]), http.client.parse_headers(lines)


def _drain(sock: socket.socket) -> None:
    """Wait until the host closes the connection: it has taken everything then."""
    try:
        while sock.recv(4096):
            pass
    except (ConnectionError, socket.timeout, ssl.SSLError):
        pass  # the verdict is in the task


def _lost_transfer(session: XenSession, task: str, error: Exception) -> XenError:
    """Why a transfer broke: the verdict of the host if there is one, else what was seen here."""
    try:
        wait_for_task(session, task, 'VDI import', Deadline(5.0, 'the verdict on the transfer', session.clock))
    except ApiError as verdict:
        return verdict
    except XenError:
        pass
    return TransferFailed(
        f'the connection broke during the transfer: {error or type(error).__name__}', hint='Run again.'
    )


def _compare(source: Source, checksum: str, actual: str) -> None:
    algorithm, _separator, wanted = checksum.partition(':')
    if actual != wanted.lower():
        raise TransferFailed(
            f'checksum: {source.name} has {algorithm}:{actual}, expected {checksum}',
            details=[actual],
            hint='The image is damaged or another one; fetch it again, or correct checksum.',
        )


# -------------------------------------------------------------------------------------------- out of a VDI


def download(session: XenSession, vdi: str, size: int, dest: str, deadline: Deadline) -> None:
    """Write the content of a VDI (``size`` bytes) to a new file, sparse where it is zero; the file appears only when it is whole.

    Raises ApiError, TransferFailed, ParameterError (dest).
    """
    folder = os.path.dirname(os.path.abspath(dest))
    try:
        descriptor, partial = tempfile.mkstemp(prefix=f'.{os.path.basename(dest)}.', dir=folder)
    except OSError as error:
        raise ParameterError(
            f'dest: {dest} can not be written: {error.strerror}', hint='Give a path in a folder that exists.'
        ) from error
    try:
        with os.fdopen(descriptor, 'wb', buffering=0) as output, _task(session, f'export to {dest}') as task:
            with session.clock.interruption.allowed():
                _get(session, f'/export_raw_vdi?vdi={quote(vdi)}&format=raw&task_id={quote(task)}', size, output)
            wait_for_task(session, task, 'VDI export', deadline)
            output.truncate(size)
        os.chmod(partial, 0o666 & ~_umask())
        os.replace(partial, dest)
    except EOFError as error:
        raise TransferFailed(f'the host ended the export early: {error}', hint='Run again.') from error
    except (OSError, http.client.HTTPException) as error:
        raise TransferFailed(f'the export broke: {error or type(error).__name__}', hint='Run again.') from error
    finally:
        if os.path.exists(partial):
            os.unlink(partial)


def _get(session: XenSession, path: str, size: int, output: BinaryIO) -> None:
    target = session.target
    for _attempt in range(REDIRECTS + 1):
        connection = target.connect()
        try:
            connection.request('GET', path, headers={'Cookie': f'session_id={session.ref}'})
            response = connection.getresponse()
            if response.status == 200:
                return _save(session, response, size, output)
            location = response.headers.get('location')
        finally:
            connection.close()
        if response.status not in (301, 302, 307) or not location:
            raise TransferFailed(
                f'{target.url} refused the transfer with HTTP status {response.status}', details=[str(response.status)]
            )
        target, path = _redirected(target, location)
    raise TransferFailed(f'{target.url} redirects the transfer in a circle')


def _save(session: XenSession, response: http.client.HTTPResponse, size: int, output: BinaryIO) -> None:
    for offset, data in data_pieces(response, size):  # type: ignore[arg-type]
        output.seek(offset)
        output.write(data)
        session.statistics.bytes += len(data)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
