# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations in progress: shown in current_operations, and waited for by those that they stand in the way of."""

from __future__ import annotations

import contextlib

from xapisim.errors import XapiError

PATIENCE = 7200.0   # seconds for which a conflicting operation is waited for


class Operations:
    """What runs now, on which objects."""

    def __init__(self, sim):
        self.sim = sim

    def of(self, cls, ref):
        """{task: operation} of an object."""
        return self.sim.db.get(cls, ref, 'current_operations')

    def wait(self, call, obstacle, patience=PATIENCE):
        """Return once obstacle() is None; it may raise. Otherwise it names what stands in the way, as
        (class, ref, operation), which becomes the error when patience ends."""
        until = self.sim.clock.now() + patience
        found = obstacle()
        while found is not None:
            call.check_cancelled()
            left = until - self.sim.clock.now()
            if left <= 0:
                raise XapiError('OTHER_OPERATION_IN_PROGRESS', *found)
            self.sim.changed.wait(None if self.sim.clock.ticks else min(left, 60.0))
            found = obstacle()

    def begin(self, call, cls, ref, operation):
        """Show an operation in the object's current_operations."""
        self.sim.db.set(cls, ref, current_operations={**self.of(cls, ref), call.task: operation})

    def end(self, call, cls, ref):
        """The object may be gone by now."""
        if self.sim.db.exists(cls, ref):
            left = {task: name for task, name in self.of(cls, ref).items() if task != call.task}
            self.sim.db.set(cls, ref, current_operations=left)

    @contextlib.contextmanager
    def running(self, call, objects, obstacle=None, refresh=None, patience=PATIENCE):
        """Wait for obstacles, then hold operations on objects, [(class, ref, operation)], while the body runs.

        refresh(class, ref) recomputes allowed_operations, after the beginning and after the end.
        """
        if obstacle:
            self.wait(call, obstacle, patience)
        for cls, ref, operation in objects:
            self.begin(call, cls, ref, operation)
        self._refresh(objects, refresh)
        try:
            yield
        finally:
            for cls, ref, unused in objects:
                self.end(call, cls, ref)
            self._refresh(objects, refresh)

    def _refresh(self, objects, refresh):
        for cls, ref, unused in objects:
            if refresh and self.sim.db.exists(cls, ref):
                refresh(cls, ref)
