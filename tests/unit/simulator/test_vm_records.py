# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VMs: how they come from records, templates, other VMs and snapshots, and what setters look at."""

from __future__ import annotations

import pytest

from ansible_collections.xapi.xen.tests.support.in_process import Host

NULL = 'OpaqueRef:NULL'
MIB = 1 << 20
RECORD = {
    'user_version': '1', 'is_a_template': False, 'affinity': NULL,
    'memory_static_max': str(512 * MIB), 'memory_dynamic_max': str(512 * MIB),
    'memory_dynamic_min': str(512 * MIB), 'memory_static_min': str(256 * MIB),
    'VCPUs_params': {}, 'VCPUs_max': '1', 'VCPUs_at_startup': '1',
    'actions_after_shutdown': 'destroy', 'actions_after_reboot': 'restart', 'actions_after_crash': 'restart',
    'PV_bootloader': '', 'PV_kernel': '', 'PV_ramdisk': '', 'PV_args': '', 'PV_bootloader_args': '',
    'PV_legacy_args': '', 'HVM_boot_policy': 'BIOS order', 'HVM_boot_params': {'order': 'cdn'},
    'platform': {}, 'PCI_bus': '', 'other_config': {}, 'recommendations': ''}
VCPU_RULE = 'VCPU values must satisfy: 0 < VCPUs_at_startup ≤ VCPUs_max'


@pytest.fixture(scope='module')
def host():
    host = Host()
    yield host
    host.close()


@pytest.fixture
def vm(host):
    vm = host.vm()
    host.vbd(vm, host.vdi(), '0')
    host.vif(vm)
    return vm


def template(host, label='Debian Bookworm 12'):
    return host.call('VM.get_by_name_label', label)[0]


def disk(host, vm):
    return host.get('VBD', host.get('VM', vm, 'VBDs')[0], 'VDI')


# ---------------------------------------------------------------- create and destroy

def test_a_bare_record_becomes_a_vm(host):
    vm = host.call('VM.create', RECORD)
    record = host.call('VM.get_record', vm)
    assert record['power_state'] == 'Halted' and record['domain_type'] == 'hvm' and record['domid'] == '-1'
    assert record['other_config']['mac_seed'] and record['hardware_platform_version'] == '2'
    assert host.call('VM_metrics.get_record', record['metrics'])['VCPUs_utilisation'] == {'0': 0.0}


@pytest.mark.parametrize('field', ['is_a_template', 'memory_static_min', 'platform', 'recommendations'])
def test_a_field_without_a_default_is_needed(host, field):
    left = {name: value for name, value in RECORD.items() if name != field}
    assert host.error('VM.create', left) == ['INTERNAL_ERROR', 'Server_helpers.Dispatcher_FieldNotFound("%s")' % field]


def test_a_vm_is_not_made_running(host):
    assert host.get('VM', host.call('VM.create', {**RECORD, 'power_state': 'Running'}), 'power_state') == 'Halted'
    error = host.error('VM.create', {**RECORD, 'power_state': 'Suspended'})
    assert (error[0], error[2:]) == ('VM_BAD_POWER_STATE', ['halted', 'suspended'])


def test_destroy_takes_the_devices_and_leaves_the_disks(host, vm):
    record, vdi = host.call('VM.get_record', vm), disk(host, vm)
    host.call('VM.destroy', vm)
    assert host.error('VBD.get_uuid', record['VBDs'][0])[0] == 'HANDLE_INVALID'
    assert host.error('VIF.get_uuid', record['VIFs'][0])[0] == 'HANDLE_INVALID'
    assert host.get('VDI', vdi, 'VBDs') == []


# ---------------------------------------------------------------- templates

def test_provision_makes_the_disks_that_the_template_asks_for(host):
    vm = host.call('VM.clone', template(host), 'deb')
    other_config = host.get('VM', vm, 'other_config')
    sr = host.get('SR', host.sr(), 'uuid')
    disks = other_config['disks'].replace('sr=""', 'sr="%s"' % sr)
    host.call('VM.set_other_config', vm, {**other_config, 'disks': disks})
    host.call('VM.provision', vm)
    assert not host.get('VM', vm, 'is_a_template') and 'disks' not in host.get('VM', vm, 'other_config')
    vdi = host.call('VDI.get_record', disk(host, vm))
    assert (vdi['name_label'], vdi['type'], vdi['virtual_size']) == ('0', 'system', str(10 << 30))
    assert host.error('VM.provision', vm) == ['PROVISION_ONLY_ALLOWED_ON_TEMPLATE']


def test_provision_without_an_sr_fails_and_leaves_no_disk(host):
    vm = host.call('VM.clone', template(host), 'deb')
    assert host.error('VM.provision', vm) == ['UUID_INVALID', 'sr', '']
    assert host.get('VM', vm, 'VBDs') == [] and not host.get('VM', vm, 'is_a_template')


