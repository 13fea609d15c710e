# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where behaviours register themselves; what is not registered here is answered from the tables or refused."""

from __future__ import annotations

import importlib
import os
from typing import Any, Callable

Behaviour = Callable[..., Any]

messages: dict[str, Behaviour] = {}       # 'VM.start' -> function(call, *arguments)
constructors: dict[str, Behaviour] = {}   # 'VBD' -> function(call, record) -> ref
destructors: dict[str, Behaviour] = {}    # 'VBD' -> function(call, ref)
getters: dict[tuple[str, str], Behaviour] = {}   # ('VM', 'field') -> function(call, ref) -> value
setters: dict[tuple[str, str], Behaviour] = {}   # ('VM', 'field') -> function(call, ref, value)
created: dict[str, list[Behaviour]] = {}   # 'VM' -> [function(sim, ref)]
startup: list[Behaviour] = []             # function(sim), after the pool is there
stored: set[str] = set()                  # messages without a rule of their own that do what their name says to a field


def _into(table, key):
    def register(function):
        if key in table:
            raise ValueError('registered twice: %s' % (key,))
        table[key] = function
        return function
    return register


def message(*names):
    """The function answers these messages ('VM.start'), and their Async twins where the tables have one."""
    def register(function):
        for name in names:
            _into(messages, name)(function)
        return function
    return register


def constructor(cls):
    return _into(constructors, cls)


def destructor(cls):
    return _into(destructors, cls)


def getter(cls, field):
    return _into(getters, (cls, field))


def setter(cls, field):
    return _into(setters, (cls, field))


def on_create(cls):
    """The function is told of every new object of the class, wherever it came from."""
    def register(function):
        created.setdefault(cls, []).append(function)
        return function
    return register


def on_startup(function):
    """The function is told when the pool has been loaded, and after each reset."""
    startup.append(function)
    return function


def stores(*names):
    """Messages of the tables ('VM.set_affinity', 'VM.add_to_other_config') that only read or write their field."""
    stored.update(names)


def load_behaviours():
    """Import every behaviour, every table of states, and what answers paths of HTTP."""
    home = os.path.dirname(os.path.abspath(__file__))
    for name in sorted(os.listdir(home)):
        if name.startswith(('lifecycle_', 'transfer')) and name.endswith('.py'):
            importlib.import_module('xapisim.' + name[:-3])
    for name in sorted(os.listdir(os.path.join(home, 'behaviours'))):
        if name.endswith('.py') and name != '__init__.py':
            importlib.import_module('xapisim.behaviours.' + name[:-3])
