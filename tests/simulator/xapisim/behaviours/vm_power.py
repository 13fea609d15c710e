# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting, pausing, stopping, rebooting VMs, and putting them to sleep."""

from __future__ import annotations

from xapisim import lifecycle
from xapisim.behaviours import vm_domain, vm_placement, vm_suspend
from xapisim.behaviours.vm_messages import tell
from xapisim.errors import XapiError
from xapisim.lifecycle_devices import held
from xapisim.lifecycle_vm import HALTED, PAUSED, RUNNING, SUSPENDED, bad_power_state
from xapisim.registry import message

# Points at which the hypervisor could have given up, which it notes on the task.
POINTS_OF_START, POINTS_OF_STOP = '6', '8'
# What a hard shutdown or reboot gives up on its way.
GIVEN_UP = ('clean_shutdown', 'clean_reboot', 'pool_migrate', 'call_plugin', 'suspend')


def devices(db, vm):
    """Every disk drive and interface of the VM, to be held while they are attached."""
    return drives(db, vm) + [('VIF', vif, 'attach') for vif in db.get('VM', vm, 'VIFs')]


def drives(db, vm):
    return [('VBD', vbd, 'attach') for vbd in db.get('VM', vm, 'VBDs')]


# ---------------------------------------------------------------- start

@message('VM.start')
def start(call, vm, start_paused, force):
    with call.operation('VM', vm, 'start'), held(call, *devices(call.db, vm)):
        vm_domain.prepare(call.sim, vm)
        launch(call, vm, vm_placement.choose(call.sim, vm), start_paused)
    finish_start(call, vm)


@message('VM.start_on')
def start_on(call, vm, host, start_paused, force):
    call.db.require('host', host)
    if 'evacuate' in call.db.get('host', host, 'current_operations').values():
        raise XapiError('HOST_EVACUATE_IN_PROGRESS', host)
    with call.operation('VM', vm, 'start_on'), held(call, *devices(call.db, vm)):
        vm_domain.prepare(call.sim, vm)
        vm_placement.check_can_boot(call.sim, vm, host)
        launch(call, vm, host, start_paused)
    finish_start(call, vm)


def launch(call, vm, host, paused):
    """The hypervisor has the last word on memory: the choice of the host may have been made without looking at it."""
    with vm_placement.reserved(call.sim, vm, host):
        vm_placement.check_memory(call.db, vm, host)
        vm_domain.activate_disks(call.sim, vm)
        vm_domain.build(call.sim, vm, host, paused)
    note_points(call, POINTS_OF_START)
    delay(call, vm, 'start_delay')


def finish_start(call, vm):
    vm_domain.refresh_devices(call.sim, call.db.require('VM', vm))
    host = call.db.require('host', call.db.get('VM', vm, 'resident_on'))
    tell(call, 'VM_STARTED', vm, 'started on host: %s (uuid: %s)' % (host['name_label'], host['uuid']))


def note_points(call, number):
    if call.db.exists('task', call.task):
        other_config = call.db.get('task', call.task, 'other_config')
        call.db.set('task', call.task, other_config={**other_config, 'debug_info:cancel_points_seen': number})


def delay(call, vm, field):
    seconds = call.db.get('VM', vm, field)
    if seconds > 0:
        call.sim.clock.sleep(seconds)


# ---------------------------------------------------------------- pause

@message('VM.pause')
def pause(call, vm):
    with call.operation('VM', vm, 'pause'):
        vm_domain.set_paused(call.sim, vm, True)
    tell(call, 'VM_PAUSED', vm, 'paused')
    vm_domain.refresh_devices(call.sim, call.db.require('VM', vm))


@message('VM.unpause')
def unpause(call, vm):
    with call.operation('VM', vm, 'unpause'):
        vm_domain.set_paused(call.sim, vm, False)
    tell(call, 'VM_UNPAUSED', vm, 'unpaused')
    vm_domain.refresh_devices(call.sim, call.db.require('VM', vm))


# ---------------------------------------------------------------- shutdown

@message('VM.clean_shutdown')
def clean_shutdown(call, vm):
    with call.operation('VM', vm, 'clean_shutdown'):
        stop(call, vm)
    finish_stop(call, vm, 'shutdown')


@message('VM.hard_shutdown')
def hard_shutdown(call, vm):
    with call.operation('VM', vm, 'hard_shutdown'):
        give_up(call, vm, GIVEN_UP + ('hard_reboot', 'shutdown'))
        power_off(call, vm)
    finish_stop(call, vm, 'shutdown forcibly')


@message('VM.shutdown')
def shutdown(call, vm):
    """Cleanly where the guest can, by force where it cannot."""
    with call.operation('VM', vm, 'shutdown'):
        power_off(call, vm)
    finish_stop(call, vm, 'shutdown')