@pytest.mark.parametrize('size, sr', [('ten', 'known'), ('10737418240', 'second unknown')])
def test_provision_that_fails_half_way_unmakes_what_it_made(host, size, sr):
    vm, before = host.call('VM.clone', template(host), 'deb'), len(host.call('VDI.get_all'))
    uuid = host.get('SR', host.sr(), 'uuid')
    one = '<disk device="%d" size="%s" sr="%s" bootable="false" type="user"/>'
    disks = one % (0, size, uuid) + one % (1, size, uuid if sr == 'known' else 'nowhere')
    host.call('VM.set_other_config', vm, {'disks': '<provision>%s</provision>' % disks})
    assert host.error('VM.provision', vm)[0] in ('INTERNAL_ERROR', 'UUID_INVALID')
    assert host.get('VM', vm, 'VBDs') == [] and len(host.call('VDI.get_all')) == before


def test_what_templates_refuse(host):
    default = template(host)
    assert host.error('VM.start', default, False, False) == ['VM_IS_TEMPLATE', default, 'start']
    assert host.error('VM.destroy', default) == ['VM_IS_TEMPLATE', default, 'destroy']
    custom = host.call('VM.clone', default, 'custom')
    host.call('VM.destroy', custom)


def test_a_vm_becomes_a_template_and_loses_its_metrics(host, vm):
    host.call('VM.set_is_a_template', vm, True)
    assert host.get('VM', vm, 'metrics') == NULL
    assert host.error('VM.set_is_a_template', vm, True) == ['VM_IS_TEMPLATE', vm, 'make_into_template']


# ---------------------------------------------------------------- clones

def test_a_clone_has_disks_macs_and_a_seed_of_its_own(host, vm):
    clone = host.call('VM.clone', vm, 'clone')
    one, other = host.call('VM.get_record', vm), host.call('VM.get_record', clone)
    assert disk(host, clone) != disk(host, vm) and one['other_config']['mac_seed'] != other['other_config']['mac_seed']
    assert host.get('VIF', one['VIFs'][0], 'MAC') != host.get('VIF', other['VIFs'][0], 'MAC')
    assert host.get('VBD', other['VBDs'][0], 'other_config') == {'owner': ''}


def test_a_copy_goes_to_the_sr_that_is_named(host, vm):
    copy = host.call('VM.copy', vm, 'copy', host.sr('NFS storage'))
    assert host.get('VDI', disk(host, copy), 'SR') == host.sr('NFS storage')
    assert host.error('VM.copy', vm, 'copy', host.sr('ISO library'))[0] == 'OPERATION_NOT_ALLOWED'


# ---------------------------------------------------------------- snapshots

def test_a_snapshot_keeps_macs_and_stands_in_the_chain(host, vm):
    first = host.call('VM.snapshot', vm, 'one')
    second = host.call('VM.snapshot', vm, 'two', [])
    record = host.call('VM.get_record', first)
    assert record['is_a_snapshot'] and record['is_a_template'] and record['snapshot_of'] == vm
    assert host.get('VIF', record['VIFs'][0], 'MAC') == host.get('VIF', host.get('VM', vm, 'VIFs')[0], 'MAC')
    assert host.get('VM', vm, 'parent') == second and host.get('VM', second, 'parent') == first
    assert sorted(host.get('VM', vm, 'snapshots')) == sorted([first, second])
    assert host.error('VM.start', first, False, False) == ['VM_IS_SNAPSHOT', first, 'start']
    host.call('VM.destroy', second)
    assert host.get('VM', vm, 'parent') == first


def test_disks_can_be_left_out_of_a_snapshot(host, vm):
    host.vbd(vm, host.vdi(), '1')
    assert len(host.get('VM', host.call('VM.snapshot', vm, 's', [disk(host, vm)]), 'VBDs')) == 1


def test_revert_brings_back_configuration_and_disks(host, vm):
    snapshot, old = host.call('VM.snapshot', vm, 'before'), disk(host, vm)
    host.call('VM.set_name_description', vm, 'changed')
    host.call('VM.set_tags', vm, ['kept'])
    host.call('VM.set_VCPUs_max', vm, '2')
    host.start(vm)
    host.call('VM.revert', snapshot)
    record = host.call('VM.get_record', vm)
    assert record['power_state'] == 'Halted' and record['VCPUs_max'] == '1'
    assert record['name_description'] != 'changed'
    assert record['tags'] == ['kept'] and record['parent'] == snapshot
    assert disk(host, vm) != old and host.error('VDI.get_uuid', old)[0] == 'HANDLE_INVALID'
    assert host.get('VDI', disk(host, snapshot), 'snapshot_of') == disk(host, vm)


