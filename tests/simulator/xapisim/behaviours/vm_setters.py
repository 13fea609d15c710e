# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Setters of VMs that check more than a type, or change more than their field."""

from __future__ import annotations

import hashlib

from xapisim import lifecycle
from xapisim.behaviours import vm, vm_domain, vm_memory, vm_placement
from xapisim.datamodel.types import NULL
from xapisim.errors import XapiError
from xapisim.lifecycle_vm import HALTED, RUNNING, SUSPENDED
from xapisim.registry import message, setter, stores

VCPU_RULE = 'VCPU values must satisfy: 0 < VCPUs_at_startup ≤ VCPUs_max'
RESTART_PRIORITIES = ('restart', 'best-effort', '')
SETTABLE_BIOS_STRINGS = (
    'bios-vendor', 'bios-version', 'system-manufacturer', 'system-product-name', 'system-version',
    'system-serial-number', 'baseboard-manufacturer', 'baseboard-product-name', 'baseboard-version',
    'baseboard-serial-number', 'baseboard-asset-tag', 'baseboard-location-in-chassis', 'enclosure-asset-tag')
LONGEST_BIOS_STRING = 512
CHUNK = 4 << 20

stores('VM.set_platform', 'VM.add_to_platform', 'VM.remove_from_platform',
       'VM.set_other_config', 'VM.add_to_other_config', 'VM.remove_from_other_config',
       'VM.set_blocked_operations', 'VM.add_to_blocked_operations', 'VM.remove_from_blocked_operations',
       'VM.set_NVRAM', 'VM.add_to_NVRAM', 'VM.remove_from_NVRAM', 'VM.set_actions_after_crash')


@setter('VM', 'blocked_operations')
def set_blocked_operations(call, ref, value):
    call.db.set('VM', ref, blocked_operations=value)
    lifecycle.refresh(call.sim, 'VM', ref)


@setter('VM', 'NVRAM')
def set_nvram(call, ref, value):
    with call.operation('VM', ref, 'changing_NVRAM'):
        call.db.set('VM', ref, NVRAM=value)


@message('VM.set_NVRAM_EFI_variables')
def set_efi_variables(call, ref, value, update):
    nvram = call.db.get('VM', ref, 'NVRAM')
    call.db.set('VM', ref, NVRAM={**nvram, 'EFI-variables': value})


# ---------------------------------------------------------------- virtual CPUs

@message('VM.set_VCPUs_max')
def set_vcpus_max(call, ref, value):
    with call.operation('VM', ref, 'changing_VCPUs'):
        check_vcpus(value, call.db.get('VM', ref, 'VCPUs_at_startup'), value)
        call.db.set('VM', ref, VCPUs_max=value)
        vm_memory.update_overhead(call.db, ref)


@message('VM.set_VCPUs_at_startup')
def set_vcpus_at_startup(call, ref, value):
    record = call.db.require('VM', ref)
    if record['is_control_domain'] and record['domid'] == 0:
        raise XapiError('OPERATION_NOT_ALLOWED', 'set_VCPUs_at_startup is not allowed on dom0')
    check_vcpus(value, value, record['VCPUs_max'])
    call.db.set('VM', ref, VCPUs_at_startup=value)
    vm_memory.update_overhead(call.db, ref)


def check_vcpus(value, at_startup, most):
    if value < 1 or at_startup > most:
        raise XapiError('INVALID_VALUE', VCPU_RULE, value)


@message('VM.set_VCPUs_number_live')
def set_vcpus_number_live(call, ref, number):
    with call.operation('VM', ref, 'changing_VCPUs_live'):
        record = call.db.require('VM', ref)
        if number < 1 or number > record['VCPUs_max']:
            raise XapiError('INVALID_VALUE', 'VCPUs_number_live', number)
        if call.db.exists('VM_metrics', record['metrics']):
            call.db.set('VM_metrics', record['metrics'], VCPUs_number=number)
        vm_memory.update_overhead(call.db, ref)


@message('VM.add_to_VCPUs_params_live')
def add_to_vcpus_params_live(call, ref, key, value):
    with call.operation('VM', ref, 'changing_VCPUs_live'):
        raise XapiError('NOT_IMPLEMENTED', 'add_to_VCPUs_params_live')


# ---------------------------------------------------------------- order, delays, high availability

def not_negative(field):
    def store(call, ref, value):
        call.db.require('VM', ref)
        if value < 0:
            raise XapiError('INVALID_VALUE', field + ' must be non-negative', value)
        call.db.set('VM', ref, **{field: value})
    return store


for _field in ('start_delay', 'shutdown_delay', 'order'):
    message('VM.set_' + _field)(not_negative(_field))


@message('VM.set_ha_restart_priority')
def set_ha_restart_priority(call, ref, value):
    record = call.db.require('VM', ref)
    if value not in RESTART_PRIORITIES:
        raise XapiError('INVALID_VALUE', 'ha_restart_priority', value)
    if value != record['ha_restart_priority']:
        changes = {'ha_always_run': value == 'restart'} if record['power_state'] == RUNNING else {}
        call.db.set('VM', ref, ha_restart_priority=value, **changes)
    lifecycle.refresh(call.sim, 'VM', ref)


@message('VM.set_ha_always_run')
def set_ha_always_run(call, ref, value):
    """Deprecated: another way to say the priority."""
    set_ha_restart_priority(call, ref, 'restart' if value else '')


# ---------------------------------------------------------------- firmware and hardware