def power_off(call, vm):
    """Whatever the VM is doing, it is halted afterwards."""
    state = call.db.get('VM', vm, 'power_state')
    if state == SUSPENDED:
        call.db.set('VM', vm, ha_always_run=False)
        vm_suspend.discard_image(call, vm)
        vm_domain.reset(call.sim, vm, HALTED)
    elif state != HALTED:
        stop(call, vm)


def stop(call, vm):
    call.db.set('VM', vm, ha_always_run=False)
    vm_domain.tear_down(call.sim, vm)
    note_points(call, POINTS_OF_STOP)
    delay(call, vm, 'shutdown_delay')


def finish_stop(call, vm, text):
    tell(call, 'VM_SHUTDOWN', vm, text)
    vm_domain.refresh_devices(call.sim, call.db.require('VM', vm))


def give_up(call, vm, operations):
    """Cancel what the VM is in the middle of."""
    for task, op in call.db.get('VM', vm, 'current_operations').items():
        if op in operations and task != call.task and call.db.exists('task', task):
            call.sim.tasks.request(task, 'cancel')


# ---------------------------------------------------------------- reboot

@message('VM.clean_reboot')
def clean_reboot(call, vm):
    with call.operation('VM', vm, 'clean_reboot'), held(call, *devices(call.db, vm)):
        vm_domain.rebuild(call.sim, vm)
    finish_reboot(call, vm, 'rebooted cleanly')


@message('VM.hard_reboot')
def hard_reboot(call, vm):
    with call.operation('VM', vm, 'hard_reboot'):
        give_up(call, vm, GIVEN_UP)
        with held(call, *devices(call.db, vm)):
            vm_domain.rebuild(call.sim, vm)
    finish_reboot(call, vm, 'rebooted forcibly')


def finish_reboot(call, vm, text):
    tell(call, 'VM_REBOOTED', vm, text)
    vm_domain.refresh_devices(call.sim, call.db.require('VM', vm))


# ---------------------------------------------------------------- suspend and resume

@message('VM.suspend')
def suspend(call, vm):
    with call.operation('VM', vm, 'suspend'):
        call.db.set('VM', vm, ha_always_run=False)
        vm_suspend.save(call, vm)
    tell(call, 'VM_SUSPENDED', vm, 'suspended')
    vm_domain.refresh_devices(call.sim, call.db.require('VM', vm))


@message('VM.resume')
def resume(call, vm, start_paused, force):
    with call.operation('VM', vm, 'resume'), held(call, *drives(call.db, vm)):
        wake(call, vm, vm_placement.choose(call.sim, vm), start_paused)
    finish_resume(call, vm)


@message('VM.resume_on')
def resume_on(call, vm, host, start_paused, force):
    call.db.require('host', host)
    with call.operation('VM', vm, 'resume_on'), held(call, *drives(call.db, vm)):
        vm_placement.check_can_boot(call.sim, vm, host)
        wake(call, vm, host, start_paused)
    finish_resume(call, vm)


def wake(call, vm, host, paused):
    with vm_placement.reserved(call.sim, vm, host):
        vm_domain.activate_disks(call.sim, vm)
        vm_suspend.restore(call, vm, host, paused)


def finish_resume(call, vm):
    vm_domain.refresh_devices(call.sim, call.db.require('VM', vm))
    host = call.db.require('host', call.db.get('VM', vm, 'resident_on'))
    tell(call, 'VM_RESUMED', vm, 'resumed on host: %s (uuid: %s)' % (host['name_label'], host['uuid']))


# ---------------------------------------------------------------- when the records are wrong

@message('VM.power_state_reset')
def power_state_reset(call, vm):
    """Only for a VM whose domain is gone: a running one is refused."""
    record = call.db.require('VM', vm)
    if record['is_control_domain']:
        raise XapiError('CANNOT_RESET_CONTROL_DOMAIN', vm)
    if record['power_state'] in (RUNNING, PAUSED):
        if record['resident_on'] != call.host and vm_placement.is_live(call.db, record['resident_on']):
            raise XapiError('HOST_IS_LIVE', record['resident_on'])
        if record['power_state'] == RUNNING:
            raise XapiError('DOMAIN_EXISTS', vm)
    vm_domain.reset(call.sim, vm, HALTED)


@message('VM.s3_suspend', 'VM.s3_resume')
def sleep_in_memory(call, vm):
    """The guest sleeps inside its domain, which goes on: nothing of it shows."""
    state = call.db.get('VM', vm, 'power_state')
    if state != RUNNING:
        raise bad_power_state(vm, (RUNNING,), state)


@message('VM.restart_device_models')
def restart_device_models(call, vm):
    """A migration from a host to itself."""
    state = call.db.get('VM', vm, 'power_state')
    if state != RUNNING:
        raise XapiError('VM_BAD_POWER_STATE', vm, RUNNING, state)
    with lifecycle.operation(call, 'VM', vm, 'pool_migrate'):
        vm_domain.move(call.sim, vm, call.db.get('VM', vm, 'resident_on'))
