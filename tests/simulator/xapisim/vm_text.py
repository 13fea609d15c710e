# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a VM as a snapshot keeps it: the configuration to which a revert goes back."""

from __future__ import annotations

import json

from xapisim.datamodel.types import DateTime


def write(record):
    return json.dumps(record, sort_keys=True)


def read(table, text):
    """Field -> native value, as the database holds them."""
    found = {}
    for name, value in json.loads(text).items():
        if name in table.fields:
            found[name] = DateTime(value) if table.fields[name].type.kind == 'datetime' else value
    return found
