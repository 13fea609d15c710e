# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk opened for reading or writing: offsets of the virtual disk, bytes of whichever link holds them."""

from __future__ import annotations

from .node import BLOCK


class OutOfDisk(Exception):
    """An access beyond the end of the virtual disk."""


class Disk:
    """The leaf of a chain as a block device. A snapshot taken meanwhile changes the leaf, so it is looked up each time."""

    def __init__(self, store, vdi, writable):
        self._store = store
        self._vdi = vdi
        self._writable = writable

    @property
    def _leaf(self):
        return self._store.leaf(self._vdi)

    @property
    def size(self):
        return self._leaf.size

    def read(self, offset, length):
        self._check(offset, length)
        pieces = [self._read_piece(*piece) for piece in _pieces(offset, length)]
        return pieces[0] if len(pieces) == 1 else b''.join(pieces)

    def write(self, offset, data):
        if not self._writable:
            raise PermissionError('%s is open for reading only' % self._vdi)
        self._check(offset, len(data))
        view, done = memoryview(data), 0
        for block, at, length in _pieces(offset, len(data)):
            with self._store.lock_of(self._vdi):
                self._write_piece(block, at, view[done:done + length])
            done += length

    def extents(self):
        """(offset, length) of what was written, in order, neighbours joined."""
        start = None
        for block in range(len(self._leaf.owned)):
            held = self._leaf.owner(block) is not None
            if held and start is None:
                start = block
            elif not held and start is not None:
                yield self._extent(start, block)
                start = None
        if start is not None:
            yield self._extent(start, len(self._leaf.owned))

    def _extent(self, first, end):
        return first * BLOCK, min(end * BLOCK, self.size) - first * BLOCK

    def _check(self, offset, length):
        if offset < 0 or offset + length > self._leaf.size:
            raise OutOfDisk('%d bytes at %d of a disk of %d' % (length, offset, self._leaf.size))

    def _read_piece(self, block, at, length):
        owner = self._leaf.owner(block)
        return bytes(length) if owner is None else owner.read(block * BLOCK + at, length)

    def _write_piece(self, block, at, data):
        leaf = self._leaf
        owner = leaf.owner(block)
        if owner is not leaf:
            self._store.charge_block(self._vdi)
            if owner is not None and len(data) < BLOCK:
                leaf.write(block * BLOCK, owner.read(block * BLOCK, BLOCK))
            leaf.take(block)
        leaf.write(block * BLOCK + at, data)


def _pieces(offset, length):
    """(block, offset in it, length) of a range."""
    end = offset + length
    while offset < end:
        block, at = divmod(offset, BLOCK)
        piece = min(BLOCK - at, end - offset)
        yield block, at, piece
        offset += piece
