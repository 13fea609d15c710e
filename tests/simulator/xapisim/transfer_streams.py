# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Between a connection and a disk: raw images, and frames of offset, length and data. Memory does not grow with the image."""

from __future__ import annotations

import struct

from xapisim.storage.disk import OutOfDisk
from xapisim.storage.store import SpaceError

PIECE = 1024 * 1024
_FRAME = struct.Struct('<Qi')


class Broken(Exception):
    """The data stopped short, or the disk did not take them."""


def receive_raw(request, disk, report):
    """Content-Length bytes from the beginning of the disk."""
    total, offset = int(request.headers.get('content-length') or 0), 0
    for data in _pieces(request):
        _write(disk, offset, data)
        offset += len(data)
        report(offset / total if total else 0)


def _pieces(request):
    """The body in pieces of one size, so that the disk is written in blocks however the network cuts them."""
    buffer = bytearray(PIECE)
    held = _fill(request, buffer, PIECE)
    while held:
        yield memoryview(buffer)[:held]
        held = _fill(request, buffer, PIECE)


def _fill(request, buffer, length):
    """So many bytes of the body, fewer only at its end."""
    held = 0
    data = _read(request, length)
    while data:
        buffer[held:held + len(data)] = data
        held += len(data)
        data = _read(request, length - held) if held < length else b''
    return held


def receive_frames(request, disk):
    """Frames until one of no data at offset 0; what they do not mention stays as it is."""
    buffer = bytearray(PIECE)
    while True:
        offset, length = _FRAME.unpack(_exactly(request, _FRAME.size))
        if not offset and not length:
            return
        if length < 0:
            raise Broken('a frame of %d bytes' % length)
        while length:
            held = _fill(request, buffer, min(length, PIECE))
            if not held:
                raise Broken('the data of a frame are missing')
            _write(disk, offset, memoryview(buffer)[:held])
            offset, length = offset + held, length - held


def _exactly(request, length):
    data = b''
    while len(data) < length:
        more = _read(request, length - len(data))
        if not more:
            raise Broken('the end of the frames is missing')
        data += more
    return data


def _read(request, length):
    """Part of the body; a fault of the connection may cut it off."""
    if request.truncate is not None:
        length = min(length, request.truncate)
        if not length:
            raise Broken('cut off by a fault')
    try:
        data = request.read(length)
    except OSError as error:
        raise Broken(str(error)) from error
    if request.truncate is not None:
        request.truncate -= len(data)
    return data


def _write(disk, offset, data):
    try:
        disk.write(offset, data)
    except (OutOfDisk, SpaceError, OSError, KeyError) as error:
        raise Broken(str(error)) from error


def send_raw(request, disk, report):
    """The whole disk, from the first byte to the last."""
    size = disk.size
    try:
        for offset in range(0, size, PIECE):
            request.write(disk.read(offset, min(PIECE, size - offset)))
            report(min(1.0, (offset + PIECE) / size))
        request.flush()
    except (OSError, KeyError) as error:
        raise Broken(str(error)) from error
