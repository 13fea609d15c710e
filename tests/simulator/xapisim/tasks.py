# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks: those of Async calls, those that synchronous calls run under, and those that clients make."""

from __future__ import annotations

import threading

from xapisim import wire_xml
from xapisim.datamodel.types import NULL
from xapisim.errors import XapiError

FINISHED = ('success', 'failure', 'cancelled')


class Tasks:
    """The life of a task; the rows are in the database like any other."""

    def __init__(self, sim):
        self.sim = sim

    def create(self, label, description='', session=None, host=None):
        return self.sim.db.create('task', {
            'name_label': label, 'name_description': description, 'created': self.sim.now(), 'status': 'pending',
            'type': '<none/>',
            'session': session or NULL, 'resident_on': host or self.sim.coordinator, 'backtrace': '()'})

    def dummy(self, label):
        """The name of a task that is not in the database."""
        return 'DummyRef:|%s|%s' % (self.sim.new_uuid(), label)

    def of_sync_call(self, call):
        message = self.sim.schema.by_name.get(call.method)
        if message and message.asynchronous:
            return self.create(call.method, session=call.session, host=call.host)
        return self.dummy(call.method)

    # ------------------------------------------------------------ Async calls

    def start(self, call, body):
        """Run body(), which holds the lock, in a thread of its own; its outcome becomes that of the call's task."""
        thread = threading.Thread(target=self._run, args=(call, body), name=call.method, daemon=True)
        thread.start()

    def _run(self, call, body):
        with self.sim.lock:
            db = self.sim.db   # a reset replaces it: what was running then has no task any more
            try:
                result = body()
            except XapiError as error:
                if db is self.sim.db:
                    self.fail(call.task, error)
            else:
                if db is self.sim.db:
                    self.succeed(call.task, result)

    def succeed(self, task, result):
        self._end(task, status='success', result=wire_xml.fragment(result))

    def fail(self, task, error):
        if error.code == 'TASK_CANCELLED':
            self._end(task, status='cancelled')
        else:
            self._end(task, status='failure', error_info=error.description)

    def _end(self, task, **fields):
        """A client may have ended or destroyed the task before."""
        db = self.sim.db
        if db.exists('task', task) and db.get('task', task, 'status') == 'pending':
            db.set('task', task, progress=1.0, finished=self.sim.now(), allowed_operations=[], **fields)
        if db.exists('task', task) and 'destroy' in db.get('task', task, 'current_operations').values():
            db.destroy('task', task)

    # ------------------------------------------------------------ what clients do to tasks

    def is_finished(self, task):
        return self.sim.db.get('task', task, 'status') in FINISHED

    def is_cancelled(self, task):
        db = self.sim.db
        return db.exists('task', task) and 'cancel' in db.get('task', task, 'current_operations').values()
