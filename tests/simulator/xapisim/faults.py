# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults on demand: rules that say which calls go wrong, and how.

    {"method": "VM.start", "object": "OpaqueRef:...", "skip": 1, "count": 2, "error": ["HOST_OFFLINE", "..."]}

method is a pattern ('VM.*', 'Async.VM.clone', 'PUT /import_raw_vdi'); object is any argument of the call; the first
`skip` matching calls are spared and the next `count` are hit (all of them when it is left out). What happens is one or
several of: error, delay (seconds), drop ('before' or 'after' the effect), truncate (bytes of the answer that are sent),
expire (the session ends before the call).
"""

from __future__ import annotations

import fnmatch
import re
from typing import Any

from xapisim.errors import XapiError

_KEYS: dict[str, Any] = {
    'method': str, 'object': str, 'skip': int, 'count': int, 'error': list, 'delay': (int, float), 'drop': str,
    'truncate': int, 'expire': bool}
_BACKEND = re.compile(r'SR_BACKEND_FAILURE_\d+')
_EFFECTS = ('error', 'delay', 'drop', 'truncate', 'expire')


class Dropped(Exception):
    """The connection ends without an answer."""


class Faults:
    """The rules in the order in which they were made; the first that matches a call applies."""

    def __init__(self, sim):
        self.sim, self.rules = sim, []

    def add(self, rule):
        self.check(rule)
        self.rules.append({**rule, 'seen': 0, 'hit': 0})

    def check(self, rule):
        """ValueError with the reason for a rule that cannot work."""
        if not isinstance(rule, dict):
            raise ValueError('a rule is a map, not %r' % (rule,))
        for key, value in rule.items():
            if key not in _KEYS or isinstance(value, bool) != (_KEYS[key] is bool) or not isinstance(value, _KEYS[key]):
                raise ValueError('%s: %r is not a rule of a fault' % (key, value))
        if not rule.get('method') or not any(name in rule for name in _EFFECTS):
            raise ValueError('a rule needs a method and one of ' + ', '.join(_EFFECTS))
        if rule.get('drop', 'before') not in ('before', 'after'):
            raise ValueError('drop is before or after')
        if 'error' in rule and not self._is_known(rule['error']):
            raise ValueError('%r is not an error of XenAPI' % (rule['error'],))

    def _is_known(self, error):
        """Storage back ends have numbered codes that the data model does not list."""
        code = error[0] if error else ''
        return code in self.sim.schema.errors or bool(_BACKEND.fullmatch(str(code)))

    def clear(self):
        self.rules = []

    def match(self, method, arguments):
        """The rule that hits this call, or an empty one."""
        for rule in self.rules:
            if fnmatch.fnmatchcase(method, rule['method']) and ('object' not in rule or rule['object'] in arguments):
                rule['seen'] += 1
                if rule['seen'] > rule.get('skip', 0) and rule['hit'] < rule.get('count', rule['hit'] + 1):
                    rule['hit'] += 1
                    return rule
        return {}

    def before(self, rule, session):
        """What a rule does before the effect of the call; the lock is held."""
        if 'delay' in rule:
            self.sim.clock.sleep(rule['delay'])
        if rule.get('expire') and session:
            self.sim.sessions.close(session)
        if rule.get('drop') == 'before':
            raise Dropped()
        if 'error' in rule:
            raise XapiError(*rule['error'])