@message('VM.set_HVM_boot_policy')
def set_hvm_boot_policy(call, ref, value):
    call.db.set('VM', ref, domain_type='hvm' if value else 'pv', HVM_boot_policy=value)


@message('VM.set_domain_type')
def set_domain_type(call, ref, value):
    call.db.require('VM', ref)
    if value == 'unspecified':
        raise XapiError('INVALID_VALUE', 'domain_type', value)
    call.db.set('VM', ref, domain_type=value, HVM_boot_policy=vm.HVM_BOOT_POLICY if value == 'hvm' else '')


@message('VM.set_has_vendor_device')
def set_has_vendor_device(call, ref, value):
    state = call.db.get('VM', ref, 'power_state')
    if state != HALTED:
        raise XapiError('VM_BAD_POWER_STATE', ref, 'halted', state.lower())
    call.db.set('VM', ref, has_vendor_device=value)
    vm.raise_hardware_version(call.db, ref)


@message('VM.set_bios_strings')
def set_bios_strings(call, ref, value):
    require_no_bios_strings(call.db, ref)
    for key, text in value.items():
        check_bios_string(key, text)
    from_client = {key: value.get(key, text) for key, text in vm_domain.GENERIC_BIOS_STRINGS.items()}
    call.db.set('VM', ref, bios_strings=from_client)


def require_no_bios_strings(db, ref):
    if db.get('VM', ref, 'bios_strings'):
        raise XapiError('VM_BIOS_STRINGS_ALREADY_SET')


def check_bios_string(key, text):
    problem = None
    if key not in SETTABLE_BIOS_STRINGS:
        problem = 'Unknown key'
    elif not text:
        problem = 'Value provided is empty'
    elif len(text.encode()) > LONGEST_BIOS_STRING:
        problem = '%s has length more than %d characters' % (text, LONGEST_BIOS_STRING)
    elif any(not 32 <= ord(char) < 127 for char in text):
        problem = text + ' has non-printable ASCII characters'
    if problem:
        raise XapiError('INVALID_VALUE', key, problem)


@message('VM.copy_bios_strings')
def copy_bios_strings(call, ref, host):
    """The host's own strings tie the VM to that host."""
    require_no_bios_strings(call.db, ref)
    call.db.set('VM', ref, bios_strings=call.db.get('host', host, 'bios_strings'), affinity=host)


# ---------------------------------------------------------------- what a VM belongs to

def check_ordinary(db, ref, what):
    row = db.require('VM', ref)
    if row['is_control_domain'] or row['is_a_template'] or row['is_a_snapshot']:
        raise XapiError('OPERATION_NOT_ALLOWED', what)


@message('VM.set_appliance')
def set_appliance(call, ref, value):
    check_ordinary(call.db, ref, 'Control domains, templates and snapshots cannot be assigned to appliances.')
    before = call.db.get('VM', ref, 'appliance')
    call.db.set('VM', ref, appliance=value)
    lifecycle.refresh(call.sim, 'VM_appliance', before)
    lifecycle.refresh(call.sim, 'VM', ref)


@message('VM.set_groups')
def set_groups(call, ref, value):
    check_ordinary(call.db, ref, 'Control domains, templates, and snapshots cannot be added to VM groups.')
    if len(value) > 1:
        raise XapiError('TOO_MANY_GROUPS')
    call.db.set('VM', ref, groups=value)


@message('VM.set_snapshot_schedule')
def set_snapshot_schedule(call, ref, value):
    row = call.db.require('VM', ref)
    known = call.db.exists('VMSS', value)
    if not known and value not in (NULL, ''):
        raise XapiError('INVALID_VALUE', value)
    if known and row['is_control_domain']:
        raise XapiError('INVALID_VALUE', value)
    if known and row['is_a_template']:
        raise XapiError('VM_IS_TEMPLATE', ref)
    call.db.set('VM', ref, snapshot_schedule=value)
    lifecycle.refresh(call.sim, 'VM', ref)


# ---------------------------------------------------------------- the memory of a suspended VM

@message('VM.set_suspend_VDI')
def set_suspend_vdi(call, ref, value):
    """Another disk with the same contents may take the place of the image."""
    row = call.db.require('VM', ref)
    if row['power_state'] != SUSPENDED:
        raise XapiError('VM_BAD_POWER_STATE', ref, 'suspended', row['power_state'].lower())
    image = call.db.require('VDI', value)
    if image['type'] == 'cbt_metadata':
        raise XapiError('VDI_INCOMPATIBLE_TYPE', ref, 'CBT metadata')
    if value != row['suspend_VDI']:
        vm_placement.host_with(call.sim, vm_placement.needed_srs(call.db, row) + [image['SR']])
        replace_image(call, ref, row['suspend_VDI'], value)


def replace_image(call, ref, old, new):
    sums = [(call.db.get('VDI', vdi, 'uuid'), checksum(call, vdi)) for vdi in (old, new)]
    if sums[0][1] != sums[1][1]:
        raise XapiError('SUSPEND_VDI_REPLACEMENT_IS_NOT_IDENTICAL', *['%s : %s' % pair for pair in sums])
    call.db.set('VM', ref, suspend_VDI=new)


def checksum(call, vdi):
    row, digest = call.db.require('VDI', vdi), hashlib.md5()   # md5 as hosts do: it is an identity, no secret
    disk = call.sim.storage.open(row['uuid'], False)
    for offset in range(0, row['virtual_size'], CHUNK):
        digest.update(disk.read(offset, min(CHUNK, row['virtual_size'] - offset)))
    return digest.hexdigest()
