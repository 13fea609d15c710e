# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages that follow from the tables: records, lists, getters, setters, adders, constructors, destructors."""

from __future__ import annotations

from xapisim import query, registry
from xapisim.datamodel import MISSING
from xapisim.errors import XapiError, internal_error

_PREFIXES = ('get_', 'set_', 'add_to_', 'remove_from_', 'add_', 'remove_')


def implementation(schema, message):
    """The function that answers a message of the tables, or None when nobody wrote its behaviour."""
    found = registry.messages.get(message.full)
    if found:
        return found
    if message.kind == 'custom':
        return _stored(schema, message)
    return _ACCESSORS[message.kind](message)


def _stored(schema, message):
    """A custom message that is registered as doing no more than an accessor would."""
    if message.full not in registry.stored:
        return None
    fields = schema.classes[message.cls].fields
    for prefix in _PREFIXES:
        field = fields.get(message.name[len(prefix):]) if message.name.startswith(prefix) else None
        if field:
            return _field_accessor(prefix.rstrip('_'), message.cls, field)
    raise LookupError('%s does not name a field' % message.full)


# ---------------------------------------------------------------- objects

def _get_record(message):
    computed = [(field, function) for (cls, field), function in registry.getters.items() if cls == message.cls]

    def get_record(call, ref):
        record = call.db.record(message.cls, ref)
        for field, function in computed:
            record[field] = function(call, ref)
        return record
    return get_record


def _get_all_records(message):
    one = _get_record(message)
    plain = not any(cls == message.cls for cls, unused in registry.getters)

    def get_all_records(call):
        if plain:
            return call.db.records(message.cls)
        return {ref: one(call, ref) for ref in call.db.refs(message.cls)}
    return get_all_records


def _get_by_uuid(message):
    return lambda call, uuid: call.db.by_uuid(message.cls, uuid)


def _get_by_name_label(message):
    return lambda call, label: call.db.find(message.cls, name_label=label)


def _get_all(message):
    return lambda call: call.db.refs(message.cls)


def _get_all_where(message):
    return lambda call, expression: query.select(call.db, message.cls, expression)


def _get_all_records_where(message):
    one = _get_record(message)
    return lambda call, expression: {ref: one(call, ref) for ref in query.select(call.db, message.cls, expression)}


def _create(message):
    body = registry.constructors.get(message.cls) or (lambda call, record: call.db.create(message.cls, record))

    def create(call, given):
        return body(call, read_record(call.sim.schema.classes[message.cls], given))
    return create


def read_record(table, given):
    """The argument of a constructor: every field that a client may give, in the order of the tables."""
    record = {}
    for name, field in table.fields.items():
        if field.qualifier == 'DynamicRO' or field.internal or name == 'uuid':
            continue
        if name in given:
            record[name] = field.type.read(given[name])
        elif field.default is MISSING:
            raise internal_error('Server_helpers.Dispatcher_FieldNotFound("%s")' % name)
        else:
            record[name] = field.initial()
    return record


def _destroy(message):
    body = registry.destructors.get(message.cls) or (lambda call, ref: call.db.destroy(message.cls, ref))

    def destroy(call, ref):
        call.db.require(message.cls, ref)
        return body(call, ref)
    return destroy


# ---------------------------------------------------------------- fields

def _field_accessor(kind, cls, field):
    return _FIELD_ACCESSORS[kind](cls, field, registry.setters.get((cls, field.name)) or _plain_setter(cls, field.name))


def _plain_setter(cls, name):
    return lambda call, ref, value: call.db.set(cls, ref, **{name: value})


def _get(cls, field, _write):
    computed = registry.getters.get((cls, field.name))
    return computed or (lambda call, ref: call.db.get(cls, ref, field.name))


def _set(cls, field, write):
    def set_field(call, ref, value):
        call.db.require(cls, ref)
        write(call, ref, value)
    return set_field


def _add(cls, field, write):
    def add(call, ref, value):
        old = call.db.get(cls, ref, field.name)
        if value not in old:
            write(call, ref, old + [value])
    return add


def _remove(cls, field, write):
    def remove(call, ref, value):
        old = call.db.get(cls, ref, field.name)
        if value in old:
            write(call, ref, [item for item in old if item != value])
    return remove


def _add_to(cls, field, write):
    def add_to(call, ref, key, value):
        old = call.db.get(cls, ref, field.name)
        if key == '':
            raise internal_error('Db_exn.Empty_key_in_map')
        if key in old:
            raise XapiError('MAP_DUPLICATE_KEY', cls, field.name, ref, key)
        write(call, ref, {**old, key: value})
    return add_to


def _remove_from(cls, field, write):
    def remove_from(call, ref, key):
        old = call.db.get(cls, ref, field.name)
        if key in old:
            write(call, ref, {name: value for name, value in old.items() if name != key})
    return remove_from


_FIELD_ACCESSORS = {'get': _get, 'set': _set, 'add': _add, 'remove': _remove, 'add_to': _add_to,
                    'remove_from': _remove_from}


def _of_field(message):
    return _field_accessor(message.kind, message.cls, message.field)


_ACCESSORS = {'get_record': _get_record, 'get_by_uuid': _get_by_uuid, 'get_by_name_label': _get_by_name_label,
              'get_all': _get_all,
              'get_all_where': _get_all_where, 'get_all_records': _get_all_records,
              'get_all_records_where': _get_all_records_where,
              'create': _create, 'destroy': _destroy, **{kind: _of_field for kind in _FIELD_ACCESSORS}}
