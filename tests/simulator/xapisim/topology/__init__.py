# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pool that a simulator starts with: one of a file, or one of its own."""

from __future__ import annotations

import json

from xapisim import lifecycle
from xapisim.rbac import role_records
from xapisim.topology.pool import Builder

HOSTS = {'small': 1, 'pool': 3}


def load(sim):
    """Fill the database of a simulator that has just been made or reset."""
    if sim.options.seed:
        with open(sim.options.seed, encoding='utf-8') as seed:
            load_seed(sim, json.load(seed))
    else:
        Builder(sim, HOSTS[sim.options.topology]).build()
    if not sim.db.count('role'):
        for ref, record in role_records(sim.schema, sim.new_ref, sim.new_uuid).items():
            sim.db.load('role', ref, record)
    if not sim.options.seed:
        for cls in lifecycle.RULES:
            for ref in sim.db.refs(cls):
                sim.refresh_allowed(cls, ref)


def load_seed(sim, seed):
    """{class: {reference: record}}, and keys that begin with $ for what is not in records."""
    for cls, records in seed.items():
        if cls == '$guests':
            sim.guests = sim.options.guests or records
        elif cls == '$directory':
            sim.directory = records
        elif cls == '$plugins':
            sim.plugins = records
        elif cls not in sim.schema.classes:
            raise ValueError('the seed has %s, which is nothing of XenAPI' % cls)
        else:
            for ref, record in records.items():
                sim.db.load(cls, ref, record)
