# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Memory, vCPUs and boot fields of a VM record that exists; live where XenAPI allows it. Pure."""

from __future__ import annotations

from typing import Any

from .._errors import ParameterError
from .._plan import Desired, Observed, Plan, Ref, Step
from .._units import format_size
from ._vm_boot import BOOT_FIELDS, boot_fields

LIMITS = ('memory_static_min', 'memory_dynamic_min', 'memory_dynamic_max', 'memory_static_max')
"""In the order in which XenAPI demands that they rise."""
HARDWARE = (*LIMITS, 'memory', 'vcpus', 'vcpus_max')
LIVE_VCPUS = 'changing_VCPUs_live'


def shown_hardware(record: dict) -> dict:
    """Memory and vCPUs as the result has them."""
    return {
        'memory': int(record['memory_static_max']),
        **{name: int(record[name]) for name in LIMITS},
        'vcpus': int(record['VCPUs_at_startup']),
        'vcpus_max': int(record['VCPUs_max']),
    }


def plan_hardware(plan: Plan, observed: Observed, desired: Desired, state: str = 'Halted') -> None:
    """Memory, vCPUs and boot fields of an existing record; ``state`` is the power state in which it will happen."""
    _plan_memory(plan, observed, desired, state)
    _plan_vcpus(plan, observed, desired, state)
    if not desired.get('boot_mode'):
        return
    wanted = boot_fields(desired)
    if wanted['HVM_boot_policy'] or desired.get('boot_params'):
        wanted['HVM_boot_params'] = _boot_params(observed.record['HVM_boot_params'], desired, wanted)
    for field in BOOT_FIELDS:
        if observed.record[field] != wanted[field]:
            plan.add(Step(f'VM.set_{field}', (observed.ref, wanted[field]), f'set {field}', needs_halted=True))
            plan.note(field, observed.record[field], wanted[field])


def _boot_params(current: dict, desired: Desired, wanted: dict) -> dict:
    """The boot order of a VM that has one, or is given one, is not that of ``boot_mode``."""
    kept = {**current, **desired.get('boot_params', {})}
    return {key: value for key, value in {**wanted['HVM_boot_params'], **kept}.items() if value is not None}


# -------------------------------------------------------------------------------------------- memory


def memory_limits(desired: Desired, record: dict) -> dict[str, int]:
    """The four limits that the options ask for; what they leave out is as in ``record``. Raises ParameterError."""
    limits = {name: int(record[name]) for name in LIMITS}
    whole = desired.get('memory')
    if whole is not None:
        limits.update(memory_dynamic_min=whole, memory_dynamic_max=whole, memory_static_max=whole)
    limits.update({name: desired.get(name) for name in LIMITS if desired.get(name) is not None})
    _check_limits(limits, desired)
    return limits


def _check_limits(limits: dict[str, int], desired: Desired) -> None:
    if limits['memory_static_max'] < 1:
        raise ParameterError('memory: a VM needs some', hint='Use a size such as 1GiB.')
    for lower, upper in zip(LIMITS, LIMITS[1:]):
        if limits[lower] <= limits[upper]:
            continue
        least, most = (f'{name} ({format_size(limits[name])})' for name in (lower, upper))
        given = 'memory' if desired.get('memory') is not None else upper if desired.get(upper) is not None else lower
        raise ParameterError(
            f'{given}: {least} is more than {most}', hint=f'They must rise in this order: {", ".join(LIMITS)}.'
        )


def _plan_memory(plan: Plan, observed: Observed, desired: Desired, state: str) -> None:
    if all(desired.get(name) is None for name in ('memory', *LIMITS)):
        return
    before = {name: int(observed.record[name]) for name in LIMITS}
    wanted = memory_limits(desired, before)
    changed = [name for name in LIMITS if wanted[name] != before[name]]
    if not changed:
        return
    plan.add(_memory_step(observed.ref, before, wanted, state))
    for name in changed:
        plan.note(name, before[name], wanted[name])
    if 'memory_static_max' in changed:
        plan.note('memory', before['memory_static_max'], wanted['memory_static_max'])


