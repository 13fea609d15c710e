# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import io
import os
import random

import pytest

from ansible_collections.xapi.xen.plugins.module_utils._images._detect import HEAD, sniff
from ansible_collections.xapi.xen.plugins.module_utils._images._raw import BLOCK, GRAIN, SECTOR, data_pieces

MIB = 1 << 20


def pieces_of(stream, size, digest=None):
    """Offset and a copy of each piece: its buffer is used again."""
    return [(offset, bytes(data)) for offset, data in data_pieces(stream, size, digest)]


def put_together(pieces, size):
    image = bytearray(size + -size % SECTOR)
    for offset, data in pieces:
        image[offset : offset + len(data)] = data
    return bytes(image)


def pattern(seed, size, density=0.5):
    """Data and zeros in runs of odd lengths."""
    chance, parts, length = random.Random(seed), [], 0
    while length < size:
        run = chance.choice([1, 511, 512, 4096, GRAIN - 1, GRAIN, 3 * GRAIN + 7, BLOCK + 1])
        parts.append(chance.randbytes(run) if chance.random() < density else bytes(run))
        length += run
    return b''.join(parts)[:size]


@pytest.mark.parametrize('seed', range(12))
def test_the_pieces_put_together_are_the_image(seed):
    data = pattern(seed, random.Random(seed).choice([5 * MIB, 3 * MIB + 512, 2 * MIB + 1, GRAIN - 3]))
    digest = hashlib.sha256()
    pieces = pieces_of(io.BytesIO(data), len(data), digest)
    assert put_together(pieces, len(data))[: len(data)] == data
    assert digest.hexdigest() == hashlib.sha256(data).hexdigest(), 'the digest is that of the whole image'
    assert all(
        offset % SECTOR == 0 and len(piece) % SECTOR == 0 and 0 < len(piece) <= BLOCK for offset, piece in pieces
    )
    ends = [offset + len(piece) for offset, piece in pieces]
    assert all(end <= offset for end, (offset, _piece) in zip(ends, pieces[1:])), 'in order, none twice'


def test_zeros_are_left_out_by_the_grain():
    data = bytes(GRAIN) + b'x' + bytes(GRAIN - 1) + bytes(4 * GRAIN) + b'y' * GRAIN + bytes(GRAIN)
    assert [(offset, len(piece)) for offset, piece in pieces_of(io.BytesIO(data), len(data))] == [
        (GRAIN, GRAIN),
        (6 * GRAIN, GRAIN),
    ]


def test_an_image_of_zeros_has_no_pieces():
    assert pieces_of(io.BytesIO(bytes(3 * MIB + 5)), 3 * MIB + 5) == []
    assert pieces_of(io.BytesIO(b''), 0) == []


def test_a_part_of_a_sector_is_filled_up():
    assert pieces_of(io.BytesIO(b'x' * 700), 700) == [(0, b'x' * 700 + bytes(324))]


def test_a_stream_that_ends_early_is_an_error():
    with pytest.raises(EOFError, match='the data end 524288 bytes too early'):
        pieces_of(io.BytesIO(b'x' * (MIB + MIB // 2)), 2 * MIB)


def test_more_than_was_asked_for_is_not_read():
    assert put_together(pieces_of(io.BytesIO(b'x' * MIB), 4096), 4096) == b'x' * 4096


class Dripping(io.RawIOBase):
    """A stream that gives a few bytes at a time."""

    def __init__(self, data):
        super().__init__()
        self.source = io.BytesIO(data)

    def readinto(self, buffer):
        data = self.source.read(min(len(buffer), 1000))
        buffer[: len(data)] = data
        return len(data)


def test_a_slow_stream_gives_the_same_pieces():
    data = pattern(7, 2 * MIB)
    assert pieces_of(Dripping(data), len(data)) == pieces_of(io.BytesIO(data), len(data))


class Counting(io.FileIO):
    """A file that counts the bytes that are read."""

    count = 0

    def readinto(self, buffer):
        got = super().readinto(buffer)
        self.count += got
        return got


@pytest.mark.parametrize(
    'size, data',
    [
        (64 * MIB, {0: 10, 20 * MIB: 5000, 63 * MIB: MIB}),
        (64 * MIB, {}),
        (10 * MIB + 700, {10 * MIB: 700}),
        (8 * MIB, {3 * MIB + 12345: 1}),
    ],
)
def test_holes_are_not_read(tmp_path, size, data):
    path = tmp_path / 'image'
    with open(path, 'wb') as image:
        for offset, count in data.items():
            image.seek(offset)
            image.write(b'x' * count)
        image.truncate(size)
    if os.stat(path).st_blocks * 512 > 4 * MIB:
        pytest.fail('the file system of the tests keeps no holes')
    digest = hashlib.sha256()
    with Counting(path) as stream:
        pieces = pieces_of(stream, size, digest)
        assert stream.count <= (len(data) + 1) * 2 * MIB
    content = path.read_bytes()
    assert put_together(pieces, size)[:size] == content and digest.hexdigest() == hashlib.sha256(content).hexdigest()


def marked(offset, mark):
    return bytes(offset) + mark + bytes(1000)


@pytest.mark.parametrize(
    'head, kind',
    [
        (b'', 'raw'),
        (bytes(HEAD), 'raw'),
        (b'\xeb\x63\x90' + bytes(507) + b'\x55\xaa', 'raw'),
        (marked(0, b'QFI\xfb\x00\x00\x00\x03'), 'qcow2'),
        (marked(0, b'conectix'), 'vhd'),
        (marked(0, b'vhdxfile'), 'vhdx'),
        (marked(0, b'KDMV'), 'vmdk'),
        (b'# Disk DescriptorFile\n', 'vmdk'),
        (marked(0, b'\x1f\x8b\x08'), 'gzip'),
        (marked(0, b'\xfd7zXZ\x00'), 'xz'),
        (marked(0, b'\x28\xb5\x2f\xfd'), 'zstd'),
        (b'BZh91AY', 'bzip2'),
        (marked(257, b'ustar'), 'tar'),
        (marked(32769, b'CD001'), 'iso'),
        (marked(1, b'conectix'), 'raw'),
        (b'QFI', 'raw'),
    ],
)
def test_what_an_image_is(head, kind):
    assert sniff(head[:HEAD]) == kind
