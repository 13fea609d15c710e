# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sizes as people write them, and bytes as XenAPI wants them."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Union

from ._errors import ParameterError

KIB, MIB, GIB, TIB = 1 << 10, 1 << 20, 1 << 30, 1 << 40
UNITS = {
    '': 1,
    'b': 1,
    'kib': KIB,
    'k': KIB,
    'mib': MIB,
    'm': MIB,
    'gib': GIB,
    'g': GIB,
    'tib': TIB,
    't': TIB,
    'kb': 10**3,
    'mb': 10**6,
    'gb': 10**9,
    'tb': 10**12,
}
_SIZE = re.compile(r'\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*')


def parse_size(option: str, value: Union[str, int]) -> int:
    """Bytes of C(10GiB), C(512 MiB), C(1.5TiB) or a plain number of bytes; ``option`` is named in the error.

    C(GiB) and C(G) are powers of 1024, C(GB) of 1000.
    """
    match = _SIZE.fullmatch(str(value))
    factor = UNITS.get(match.group(2).lower()) if match else None
    if match is None or factor is None:
        raise ParameterError(
            f'{option}: "{value}" is no size', hint='Use bytes or a number with a unit, for example 10GiB or 512MiB.'
        )
    size = Fraction(match.group(1)) * factor
    if size.denominator != 1:
        raise ParameterError(
            f'{option}: "{value}" is not a whole number of bytes',
            hint='Use bytes or a number with a unit, for example 10GiB.',
        )
    return int(size)


def format_size(size: int) -> str:
    """Bytes for people: the largest unit, with at most one decimal (C(1.5 GiB))."""
    for unit, factor in (('TiB', TIB), ('GiB', GIB), ('MiB', MIB), ('KiB', KIB)):
        if size >= factor:
            return f'{size / factor:.1f}'.replace('.0', '') + f' {unit}'
    return f'{size} bytes'
