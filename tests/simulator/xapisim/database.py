# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows by reference, with back-references kept in step and a generation number on every change.

Values are never changed in place: a new list or map replaces the old one, so that a record that was
handed out stays what it was. Callers hold the simulator's lock.
"""

from __future__ import annotations

from xapisim.datamodel.types import NULL
from xapisim.errors import XapiError, handle_invalid


class Row(dict):
    """The fields of one object, and when it was made and last changed."""

    __slots__ = ('created', 'modified')


class Database:
    """Every object of the pool."""

    def __init__(self, schema, new_ref, new_uuid):
        self.schema, self._new_ref, self._new_uuid = schema, new_ref, new_uuid
        self.generation = 1000   # a pool has a past: small numbers are tokens of a time before it
        self.listeners = []   # called with (operation, class, ref, record) after every change
        self.last_change = dict.fromkeys(schema.classes, 0)   # class -> generation
        self.deleted = []     # (class, ref, created, deleted), oldest first
        self._rows: dict[str, dict[str, Row]] = {name: {} for name in schema.classes}
        self._by_uuid: dict[str, dict[str, str]] = {name: {} for name in schema.classes}
        self._other_end = _other_ends(schema)
        self._related = {name: [f for (cls, f) in self._other_end if cls == name] for name in schema.classes}

    # ------------------------------------------------------------ reading

    def refs(self, cls):
        return list(self._rows[cls])

    def count(self, cls):
        return len(self._rows[cls])

    def exists(self, cls, ref):
        return ref in self._rows[cls]

    def require(self, cls, ref):
        """The row of an object that must exist; not to be changed."""
        try:
            return self._rows[cls][ref]
        except KeyError:
            raise handle_invalid(cls, ref) from None

    def get(self, cls, ref, field):
        return self.require(cls, ref)[field]

    def record(self, cls, ref):
        """What get_record shows: a copy without the internal fields."""
        row = self.require(cls, ref)
        return {name: row[name] for name in self.schema.classes[cls].public}

    def records(self, cls):
        names = self.schema.classes[cls].public
        return {ref: {name: row[name] for name in names} for ref, row in self._rows[cls].items()}

    def rows(self, cls):
        """(ref, row) of every object of a class; rows are not to be changed."""
        return list(self._rows[cls].items())

    def find(self, cls, **fields):
        wanted = fields.items()
        return [ref for ref, row in self._rows[cls].items() if all(row[name] == value for name, value in wanted)]

    def by_uuid(self, cls, uuid):
        try:
            return self._by_uuid[cls][uuid]
        except KeyError:
            raise XapiError('UUID_INVALID', cls, uuid) from None

    # ------------------------------------------------------------ changing

    def create(self, cls, fields=None, ref=None):
        """A new object: what is not given has the table's default; the other ends of relations follow."""
        table = self.schema.classes[cls]
        given = dict(fields or {})
        unknown = set(given) - set(table.fields)
        if unknown:
            raise KeyError('%s has no field %s' % (cls, ', '.join(sorted(unknown))))
        row = Row((name, given[name] if name in given else field.initial()) for name, field in table.fields.items())
        if 'uuid' in table.fields and not row['uuid']:
            row['uuid'] = self._new_uuid()
        ref = ref or self._new_ref()
        for name in self._backward(cls):
            row[name] = []
        self._insert(cls, ref, row)
        for name in self._related[cls]:
            self._relate(cls, ref, name, None, row[name])
        self._notify('add', cls, ref)
        return ref

    def load(self, cls, ref, fields):
        """An object of a seed, complete with its back-references."""
        table = self.schema.classes[cls]
        row = Row()
        for name, field in table.fields.items():
            row[name] = field.type.load(fields[name]) if name in fields else field.initial()
        self._insert(cls, ref, row)

    def _insert(self, cls, ref, row):
        self.generation += 1
        row.created = row.modified = self.last_change[cls] = self.generation
        self._rows[cls][ref] = row
        if 'uuid' in row:
            self._by_uuid[cls][row['uuid']] = ref

    def set(self, cls, ref, **fields):
        """Change fields of one object: one event, and none when nothing is different."""
        row = self.require(cls, ref)
        changed = {name: value for name, value in fields.items() if row[name] != value}
        if not changed:
            return
        if 'uuid' in changed:
            self._by_uuid[cls][changed['uuid']] = self._by_uuid[cls].pop(row['uuid'])
        for name, value in changed.items():
            old, row[name] = row[name], value
            if (cls, name) in self._other_end:
                self._relate(cls, ref, name, old, value)
        self.touch(cls, ref)

    def touch(self, cls, ref):
        """A mod event, whether or not something is different."""
        self.generation += 1
        self.require(cls, ref).modified = self.last_change[cls] = self.generation
        self._notify('mod', cls, ref)

    def destroy(self, cls, ref):
        row = self.require(cls, ref)
        for name in self._related[cls]:
            self._relate(cls, ref, name, row[name], None)
        del self._rows[cls][ref]
        self._by_uuid[cls].pop(row.get('uuid'), None)
        self.generation += 1
        self.last_change[cls] = self.generation
        self.deleted.append((cls, ref, row.created, self.generation))
        self._notify('del', cls, ref, row)

    def _notify(self, operation, cls, ref, row=None):
        for listener in self.listeners:
            listener(operation, cls, ref, row)

    # ------------------------------------------------------------ relations

    def _backward(self, cls):
        """Fields of a class that only other objects' references fill."""
        return [name for name in self._related[cls] if self._other_end[cls, name][2] == 'many']

    def _relate(self, cls, ref, field, old, new):
        other, name, kind = self._other_end[cls, field]
        if kind == 'many':
            return
        gone, come = _targets(old, new)
        for target in gone:
            self._alter(other, target, name, lambda refs: [item for item in refs if item != ref])
        for target in come:
            self._alter(other, target, name, lambda refs: refs if ref in refs else refs + [ref])

    def _alter(self, cls, ref, field, change):
        row = self._rows[cls].get(ref)
        if row is None:
            return
        value = change(row[field])
        if value != row[field]:
            row[field] = value
            self.touch(cls, ref)


def _targets(old, new):
    """References that went and that came, whether the field holds one or a set."""
    before = old if isinstance(old, list) else [old] if old not in (None, NULL) else []
    after = new if isinstance(new, list) else [new] if new not in (None, NULL) else []
    return [ref for ref in before if ref not in after], [ref for ref in after if ref not in before]


def _other_ends(schema):
    """(class, field) -> (class, field, kind) of the other end; kind 'many' marks the end that only follows."""
    ends = {}
    for one, other in schema.relations:
        if one == other:
            continue   # a relation of a class with itself under one name is a plain set
        for (cls, field), (far, back) in ((one, other), (other, one)):
            kinds = schema.classes[cls].fields[field].type.kind, schema.classes[far].fields[back].type.kind
            ends[cls, field] = (far, back, 'many' if kinds == ('set', 'ref') else 'one')
    return ends
