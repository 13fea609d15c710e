# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the bytes of virtual disks live: chains of sparse files, and the space that each SR has."""

from __future__ import annotations

from xapisim.storage.store import Store


class Storage(Store):
    """The disks of a pool: an SR holds as much as its record says."""

    def __init__(self, sim):
        super().__init__(folder=sim.options.state, capacity=self._physical_size, new_uuid=sim.new_uuid)
        self._sim = sim
        self.remembered, self.forgotten = {}, {}
        self.sizes = {}

    def remember(self, record):
        """What is known of a disk whose record goes while its volume stays."""
        self.remembered[record['uuid']] = record

    def _physical_size(self, sr_uuid):
        found = self._sim.db.find('SR', uuid=sr_uuid)
        size = self._sim.db.get('SR', found[0], 'physical_size') if found else 0
        return size if size > 0 else None
