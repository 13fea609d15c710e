# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages that follow from a class and its fields: records, lists, getters, setters, constructors."""

from __future__ import annotations


def derived_messages(table, types, message, missing):
    """Every message that the class's flags and fields imply. A message of the same name in the table comes first."""
    make = _Maker(table, types, message, missing)
    found = []
    if 'records' in table.flags:
        found += make.of_objects()
    for field in table.fields.values():
        if not field.internal and 'records' in table.flags:
            found += make.of_field(field)
    return found


class _Maker:
    def __init__(self, table, types, message, missing):
        self.table, self.types, self.message, self.missing = table, types, message, missing
        self.reader = table.flags.get('reader', 'read-only')
        self.ref = types[table.name + ' ref']

    def _message(self, name, kind, params, result, role, field=None, asynchronous=False, removed=False):
        params = [(title, spec, self.missing) for title, spec in params]
        return self.message(self.table.name, name, params, result, role, asynchronous, kind, field,
                            {'removed': True} if removed else {})

    def of_objects(self):
        flags, name, string = self.table.flags, self.table.name, self.types['string']
        refs, records = self.types[name + ' ref set'], self.types['(%s ref -> %s record) map' % (name, name)]
        rows = [('get_record', [('self', self.ref)], self.types[name + ' record']),
                ('get_by_uuid', [('uuid', string)], self.ref)]
        if 'named' in flags:
            rows.append(('get_by_name_label', [('label', string)], refs))
        if 'listed' in flags:
            rows += [('get_all', [], refs), ('get_all_where', [('expr', string)], refs),
                     ('get_all_records', [], records), ('get_all_records_where', [('expr', string)], records)]
        found = [self._message(*row[:1], row[0], *row[1:], self.reader, removed='removed' in flags) for row in rows]
        return found + (self._of_life() if 'constructible' in flags else [])

    def _of_life(self):
        role, removed = self.table.flags['creator'], 'removed' in self.table.flags
        record = self.types[self.table.name + ' record']
        return [self._message('create', 'create', [('args', record)], self.ref, role, None, True, removed),
                self._message('destroy', 'destroy', [('self', self.ref)], None, role, None, True, removed)]

    def of_field(self, field):
        reader = field.flags.get('reader', self.reader)
        yield self._message('get_' + field.name, 'get', [('self', self.ref)], field.type, reader, field, False,
                            field.removed)
        if field.qualifier != 'RW':
            return
        yield self._writer('set_', 'set', field, ('value', field.type))
        if field.type.kind == 'set':
            yield self._writer('add_', 'add', field, ('value', field.type.item))
            yield self._writer('remove_', 'remove', field, ('value', field.type.item))
        elif field.type.kind == 'map':
            yield self._writer('add_to_', 'add_to', field, ('key', field.type.key), ('value', field.type.value))
            yield self._writer('remove_from_', 'remove_from', field, ('key', field.type.key))

    def _writer(self, prefix, kind, field, *params):
        return self._message(prefix + field.name, kind, [('self', self.ref), *params], None, field.writer, field, False,
                             field.removed)
