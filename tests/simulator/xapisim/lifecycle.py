# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which operation is legal when, for every class: the check, operations in progress, allowed_operations.

A class has one entry in RULES, made by define(); the tables themselves stand in lifecycle_vm.py and its like.
"""

from __future__ import annotations

import contextlib

from xapisim.errors import XapiError

BUSY = 'OTHER_OPERATION_IN_PROGRESS'
# How long a call waits, in seconds, for a conflicting operation to end.
STANDARD, QUICKLY, IMMEDIATELY = 7200, 120, 0

RULES: dict[str, Rules] = {}


class Rules:
    """How one class answers "may this operation start now", and which operations it advertises."""

    def __init__(self, error, advertise, refreshed=None):
        self.error, self.advertise, self.refreshed = error, advertise, refreshed


def define(cls, error, advertise, refreshed=None):
    """error(sim, ref, op, strict): one or None. advertise(sim, ref): operations. refreshed(sim, ref): what follows."""
    RULES[cls] = Rules(error, advertise, refreshed)


def error_of(sim, cls, ref, op, strict=True):
    """The error that starting the operation now would give, or None."""
    return RULES[cls].error(sim, ref, op, strict)


def require(sim, cls, ref, op, strict=True):
    error = error_of(sim, cls, ref, op, strict)
    if error:
        raise error


def refresh(sim, cls, ref):
    """Compute allowed_operations of one object again."""
    if cls not in RULES or not sim.db.exists(cls, ref):
        return
    sim.db.set(cls, ref, allowed_operations=RULES[cls].advertise(sim, ref))
    if RULES[cls].refreshed:
        RULES[cls].refreshed(sim, ref)


def busy(cls, ref, current, shown=str):
    """OTHER_OPERATION_IN_PROGRESS as a real host words it, with one or several operations."""
    tasks, names = list(current), [shown(op) for op in current.values()]
    if len(tasks) == 1:
        return XapiError(BUSY, cls, ref, names[0], tasks[0])
    return XapiError(BUSY, cls, ref, '{%s}' % ','.join(names), '{%s}' % ','.join(tasks))


@contextlib.contextmanager
def operation(call, cls, ref, op, strict=True, patience=STANDARD):
    """Run the body as an operation in progress on the object; waits first while a conflicting one runs."""
    call.sim.operations.wait(call, lambda: obstacle(call.sim, cls, ref, op, strict), patience)
    begin(call, cls, ref, op)
    try:
        yield
    finally:
        end(call, cls, ref)


def obstacle(sim, cls, ref, op, strict=True):
    """What stands in the way for now, as parameters of BUSY, or None; what stands there for good is raised."""
    sim.db.require(cls, ref)
    error = error_of(sim, cls, ref, op, strict)
    if error and error.code != BUSY:
        raise error
    return error.params if error else None


def begin(call, cls, ref, op):
    call.sim.operations.begin(call, cls, ref, op)
    refresh(call.sim, cls, ref)


def end(call, cls, ref):
    call.sim.operations.end(call, cls, ref)
    refresh(call.sim, cls, ref)
