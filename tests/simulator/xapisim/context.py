# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The world (Simulator) and one call to it (Call)."""

from __future__ import annotations

import contextlib
import random
import threading
import uuid
from typing import Any

from xapisim import lifecycle, registry
from xapisim.clock import Clock
from xapisim.database import Database
from xapisim.datamodel import Schema
from xapisim.datamodel.types import DateTime
from xapisim.errors import XapiError
from xapisim.events import Events
from xapisim.faults import Faults
from xapisim.journal import Journal
from xapisim.operations import Operations
from xapisim.rbac import Rbac
from xapisim.sessions import Sessions
from xapisim.storage import Storage
from xapisim.tasks import Tasks


class Simulator:
    """Everything that there is. Whoever touches it holds `lock`; `changed` tells waiters that something moved."""

    dispatcher: Any   # given by its server: it makes calls, and a call knows its simulator

    def __init__(self, options):
        self.options, self.schema = options, Schema()
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.clock = Clock(self.changed, options.clock == 'ticks')
        self.listeners = {}   # host ref -> the port that it answers on
        self.journal, self.faults = Journal(self), Faults(self)
        self.storage: Any = None   # the pool's, once there is one
        registry.load_behaviours()
        with self.lock:
            self.reset()

    def reset(self):
        """Back to the pool of the start."""
        from xapisim import topology   # topologies are made of behaviours, which are made of this
        if self.storage:
            self.storage.close()
        self.clock.reset()
        self.random = random.Random('xapi.xen')
        self.passwords = {self.options.username: self.options.password}
        self.directory, self.plugins, self.guests = {}, {}, self.options.guests or 'tools'
        self.db = Database(self.schema, self.new_ref, self.new_uuid)
        self.events, self.sessions, self.tasks = Events(self), Sessions(self), Tasks(self)
        self.operations, self.storage = Operations(self), Storage(self)
        self.db.listeners.append(self._on_change)
        topology.load(self)
        self.rbac = Rbac(self)
        for function in registry.startup:
            function(self)
        self.baseline = {cls: frozenset(self.db.refs(cls)) for cls in self.schema.classes}

    def _on_change(self, operation, cls, ref, _row):
        if operation == 'add':
            for function in registry.created.get(cls, ()):
                function(self, ref)
        self.changed.notify_all()

    # ------------------------------------------------------------ names and time

    def new_uuid(self):
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def new_ref(self):
        return 'OpaqueRef:' + self.new_uuid()

    def now(self):
        """The pool's time as fields hold it."""
        return DateTime.of(self.clock.now())

    def run_later(self, seconds, function):
        """Call the function, with the lock held, when so many seconds have passed on the pool's clock."""
        self.clock.run_later(seconds, function)

    @contextlib.contextmanager
    def unlocked(self):
        """Long work outside the lock, which the caller holds once."""
        self.lock.release()
        try:
            yield
        finally:
            self.lock.acquire()

    # ------------------------------------------------------------ the pool

    @property
    def pool(self):
        return self.db.refs('pool')[0]

    @property
    def coordinator(self):
        return self.db.get('pool', self.pool, 'master')

    def refresh_allowed(self, cls, ref):
        """Recompute allowed_operations of an object and of what hangs on it."""
        lifecycle.refresh(self, cls, ref)


class Call:
    """One call while it is answered."""

    def __init__(self, sim, host, method, session=None, task=None, origin=None):
        self.sim, self.db, self.host, self.method = sim, sim.db, host, method
        self.session, self._task, self.origin = session, task, origin or {}
        self._made_task = False

    @property
    def task(self):
        """The task that the call runs under. A call without an Async twin has none in the database."""
        if self._task is None:
            self._task = self.sim.tasks.of_sync_call(self)
            self._made_task = not self._task.startswith('DummyRef:')
        return self._task

    def finish(self):
        """The task of a synchronous call does not outlive it."""
        if self._made_task and self.db.exists('task', self._task):
            self.db.destroy('task', self._task)

    def progress(self, fraction):
        if self._task and self.db.exists('task', self._task):
            self.db.set('task', self._task, progress=float(fraction))

    def check_cancelled(self):
        """A point at which the work can be given up."""
        if self._task and self.sim.tasks.is_cancelled(self._task):
            raise XapiError('TASK_CANCELLED', self._task)

    def operation(self, cls, ref, operation):
        """Check that the operation is legal now, wait for those in its way, and show it while it runs."""
        return lifecycle.operation(self, cls, ref, operation)
