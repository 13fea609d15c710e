# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks and interfaces of VMs that are made from other VMs: through the same rules that clients' calls go through."""

from __future__ import annotations

import contextlib

from xapisim import lifecycle, registry
from xapisim.datamodel.types import NULL
from xapisim.errors import XapiError

OWNER = 'owner'


def complete(sim, cls, given):
    """A constructor's argument with what a client may leave out."""
    table = sim.schema.classes[cls]
    fields = {name: field.initial() for name, field in table.fields.items()
              if field.qualifier != 'DynamicRO' and not field.internal and name != 'uuid'}
    return {**fields, **given}


def make(call, cls, given):
    return registry.constructors[cls](call, complete(call.sim, cls, given))


def create_vdi(call, given):
    return make(call, 'VDI', given)


def destroy_vdi(call, vdi):
    registry.destructors['VDI'](call, vdi)


# ---------------------------------------------------------------- how the disks of a new VM come from those of another

def cloned(call, vdi):
    return registry.messages['VDI.clone'](call, vdi, epoch(call))


def snapshotted(call, vdi):
    return registry.messages['VDI.snapshot'](call, vdi, epoch(call))


def copied(sr):
    """Full copies: on the SR, or on each disk's own."""
    def copy(call, vdi):
        target = sr or call.db.get('VDI', vdi, 'SR')
        return registry.messages['VDI.copy'](call, vdi, target, NULL, NULL)
    return copy


def epoch(call):
    """Tells the storage that these disks are taken together."""
    return {'epochhint': call.sim.new_uuid()}


def duplicate(call, vbds, how):
    """[(vbd, vdi, whether the disk is new)]; CDs are shared, empty drives stay empty. All disks or none."""
    done = []
    try:
        for vbd in vbds:
            call.check_cancelled()
            row = call.db.require('VBD', vbd)
            if row['empty'] or row['type'] == 'CD':
                done.append((vbd, NULL if row['empty'] else row['VDI'], False))
            else:
                done.append((vbd, how(call, row['VDI']), True))
            call.progress(len(done) / len(vbds))
    except XapiError:
        discard(call, done)
        raise
    return done


def discard(call, disks):
    for unused, vdi, new in disks:
        if new:
            with contextlib.suppress(XapiError):
                destroy_vdi(call, vdi)


# ---------------------------------------------------------------- drives and interfaces

NOT_COPIED = ('uuid', 'allowed_operations', 'current_operations', 'VM', 'VDI', 'metrics', 'status_code',
              'status_detail', 'reserved', 'runtime_properties', 'qos_supported_algorithms', 'storage_lock')


def copy_vbd(call, vbd, vm, vdi, owned=False):
    """A drive like this one on another VM; the VM owns a disk that was made for it."""
    row = call.db.require('VBD', vbd)
    fields = {name: row[name] for name in row if name not in NOT_COPIED}
    if owned and row['type'] == 'Disk' and OWNER not in row['other_config']:
        fields['other_config'] = {**row['other_config'], OWNER: ''}
    # Nothing plugs the drive of a new VM: what is true of the old one's is not true of it.
    fields.update(VM=vm, VDI=vdi, empty=row['empty'] or vdi == NULL, currently_attached=False,
                  metrics=call.db.create('VBD_metrics', {}))
    new = call.db.create('VBD', fields)
    lifecycle.refresh(call.sim, 'VBD', new)
    if vdi != NULL:
        lifecycle.refresh(call.sim, 'VDI', vdi)
    return new


VIF_FIELDS = ('device', 'network', 'MTU', 'other_config', 'qos_algorithm_type', 'qos_algorithm_params',
              'locking_mode', 'ipv4_allowed', 'ipv6_allowed', 'trunks')
VIF_ADDRESSES = ('ipv4_configuration_mode', 'ipv4_addresses', 'ipv4_gateway', 'ipv6_configuration_mode',
                 'ipv6_addresses', 'ipv6_gateway')


def copy_vif(call, vif, vm, keep_mac):
    """An interface like this one on another VM: with its MAC, or one that follows from the VM's mac_seed."""
    row = call.db.require('VIF', vif)
    given = {name: row[name] for name in VIF_FIELDS}
    new = make(call, 'VIF', {**given, 'VM': vm, 'MAC': row['MAC'] if keep_mac else ''})
    call.db.set('VIF', new, **{name: row[name] for name in VIF_ADDRESSES})
    return new