def _memory_step(ref: Ref, before: dict, wanted: dict, state: str) -> Step:
    """Between the static limits, memory of a running VM can change at once."""
    names: tuple[str, ...] = ('memory_dynamic_min', 'memory_dynamic_max')
    method, static = 'VM.set_memory_dynamic_range', False
    if any(wanted[name] != before[name] for name in ('memory_static_min', 'memory_static_max')):
        method, static = 'VM.set_memory_limits', True
        names = ('memory_static_min', 'memory_static_max', *names)
    return Step(
        method,
        (ref, *(wanted[name] for name in names)),
        f'set memory to {_amount(wanted)}',
        undo=Step(method, (ref, *(before[name] for name in names)), 'put back the memory'),
        needs_halted=static or state not in ('Halted', 'Running'),
    )


def _amount(limits: dict[str, int]) -> str:
    least, most = format_size(limits['memory_dynamic_min']), format_size(limits['memory_dynamic_max'])
    return least if least == most else f'{least} to {most}'


# -------------------------------------------------------------------------------------------- vCPUs


def vcpu_numbers(desired: Desired, startup: int, most: int) -> tuple[int, int]:
    """VCPUs_at_startup and VCPUs_max that the options ask for, from those that are there. Raises ParameterError."""
    wanted = desired.get('vcpus', startup)
    limit = desired.get('vcpus_max', max(wanted, most) if desired.get('vcpus') is not None else most)
    if wanted < 1 or wanted > limit:
        option = 'vcpus_max' if desired.get('vcpus') is None else 'vcpus'
        raise ParameterError(
            f'{option}: {wanted} of at most {limit} vCPUs can not be', hint='vcpus must be from 1 to vcpus_max.'
        )
    cores = desired.get('cores_per_socket')
    if cores is not None and (cores < 1 or limit % cores):
        raise ParameterError(
            f'cores_per_socket: {limit} vCPUs can not be sockets of {cores} cores',
            hint='vcpus_max (without it: vcpus) must be a multiple of cores_per_socket.',
        )
    return wanted, limit


def _plan_vcpus(plan: Plan, observed: Observed, desired: Desired, state: str) -> None:
    """VCPUs_at_startup must never exceed VCPUs_max, so the order depends on the direction."""
    record = observed.record
    startup, most = int(record['VCPUs_at_startup']), int(record['VCPUs_max'])
    if all(desired.get(option) is None for option in ('vcpus', 'vcpus_max', 'cores_per_socket')):
        return
    wanted, limit = vcpu_numbers(desired, startup, most)
    live = state == 'Running' and limit == most and LIVE_VCPUS in record.get('allowed_operations', ())
    steps = []
    if limit != most:
        steps.append(_vcpu_step('VM.set_VCPUs_max', observed.ref, 'vcpus_max', most, limit, True))
    if wanted != startup:
        steps.append(_vcpu_step('VM.set_VCPUs_at_startup', observed.ref, 'vcpus', startup, wanted, not live))
    if live and wanted != startup:
        steps.append(_vcpu_step('VM.set_VCPUs_number_live', observed.ref, 'vcpus now', startup, wanted, False))
    plan.add(*(steps if limit >= most else reversed(steps)))
    for option, before, after in (('vcpus', startup, wanted), ('vcpus_max', most, limit)):
        if before != after:
            plan.note(option, before, after)


def _vcpu_step(method: str, ref: Ref, what: str, before: int, wanted: int, needs_halted: bool) -> Step:
    undo = Step(method, (ref, before), f'put back {what}')
    return Step(method, (ref, wanted), f'set {what} to {wanted}', undo=undo, needs_halted=needs_halted)


def new_hardware(desired: Desired) -> dict[str, Any]:
    """Memory and vCPUs of a bare record."""
    for option, example in (('memory', '1GiB'), ('vcpus', '1')):
        if desired.get(option) is None and (option != 'memory' or desired.get('memory_static_max') is None):
            raise ParameterError(
                f'{option} is required for a new VM without a template',
                hint=f'Give {option}, for example {example}, or template.',
            )
    most = desired.get('memory_static_max', desired.get('memory'))
    limits = memory_limits(desired, {**dict.fromkeys(LIMITS, most), 'memory_static_min': 0})
    startup, limit = vcpu_numbers(desired, desired.get('vcpus'), desired.get('vcpus'))
    return {
        **limits,
        'memory_target': limits['memory_dynamic_max'],
        'VCPUs_max': limit,
        'VCPUs_at_startup': startup,
    }
