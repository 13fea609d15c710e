# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers and values as the server's own language reads and writes them: clients see these texts in errors."""

from __future__ import annotations

import re

INT_MIN, INT_MAX = -2 ** 63, 2 ** 63 - 1
_DECIMAL = re.compile(r'[-+]?[0-9][0-9_]*\Z')
_RADIX = re.compile(r'([-+]?)0([xXoObBuU])([0-9a-fA-F][0-9a-fA-F_]*)\Z')
_BASES = {'x': 16, 'o': 8, 'b': 2, 'u': 10}


def int_of_string(text):
    """Int64.of_string; ValueError when it would fail."""
    if _DECIMAL.match(text):
        number = int(text.replace('_', ''))
        if INT_MIN <= number <= INT_MAX:
            return number
        raise ValueError(text)
    match = _RADIX.match(text)
    if not match:
        raise ValueError(text)
    number = int(match[3].replace('_', ''), _BASES[match[2].lower()])
    if number >= 2 ** 64:
        raise ValueError(text)
    number = number - 2 ** 64 if number > INT_MAX else number
    return -number if match[1] == '-' else number


def float_of_string(text):
    """float_of_string; ValueError when it would fail."""
    bare = text.replace('_', '')
    if not bare or bare != bare.strip() or bare.startswith('_'):
        raise ValueError(text)
    if re.match(r'[-+]?0[xX]', bare):
        return float.fromhex(bare)
    return float(bare)


def string_of_float(value):
    """string_of_float: always with a point."""
    text = '%.12g' % value
    return text if re.search(r'[.einf]', text.lstrip('-')) else text + '.'


def describe(value):
    """An RPC value as it stands in the texts of unmarshalling errors."""
    if value is None:
        return 'N'
    if isinstance(value, bool):
        return 'B(true)' if value else 'B(false)'
    if isinstance(value, int):
        return 'I(%d)' % value
    if isinstance(value, float):
        return 'F(%g)' % value
    if isinstance(value, dict):
        return '{%s}' % ';'.join('%s:%s' % (key, describe(item)) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return '[%s]' % ';'.join(describe(item) for item in value)
    given = type(value)
    return '%s(%s)' % ('S' if given is str else 'D', value)
