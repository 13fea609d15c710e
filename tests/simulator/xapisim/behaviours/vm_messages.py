# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The messages that a pool writes about what happened to its VMs."""

from __future__ import annotations

from xapisim.behaviours.message import announce

PRIORITY = 5


def tell(call, name, vm, text):
    """'VM NAME (uuid: UUID) TEXT', filed under the VM."""
    row = call.db.require('VM', vm)
    body = "VM '%s' (uuid: %s) %s" % (row['name_label'], row['uuid'], text)
    announce(call.sim, name, PRIORITY, 'VM', row['uuid'], body)
