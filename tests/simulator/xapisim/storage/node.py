# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One file of a chain: the blocks that this link holds itself; for the rest its parent answers."""

from __future__ import annotations

import functools
import os

BLOCK = 2 * 1024 * 1024
_HEADERS = 2048
_TABLE_ENTRY = 4


class Node:
    """A sparse file with a map of the blocks that were ever written, as a dynamic disk has one."""

    def __init__(self, uuid, path, size, parent=None):
        self.uuid = uuid
        self.path = path
        self.size = size
        self.parent = parent
        self.children = 0
        self.owned = bytearray(blocks_of(size))
        self.count = 0
        self.end = 0
        if parent is not None:
            parent.children += 1

    @property
    def used(self):
        """What the file takes in its SR: whole blocks, and the tables in front of them."""
        return self.count * BLOCK + tables_of(len(self.owned))

    def owns(self, block):
        return block < len(self.owned) and self.owned[block]

    def owner(self, block):
        """The link of the chain that holds a block; None where the disk was never written."""
        node = self
        while node is not None and not node.owns(block):
            node = node.parent
        return node

    def resize(self, size):
        self.owned.extend(bytes(max(0, blocks_of(size) - len(self.owned))))
        self.size = size

    def take(self, block):
        if not self.owned[block]:
            self.owned[block] = 1
            self.count += 1

    def read(self, offset, length):
        held = max(0, min(length, self.end - offset))
        if not held:
            return bytes(length)
        with self._open(os.O_RDONLY) as file:
            data = os.pread(file.fileno(), held, offset)
        return data + bytes(length - len(data)) if len(data) < length else data

    def write(self, offset, data):
        """Zeros beyond everything written so far stay a hole: an image streamed in costs what is in it."""
        if offset >= self.end and is_zero(data):
            return
        view = memoryview(data)
        with self._open(os.O_WRONLY) as file:
            self.end = max(self.end, offset + len(view))
            while view:
                done = os.pwrite(file.fileno(), view, offset)
                offset, view = offset + done, view[done:]

    def move(self, path):
        if self.end:
            os.rename(self.path, path)
        self.path = path

    def delete(self):
        if self.end:
            os.unlink(self.path)
        if self.parent is not None:
            self.parent.children -= 1

    def _open(self, flags):
        """The file appears with its first data, and is not kept open: thousands of disks cost no descriptors."""
        if not self.end:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            flags |= os.O_CREAT | os.O_TRUNC
        return open(os.open(self.path, flags, 0o600), 'rb' if flags == os.O_RDONLY else 'wb', buffering=0)


def blocks_of(size):
    return -(-size // BLOCK)


def tables_of(blocks):
    """The size of headers and block table of a disk with that many blocks."""
    return _HEADERS + blocks * _TABLE_ENTRY


def is_zero(data):
    """Whether there is nothing but zeros; one comparison of memory, for whole images go through here."""
    if not len(data) or data[0]:
        return not len(data)
    return bytes(data) == _zeros(len(data))


@functools.lru_cache(maxsize=8)
def _zeros(length):
    return bytes(length)
