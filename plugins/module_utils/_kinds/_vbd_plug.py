# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plugging VBDs into running VMs and out again, with the patience that guests need."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional

from .._errors import ParameterError
from .._plan import Desired, Ref, Retry, Step
from ._scope import RELEASE_RETRY
from ._vbd_here import wait_for_node

PLUG_STATE = 'Running'
"""The one power state in which a host plugs and unplugs devices: not even in a paused VM."""
UNPLUG_RETRIES, UNPLUG_DELAY = 10, 1.0


def unplug_retry(count: Optional[int], delay: Optional[float] = None) -> Retry:
    """``count`` more attempts, ``delay`` seconds apart, while the guest holds on to the device; already detached is success."""
    return Retry(
        codes=('DEVICE_DETACH_REJECTED', 'INTERNAL_ERROR', 'VM_MISSING_PV_DRIVERS'),
        done=('DEVICE_ALREADY_DETACHED',),
        count=max(0, UNPLUG_RETRIES if count is None else count),
        delay=max(0.0, UNPLUG_DELAY if delay is None else delay),
    )


def require_plug_state(desired: Desired, option: str, done: str, hint: str) -> None:
    """Raise ParameterError unless the VM runs."""
    state = desired.scope['power_state']
    if state != PLUG_STATE:
        raise ParameterError(f'{option}: the VM is {state.lower()}, so nothing can be {done}', hint=hint)


def plug_steps(ref: Ref, desired: Desired) -> list[Step]:
    """Plug; when the VM is the one that the module runs on, also wait for the device node."""
    steps = [replace(_plug(ref), undo=_unplug(ref, desired))]
    if desired.scope.get('here'):
        steps.append(wait_for_node(ref, desired.scope.get('device_prefix')))
    return steps


def unplug_step(ref: Ref, desired: Desired) -> Step:
    """Unplug; its undo plugs again, unless the VBD was destroyed since: then the undo of that has plugged another."""
    again = _plug(ref)
    retry = replace(again.retry, done=(*again.retry.done, 'HANDLE_INVALID'))
    return replace(_unplug(ref, desired), undo=replace(again, retry=retry))


def plug_again(run: Any, ref: str) -> None:
    """Plug at once, for taking something back."""
    run.perform(_plug(ref))


def _plug(ref: Ref) -> Step:
    retry = replace(RELEASE_RETRY, done=('DEVICE_ALREADY_ATTACHED',))
    return Step('VBD.plug', (ref,), 'plug the device', task=True, retry=retry)


def _unplug(ref: Ref, desired: Desired) -> Step:
    retry = unplug_retry(desired.scope.get('unplug_retries'), desired.scope.get('unplug_delay'))
    return Step('VBD.unplug', (ref,), 'unplug the device', task=True, retry=retry)
