# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parts of a raw image that hold data. Pure, but for reading the file it is given."""

from __future__ import annotations

import errno
import os
from typing import Any, BinaryIO, Iterator

SECTOR = 512
GRAIN = 64 * 1024
"""Zeros are left out in units of this size."""
BLOCK = 1024 * 1024
"""Bytes read at a time, and the most in one piece."""
ZEROS = bytes(BLOCK)

Piece = tuple[int, memoryview]


def data_pieces(stream: BinaryIO, size: int, digest: Any = None) -> Iterator[Piece]:
    """``(offset, data)`` of everything in ``size`` bytes that is not zero, in order, each piece a multiple of 512 bytes long.

    Holes of a sparse file are not read. ``digest`` (an object of hashlib) is fed every byte, zeros included. Raises EOFError when
    the stream ends early. A last sector that is not whole is filled up with zeros.
    """
    offset = 0
    buffer = bytearray(BLOCK)
    while offset < size:
        skipped = _hole(stream, offset, size)
        if skipped:
            _feed_zeros(digest, skipped)
            offset += skipped
            continue
        block = _read(stream, buffer, min(BLOCK, size - offset))
        if digest is not None:
            digest.update(block)
        for start, end in _data_ranges(block):
            yield offset + start, _whole_sectors(block[start:end])
        offset += len(block)


def _hole(stream: BinaryIO, offset: int, size: int) -> int:
    """Bytes of a hole that begins here, 0 when there is none or the stream is no file."""
    try:
        descriptor = stream.fileno()
        start = os.lseek(descriptor, offset, os.SEEK_DATA)
    except (AttributeError, ValueError):
        return 0
    except OSError as error:
        if error.errno != errno.ENXIO:  # ENXIO: there is nothing but a hole up to the end
            return 0
        start = size
    start = min(start, size)
    start -= (start - offset) % GRAIN
    os.lseek(descriptor, start, os.SEEK_SET)
    return start - offset


def _read(stream: BinaryIO, buffer: bytearray, count: int) -> memoryview:
    view, filled = memoryview(buffer)[:count], 0
    while filled < count:
        got = stream.readinto(view[filled:])  # type: ignore[attr-defined]
        if not got:
            raise EOFError(f'the data end {count - filled} bytes too early')
        filled += got
    return view


def _data_ranges(block: memoryview) -> Iterator[tuple[int, int]]:
    """The ranges of a block that are not zero, neighbours joined."""
    begin = None
    for start in range(0, len(block), GRAIN):
        if ZEROS.startswith(block[start : start + GRAIN]):  # a memoryview's own == goes byte by byte
            if begin is not None:
                yield begin, start
                begin = None
        elif begin is None:
            begin = start
    if begin is not None:
        yield begin, len(block)


def _whole_sectors(data: memoryview) -> memoryview:
    missing = -len(data) % SECTOR
    return memoryview(bytes(data) + bytes(missing)) if missing else data


def _feed_zeros(digest: Any, count: int) -> None:
    if digest is not None:
        for start in range(0, count, BLOCK):
            digest.update(ZEROS[: min(BLOCK, count - start)])
