# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VMs and hosts: memory, storage and networks decide where a VM can run."""

from __future__ import annotations

import pytest

from ansible_collections.xapi.xen.tests.support.in_process import Host

MIB, GIB = 1 << 20, 1 << 30


@pytest.fixture(scope='module')
def host():
    host = Host()
    yield host
    host.close()


@pytest.fixture(scope='module')
def pool():
    host = Host('--topology', 'pool')
    yield host
    host.close()


@pytest.fixture
def vm(host):
    vm = host.vm()
    yield vm
    if host.get('VM', vm, 'power_state') != 'Halted':
        host.call('VM.hard_shutdown', vm)


def set_memory(host, vm, size):
    host.call('VM.set_memory_limits', vm, '1', *[str(size)] * 3)


def free(host):
    return int(host.call('host.compute_free_memory', host.sim.coordinator))


# ---------------------------------------------------------------- memory

@pytest.mark.parametrize('size, cpus, overhead', [(512, 1, 8), (512, 2, 9), (2048, 1, 20), (8192, 2, 69)])
def test_what_a_vm_costs_beside_its_memory(host, vm, size, cpus, overhead):
    set_memory(host, vm, size * MIB)
    host.call('VM.set_VCPUs_max', vm, str(cpus))
    assert host.call('VM.compute_memory_overhead', vm) == str(overhead * MIB) == host.get('VM', vm, 'memory_overhead')


def test_a_running_vm_takes_memory_and_gives_it_back(host, vm):
    set_memory(host, vm, GIB)
    before = free(host)
    host.call('VM.start', vm, False, False)
    assert before - free(host) == GIB + int(host.get('VM', vm, 'memory_overhead'))
    host.call('VM.hard_shutdown', vm)
    assert free(host) == before


def test_a_vm_that_is_too_large_is_not_started(host, vm):
    set_memory(host, vm, 1 << 45)
    needed = str((1 << 45) + int(host.get('VM', vm, 'memory_overhead')))
    refusal = ['HOST_NOT_ENOUGH_FREE_MEMORY', needed, str(free(host))]
    assert host.error('VM.assert_can_boot_here', vm, host.sim.coordinator) == refusal
    assert host.error('VM.start_on', vm, host.sim.coordinator, False, False) == refusal
    assert host.error('VM.start', vm, False, False) == refusal
    assert host.call('VM.get_possible_hosts', vm) == []
    assert host.get('VM', vm, 'power_state') == 'Halted'


def test_the_most_memory_that_fits(host, vm):
    most = int(host.call('VM.maximise_memory', vm, str(GIB), False))
    set_memory(host, vm, most)
    assert most + int(host.get('VM', vm, 'memory_overhead')) <= GIB
    set_memory(host, vm, most + MIB)
    assert most + MIB + int(host.get('VM', vm, 'memory_overhead')) > GIB


# ---------------------------------------------------------------- what a start looks at

def test_a_disabled_host_starts_nothing(host, vm):
    coordinator = host.sim.coordinator
    host.call('host.disable', coordinator)
    try:
        assert host.error('VM.start', vm, False, False) == ['NO_HOSTS_AVAILABLE']
        assert host.error('VM.start_on', vm, coordinator, False, False) == ['HOST_DISABLED', coordinator]
    finally:
        host.call('host.enable', coordinator)


def test_more_cpus_than_the_host_has(host, vm):
    host.call('VM.set_VCPUs_max', vm, '99')
    cpus = host.get('host', host.sim.coordinator, 'cpu_info')['cpu_count']
    assert host.error('VM.assert_can_boot_here', vm, host.sim.coordinator) == ['HOST_NOT_ENOUGH_PCPUS', '99', cpus]
    host.call('VM.add_to_platform', vm, 'vcpu-unrestricted', 'true')
    host.call('VM.assert_can_boot_here', vm, host.sim.coordinator)


def test_a_crash_action_that_no_hvm_guest_can_have(host, vm):
    host.call('VM.set_actions_after_crash', vm, 'coredump_and_restart')
    error = host.error('VM.assert_can_boot_here', vm, host.sim.coordinator)
    assert error[:3] == ['VALUE_NOT_SUPPORTED', 'VM.actions_after_crash', 'coredump_and_restart']


# ---------------------------------------------------------------- several hosts

def local_sr(pool, host):
    for record in pool.call('PBD.get_all_records').values():
        sr = pool.call('SR.get_record', record['SR'])
        if record['host'] == host and not sr['shared'] and sr['content_type'] == 'user':
            return record['SR']
    raise AssertionError('no local SR on ' + host)


def members(pool):
    return [host for host in pool.call('host.get_all') if host != pool.sim.coordinator]


def test_a_local_disk_ties_a_vm_to_its_host(pool):
    far = members(pool)[0]
    vm, sr = pool.vm(), local_sr(pool, far)
    pool.vbd(vm, pool.vdi(sr=sr), '0')
    assert pool.call('VM.get_possible_hosts', vm) == [far]
    assert pool.error('VM.start_on', vm, pool.sim.coordinator, False, False) == ['VM_REQUIRES_SR', vm, sr]
    pool.call('VM.start', vm, False, False)
    assert pool.get('VM', vm, 'resident_on') == far
    assert pool.error('VM.assert_agile', vm) == ['HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED', sr]


def test_affinity_decides_among_the_possible_hosts(pool):
    for host in pool.call('host.get_all'):
        vm = pool.vm()
        pool.call('VM.set_affinity', vm, host)
        pool.call('VM.start', vm, True, False)
        assert pool.get('VM', vm, 'resident_on') == host


def test_a_running_vm_moves_to_another_host(pool):
    vm = pool.vm()
    pool.call('VM.set_affinity', vm, pool.sim.coordinator)
    pool.start(vm)
    before, far = pool.call('VM.get_record', vm), members(pool)[0]
    pool.call('VM.pool_migrate', vm, far, {'live': 'true'})
    after = pool.call('VM.get_record', vm)
    assert after['resident_on'] == far and after['power_state'] == 'Running' and after['consoles'] != before['consoles']
    assert after['guest_metrics'] == before['guest_metrics']
    assert pool.error('VM.power_state_reset', vm) == ['HOST_IS_LIVE', far]


def test_members_of_a_group_stay_apart(pool):
    group = pool.call('VM_group.create', {'name_label': 'apart', 'name_description': '', 'placement': 'anti_affinity'})
    vms = [pool.vm() for unused in pool.call('host.get_all')]
    for vm in vms:
        pool.call('VM.set_groups', vm, [group])
        pool.call('VM.start', vm, True, False)
    assert len({pool.get('VM', vm, 'resident_on') for vm in vms}) == len(vms)
    pool.call('VM_group.destroy', group)
