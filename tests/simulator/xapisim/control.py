# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control of the simulator, under /simulator/: what tests ask it and tell it."""

from __future__ import annotations

import json

from xapisim import leaks
from xapisim.datamodel.types import DateTime


def answer(request):
    """JSON in, JSON out; 400 with the reason for what makes no sense."""
    action = _ACTIONS.get((request.method, request.path[len('/simulator/'):]))
    if action is None:
        _reply(request, 404, {'error': 'no %s %s; there are: %s' % (
            request.method, request.path, ', '.join('%s /simulator/%s' % key for key in _ACTIONS))})
        return
    try:
        body = request.body()
        told = json.loads(body) if body else {}
        result = action(request.sim, told)
    except (ValueError, KeyError, TypeError) as error:
        _reply(request, 400, {'error': str(error)})
        return
    _reply(request, 200, result)


def _reply(request, status, value):
    request.respond(status, json.dumps(value, ensure_ascii=False, default=str).encode(), 'application/json')


def _locked(function):
    def run(sim, told):
        with sim.lock:
            return function(sim, told)
    return run


def _journal(sim, told):
    return sim.journal.entries()


def _clear_journal(sim, told):
    sim.journal.clear()
    return {}


def _faults(sim, told):
    """One rule, or a list of them; all or none."""
    rules = told if isinstance(told, list) else [told]
    for rule in rules:
        sim.faults.check(rule)
    for rule in rules:
        sim.faults.add(rule)
    return sim.faults.rules


def _clear_faults(sim, told):
    sim.faults.clear()
    return []


def _clock(sim, told):
    """{"advance": seconds}: only a stepped clock can be moved."""
    if not sim.clock.ticks:
        raise ValueError('the clock is real; start the simulator with --clock ticks')
    seconds = float(told['advance'])
    if seconds < 0:
        raise ValueError('time does not go back')
    sim.clock.advance(seconds)
    return _now(sim, told)


def _now(sim, told):
    return {'now': sim.clock.now(), 'date': DateTime.of(sim.clock.now())}


def _reset(sim, told):
    sim.journal.clear()
    sim.faults.clear()
    sim.reset()
    return {}


def _coverage(sim, told):
    """By class: the messages of the tables, those that are answered, and the names of the others."""
    found = {}
    for name, table in sim.schema.classes.items():
        live = [message for message in table.messages.values() if not message.removed]
        missing = [message.name for message in live if sim.dispatcher.function(message) is None]
        found[name] = {'messages': len(live), 'implemented': len(live) - len(missing), 'missing': missing}
    return found


def _hosts(sim, told):
    """The address of every host: those that are not the coordinator have ports of their own."""
    return {host: listener.url for host, listener in sim.listeners.items()}


_ACTIONS = {('GET', 'journal'): _locked(_journal), ('DELETE', 'journal'): _locked(_clear_journal),
            ('GET', 'faults'): _locked(lambda sim, told: sim.faults.rules), ('POST', 'faults'): _locked(_faults),
            ('DELETE', 'faults'): _locked(_clear_faults), ('GET', 'clock'): _now, ('POST', 'clock'): _clock,
            ('GET', 'leaks'): _locked(lambda sim, told: leaks.find(sim)), ('POST', 'reset'): _locked(_reset),
            ('GET', 'coverage'): _locked(_coverage), ('GET', 'hosts'): _hosts}
