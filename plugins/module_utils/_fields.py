# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fields: how an option of a module is a field of a XenAPI record, and when two values are the same. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

OWN_KEYS = ('mac_seed', 'xapi.xen:')
"""Beginnings of the other_config keys that the host or this collection keeps; clearing a map leaves them."""


@dataclass(frozen=True)
class Field:
    """One option and its field.

    kind: string, int, bool, enum (compared without regard to case), map (string to string; only the listed keys count, a null
    value removes its key, an empty map removes all), set (of strings, without order).
    ``create_only``: XenAPI can't change it later. ``needs_halted``: only on a halted VM. ``keeps``: beginnings of the keys that an
    empty map leaves.
    """

    option: str
    field: str
    kind: str = 'string'
    create_only: bool = False
    needs_halted: bool = False
    keeps: tuple[str, ...] = OWN_KEYS

    def read(self, record: dict) -> Any:
        """The field of a record as Python knows it: XML-RPC carries integers as strings."""
        value = record[self.field]
        if self.kind == 'int':
            return int(value)
        if self.kind == 'set':
            return sorted(value)
        return dict(value) if self.kind == 'map' else value

    def merged(self, current: Any, wanted: Any) -> Any:
        """The value of the whole field once ``wanted`` is applied to ``current`` (None for a new object)."""
        if self.kind == 'set':
            return sorted(set(wanted))
        if self.kind != 'map':
            return wanted
        if not wanted:
            return {key: value for key, value in (current or {}).items() if key.startswith(self.keeps)}
        return {key: value for key, value in {**(current or {}), **wanted}.items() if value is not None}


def same(field: Field, current: Any, wanted: Any) -> bool:
    """Whether nothing has to change."""
    if field.kind == 'enum':
        return str(current).lower() == str(wanted).lower()
    return current == field.merged(current, wanted)


def new_record(fields: tuple[Field, ...], values: dict, defaults: dict) -> dict:
    """The record for a constructor: the defaults, overlaid with the options that were given."""
    record = dict(defaults)
    for field in fields:
        wanted: Optional[Any] = values.get(field.option)
        if wanted is not None:
            record[field.field] = field.merged(record.get(field.field), wanted)
    return record
