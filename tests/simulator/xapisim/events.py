# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""event.from by generations of rows, event.next by a queue for each session that registered."""

from __future__ import annotations

import hashlib
import time

from xapisim import ocaml
from xapisim.errors import XapiError, handle_invalid

TOKEN = '%020d,%020d'   # with zeros in front, so that tokens compare as strings
FOREVER = 24 * 3600.0
BATCH = 0.05   # seconds for which changes are gathered after the first one


class Subscriptions:
    """'*', a class, or a class and a reference: 'VM/OpaqueRef:...'; classes in any letter case."""

    def __init__(self):
        self.everything, self.classes, self.objects = False, set(), set()

    def add(self, texts):
        for kind, value in map(_parse, texts):
            if kind == 'all':
                self.everything = True
            elif kind == 'class':
                self.classes.add(value)
            else:
                self.objects.add(value)

    def remove(self, texts):
        for kind, value in map(_parse, texts):
            if kind == 'all':
                self.everything = False
            self.classes.discard(value)
            self.objects.discard(value)

    def covers(self, cls, ref):
        cls = cls.lower()
        return self.everything or cls in self.classes or (cls, ref) in self.objects

    def wants(self, cls):
        """Whether any object of the class may be covered: None, the references, or all of them."""
        cls = cls.lower()
        if self.everything or cls in self.classes:
            return True
        return [ref for name, ref in self.objects if name == cls]


def _parse(text):
    if text == '*':
        return 'all', None
    cls, slash, ref = text.partition('/')
    return ('object', (cls.lower(), ref)) if slash else ('class', cls.lower())


class _Queue:
    """What event.next has to tell a session."""

    def __init__(self):
        self.subscriptions, self.events = Subscriptions(), []


class Events:
    """The event system of one pool."""

    def __init__(self, sim):
        self.sim, self._last_id, self._queues = sim, 0, {}
        self._classes = [name for name, table in sim.schema.classes.items() if table.flags.get('events')]
        sim.db.listeners.append(self._on_change)

    def _on_change(self, operation, cls, ref, _row):
        if cls not in self._classes:
            return
        for queue in self._queues.values():
            if queue.subscriptions.covers(cls, ref):
                queue.events.append(self._event(operation, cls, ref))

    def _event(self, operation, cls, ref):
        self._last_id += 1
        event = {'id': self._last_id, 'timestamp': ocaml.string_of_float(self.sim.clock.now()), 'class': cls.lower(),
                 'operation': operation, 'ref': ref}
        if operation != 'del':
            event['snapshot'] = self.sim.db.record(cls, ref)
        return event

    # ------------------------------------------------------------ event.from

    def since(self, session, classes, token, timeout):
        """What event.from answers; waits, at most so many real seconds, until there is something to say."""
        generation, messages = _read_token(token)
        subscriptions = Subscriptions()
        subscriptions.add(classes)
        until = time.monotonic() + (timeout if timeout >= 0 else FOREVER)
        found = self._find(subscriptions, generation)
        waited = False
        while not found and self._wait(until):
            waited = True
            self._require_session(session)
            found = self._find(subscriptions, generation)
        if waited and found:
            self._gather()
            found = self._find(subscriptions, generation)
        last = max([generation] + [when for when, unused in found])
        return {'events': [self._event(*what) for unused, what in found], 'valid_ref_counts': self._counts(),
                'token': TOKEN % (last, messages)}

    def _wait(self, until):
        """Until something changes; false when time is up."""
        left = until - time.monotonic()
        return left > 0 and (self.sim.changed.wait(left) or time.monotonic() < until)

    def _gather(self):
        """Changes come in bursts: one answer for all of a burst."""
        end = time.monotonic() + BATCH
        while time.monotonic() < end:
            self.sim.changed.wait(end - time.monotonic())

    def _find(self, subscriptions, since):
        """(generation, (operation, class, ref)) of every change after that generation."""
        found = []
        for cls in self._classes:
            wanted = subscriptions.wants(cls)
            if wanted and self.sim.db.last_change[cls] > since:
                found += self._changes(cls, wanted, since)
        return found + self._deletions(subscriptions, since)

    def _changes(self, cls, wanted, since):
        db = self.sim.db
        rows = db.rows(cls) if wanted is True else [(ref, db.require(cls, ref)) for ref in wanted
                                                    if db.exists(cls, ref)]
        fresh = [(ref, row) for ref, row in rows if row.modified > since]
        return [(row.modified, ('add' if row.created > since else 'mod', cls, ref)) for ref, row in fresh]

    def _deletions(self, subscriptions, since):
        """Only of objects that a client with this token can have seen."""
        found = []
        for cls, ref, created, deleted in reversed(self.sim.db.deleted):
            if deleted <= since:
                break
            if created <= since and cls in self._classes and subscriptions.covers(cls, ref):
                found.append((deleted, ('del', cls, ref)))
        return found[::-1]

    def _counts(self):
        return {cls.lower(): self.sim.db.count(cls) for cls in self.sim.schema.classes}

    def inject(self, cls, ref):
        """A mod event for an object that did not change; the token of a moment before it."""
        if cls not in self.sim.schema.classes or not self.sim.db.exists(cls, ref):
            raise handle_invalid(cls, ref)
        self.sim.db.touch(cls, ref)
        return TOKEN % (self.sim.db.generation, 0)

    # ------------------------------------------------------------ event.next

    def register(self, session, classes):
        self._queues.setdefault(session, _Queue()).subscriptions.add(classes)

    def unregister(self, session, classes):
        if session in self._queues:
            self._queues[session].subscriptions.remove(classes)

    def forget(self, session):
        self._queues.pop(session, None)

    def next(self, session):
        """The events since the last call; blocks until there is one, for as long as the session lives."""
        queue = self._queues.get(session)
        if queue is None:
            raise XapiError('SESSION_NOT_REGISTERED', 'trackid=' + hashlib.md5(session.encode()).hexdigest())
        while not queue.events:
            self.sim.changed.wait(60)
            self._require_session(session)
        events, queue.events = queue.events, []
        return events

    def _require_session(self, session):
        if not self.sim.db.exists('session', session):
            raise XapiError('SESSION_INVALID', session)

    def current_id(self):
        return self._last_id


def _read_token(token):
    if token == '':
        return 0, 0
    try:
        generation, messages = map(ocaml.int_of_string, token.split(','))
    except ValueError:
        raise XapiError('EVENT_FROM_TOKEN_PARSE_FAILURE', token) from None
    return generation, messages
