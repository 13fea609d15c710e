# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which numbers are VLAN tags."""

from __future__ import annotations

from xapisim.errors import XapiError

UNTAGGED = -1


def require_tag(tag):
    if not 0 <= tag <= 4094:
        raise XapiError('VLAN_TAG_INVALID', tag)
