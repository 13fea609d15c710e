# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the storage managers of dom0 do for xapi: sizes, volumes, the space of an SR, and their own errors."""

from __future__ import annotations

import re

from xapisim.errors import XapiError
from xapisim.lifecycle_storage import plugged_pbds
from xapisim.storage.store import SpaceError

MIB = 1024 * 1024
GRAIN = 2 * MIB
LARGEST = 2040 * 1024 * MIB
NEW_SR_SIZE = 100 * 1024 * MIB
# Types whose volumes are allocated in full when they are made, and those whose disks stand on bases.
THICK = ('lvm', 'lvmoiscsi', 'lvmohba')
CHAINED = ('ext', 'nfs', 'file', 'smb') + THICK
# type -> (parameter of device_config that it cannot do without, error number, how the error names it)
REQUIRED = {
    'ext': (('device', 90, 'device'),), 'lvm': (('device', 90, 'device'),),
    'nfs': (('server', 102, 'server'), ('serverpath', 101, 'serverpath')),
    'iso': (('location', 94, 'location'),), 'file': (('location', 94, 'location'),), 'udev': (('location', 94, 'location'),),
    'lvmoiscsi': (('target', 95, 'target'),),
}
_SLOW = re.compile(r'slow(\d+)-')
SR_FULL = 44


def backend_failure(number, text):
    """An error of the storage manager, as xapi passes it on."""
    return XapiError('SR_BACKEND_FAILURE_%d' % number, '', text, '')


def no_space():
    return backend_failure(SR_FULL, 'There is insufficient space')


def bad_size(reason):
    return backend_failure(79, 'VDI Invalid size [opterr=%s]' % reason)


def rounded(size):
    """The size that a disk really gets."""
    if size < 0 or size > LARGEST:
        raise bad_size('VDI size must be between 1 MB and %d MB' % (LARGEST // MIB))
    return max(GRAIN, -(-size // GRAIN) * GRAIN)


def require_driver(sim, kind):
    if not sim.db.find('SM', type=kind):
        raise XapiError('SR_UNKNOWN_DRIVER', kind)


def require_device_config(kind, device_config):
    for key, number, name in REQUIRED.get(kind, ()):
        if not device_config.get(key):
            raise backend_failure(number, 'The request is missing the %s parameter' % name)


def host_for(sim, sr):
    """The host that works on an SR; a shared one needs the coordinator's PBD."""
    hosts = [sim.db.get('PBD', pbd, 'host') for pbd in plugged_pbds(sim, sr)]
    if sim.db.get('SR', sr, 'shared') and sim.coordinator not in hosts:
        hosts = []
    if not hosts:
        raise XapiError('SR_HAS_NO_PBDS', sr)
    return sim.coordinator if sim.coordinator in hosts else hosts[0]


def slowness(name_label):
    """Seconds that work on a disk takes: 'slow2-data' asks for two."""
    match = _SLOW.match(name_label)
    return int(match[1]) if match else 0


def take_time(sim, vdi):
    seconds = slowness(sim.db.get('VDI', vdi, 'name_label'))
    if seconds:
        sim.clock.sleep(seconds)


# ---------------------------------------------------------------- volumes

def sr_type(sim, sr):
    return sim.db.get('SR', sr, 'type')


def uuid_of(sim, vdi):
    return sim.db.get('VDI', vdi, 'uuid')


def create_volume(sim, sr, size):
    """Room for a new disk; returns its uuid."""
    uuid = sim.new_uuid()
    with space_as_error():
        sim.storage.create(sim.db.get('SR', sr, 'uuid'), uuid, size, thick=sr_type(sim, sr) in THICK)
    return uuid


def clone_volume(sim, vdi):
    """A volume with the same content; returns its uuid and that of the base that both stand on now."""
    uuid = sim.new_uuid()
    with space_as_error():
        return uuid, sim.storage.clone(uuid_of(sim, vdi), uuid)


def resize_volume(sim, vdi, size):
    with space_as_error():
        sim.storage.resize(uuid_of(sim, vdi), size)


def destroy_volume(sim, vdi):
    if uuid_of(sim, vdi) in sim.storage:
        sim.storage.destroy(uuid_of(sim, vdi))


class space_as_error:
    """A full store is an error of the storage manager to those who called it."""

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if isinstance(error, SpaceError):
            raise no_space() from error


# ---------------------------------------------------------------- what records say of volumes

def count_space(sim, sr):
    """The figures of an SR after something changed on it."""
    uuid = sim.db.get('SR', sr, 'uuid')
    total = sum(sim.db.get('VDI', vdi, 'virtual_size') for vdi in sim.db.get('SR', sr, 'VDIs'))
    fields = {'virtual_allocation': total}
    if sim.storage.disks(uuid) or sim.db.get('SR', sr, 'physical_utilisation') >= 0:
        fields['physical_utilisation'] = sim.storage.sr_used(uuid)
    sim.db.set('SR', sr, **fields)


def count_disk(sim, vdi):
    if uuid_of(sim, vdi) in sim.storage:
        sim.db.set('VDI', vdi, physical_utilisation=sim.storage.used(uuid_of(sim, vdi)))
