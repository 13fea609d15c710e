# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Appliances: VMs that start and stop together, in their order. Schedules of snapshots, which have no plug-in here."""

from __future__ import annotations

import contextlib

from xapisim import lifecycle
from xapisim.behaviours import vm_power, vm_questions
from xapisim.context import Call
from xapisim.errors import XapiError
from xapisim.registry import constructor, message, stores

stores('VMSS.set_type', 'VMSS.set_retained_snapshots', 'VMSS.set_frequency', 'VMSS.set_schedule',
       'VMSS.add_to_schedule', 'VMSS.remove_from_schedule', 'VMSS.set_last_run_time')


@constructor('VM_appliance')
def create(call, record):
    ref = call.db.create('VM_appliance', record)
    lifecycle.refresh(call.sim, 'VM_appliance', ref)
    return ref


@message('VM_appliance.start')
def start(call, ref, paused):
    goal = 'Paused' if paused else 'Running'
    perform(call, ref, 'start', goal, lambda own, vm: vm_power.start(own, vm, paused, False))


@message('VM_appliance.clean_shutdown')
def clean_shutdown(call, ref):
    perform(call, ref, 'clean_shutdown', 'Halted', vm_power.clean_shutdown)


@message('VM_appliance.hard_shutdown')
def hard_shutdown(call, ref):
    perform(call, ref, 'hard_shutdown', 'Halted', vm_power.hard_shutdown)


@message('VM_appliance.shutdown')
def shutdown(call, ref):
    perform(call, ref, 'shutdown', 'Halted', vm_power.shutdown)


def perform(call, ref, op, goal, action):
    """Each VM that is not there yet: lowest order first when starting, last when stopping; failures come at the end."""
    with call.operation('VM_appliance', ref, op):
        vms = [vm for vm in call.db.get('VM_appliance', ref, 'VMs') if call.db.get('VM', vm, 'power_state') != goal]
        for vm in sorted(vms, key=lambda vm: call.db.get('VM', vm, 'order'), reverse=op != 'start'):
            one_vm(call, vm, op, action)
        failed = [vm for vm in vms if call.db.get('VM', vm, 'power_state') != goal]
    if failed:
        raise XapiError('OPERATION_PARTIALLY_FAILED', 'VM_appliance.' + op, *failed)


def one_vm(call, vm, op, action):
    own = Call(call.sim, call.host, 'VM.' + op, call.session)
    try:
        with contextlib.suppress(XapiError):
            action(own, vm)
    finally:
        own.finish()


@message('VM_appliance.assert_can_be_recovered')
def assert_can_be_recovered(call, ref, session_to):
    call.sim.sessions.check(session_to)
    for vm in call.db.get('VM_appliance', ref, 'VMs'):
        vm_questions.require_srs(call, vm)


@message('VM_appliance.get_SRs_required_for_recovery')
def get_srs_required_for_recovery(call, ref, session_to):
    vms = call.db.get('VM_appliance', ref, 'VMs')
    found = [vm_questions.get_srs_required_for_recovery(call, vm, session_to) for vm in vms]
    return list(dict.fromkeys(sr for srs in found for sr in srs))


@message('VMSS.snapshot_now')
def snapshot_now(call, ref):
    call.db.require('VMSS', ref)
    raise XapiError('XENAPI_MISSING_PLUGIN', 'vmss')
