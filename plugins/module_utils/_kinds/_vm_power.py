# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The power state of a VM, and waiting for its guest."""

from __future__ import annotations

import ipaddress
from typing import Any, Optional

from .._errors import ApiError, DeadlineExceeded, ParameterError
from .._plan import Desired, Observed, Ref, Step
from .._tasks import EVENT_GRACE, EVENT_WAIT, run_task
from .._wait import Deadline
from ._scope import RELEASE_RETRY

POWER_STATES = {'Running': 'running', 'Halted': 'halted', 'Suspended': 'suspended', 'Paused': 'paused'}
"""XenAPI vm_power_state and the words of power_state."""
UNWILLING = (
    'VM_LACKS_FEATURE',
    'VM_MISSING_PV_DRIVERS',
    'VM_SHUTDOWN_TIMEOUT',
    'VM_FAILED_SHUTDOWN_ACKNOWLEDGMENT',
    'OPERATION_NOT_ALLOWED',
)
"""What a guest answers that can't be shut down by asking."""


def power_steps(vm: Ref, current: str, wanted: str, desired: Desired, new: bool = False) -> list[Step]:
    """The calls from a power state (XenAPI's word) to another (ours). Only for a ``new`` VM can a start be taken back: by force."""
    if POWER_STATES[current] == wanted:
        return []
    if wanted == 'halted':
        return [shutdown_step(vm, desired)]
    undo = Step('VM.hard_shutdown', (vm,), 'stop the new VM', task=True) if new else None
    steps = []
    if current == 'Halted':
        steps.append(
            Step('VM.start', (vm, wanted == 'paused', False), 'start', task=True, undo=undo, retry=RELEASE_RETRY)
        )
    elif current == 'Suspended':
        steps.append(Step('VM.resume', (vm, wanted == 'paused', False), 'resume', task=True))
    elif current == 'Paused':
        steps.append(Step('VM.unpause', (vm,), 'unpause', task=True))
    if wanted == 'paused' and current == 'Running':
        steps.append(Step('VM.pause', (vm,), 'pause', task=True))
    if wanted == 'suspended':
        steps.append(Step('VM.suspend', (vm,), 'suspend', task=True))
    return steps


def shutdown_step(vm: Ref, desired: Desired) -> Step:
    """Ask the guest to shut down; only with ``force`` is it switched off when it can not, or does not in time."""

    def perform(run: Any) -> None:
        ref = run.resolve(vm)
        try:
            run_task(run.session, 'VM.clean_shutdown', (ref,), run.deadline('the clean shutdown', 'shutdown_timeout'))
        except (ApiError, DeadlineExceeded) as error:
            if isinstance(error, ApiError) and error.code not in (*UNWILLING, 'VM_BAD_POWER_STATE'):
                raise
            if not desired.get('force'):
                error.hint = 'Install the guest tools, raise shutdown_timeout, or set force: true to switch the VM off.'
                raise
            run_task(run.session, 'VM.hard_shutdown', (ref,), run.deadline('the hard shutdown'))

    return Step(
        'VM.clean_shutdown',
        (vm,),
        'shut down' + (', by force if need be' if desired.get('force') else ''),
        perform=perform,
    )


# -------------------------------------------------------------------------------------------- waiting


def wait_steps(observed: Observed, desired: Desired, state: str, moved: bool) -> list[Step]:
    """A step that waits for what ``wait_for`` names, unless it is there already."""
    goal = desired.get('wait_for')
    if goal in (None, 'none'):
        return []
    if state != 'running':
        raise ParameterError(
            f'wait_for: a VM that is {state} has no {goal}', hint='Set power_state: running, or leave wait_for out.'
        )
    if not moved and (goal == 'running' or addresses_of(observed.related['guest_metrics'])):
        return []
    return [
        Step(
            'event.from',
            (observed.ref,),
            f'wait for {goal}',
            changes=False,
            perform=lambda run: _wait(run, run.resolve(observed.ref), goal),
        )
    ]


def _wait(run: Any, vm: str, goal: str) -> None:
    what = 'that the VM runs' if goal == 'running' else 'that the guest reports an address'
    deadline = run.deadline(what, 'wait_timeout')
    metrics = _follow(run, [f'VM/{vm}'], deadline, lambda record: _progress(record, goal))
    if goal == 'address':
        _follow(run, [f'VM_guest_metrics/{metrics}'], deadline, _address_progress)


def _progress(record: dict, goal: str) -> tuple[Optional[str], str]:
    """What the VM record shows: (guest metrics reference or "running" once it is far enough, description)."""
    if record['power_state'] != 'Running':
        return None, f'the VM is {POWER_STATES.get(record["power_state"], record["power_state"])}'
    if goal == 'running':
        return 'running', 'running'
    return (
        (None, 'the VM runs, and its guest has no guest tools (yet)')
        if 'NULL' in record['guest_metrics']
        else (record['guest_metrics'], '')
    )


def _address_progress(record: dict) -> tuple[Optional[str], str]:
    found = addresses_of(record)
    return (found[0], '') if found else (None, 'the guest tools run, and the guest has no address (yet)')


def _follow(run: Any, subscription: list[str], deadline: Deadline, progress: Any) -> str:
    """Watch one object by events until ``progress`` of its record gives a value."""
    token, seen = '', 'nothing'
    while True:
        wait = deadline.remaining(EVENT_WAIT)
        batch = run.session.call('event.from', subscription, token, wait, timeout=wait + EVENT_GRACE)
        token = batch['token']
        for event in batch['events']:
            if 'snapshot' in event:
                value, seen = progress(event['snapshot'])
                if value:
                    return value
        deadline.check(seen)


# -------------------------------------------------------------------------------------------- addresses


def addresses_of(metrics: Optional[dict]) -> list[str]:
    """Every usable address that the guest reports, in order of device, IPv4 first (VM_guest_metrics.networks)."""
    networks = (metrics or {}).get('networks', {})
    devices = sorted({key.split('/')[0] for key in networks if key.split('/')[0].isdigit()}, key=int)
    return [address for device in devices for address in addresses_of_device(metrics, device)]


def addresses_of_device(metrics: Optional[dict], device: str) -> list[str]:
    """The usable addresses of one VIF: keys ``N/ip``, ``N/ipv4/M`` and ``N/ipv6/M``; link-local ones are of no use to anybody."""
    networks = (metrics or {}).get('networks', {})
    values = [
        networks[key]
        for key in sorted(networks)
        if key == f'{device}/ip' or key.startswith((f'{device}/ipv4/', f'{device}/ipv6/'))
    ]
    return list(dict.fromkeys(value for value in values if _is_usable(value)))


def _is_usable(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_link_local or address.is_loopback or address.is_unspecified)
