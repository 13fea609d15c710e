# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""XML-RPC on the wire. Integers travel as strings, as XenAPI has them."""

from __future__ import annotations

import base64
import re
import xml.parsers.expat
from typing import Any, Callable

from xapisim.datamodel.types import DateTime

_SPECIAL = re.compile('[&<>"\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]')
_ESCAPES = {'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;'}
_BARE = '<?xml version="1.0"?><methodResponse><params><param>', '</param></params></methodResponse>'
_MEMBERS = '<value><struct><member><name>Status</name><value>%s</value></member><member><name>%s</name>'
_SUCCESS = _BARE[0] + _MEMBERS % ('Success', 'Value'), '</member></struct></value>' + _BARE[1]
_FAILURE = _BARE[0] + _MEMBERS % ('Failure', 'ErrorDescription'), '</member></struct></value>' + _BARE[1]


class Malformed(Exception):
    """Not a call."""


# ---------------------------------------------------------------- writing

def success(value):
    return (_SUCCESS[0] + fragment(value) + _SUCCESS[1]).encode()


def failure(description):
    return (_FAILURE[0] + fragment(description) + _FAILURE[1]).encode()


def bare(value):
    """An answer without the envelope of Status and Value."""
    return (_BARE[0] + fragment(value) + _BARE[1]).encode()


def fragment(value):
    """<value>...</value>: also what a task holds as its result."""
    parts: list[str] = []
    _write(value, parts.append)
    return ''.join(parts)


def _write(value, put):
    kind = type(value)
    if kind is str:
        put('<value>%s</value>' % (_escape(value) if _SPECIAL.search(value) else value))
    elif kind is bool:
        put('<value><boolean>%d</boolean></value>' % value)
    elif kind is int:
        put('<value>%d</value>' % value)
    elif kind is float:
        put('<value><double>%r</double></value>' % value)
    elif kind is DateTime:
        put('<value><dateTime.iso8601>%s</dateTime.iso8601></value>' % value)
    elif value is None:
        put('<value></value>')
    else:
        _write_compound(value, put)


def _write_compound(value, put):
    if isinstance(value, dict):
        put('<value><struct>')
        for key, item in value.items():
            key = key if isinstance(key, str) else str(key)
            put('<member><name>%s</name>' % (_escape(key) if _SPECIAL.search(key) else key))
            _write(item, put)
            put('</member>')
        put('</struct></value>')
    elif isinstance(value, (list, tuple)):
        put('<value><array><data>')
        for item in value:
            _write(item, put)
        put('</data></array></value>')
    else:
        raise TypeError('%r has no form in XML-RPC' % (value,))


def _escape(text):
    """Characters that XML cannot hold are left out."""
    return _SPECIAL.sub(lambda match: _ESCAPES.get(match[0], ''), text)


# ---------------------------------------------------------------- reading

def read_call(body):
    """(method, parameters) of a methodCall; Malformed for anything else."""
    reader = _Reader()
    parser = xml.parsers.expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.data
    try:
        parser.Parse(body, True)
    except (xml.parsers.expat.ExpatError, ValueError, KeyError, IndexError) as error:
        raise Malformed(str(error)) from error
    if reader.method is None or reader.params is None:
        raise Malformed('not a methodCall with params')
    return reader.method, reader.params


class _Reader:
    """Builds values while expat reads."""

    def __init__(self):
        self.method, self.params = None, None
        self._stack, self._text, self._typed = [], [], False
        self._names = []

    def start(self, tag, _attributes):
        self._text = []
        if tag == 'params':
            self.params = []
            self._stack.append(self.params)
        elif tag == 'value':
            self._typed = False
        elif tag == 'array':
            self._stack.append([])
        elif tag == 'struct':
            self._stack.append({})

    def data(self, text):
        self._text.append(text)

    def end(self, tag):
        if tag == 'value':
            if not self._typed:
                self._put(''.join(self._text))
            self._typed = True
        elif tag in ('array', 'struct'):
            self._put(self._stack.pop())
        elif tag == 'name':
            self._names.append(''.join(self._text))
        elif tag == 'member':
            self._names.pop()
        elif tag == 'methodName':
            self.method = ''.join(self._text).strip()
        elif tag in _SCALARS:
            self._put(_SCALARS[tag](''.join(self._text)))
        self._text = []

    def _put(self, value):
        self._typed = True
        holder = self._stack[-1]
        if isinstance(holder, dict):
            holder[self._names[-1]] = value
        else:
            holder.append(value)


def _boolean(text):
    if text.strip() not in ('0', '1'):
        raise ValueError('not a boolean: ' + text)
    return text.strip() == '1'


_SCALARS: dict[str, Callable[[str], Any]] = {
    'string': str, 'int': int, 'i4': int, 'i8': int, 'boolean': _boolean, 'double': float, 'dateTime.iso8601': DateTime,
    'base64': lambda text: base64.b64decode(text).decode('utf-8', 'replace'), 'nil': lambda text: None}
