# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VM.create and VM.destroy, and what every VM of the pool needs."""

from __future__ import annotations

from xapisim import lifecycle, lifecycle_vm
from xapisim.behaviours import vm_memory, vtpm
from xapisim.datamodel.types import NULL
from xapisim.errors import XapiError
from xapisim.registry import constructor, destructor

# Hardware that a VM with a vendor device sees only from this version on.
VENDOR_DEVICE_VERSION = 2
HVM_BOOT_POLICY = 'BIOS order'


@constructor('VM')
def create(call, record):
    """Nothing is validated here but the state of a suspended VM: that is left to VM.start."""
    fields = dict(record, **unborn())
    fields['other_config'] = with_mac_seed(call.sim, record['other_config'])
    fields['domain_type'] = domain_type(record)
    fields.update(state_at_creation(call.sim, record))
    fields['metrics'] = new_metrics(call.db)
    vm = call.db.create('VM', fields, ref=fields.pop('ref'))
    lifecycle.refresh(call.sim, 'VM', vm)
    vm_memory.update_overhead(call.db, vm)
    raise_hardware_version(call.db, vm)
    return vm


def unborn():
    """What a client may send and a new VM does not take."""
    return {'blocked_operations': {}, 'protection_policy': NULL, 'snapshot_schedule': NULL,
            'is_snapshot_from_vmpp': False, 'is_vmss_snapshot': False, 'domid': -1}


def with_mac_seed(sim, other_config):
    return other_config if 'mac_seed' in other_config else {**other_config, 'mac_seed': sim.new_uuid()}


def domain_type(record):
    """Clients older than the field set only HVM_boot_policy."""
    if record['domain_type'] != 'unspecified':
        return record['domain_type']
    return 'hvm' if record['HVM_boot_policy'] else 'pv'


def state_at_creation(sim, record):
    """A VM can come to life halted, or suspended when everything that resuming needs is there."""
    ref = sim.new_ref()
    if record['power_state'] != lifecycle_vm.SUSPENDED:
        return {'ref': ref, 'power_state': lifecycle_vm.HALTED, 'suspend_VDI': NULL, 'last_booted_record': '',
                'last_boot_CPU_flags': {}}
    if not record['last_boot_CPU_flags'] or not record['last_booted_record'] or record['suspend_VDI'] == NULL:
        raise lifecycle_vm.bad_power_state(ref, (lifecycle_vm.HALTED,), lifecycle_vm.SUSPENDED)
    return {'ref': ref}


def new_metrics(db, **fields):
    return db.create('VM_metrics', {'VCPUs_utilisation': {0: 0.0}, 'current_domain_type': 'unspecified', **fields})


def raise_hardware_version(db, vm):
    if db.get('VM', vm, 'has_vendor_device') and db.get('VM', vm, 'hardware_platform_version') < VENDOR_DEVICE_VERSION:
        db.set('VM', vm, hardware_platform_version=VENDOR_DEVICE_VERSION)


@destructor('VM')
def destroy(call, vm):
    with call.operation('VM', vm, 'destroy'):
        forget(call, vm)


def forget(call, vm):
    """The VM and its devices go; its disks stay, and so do its snapshots."""
    db = call.db
    record = db.record('VM', vm)
    for child in record['children']:
        db.set('VM', child, parent=record['parent'])
    for tpm in record['VTPMs']:
        vtpm.forget(db, tpm)
    if record['other_config'].get('default_template') == 'true':
        raise XapiError('VM_CANNOT_DELETE_DEFAULT_TEMPLATE')
    for cls, devices in (('VBD', record['VBDs']), ('VIF', record['VIFs'])):
        for device in devices:
            drop(db, cls + '_metrics', db.get(cls, device, 'metrics'))
            db.destroy(cls, device)
    for blob in record['blobs'].values():
        drop(db, 'blob', blob)
    for console in record['consoles']:
        drop(db, 'console', console)
    drop(db, 'VM_metrics', record['metrics'])
    drop(db, 'VM_guest_metrics', record['guest_metrics'])
    db.destroy('VM', vm)
    if record['appliance'] != NULL:
        lifecycle.refresh(call.sim, 'VM_appliance', record['appliance'])


def drop(db, cls, ref):
    """Destroy what may be gone already."""
    if db.exists(cls, ref):
        db.destroy(cls, ref)
