# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Blobs that hang on SRs and networks, by name."""

from __future__ import annotations

from xapisim.errors import XapiError
from xapisim.registry import message


def attach(call, cls, ref, name, mime_type, public):
    """A new blob under a name that is free."""
    blobs = call.db.get(cls, ref, 'blobs')
    if name in blobs:
        raise XapiError('MAP_DUPLICATE_KEY', cls, 'blobs', ref, name)
    blob = call.db.create('blob', {'mime_type': mime_type, 'public': public})
    call.db.set(cls, ref, blobs={**blobs, name: blob})
    return blob


@message('SR.create_new_blob')
def create_on_sr(call, sr, name, mime_type, public):
    return attach(call, 'SR', sr, name, mime_type, public)


@message('network.create_new_blob')
def create_on_network(call, network, name, mime_type, public):
    return attach(call, 'network', network, name, mime_type, public)
