# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The expressions of get_all_records_where.

    expression := '(' expression ')' | 'not' expression | expression 'and' expression | expression 'or' expression
                | value '=' value | 'true' | 'false'
    value      := 'field' string | string

Fields have their names of the database, where a group and its member are joined by two underscores; values
are compared as the texts that the database holds.
"""

from __future__ import annotations

import re

from xapisim.errors import XapiError

_TOKEN = re.compile(r'\s*(?:(?P<word>field|true|false|not|and|or)|(?P<sign>[()=])|(?P<text>"[^"\\]*"))')
_GROUPS = {
    '*': ('name_label', 'name_description', 'qos_algorithm_type', 'qos_algorithm_params', 'qos_supported_algorithms',
          'io_read_kbs', 'io_write_kbs'),
    'VM': ('memory_overhead', 'memory_target', 'memory_static_max', 'memory_dynamic_max', 'memory_dynamic_min',
           'memory_static_min',
           'VCPUs_params', 'VCPUs_max', 'VCPUs_at_startup', 'actions_after_softreboot', 'actions_after_shutdown',
           'actions_after_reboot',
           'actions_after_crash', 'PV_bootloader', 'PV_kernel', 'PV_ramdisk', 'PV_args', 'PV_bootloader_args',
           'PV_legacy_args',
           'HVM_boot_policy', 'HVM_boot_params', 'HVM_shadow_multiplier'),
    'VM_metrics': ('memory_actual', 'VCPUs_number', 'VCPUs_utilisation', 'VCPUs_CPU', 'VCPUs_params', 'VCPUs_flags'),
    'host': ('memory_overhead', 'API_version_major', 'API_version_minor', 'API_version_vendor',
             'API_version_vendor_implementation'),
    'host_metrics': ('memory_total', 'memory_free'),
}
_PREFIXES = ('name', 'qos', 'io', 'memory', 'VCPUs', 'actions', 'PV', 'HVM', 'API_version')
_UNGROUPED = {'pool': ('name_label', 'name_description')}
_LEXER, _PARSER = 'Failure("lexing: empty token")', 'Xapi_database.Db_filter_parse.MenhirBasics.Error'


class _Syntax(Exception):
    pass


def database_name(cls, field):
    if field in _UNGROUPED.get(cls, ()) or field not in _GROUPS['*'] + _GROUPS.get(cls, ()):
        return field
    prefix = next(prefix for prefix in _PREFIXES if field.startswith(prefix + '_'))
    return '%s__%s' % (prefix, field[len(prefix) + 1:])


def select(db, cls, expression):
    """References of the objects of a class for which the expression holds."""
    try:
        tree = _Parser(_tokens(expression)).parse()
    except _Syntax as error:
        raise XapiError('INVALID_VALUE', expression, str(error)) from None
    fields = {database_name(cls, name): field for name, field in db.schema.classes[cls].fields.items()}
    return [ref for ref, row in db.rows(cls) if _holds(tree, _Lookup(fields, ref, row))]


class _Lookup:
    """The texts that the database holds of one row."""

    def __init__(self, fields, ref, row):
        self.fields, self.ref, self.row = fields, ref, row

    def __call__(self, name):
        if name == '_ref':
            return self.ref
        if name not in self.fields:
            raise XapiError('INTERNAL_ERROR', 'missing field', name, '')
        field = self.fields[name]
        return field.type.text(self.row[field.name])


def _holds(tree, lookup):
    """Both sides are always looked at: an unknown field is an error wherever it stands."""
    kind = tree[0]
    if kind == 'constant':
        return tree[1]
    if kind == 'not':
        return not _holds(tree[1], lookup)
    if kind == 'equal':
        return _value(tree[1], lookup) == _value(tree[2], lookup)
    left = _holds(tree[1], lookup)
    if kind == 'and':
        return left and _holds(tree[2], lookup)
    return left or _holds(tree[2], lookup)


def _value(operand, lookup):
    return lookup(operand[1]) if operand[0] == 'field' else operand[1]


def _tokens(text):
    """Lazily: where the parser gives up first, the rest is never read."""
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if not match:
            raise _Syntax(_LEXER)
        position = match.end()
        yield match.lastgroup, match[0].lstrip()
    yield 'end', ''


class _Parser:
    """Recursive descent; 'and' and 'or' bind alike, to the right, 'not' binds tightest."""

    def __init__(self, tokens):
        self._tokens, self._token = tokens, next(tokens)

    def _next(self):
        taken, self._token = self._token, next(self._tokens, ('end', ''))
        return taken

    def _expect(self, value):
        if self._token[1] != value:
            raise _Syntax(_PARSER)
        self._next()

    def parse(self):
        tree = self._expression()
        if self._token[0] != 'end':
            raise _Syntax(_PARSER)
        return tree

    def _expression(self):
        left = self._term()
        while self._token[1] in ('and', 'or') and self._token[0] == 'word':
            left = (self._next()[1], left, self._term())
        return left

    def _term(self):
        kind, text = self._token
        if text == 'not' and kind == 'word':
            self._next()
            return 'not', self._term()
        if text == '(':
            self._next()
            tree = self._expression()
            self._expect(')')
            return tree
        if text in ('true', 'false') and kind == 'word':
            self._next()
            return 'constant', text == 'true'
        left = self._operand()
        self._expect('=')
        return 'equal', left, self._operand()

    def _operand(self):
        if self._token == ('word', 'field'):
            self._next()
            return 'field', self._string()
        return 'text', self._string()

    def _string(self):
        kind, text = self._token
        if kind != 'text':
            raise _Syntax(_PARSER)
        self._next()
        return text[1:-1]
