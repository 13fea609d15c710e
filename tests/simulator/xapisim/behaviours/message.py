# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages: alerts filed under an object, by its uuid."""

from __future__ import annotations

from xapisim.errors import XapiError
from xapisim.registry import message

_CLASSES = {'Host': 'host', 'Pool': 'pool'}


def announce(sim, name, priority, cls, obj_uuid, body):
    """A message that the pool itself writes."""
    return sim.db.create('message', {'name': name, 'priority': priority, 'cls': cls, 'obj_uuid': obj_uuid,
                                     'timestamp': sim.now(),
                                     'body': body})


@message('message.create')
def create(call, name, priority, cls, obj_uuid, body):
    try:
        call.db.by_uuid(_CLASSES.get(cls, cls), obj_uuid)
    except XapiError:
        raise XapiError('UUID_INVALID', cls, obj_uuid) from None
    return announce(call.sim, name, priority, cls, obj_uuid, body)


@message('message.destroy')
def destroy(call, ref):
    call.db.destroy('message', ref)


@message('message.destroy_many')
def destroy_many(call, refs):
    for ref in refs:
        call.db.require('message', ref)
    for ref in dict.fromkeys(refs):
        call.db.destroy('message', ref)


@message('message.get_all')
def get_all(call):
    return call.db.refs('message')


@message('message.get_record')
def get_record(call, ref):
    return call.db.record('message', ref)


@message('message.get_by_uuid')
def get_by_uuid(call, uuid):
    return call.db.by_uuid('message', uuid)


@message('message.get_all_records')
def get_all_records(call):
    return call.db.records('message')


@message('message.get_all_records_where')
def get_all_records_where(call, expression):
    """Messages are not in a host's database: it does not look at the expression."""
    return call.db.records('message')


@message('message.get_since')
def get_since(call, since):
    return _where(call, lambda row: row['timestamp'] > since)


@message('message.get')
def get(call, cls, obj_uuid, since):
    return _where(call, lambda row: row['cls'] == cls and row['obj_uuid'] == obj_uuid and row['timestamp'] > since)


def _where(call, wanted):
    return {ref: call.db.record('message', ref) for ref, row in call.db.rows('message') if wanted(row)}
