# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events; the work is done in xapisim.events."""

from __future__ import annotations

from xapisim.registry import message


@message('event.from')
def since(call, classes, token, timeout):
    return call.sim.events.since(call.session, classes, token, timeout)


@message('event.next')
def following(call):
    return call.sim.events.next(call.session)


@message('event.register')
def register(call, classes):
    call.sim.events.register(call.session, classes)


@message('event.unregister')
def unregister(call, classes):
    call.sim.events.unregister(call.session, classes)


@message('event.get_current_id')
def get_current_id(call):
    return call.sim.events.current_id()


@message('event.inject')
def inject(call, cls, ref):
    return call.sim.events.inject(cls, ref)
