# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory of suspended VMs: an image on a disk, which goes when the VM runs again."""

from __future__ import annotations

from xapisim.behaviours import vm_domain, vm_placement
from xapisim.behaviours.vm_disks import create_vdi, destroy_vdi
from xapisim.datamodel.types import NULL
from xapisim.errors import XapiError
from xapisim.lifecycle_vm import HALTED

# Room that the hypervisor asks for: memory with its overheads, and 100 MiB.
SLACK, FIXED = 1.2 * 1.05, 104857600


def save(call, vm):
    """Write the guest's memory away; without room for it the VM stays as it was."""
    record = call.db.require('VM', vm)
    size = int(record['memory_static_max'] * SLACK) + FIXED
    sr = suspend_sr(call.db, vm)
    try:
        image = create_vdi(call, {
            'name_label': 'Suspend image', 'name_description': 'Suspend image', 'SR': sr, 'virtual_size': size,
            'type': 'suspend', 'sm_config': {'vmhint': record['uuid'], 'initial_allocation': str(size)}})
    except XapiError as error:
        if error.code == 'SR_BACKEND_FAILURE_44':
            raise XapiError('SR_SUSPEND_SPACE_INSUFFICIENT', sr) from error
        raise
    call.db.set('VM', vm, suspend_VDI=image)
    vm_domain.put_to_sleep(call.sim, vm)


def suspend_sr(db, vm):
    """The VM's own choice, the pool's, the host's: the first that the VM's host sees."""
    host = db.get('VM', vm, 'resident_on')
    pool = db.refs('pool')[0]
    for sr in (db.get('VM', vm, 'suspend_SR'), db.get('pool', pool, 'suspend_image_SR'),
               db.get('host', host, 'suspend_image_sr')):
        if db.exists('SR', sr) and not vm_placement.srs_out_of_reach(db, [sr], host):
            return sr
    raise XapiError('VM_NO_SUSPEND_SR', vm)


def restore(call, vm, host, paused):
    """Bring the guest back. A VM whose image is gone has lost its memory: it is halted."""
    image = call.db.get('VM', vm, 'suspend_VDI')
    if not call.db.exists('VDI', image):
        call.db.set('VM', vm, suspend_VDI=NULL)
        vm_domain.reset(call.sim, vm, HALTED)
        raise XapiError('VM_HAS_NO_SUSPEND_VDI', 'VM', vm)
    vm_placement.check_memory(call.db, vm, host)
    vm_domain.build(call.sim, vm, host, paused, resumed=True)
    discard_image(call, vm)


def discard_image(call, vm):
    image = call.db.get('VM', vm, 'suspend_VDI')
    call.db.set('VM', vm, suspend_VDI=NULL)
    if call.db.exists('VDI', image):
        destroy_vdi(call, image)
