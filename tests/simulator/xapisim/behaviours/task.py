# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks as clients see and make them."""

from __future__ import annotations

from xapisim.registry import message, stores

stores('task.set_other_config', 'task.add_to_other_config', 'task.remove_from_other_config')
_WRITERS = ('progress', 'result', 'error_info', 'status')


@message('task.create')
def create(call, label, description):
    return call.sim.tasks.create(label, description, call.session, call.host)


@message('task.destroy')
def destroy(call, task):
    """A task that still runs is only marked: it goes when it ends."""
    _authorize(call, task)
    if call.sim.tasks.is_finished(task):
        call.db.destroy('task', task)
    else:
        operations = call.db.get('task', task, 'current_operations')
        call.db.set('task', task, current_operations={**operations, 'task': 'destroy'})


@message('task.cancel')
def cancel(call, task):
    """Only asks: whoever runs the task sees to it at the next point at which the work can be given up."""
    _authorize(call, task)
    call.db.set('task', task, current_operations={call.sim.tasks.dummy('task.cancel'): 'cancel'})


def _writer(field):
    def write(call, task, value):
        _authorize(call, task)
        call.db.set('task', task, **{field: value})
    return write


for _field in _WRITERS:
    message('task.set_' + _field)(_writer(_field))


def _authorize(call, task):
    """Everybody may do that to tasks of their own account; those of others need a permission."""
    owner = call.db.get('task', task, 'session')
    if not call.db.exists('session', owner) or _account(call, owner) != _account(call, call.session):
        call.sim.rbac.check(call.session, 'task.destroy/any')


def _account(call, session):
    return call.db.get('session', session, 'auth_user_sid')
