# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hypervisor does to a VM: domains are built, paused, rebuilt and destroyed, devices and consoles too."""

from __future__ import annotations

from xapisim import lifecycle
from xapisim import storage_manager as sm
from xapisim.behaviours import guests, vm, vm_memory
from xapisim.behaviours import vbd as vbds
from xapisim.datamodel.types import NULL
from xapisim.lifecycle_vm import ALIVE, HALTED, PAUSED, RUNNING, SUSPENDED
from xapisim.registry import on_startup

# What a VM shows as its BIOS when nobody chose anything else.
GENERIC_BIOS_STRINGS = {
    'bios-vendor': 'Xen', 'bios-version': '', 'system-manufacturer': 'Xen', 'system-product-name': 'HVM domU',
    'system-version': '', 'system-serial-number': '', 'baseboard-manufacturer': '', 'baseboard-product-name': '',
    'baseboard-version': '', 'baseboard-serial-number': '', 'baseboard-asset-tag': '',
    'baseboard-location-in-chassis': '', 'enclosure-asset-tag': '', 'hp-rombios': '', 'oem-1': 'Xen',
    'oem-2': 'MS_VM_CERT/SHA1/bdbeb6e0a816d43fa6d3fe8aaef04c2bad9d3e3d',
}
DEVICE_MODELS = {'uefi': 'qemu-upstream-uefi'}
DEFAULT_DEVICE_MODEL = 'qemu-upstream-compat'
OLD_DEVICE_MODEL = 'qemu-trad'


@on_startup
def number_domains(sim):
    """Domain numbers grow on each host and are never used again."""
    sim.domids = {host: 0 for host in sim.db.refs('host')}
    for unused, row in sim.db.rows('VM'):
        if row['resident_on'] in sim.domids:
            sim.domids[row['resident_on']] = max(sim.domids[row['resident_on']], row['domid'])


def next_domid(sim, host):
    sim.domids[host] = sim.domids.get(host, 0) + 1
    return sim.domids[host]


# ---------------------------------------------------------------- before a start

def prepare(sim, ref):
    """What a VM takes on at its first start, and at every start."""
    db, record = sim.db, sim.db.require('VM', ref)
    fields = {'platform': boot_platform(sim, record),
              'bios_strings': record['bios_strings'] or dict(GENERIC_BIOS_STRINGS)}
    if record['domain_type'] == 'unspecified':
        fields['domain_type'] = vm.domain_type(record)
    if record['ha_restart_priority'] == 'restart':
        fields['ha_always_run'] = True
    db.set('VM', ref, **fields)
    vm_memory.update_overhead(db, ref)
    vm.raise_hardware_version(db, ref)


def boot_platform(sim, record):
    platform = dict(record['platform'])
    model = DEVICE_MODELS.get(record['HVM_boot_params'].get('firmware'), DEFAULT_DEVICE_MODEL)
    if platform.get('device-model', OLD_DEVICE_MODEL if record['domain_type'] != 'pv' else '') == OLD_DEVICE_MODEL:
        platform['device-model'] = model
    if platform.get('secureboot') == 'auto':
        certificates = sim.db.get('pool', sim.pool, 'uefi_certificates')
        platform['secureboot'] = 'true' if certificates else 'false'
    return platform


# ---------------------------------------------------------------- states

def build(sim, ref, host, paused, resumed=False):
    """A new domain on a host: devices attached, a console, metrics that start."""
    db, record = sim.db, sim.db.require('VM', ref)
    if not resumed:
        guests.forget(db, ref)
    attach_devices(sim, ref)
    db.set('VM', ref, power_state=PAUSED if paused else RUNNING, resident_on=host, domid=next_domid(sim, host),
           memory_target=record['memory_dynamic_max'], scheduled_to_be_resident_on=NULL,
           last_boot_CPU_flags=cpu_flags(db, host))
    start_metrics(sim, ref)
    open_console(sim, ref)
    guests.boot(sim, ref)
    sim.refresh_allowed('VM', ref)


def cpu_flags(db, host):
    return {'vendor': db.get('host', host, 'cpu_info').get('vendor', ''), 'features': ''}


def start_metrics(sim, ref):
    record = sim.db.require('VM', ref)
    if sim.db.exists('VM_metrics', record['metrics']):
        kind = record['domain_type']
        sim.db.set('VM_metrics', record['metrics'], VCPUs_number=record['VCPUs_at_startup'], start_time=sim.now(),
                   hvm=kind == 'hvm', current_domain_type=kind, **mobility(record['platform']))


