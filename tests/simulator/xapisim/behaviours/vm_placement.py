# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""On which host a VM can run, and on which it is started."""

from __future__ import annotations

import contextlib

from xapisim import ocaml
from xapisim.behaviours import vm_memory
from xapisim.datamodel.types import NULL
from xapisim.errors import XapiError
from xapisim.lifecycle_vm import RUNNING, SUSPENDED, is_true
from xapisim.registry import message


# ---------------------------------------------------------------- the VM itself

def check_parameters(vm):
    """What VM.create and the setters of fields let through is looked at here."""
    if vm['VCPUs_max'] < 1:
        raise XapiError('INVALID_VALUE', 'VCPUs_max', vm['VCPUs_max'])
    if vm['VCPUs_at_startup'] < 1:
        raise XapiError('INVALID_VALUE', 'VCPUs-at-startup', vm['VCPUs_at_startup'])
    if vm['VCPUs_at_startup'] > vm['VCPUs_max']:
        raise XapiError('VALUE_NOT_SUPPORTED', 'VCPUs-at-startup', vm['VCPUs_at_startup'],
                        'value greater than VCPUs-max')
    if vm['memory_static_max'] < vm['memory_static_min'] or vm['memory_dynamic_max'] < vm['memory_dynamic_min']:
        raise XapiError('MEMORY_CONSTRAINT_VIOLATION')
    if vm['HVM_shadow_multiplier'] < 1.0:
        raise XapiError('INVALID_VALUE', 'HVM_shadow_multiplier', ocaml.string_of_float(vm['HVM_shadow_multiplier']))
    check_crash_action(vm)


def check_crash_action(vm):
    action = vm['actions_after_crash']
    reason = {'rename_restart': 'option would leak a domain; VMs and not domains are managed by this API'}.get(action)
    if action.startswith('coredump') and vm['domain_type'] != 'pv':
        reason = 'cannot invoke a coredump of an HVM, PVH or PV-in-PVH domain'
    if reason:
        raise XapiError('VALUE_NOT_SUPPORTED', 'VM.actions_after_crash', action, reason)


# ---------------------------------------------------------------- the VM on a host

def check_host(sim, ref, host):
    db, vm = sim.db, sim.db.require('VM', ref)
    if not is_live(db, host):
        raise XapiError('HOST_NOT_LIVE')
    migrating_here = vm['power_state'] == RUNNING and vm['resident_on'] == host
    if not vm['is_control_domain'] and not migrating_here and not db.get('host', host, 'enabled'):
        raise XapiError('HOST_DISABLED', host)
    versions = db.get('host', host, 'virtual_hardware_platform_versions')
    if vm['hardware_platform_version'] not in versions:
        raise XapiError('VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION', host,
                        '[%s]' % '; '.join(str(version) for version in versions), ref, vm['hardware_platform_version'])


def is_live(db, host):
    metrics = db.get('host', host, 'metrics')
    return db.exists('host_metrics', metrics) and db.get('host_metrics', metrics, 'live')


def needed_srs(db, vm):
    """SRs of the disks in the drives, and of the memory of a suspended VM."""
    vdis = [db.get('VBD', vbd, 'VDI') for vbd in vm['VBDs'] if not db.get('VBD', vbd, 'empty')]
    if vm['power_state'] == SUSPENDED and db.exists('VDI', vm['suspend_VDI']):
        vdis.append(vm['suspend_VDI'])
    return [db.get('VDI', vdi, 'SR') for vdi in vdis]


def srs_out_of_reach(db, srs, host):
    plugged = {row['SR'] for unused, row in db.rows('PBD') if row['host'] == host and row['currently_attached']}
    return [sr for sr in srs if sr not in plugged]


def check_storage(db, ref, host):
    missing = srs_out_of_reach(db, needed_srs(db, db.require('VM', ref)), host)
    if missing:
        raise XapiError('VM_REQUIRES_SR', ref, missing[0])


def check_networks(db, ref, host):
    for vif in db.get('VM', ref, 'VIFs'):
        network = db.get('VIF', vif, 'network')
        if not network_reaches(db, network, host):
            raise XapiError('VM_REQUIRES_NETWORK', ref, network)


def network_reaches(db, network, host):
    """A network without PIFs exists on one host at a time: where its first VM runs."""
    row = db.require('network', network)
    if row['PIFs']:
        return any(db.get('PIF', pif, 'host') == host for pif in row['PIFs'])
    if row['other_config'].get('assume_network_is_shared') == 'true' or not row['managed']:
        return True
    vms = [db.get('VIF', vif, 'VM') for vif in row['VIFs'] if db.get('VIF', vif, 'currently_attached')]
    return all(db.get('VM', vm, 'resident_on') in (NULL, host) for vm in vms)