def test_a_checkpoint_brings_back_the_memory(host, vm):
    host.start(vm)
    checkpoint = host.call('VM.checkpoint', vm, 'with memory')
    assert host.get('VM', checkpoint, 'power_state') == 'Suspended' and host.get('VM', vm, 'power_state') == 'Running'
    assert host.get('VM', checkpoint, 'snapshot_info')['power-state-at-snapshot'] == 'Running'
    host.call('VM.revert', checkpoint)
    assert host.get('VM', vm, 'power_state') == 'Suspended'
    host.call('VM.resume', vm, False, False)
    assert host.get('VM', vm, 'power_state') == 'Running'
    clone = host.call('VM.clone', checkpoint, 'from checkpoint')
    assert host.get('VM', clone, 'power_state') == 'Halted' and host.get('VM', clone, 'suspend_VDI') == NULL


def test_a_destroyed_vm_comes_back_from_its_snapshot(host, vm):
    uuid, snapshot = host.get('VM', vm, 'uuid'), host.call('VM.snapshot', vm, 'only')
    host.call('VM.destroy', vm)
    host.call('VM.revert', snapshot)
    again = host.call('VM.get_by_uuid', uuid)
    assert host.get('VM', again, 'snapshots') == [snapshot] and len(host.get('VM', again, 'VBDs')) == 1


def test_only_a_snapshot_can_be_reverted_to(host, vm):
    assert host.error('VM.revert', vm)[0] == 'VM_REVERT_FAILED'


# ---------------------------------------------------------------- setters

@pytest.mark.parametrize('method, value, error', [
    ('set_VCPUs_max', '0', ['INVALID_VALUE', VCPU_RULE, '0']),
    ('set_VCPUs_at_startup', '9', ['INVALID_VALUE', VCPU_RULE, '9']),
    ('set_order', '-1', ['INVALID_VALUE', 'order must be non-negative', '-1']),
    ('set_start_delay', '-1', ['INVALID_VALUE', 'start_delay must be non-negative', '-1']),
    ('set_memory_static_max', '1', ['MEMORY_CONSTRAINT_VIOLATION_ORDER']),
    ('set_memory_dynamic_min', str(1 << 40), ['MEMORY_CONSTRAINT_VIOLATION_ORDER']),
    ('set_HVM_shadow_multiplier', 0.5, ['INVALID_VALUE', 'multiplier', '0.5']),
    ('set_domain_type', 'unspecified', ['INVALID_VALUE', 'domain_type', 'unspecified']),
    ('set_ha_restart_priority', 'often', ['INVALID_VALUE', 'ha_restart_priority', 'often']),
    ('set_bios_strings', {'other': 'x'}, ['INVALID_VALUE', 'other', 'Unknown key']),
    ('set_protection_policy', NULL, ['MESSAGE_REMOVED'])])
def test_what_setters_look_at(host, vm, method, value, error):
    assert host.error('VM.' + method, vm, value) == error


def test_memory_limits_change_together(host, vm):
    host.call('VM.set_memory_limits', vm, *[str(size * MIB) for size in (128, 1024, 512, 768)])
    record = host.call('VM.get_record', vm)
    names = ('static_min', 'dynamic_min', 'dynamic_max', 'static_max')
    assert [int(record['memory_' + name]) // MIB for name in names] == [128, 512, 768, 1024]


def test_a_boot_policy_and_a_domain_type_follow_each_other(host, vm):
    host.call('VM.set_HVM_boot_policy', vm, '')
    assert host.get('VM', vm, 'domain_type') == 'pv'
    host.call('VM.set_domain_type', vm, 'hvm')
    assert host.get('VM', vm, 'HVM_boot_policy') == 'BIOS order'


def test_one_tpm_at_most(host, vm):
    tpm = host.call('VTPM.create', vm, False)
    assert host.error('VTPM.create', vm, False) == ['VTPM_MAX_AMOUNT_REACHED', '1']
    assert 'create_vtpm' not in host.get('VM', vm, 'allowed_operations')
    host.call('VTPM.destroy', tpm)


def test_an_appliance_starts_in_order_and_tells_who_failed(host, vm):
    appliance = host.call('VM_appliance.create', {'name_label': 'app', 'name_description': ''})
    assert host.get('VM_appliance', appliance, 'allowed_operations') == []
    other = host.vm('big')
    host.call('VM.set_memory_limits', other, '1', *[str(1 << 50)] * 3)
    for member in (vm, other):
        host.call('VM.set_appliance', member, appliance)
    error = host.error('VM_appliance.start', appliance, False)
    assert error == ['OPERATION_PARTIALLY_FAILED', 'VM_appliance.start', other]
    assert host.get('VM', vm, 'power_state') == 'Running'
