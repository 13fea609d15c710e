# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory: what a VM needs besides its own, the limits and their order, and what a host has left."""

from __future__ import annotations

from xapisim import lifecycle, ocaml
from xapisim.errors import XapiError
from xapisim.registry import message

MIB = 1 << 20
PAGES_PER_MIB = 256
# Pages that the hypervisor takes for each virtual CPU beside the shadow memory.
PAGES_PER_VCPU = 38
SHADOW_PAGES_PER_VCPU = 256
APPROXIMATE_VCPUS = 64


def up(value, unit):
    return -(-value // unit)


def shadow_mib(static_max_mib, vcpus, multiplier):
    pages = SHADOW_PAGES_PER_VCPU * vcpus + 2 * static_max_mib
    return max(1, int(up(pages, PAGES_PER_MIB) * multiplier))


def overhead(vm):
    """Bytes that a host spends on the VM beyond the VM's own memory."""
    static_max = up(vm['memory_static_max'], MIB)
    kind = vm['domain_type']
    extra = 1 if kind == 'pv' else 2
    shim = 23 + static_max // 90 if kind == 'pv_in_pvh' else 0
    multiplier = 1.0 if kind == 'pv' else vm['HVM_shadow_multiplier']
    vcpus = vm['VCPUs_max']
    return MIB * (extra + shim + shadow_mib(static_max, vcpus, multiplier) + up(PAGES_PER_VCPU * vcpus, PAGES_PER_MIB))


def needed_to_start(vm):
    """Bytes that starting the VM takes from a host."""
    memory = vm['memory_static_max'] if vm['domain_type'] == 'pv_in_pvh' else vm['memory_dynamic_min']
    return up(memory, MIB) * MIB + overhead(vm)


def update_overhead(db, vm):
    db.set('VM', vm, memory_overhead=overhead(db.require('VM', vm)))


def host_free(db, host, without=None):
    """Bytes left on a host when every VM on it, or on its way to it, has ballooned down."""
    total = db.get('host_metrics', db.get('host', host, 'metrics'), 'memory_total')
    total -= db.get('host', host, 'memory_overhead')
    for ref, vm in db.rows('VM'):
        if vm['resident_on'] == host or (vm['scheduled_to_be_resident_on'] == host and ref != without):
            total -= vm['memory_dynamic_min'] + vm['memory_overhead']
    return max(0, total)


# ---------------------------------------------------------------- limits

def check_order(db, vm, limits):
    """limits: static_min, dynamic_min, dynamic_max, static_max."""
    record = db.require('VM', vm)
    pinned = limits[1] == limits[2] == limits[3] and limits[0] <= limits[1]
    reasons = [('control domain', record['is_control_domain']), ('nested virt', uses_nested_virt(db, record))]
    for reason, applies in reasons:
        if applies and not pinned:
            raise XapiError('MEMORY_CONSTRAINT_VIOLATION_MAXPIN', reason)
    if list(limits) != sorted(limits):
        raise XapiError('MEMORY_CONSTRAINT_VIOLATION_ORDER')


def uses_nested_virt(db, vm):
    if db.exists('VM_metrics', vm['metrics']):
        return db.get('VM_metrics', vm['metrics'], 'nested_virt')
    return vm['platform'].get('nested-virt', '').lower() in ('1', 'true')


def store_limits(db, vm, **limits):
    record = db.require('VM', vm)
    fields = {'memory_' + name: value for name, value in limits.items()}
    get = dict(record, **fields).__getitem__
    check_order(db, vm, [get('memory_' + name) for name in ('static_min', 'dynamic_min', 'dynamic_max', 'static_max')])
    if 'memory_dynamic_min' in fields:
        fields['memory_target'] = fields['memory_dynamic_min']
    db.set('VM', vm, **fields)
    update_overhead(db, vm)
    if record['is_control_domain'] and record['power_state'] == 'Running':
        db.set('VM', vm, requires_reboot=True)


@message('VM.set_memory_static_range')
def set_memory_static_range(call, vm, minimum, maximum):
    with lifecycle.operation(call, 'VM', vm, 'changing_static_range'):
        store_limits(call.db, vm, static_min=minimum, static_max=maximum)


@message('VM.set_memory_static_min')
def set_memory_static_min(call, vm, value):
    set_memory_static_range(call, vm, value, call.db.get('VM', vm, 'memory_static_max'))


@message('VM.set_memory_static_max')
def set_memory_static_max(call, vm, value):
    set_memory_static_range(call, vm, call.db.get('VM', vm, 'memory_static_min'), value)


@message('VM.set_memory_dynamic_range')
def set_memory_dynamic_range(call, vm, minimum, maximum):
    with lifecycle.operation(call, 'VM', vm, 'changing_dynamic_range'):
        record = call.db.require('VM', vm)
        if record['power_state'] == 'Running':
            check_host_has_room(call.db, record, minimum)
        store_limits(call.db, vm, dynamic_min=minimum, dynamic_max=maximum)


def check_host_has_room(db, vm, minimum):
    free, more = host_free(db, vm['resident_on']), minimum - vm['memory_dynamic_min']
    if more > free:
        raise XapiError('HOST_NOT_ENOUGH_FREE_MEMORY', more // 1024, free // 1024)


@message('VM.set_memory_dynamic_min')
def set_memory_dynamic_min(call, vm, value):
    set_memory_dynamic_range(call, vm, value, call.db.get('VM', vm, 'memory_dynamic_max'))


@message('VM.set_memory_dynamic_max')
def set_memory_dynamic_max(call, vm, value):
    set_memory_dynamic_range(call, vm, call.db.get('VM', vm, 'memory_dynamic_min'), value)


@message('VM.set_memory_limits')
def set_memory_limits(call, vm, static_min, static_max, dynamic_min, dynamic_max):
    with lifecycle.operation(call, 'VM', vm, 'changing_memory_limits'):
        store_limits(call.db, vm, static_min=static_min, static_max=static_max, dynamic_min=dynamic_min,
                     dynamic_max=dynamic_max)


@message('VM.set_memory')
def set_memory(call, vm, value):
    with lifecycle.operation(call, 'VM', vm, 'changing_memory_limits'):
        store_limits(call.db, vm, static_max=value, dynamic_min=value, dynamic_max=value)


@message('VM.set_memory_target_live')
def set_memory_target_live(call, vm, target):
    """Deprecated: checked, and without effect."""
    with lifecycle.operation(call, 'VM', vm, 'changing_memory_live'):
        pass


@message('VM.wait_memory_target_live')
def wait_memory_target_live(call, vm):
    """The guests here reach their target at once."""
    with lifecycle.operation(call, 'VM', vm, 'awaiting_memory_live'):
        pass


# ---------------------------------------------------------------- shadow memory

def check_multiplier(value):
    if value < 1.0:
        raise XapiError('INVALID_VALUE', 'multiplier', ocaml.string_of_float(value))


@message('VM.set_HVM_shadow_multiplier')
def set_shadow_multiplier(call, vm, value):
    with lifecycle.operation(call, 'VM', vm, 'changing_shadow_memory'):
        store_multiplier(call.db, vm, value)


@message('VM.set_shadow_multiplier_live')
def set_shadow_multiplier_live(call, vm, value):
    with lifecycle.operation(call, 'VM', vm, 'changing_shadow_memory_live'):
        store_multiplier(call.db, vm, value)


def store_multiplier(db, vm, value):
    check_multiplier(value)
    db.set('VM', vm, HVM_shadow_multiplier=value)
    update_overhead(db, vm)


# ---------------------------------------------------------------- answers

@message('VM.compute_memory_overhead')
def compute_memory_overhead(call, vm):
    return overhead(call.db.require('VM', vm))


@message('VM.maximise_memory')
def maximise_memory(call, vm, total, approximate):
    """The largest static maximum, in whole MiB, with which the VM fits into so much memory."""
    record = dict(call.db.require('VM', vm))
    if approximate:
        record['VCPUs_max'] = APPROXIMATE_VCPUS
    low, high = 0, total // MIB
    while low < high:
        middle = (low + high + 1) // 2
        record['memory_static_max'] = middle * MIB
        low, high = (middle, high) if middle * MIB + overhead(record) <= total else (low, middle - 1)
    return low * MIB


@message('VM.get_cooperative')
def get_cooperative(call, vm):
    """Deprecated, always true."""
    call.db.require('VM', vm)
    return True
