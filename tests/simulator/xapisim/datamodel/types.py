# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The types of the data model: how each reads a value from the wire, its zero, and its text in queries.

Values are native: int, float, bool, str (references too), list for sets, dict for maps, DateTime.
"""

from __future__ import annotations

import time

from xapisim import ocaml
from xapisim.errors import failure

NULL = 'OpaqueRef:NULL'


class DateTime(str):
    """'YYYYMMDDTHH:MM:SSZ'; a class of its own so that the wire can tell it from a string."""

    __slots__ = ()

    @classmethod
    def of(cls, seconds):
        return cls(time.strftime('%Y%m%dT%H:%M:%SZ', time.gmtime(seconds)))


EPOCH = DateTime('19700101T00:00:00Z')


class Type:
    """A type by its spelling in the tables; the base class is a plain string."""

    kind = 'string'

    def __init__(self, spec):
        self.spec = spec

    def read(self, value):
        given = type(value)   # itself: a DateTime is no string here, nor a bool an int
        if given is str:
            return value
        raise failure("Expected string, got '%s'" % ocaml.describe(value))

    def read_key(self, text):
        """A key of a map: always a string on the wire."""
        return self.read(text)

    def zero(self):
        return ''

    def load(self, value):
        """A value of a seed or of a table: as the wire has it, trusted."""
        return value

    def text(self, value):
        """The text that queries compare."""
        return value


class Ref(Type):
    kind = 'ref'

    def __init__(self, spec, cls):
        super().__init__(spec)
        self.cls = cls

    def zero(self):
        return NULL


class Int(Type):
    kind = 'int'

    def read(self, value):
        given = type(value)
        if given is int:
            return value
        if given is str:
            try:
                return ocaml.int_of_string(value)
            except ValueError:
                raise failure('Int64.of_string') from None
        raise failure("Expected int64, got '%s'" % ocaml.describe(value))

    def zero(self):
        return 0

    def load(self, value):
        return int(value)

    def text(self, value):
        return str(value)


class Float(Type):
    kind = 'float'

    def read(self, value):
        given = type(value)
        if given in (int, float):
            return float(value)
        if given is str:
            try:
                return ocaml.float_of_string(value)
            except ValueError:
                raise failure('float_of_string') from None
        raise failure("Expected float, got '%s'" % ocaml.describe(value))

    def zero(self):
        return 0.0

    def load(self, value):
        return float(value)

    def text(self, value):
        return ocaml.string_of_float(value)


class Bool(Type):
    kind = 'bool'

    def read(self, value):
        if isinstance(value, bool):
            return value
        raise failure("Expected bool, got '%s'" % ocaml.describe(value))

    def zero(self):
        return False

    def text(self, value):
        return 'true' if value else 'false'


class Date(Type):
    kind = 'datetime'

    def read(self, value):
        if isinstance(value, str):
            return DateTime(value)
        raise failure("Expected DateTime, got '%s'" % ocaml.describe(value))

    def zero(self):
        return EPOCH

    def load(self, value):
        return DateTime(value['$dateTime'] if isinstance(value, dict) else value)


class Enum(Type):
    kind = 'enum'

    def __init__(self, spec, values):
        super().__init__(spec)
        self.values = values
        self._by_lower = {value.lower(): value for value in values}

    def read(self, value):
        try:
            return self._by_lower[value.lower()]
        except (KeyError, AttributeError):
            raise failure('Unknown tag/contents') from None

    def zero(self):
        return self.values[0]


class Set(Type):
    kind = 'set'

    def __init__(self, spec, item):
        super().__init__(spec)
        self.item = item

    def read(self, value):
        if not isinstance(value, list):
            raise failure("Expecting Rpc.Enum, but found '%s'" % ocaml.describe(value))
        return [self.item.read(item) for item in value]

    def zero(self):
        return []

    def load(self, value):
        return [self.item.load(item) for item in value]

    def text(self, value):
        return '(%s)' % ' '.join(_quoted(self.item.text(item)) for item in value)


class Map(Type):
    kind = 'map'

    def __init__(self, spec, key, value):
        super().__init__(spec)
        self.key, self.value = key, value

    def read(self, value):
        if not isinstance(value, dict):
            raise failure("Expecting Rpc.Dict, but found '%s'" % ocaml.describe(value))
        return {self.key.read_key(key): self.value.read(item) for key, item in value.items()}

    def zero(self):
        return {}

    def load(self, value):
        return {self.key.load(key): self.value.load(item) for key, item in value.items()}

    def text(self, value):
        pairs = ('(%s %s)' % (_quoted(self.key.text(key)), _quoted(self.value.text(item))) for key,
                 item in value.items())
        return '(%s)' % ' '.join(pairs)


class Option(Type):
    """A value that may be absent; only in results."""

    kind = 'option'

    def __init__(self, spec, item):
        super().__init__(spec)
        self.item = item

    def zero(self):
        return None


class Record(Type):
    """The argument of a constructor: what its fields hold is the constructor's business."""

    kind = 'record'

    def __init__(self, spec, cls):
        super().__init__(spec)
        self.cls = cls

    def read(self, value):
        if not isinstance(value, dict):
            raise failure("Expecting Rpc.Dict, but found '%s'" % ocaml.describe(value))
        return value

    def zero(self):
        return {}


def _quoted(text):
    escaped = text.replace('\\', '\\\\').replace("'", "\\'")
    return "'%s'" % escaped


class Types:
    """Every type once, by its spelling."""

    _PLAIN = {'string': Type, 'secret string': Type, 'int': Int, 'float': Float, 'bool': Bool, 'datetime': Date}

    def __init__(self, enums):
        self._enums, self._made = enums, {}

    def __getitem__(self, spec):
        if spec not in self._made:
            self._made[spec] = self._make(spec)
        return self._made[spec]

    def _make(self, spec):
        if spec in self._PLAIN:
            return self._PLAIN[spec](spec)
        if spec.startswith('(') and spec.endswith(') map'):
            key, value = split_arrow(spec[1:-5])
            return Map(spec, self[key], self[value])
        head, unused, last = spec.rpartition(' ')
        if last == 'set':
            return Set(spec, self[head])
        if last == 'option':
            return Option(spec, self[head])
        if head == 'enum':
            return Enum(spec, self._enums[last])
        if last in ('ref', 'record'):
            return (Ref if last == 'ref' else Record)(spec, head)
        raise ValueError('not a type of the data model: ' + spec)


def split_arrow(text):
    """'K -> V' at the arrow outside parentheses."""
    depth = 0
    for position, letter in enumerate(text):
        depth += (letter == '(') - (letter == ')')
        if not depth and text.startswith(' -> ', position):
            return text[:position], text[position + 4:]
    raise ValueError('no arrow in ' + text)
