# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data model: what the *.table files beside this file say, and the messages that follow from their fields.

A table lists a class, its fields and those messages that do not follow from them:

    class VBD constructible events records listed creator=vm-admin
    field    mode       StaticRO  enum vbd_mode  = "RW"   since=rio internal removed writer=vm-admin
    message  insert     async  role=vm-operator  (vbd: VBD ref, vdi: VDI ref) -> void  since=miami
"""

from __future__ import annotations

import json
import os
import re

from xapisim.datamodel.derive import derived_messages
from xapisim.datamodel.types import Types

FOLDER = os.path.dirname(os.path.abspath(__file__))
ROLES = ('pool-admin', 'pool-operator', 'vm-power-admin', 'vm-admin', 'vm-operator', 'read-only')
MISSING = object()
_DECODER = json.JSONDecoder()
_FIELD = re.compile(r'field\s+(\S+)\s+(RW|StaticRO|DynamicRO)\s+(.*)\Z')
_MESSAGE = re.compile(r'message\s+(\S+)\s+(async\s+)?role=(\S+)\s+(.*)\Z')


class Field:
    """One field of a class."""

    __slots__ = ('name', 'qualifier', 'type', 'default', 'flags', 'writer', 'internal', 'removed')

    def __init__(self, name, qualifier, kind, default, flags):
        self.name, self.qualifier, self.type, self.default, self.flags = name, qualifier, kind, default, flags
        self.writer = flags.get('writer', 'pool-operator')
        self.internal, self.removed = 'internal' in flags, 'removed' in flags

    def initial(self):
        """A fresh default, or the type's zero."""
        return self.type.zero() if self.default is MISSING else self.type.load(self.default)


class Message:
    """One message of a class. `kind` is 'custom', or the accessor that it is, of `field`."""

    __slots__ = ('cls', 'name', 'full', 'permission', 'params', 'result', 'asynchronous', 'role', 'removed', 'session',
                 'client_cert', 'pool_internal', 'kind', 'field', 'required', 'since')

    def __init__(self, cls, name, params, result, role, asynchronous=False, kind='custom', field=None, flags=()):
        self.cls, self.name, self.full = cls, name, '%s.%s' % (cls, name)
        self.permission = self.full.lower()
        self.params, self.result, self.role = params, result, None if role == 'none' else role
        self.asynchronous, self.kind, self.field = asynchronous, kind, field
        self.removed, self.session = 'removed' in flags, 'nosession' not in flags
        self.client_cert, self.pool_internal = 'client-cert' in flags, 'pool-internal' in flags
        self.required = sum(1 for param in params if param[2] is MISSING)
        self.since = flags.get('since', 'rio') if isinstance(flags, dict) else 'rio'


class ClassTable:
    """A class with its fields and every message that a client may send to it."""

    def __init__(self, name, flags):
        self.name, self.flags = name, flags
        self.fields, self.messages = {}, {}

    def finish(self, types):
        self.public = tuple(name for name, field in self.fields.items() if not field.internal)
        for message in derived_messages(self, types, Message, MISSING):
            self.messages.setdefault(message.name, message)


class Schema:
    """The whole data model."""

    def __init__(self, folder=FOLDER):
        self.enums = {name: [v.strip() for v in rest.split(',')] for name, rest in _rows(folder, 'enums', 'enum')}
        self.types = Types(self.enums)
        self.errors = {line.split()[0]: line.split()[1:] for line in _lines(folder, 'errors')}
        self.relations = [tuple(tuple(end.split('.')) for end in line.split()) for line in _lines(folder, 'relations')]
        self.permissions = [line.split() for line in _lines(folder, 'permissions')]
        self.classes: dict[str, ClassTable] = {}
        for name in sorted(os.listdir(folder)):
            if name.endswith('.table') and name[:-6] not in ('enums', 'errors', 'relations', 'permissions'):
                self._read_class(folder, name[:-6])
        self.by_name = {}
        for cls in self.classes.values():
            cls.finish(self.types)
            for message in cls.messages.values():
                self.by_name[message.full] = self.by_name['%s_%s' % (cls.name, message.name)] = message

    def _read_class(self, folder, name):
        head, *lines = _lines(folder, name)
        title, *flags = head.split()[1:]
        table = self.classes[title] = ClassTable(title, _flags(flags))
        for line in lines:
            if line.startswith('field'):
                field = self._field(line)
                table.fields[field.name] = field
            else:
                message = self._message(table.name, line)
                table.messages[message.name] = message

    def _field(self, line):
        name, qualifier, rest = _parts(_FIELD, line)
        spec, equals, tail = rest.partition('= ')
        default = MISSING
        if equals:
            default, end = _DECODER.raw_decode(tail)
            flags = tail[end:].split()
        else:
            spec, unused, tail = rest.partition('  ')
            flags = tail.split()
        return Field(name, qualifier, self.types[spec.strip()], default, _flags(flags))

    def _message(self, cls, line):
        name, asynchronous, role, rest = _parts(_MESSAGE, line)
        close = _closing(rest)
        params = [self._param(text) for text in _split(rest[1:close])]
        result, unused, flags = rest[close + 1:].strip()[3:].partition('  ')
        result = None if result == 'void' else self.types[result.strip()]
        return Message(cls, name, params, result, role, bool(asynchronous), flags=_flags(flags.split()))

    def _param(self, text):
        name, unused, rest = text.partition(': ')
        spec, equals, default = rest.partition(' = ')
        kind = self.types[spec]
        return name, kind, kind.load(json.loads(default)) if equals else MISSING


def _lines(folder, name):
    with open(os.path.join(folder, name + '.table'), encoding='utf-8') as table:
        return [line.rstrip() for line in table if line.strip() and not line.startswith('#')]


def _rows(folder, name, keyword):
    for line in _lines(folder, name):
        assert line.startswith(keyword + ' '), line
        title, unused, rest = line[len(keyword):].strip().partition(' ')
        yield title, rest.strip()


def _parts(pattern, line):
    match = pattern.match(line)
    if not match:
        raise ValueError('not understood: ' + line)
    return match.groups()


def _flags(words):
    return {key: value or True for key, unused, value in (word.partition('=') for word in words)}


def _closing(text):
    """Where the parenthesis that opens the text closes."""
    depth = 0
    for position, letter in enumerate(text):
        depth += (letter == '(') - (letter == ')')
        if not depth:
            return position
    raise ValueError('unbalanced: ' + text)


def _split(text):
    """Parameters at the commas outside parentheses, braces and brackets."""
    parts, depth, start = [], 0, 0
    for position, letter in enumerate(text):
        depth += (letter in '({[') - (letter in ')}]')
        if letter == ',' and not depth:
            parts.append(text[start:position].strip())
            start = position + 1
    return parts + [text[start:].strip()] if text.strip() else []
