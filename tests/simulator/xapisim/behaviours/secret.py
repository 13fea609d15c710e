# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets: texts that records refer to instead of holding them."""

from __future__ import annotations

from xapisim.errors import XapiError
from xapisim.registry import message


@message('secret.introduce')
def introduce(call, uuid, value, other_config):
    if call.db.find('secret', uuid=uuid):
        raise XapiError('UUID_INVALID', 'secret', uuid)
    return call.db.create('secret', {'uuid': uuid, 'value': value, 'other_config': other_config})