def check_memory(db, ref, host):
    needed, free = vm_memory.needed_to_start(db.require('VM', ref)), vm_memory.host_free(db, host, without=ref)
    if free < needed:
        raise XapiError('HOST_NOT_ENOUGH_FREE_MEMORY', needed, free)


def check_cpus(db, ref, host):
    vm, cpus = db.require('VM', ref), int(db.get('host', host, 'cpu_info').get('cpu_count', '0'))
    if vm['VCPUs_max'] > cpus and not is_true(vm['platform'], 'vcpu-unrestricted'):
        raise XapiError('HOST_NOT_ENOUGH_PCPUS', vm['VCPUs_max'], cpus)


def check_can_boot(sim, ref, host, memory=True):
    db = sim.db
    db.require('host', host)
    vm = db.require('VM', ref)
    check_parameters(vm)
    check_host(sim, ref, host)
    check_storage(db, ref, host)
    check_networks(db, ref, host)
    if vm['domain_type'] != 'pv' and not any('hvm' in text for text in db.get('host', host, 'capabilities')):
        raise XapiError('VM_HVM_REQUIRED', ref)
    if memory:
        check_memory(db, ref, host)
    check_cpus(db, ref, host)


def can_boot(sim, ref, host, memory=True):
    with contextlib.suppress(XapiError):
        check_can_boot(sim, ref, host, memory)
        return True
    return False


# ---------------------------------------------------------------- choosing

def choose(sim, ref):
    """The host to start or resume on: the VM's own, else the emptiest. Without memory for it anywhere, any will do."""
    spread = group_to_spread(sim.db, ref)
    hosts = [host for host in sim.db.refs('host') if can_boot(sim, ref, host)]
    hosts = hosts or [host for host in sim.db.refs('host') if can_boot(sim, ref, host, memory=False)]
    if not hosts:
        raise XapiError('NO_HOSTS_AVAILABLE')
    affinity = sim.db.get('VM', ref, 'affinity')

    def merit(host):
        return host != affinity, residents(sim.db, spread, host), -vm_memory.host_free(sim.db, host)
    return min(hosts, key=merit)


def group_to_spread(db, ref):
    """The anti-affinity group of a VM; a group that is gone is an error."""
    for group in db.get('VM', ref, 'groups'):
        if db.get('VM_group', group, 'placement') == 'anti_affinity':
            return group
    return None


def residents(db, group, host):
    return sum(db.get('VM', vm, 'resident_on') == host for vm in db.get('VM_group', group, 'VMs')) if group else 0


@contextlib.contextmanager
def reserved(sim, ref, host):
    """The host's memory is spoken for while the VM is on its way there."""
    sim.db.set('VM', ref, scheduled_to_be_resident_on=host)
    try:
        yield
    finally:
        if sim.db.exists('VM', ref):
            sim.db.set('VM', ref, scheduled_to_be_resident_on=NULL)


def host_with(sim, srs):
    """A host that sees these SRs."""
    for host in sim.db.refs('host'):
        if is_live(sim.db, host) and not srs_out_of_reach(sim.db, srs, host):
            return host
    raise XapiError('NO_HOSTS_AVAILABLE')


# ---------------------------------------------------------------- messages

@message('VM.assert_can_boot_here')
def assert_can_boot_here(call, vm, host):
    check_can_boot(call.sim, vm, host)


@message('VM.get_possible_hosts')
def get_possible_hosts(call, vm):
    scheduled = call.db.get('VM', vm, 'scheduled_to_be_resident_on')
    if scheduled != NULL:
        return [scheduled]
    return [host for host in call.db.refs('host') if can_boot(call.sim, vm, host)]


@message('VM.assert_agile')
def assert_agile(call, vm):
    """Every disk on shared storage, every network everywhere: what high availability asks for."""
    db = call.db
    record = db.require('VM', vm)
    hosts = db.refs('host')
    for sr in needed_srs(db, record):
        attached = {row['host'] for unused, row in db.rows('PBD') if row['SR'] == sr and row['currently_attached']}
        if not db.get('SR', sr, 'shared') or attached != set(hosts):
            raise XapiError('HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED', sr)
    for vif in record['VIFs']:
        network = db.get('VIF', vif, 'network')
        if {db.get('PIF', pif, 'host') for pif in db.get('network', network, 'PIFs')} != set(hosts):
            raise XapiError('HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED', network)


@message('VM.retrieve_wlb_recommendations')
def retrieve_wlb_recommendations(call, vm):
    """No workload balancing server belongs to this pool."""
    call.db.require('VM', vm)
    raise XapiError('WLB_NOT_INITIALIZED')
