# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every call, with its outcome, for tests: budgets, no mutation in check mode, nothing left behind.

Passwords do not stand in it, and sessions stand as session-1, session-2...
"""

from __future__ import annotations

import collections
import itertools
import time
from typing import Any

LENGTH = 50000       # calls that are kept
LARGE = 20           # records or events of a result beyond which only their number is kept
SECRETS = {'session.login_with_password': (1,), 'session.slave_login': (1,), 'session.slave_local_login': (0,),
           'session.slave_local_login_with_password': (1,), 'session.change_password': (0, 1), 'pool.join': (2,),
           'pool.join_force': (2,),
           'host.enable_external_auth': (1,), 'pool.enable_external_auth': (1,)}
_READS = ('get_', 'probe', 'assert_', 'has_', 'is_', 'query_', 'retrieve_', 'compute_', 'list_', 'maximise_')
_LOGINS = ('login', 'logout', 'slave_login', 'local_logout', 'slave_local_login')


class Journal:
    """The last calls, oldest first."""

    def __init__(self, sim):
        self.sim = sim
        self._entries: collections.deque[dict[str, Any]] = collections.deque(maxlen=LENGTH)
        self._numbers, self._sessions = itertools.count(1), {}

    def entries(self):
        return list(self._entries)

    def clear(self):
        self._entries.clear()

    def begin(self, method, arguments, session, host):
        plain = method[6:] if method.startswith('Async.') else method
        entry = {'id': next(self._numbers), 'time': time.time(), 'method': method, 'kind': self.kind(plain),
                 'arguments': self._masked(plain, arguments), 'session': self._label(session), 'host': host}
        self._entries.append(entry)
        return entry

    def succeed(self, entry, result):
        entry['seconds'] = time.time() - entry['time']
        if entry['kind'] == 'session' and isinstance(result, str) and result.startswith('OpaqueRef:'):
            result = self._label(result)
        entry['result'] = _shortened(result)

    def fail(self, entry, error):
        entry['seconds'] = time.time() - entry['time']
        entry['error'] = [self._sessions.get(part, part) for part in error]

    def kind(self, method):
        """'session' (logging in and out), 'read' or 'write'."""
        message = self.sim.schema.by_name.get(method)
        if message is None or message.cls == 'event' or method.startswith('GET '):
            return 'read' if not method.startswith(('PUT ', 'POST ')) else 'write'
        if message.cls == 'session' and message.name.startswith(_LOGINS):
            return 'session'
        if message.kind == 'custom':
            return 'read' if message.name.startswith(_READS) else 'write'
        return 'read' if message.kind.startswith('get') else 'write'

    def _masked(self, method, arguments):
        hidden = SECRETS.get(method.replace('_', '.', 1) if '.' not in method else method, ())
        return ['********' if place in hidden else self._mask(value) for place, value in enumerate(arguments)]

    def _mask(self, value):
        return self._sessions.get(value, value) if isinstance(value, str) else value

    def _label(self, session):
        if session is None:
            return None
        return self._sessions.setdefault(session, 'session-%d' % (len(self._sessions) + 1))


def _shortened(result):
    """A result without the mass of records that lists and events bring: the journal would keep them all."""
    if isinstance(result, dict) and 'events' in result:
        return {**result, 'events': _shortened(result['events'])}
    members = list(result.values()) if isinstance(result, dict) else result
    if isinstance(members, list) and len(members) > LARGE and isinstance(members[0], dict):
        return {'$count': len(members)}
    return result
