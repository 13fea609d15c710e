# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Blocked operations: what is let go is let go before anything else, what is blocked is blocked after everything else. Pure."""

from __future__ import annotations

from .._plan import Desired, Observed, Plan, field_changes
from ._vm_fields import BLOCKED


def plan_blocked(plan: Plan, observed: Observed, desired: Desired) -> Plan:
    """Add the changes of blocked_operations around the steps of ``plan``: none of these shall meet an operation that is blocked."""
    child = field_changes(BLOCKED, 'VM', observed, desired)
    freed = [step for step in child.steps if not step.method.startswith('VM.add_to')]
    plan.steps[:0] = freed
    plan.steps.extend(step for step in child.steps if step.method.startswith('VM.add_to'))
    plan.before.update(child.before)
    plan.after.update(child.after)
    return plan
