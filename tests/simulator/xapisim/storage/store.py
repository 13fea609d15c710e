# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The disks of all SRs by uuid, and what each SR has room for."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import uuid as uuids

from .disk import Disk
from .node import BLOCK, Node, blocks_of, tables_of


class SpaceError(Exception):
    """The SR is full."""


class Store:
    """Chains of sparse files under FOLDER/sr-mount; `capacity` gives the size of an SR, None for no limit."""

    def __init__(self, folder=None, capacity=None, new_uuid=None):
        self._temporary = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix='xapisim-')
        self._capacity = capacity or (lambda sr: None)
        self._new_uuid = new_uuid or (lambda: str(uuids.uuid4()))
        self._lock = threading.RLock()
        self._leaves, self._bases = {}, {}
        self._sr_of, self._used = {}, {}
        self._thick, self._foreign = set(), {}
        self._locks = {}

    def close(self):
        """Takes the files away if nobody asked for them to stay."""
        if self._temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __contains__(self, vdi):
        return vdi in self._leaves

    def create(self, sr, vdi, size, thick=False):
        """An empty disk. On an SR that allocates in full, all of its size is taken now."""
        with self._lock:
            self._charge(sr, empty_footprint(size, thick))
            self._add(sr, vdi, self._node(sr, vdi, size))
            if thick:
                self._thick.add(vdi)

    def adopt(self, sr, vdi, size, used=0):
        """A disk that was there before the simulator started: it reads as zeros and takes what its record says."""
        with self._lock:
            if vdi in self._leaves:
                return
            node = self._node(sr, vdi, size)
            self._foreign[vdi] = max(0, used - node.used)
            self._add(sr, vdi, node)
            self._used[sr] = self._used.get(sr, 0) + node.used + self._foreign[vdi]

    def clone(self, source, target):
        """Both become children of a new base that holds what the source held; returns the base's uuid."""
        with self._locks[source], self._lock:
            sr, old, thick = self._sr_of[source], self._leaves[source], source in self._thick
            # The source's new leaf takes its own place, so only what a thick disk gives back can be less.
            self._charge(sr, empty_footprint(old.size, thick) + old.used - _footprint(old, thick)
                         + empty_footprint(old.size, False))
            base = self._rebase(sr, source, old)
            self._add(sr, target, self._node(sr, target, old.size, base))
            return base.uuid

    snapshot = clone

    def copy(self, source, target):
        """The data of one disk into another, which may be in another SR."""
        reader, writer = self.open(source), self.open(target, writable=True)
        for offset, length in reader.extents():
            for at in range(offset, offset + length, 1 << 20):
                writer.write(at, reader.read(at, min(1 << 20, offset + length - at)))

    def resize(self, vdi, size):
        with self._lock:
            node, thick = self._leaves[vdi], vdi in self._thick
            self._charge(self._sr_of[vdi], empty_footprint(size, thick) - empty_footprint(node.size, thick))
            node.resize(size)

    def destroy(self, vdi):
        with self._lock:
            sr, node = self._sr_of.pop(vdi), self._leaves.pop(vdi)
            del self._locks[vdi]
            self._used[sr] -= _footprint(node, vdi in self._thick) + self._foreign.pop(vdi, 0)
            self._thick.discard(vdi)
            node.delete()
            self._drop_unused(sr, node.parent)

    def open(self, vdi, writable=False):
        return Disk(self, vdi, writable)

    def leaf(self, vdi):
        return self._leaves[vdi]

    def lock_of(self, vdi):
        """Held while a block is written: a clone taken meanwhile must not see half of it."""
        return self._locks[vdi]

    def charge_block(self, vdi):
        if vdi not in self._thick:
            self._charge(self._sr_of[vdi], BLOCK)

    def used(self, vdi):
        with self._lock:
            return _footprint(self._leaves[vdi], vdi in self._thick) + self._foreign.get(vdi, 0)

    def parent(self, vdi):
        """The uuid of the base that the disk stands on, or None."""
        node = self._leaves[vdi].parent
        return node.uuid if node is not None else None

    def sr_used(self, sr):
        return self._used.get(sr, 0)

    def disks(self, sr):
        return [vdi for vdi, where in self._sr_of.items() if where == sr]

    def size(self, vdi):
        return self._leaves[vdi].size

    def _node(self, sr, uuid, size, parent=None):
        return Node(uuid, self._path(sr, uuid), size, parent)

    def _path(self, sr, uuid):
        return os.path.join(self.folder, 'sr-mount', sr, '%s.raw' % uuid)

    def _add(self, sr, vdi, node):
        self._leaves[vdi] = node
        self._sr_of[vdi] = sr
        self._locks[vdi] = threading.Lock()

    def _rebase(self, sr, source, base):
        """The leaf becomes a base under a name of its own, with a new leaf on it in its place."""
        base.uuid = self._new_uuid()
        base.move(self._path(sr, base.uuid))
        self._bases[base.uuid] = base
        self._leaves[source] = self._node(sr, source, base.size, base)
        return base

    def _drop_unused(self, sr, base):
        while base is not None and not base.children:
            del self._bases[base.uuid]
            self._used[sr] -= base.used
            base.delete()
            base = base.parent

    def _charge(self, sr, size):
        with self._lock:
            used, capacity = self._used.get(sr, 0) + size, self._capacity(sr)
            if capacity is not None and size > 0 and used > capacity:
                raise SpaceError(sr)
            self._used[sr] = used


def empty_footprint(size, thick):
    """What a new disk takes: its tables, and all of its blocks on an SR that allocates in full."""
    blocks = blocks_of(size)
    return tables_of(blocks) + (blocks * BLOCK if thick else 0)


def _footprint(node, thick):
    return empty_footprint(node.size, True) if thick else node.used
