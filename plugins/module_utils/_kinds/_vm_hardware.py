# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Memory, vCPUs and boot fields of a VM record that exists."""

from __future__ import annotations

from typing import Optional

from .._plan import Desired, Observed, Plan, Step
from .._units import format_size
from ._vm_boot import BOOT_FIELDS, boot_fields


def plan_hardware(plan: Plan, observed: Observed, desired: Desired) -> None:
    """Memory, vCPUs and boot fields of an existing record."""
    _plan_memory(plan, observed, desired.get('memory'))
    _plan_vcpus(plan, observed, desired.get('vcpus'))
    if not desired.get('boot_mode'):
        return
    wanted = boot_fields(desired)
    for field in BOOT_FIELDS:
        if observed.record[field] != wanted[field]:
            plan.add(Step(f'VM.set_{field}', (observed.ref, wanted[field]), f'set {field}', needs_halted=True))
            plan.note(field, observed.record[field], wanted[field])


def _plan_memory(plan: Plan, observed: Observed, wanted: Optional[int]) -> None:
    record = observed.record
    fields = ('memory_static_max', 'memory_dynamic_max', 'memory_dynamic_min')
    if wanted is None or all(int(record[field]) == wanted for field in fields):
        return
    least = min(int(record['memory_static_min']), wanted)
    plan.add(
        Step(
            'VM.set_memory_limits',
            (observed.ref, least, wanted, wanted, wanted),
            f'set memory to {format_size(wanted)}',
            needs_halted=True,
        )
    )
    plan.note('memory', int(record['memory_static_max']), wanted)


def _plan_vcpus(plan: Plan, observed: Observed, wanted: Optional[int]) -> None:
    """VCPUs_at_startup must never exceed VCPUs_max, so the order depends on the direction."""
    record = observed.record
    most, startup = int(record['VCPUs_max']), int(record['VCPUs_at_startup'])
    steps = []
    if wanted is None:
        return
    if wanted != most:
        steps.append(Step('VM.set_VCPUs_max', (observed.ref, wanted), f'set vcpus to {wanted}', needs_halted=True))
    if wanted != startup:
        steps.append(
            Step('VM.set_VCPUs_at_startup', (observed.ref, wanted), f'set vcpus to {wanted}', needs_halted=True)
        )
    if steps:
        plan.add(*(steps if wanted > most else reversed(steps))).note('vcpus', startup, wanted)