def mobility(platform):
    """The flags of the platform that a running domain keeps."""
    return {'nested_virt': platform.get('nested-virt', '').lower() in ('1', 'true'),
            'nomigrate': platform.get('nomigrate', '').lower() in ('1', 'true')}


def set_paused(sim, ref, paused):
    sim.db.set('VM', ref, power_state=PAUSED if paused else RUNNING)
    if not paused:
        guests.boot(sim, ref)
    sim.refresh_allowed('VM', ref)


def rebuild(sim, ref):
    """A reboot: another domain, the same host, console and devices."""
    guests.forget(sim.db, ref)
    host = sim.db.get('VM', ref, 'resident_on')
    sim.db.set('VM', ref, power_state=RUNNING, domid=next_domid(sim, host), requires_reboot=False)
    attach_devices(sim, ref)
    start_metrics(sim, ref)
    guests.boot(sim, ref)
    sim.refresh_allowed('VM', ref)


def move(sim, ref, host):
    """A live migration: the guest goes on in another domain."""
    sim.db.set('VM', ref, resident_on=host, domid=next_domid(sim, host), scheduled_to_be_resident_on=NULL)
    close_consoles(sim.db, ref)
    open_console(sim, ref)
    guests.moved(sim, ref)
    sim.refresh_allowed('VM', ref)


def tear_down(sim, ref):
    """The domain ends: the VM is halted, and nothing of it is left on the host."""
    record = sim.db.require('VM', ref)
    if record['power_state'] in ALIVE:
        sim.db.set('VM', ref, memory_target=0)
    if sim.db.exists('VM_metrics', record['metrics']):
        sim.db.set('VM_metrics', record['metrics'], VCPUs_number=0, hvm=False, current_domain_type='unspecified')
    reset(sim, ref, HALTED)


def reset(sim, ref, state):
    """Bring the records in line with a power state in which there is no domain."""
    db, record = sim.db, sim.db.require('VM', ref)
    if state == HALTED:
        detach_devices(db, record)
    close_consoles(db, ref)
    changes = {'requires_reboot': False} if state == HALTED else {}
    db.set('VM', ref, power_state=state, resident_on=NULL, scheduled_to_be_resident_on=NULL, domid=-1, **changes)
    sim.refresh_allowed('VM', ref)
    refresh_devices(sim, record)


def put_to_sleep(sim, ref):
    """Suspended: no domain, but disks and interfaces stay with the VM."""
    reset(sim, ref, SUSPENDED)


# ---------------------------------------------------------------- devices

def activate_disks(sim, ref):
    """Storage brings the disks to the host, which takes as long as it takes."""
    for vbd in sim.db.get('VM', ref, 'VBDs'):
        if not sim.db.get('VBD', vbd, 'empty'):
            sm.take_time(sim, sim.db.get('VBD', vbd, 'VDI'))


def attach_devices(sim, ref):
    record = sim.db.require('VM', ref)
    for vbd in record['VBDs']:
        vbds.attach(sim, vbd)
    for vif in record['VIFs']:
        sim.db.set('VIF', vif, currently_attached=True)
    refresh_devices(sim, record)


def detach_devices(db, record):
    for vbd in record['VBDs']:
        db.set('VBD', vbd, currently_attached=False, reserved=False, current_operations={})
    for vif in record['VIFs']:
        db.set('VIF', vif, currently_attached=False, reserved=False, reserved_pci=NULL, current_operations={})


def refresh_devices(sim, record):
    """allowed_operations of the devices of a VM, and of its disks."""
    for vbd in record['VBDs']:
        lifecycle.refresh(sim, 'VBD', vbd)
        vdi = sim.db.get('VBD', vbd, 'VDI')
        if vdi != NULL:
            lifecycle.refresh(sim, 'VDI', vdi)
    for vif in record['VIFs']:
        lifecycle.refresh(sim, 'VIF', vif)


def open_console(sim, ref):
    if sim.db.get('VM', ref, 'consoles'):
        return
    uuid = sim.new_uuid()
    address = sim.db.get('host', sim.db.get('VM', ref, 'resident_on'), 'address')
    location = 'https://%s/console?uuid=%s' % (address, uuid)
    sim.db.create('console', {'uuid': uuid, 'protocol': 'rfb', 'VM': ref, 'location': location})


def close_consoles(db, ref):
    for console in db.get('VM', ref, 'consoles'):
        vm.drop(db, 'console', console)
