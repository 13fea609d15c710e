# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Blobs: alone, or hanging on other objects by name."""

from __future__ import annotations

from xapisim.errors import XapiError
from xapisim.registry import message

DEFAULT_TYPE = 'application/octet-stream'


def attach(call, cls, ref, name, mime_type, public):
    """A new blob under a name that is free."""
    blobs = call.db.get(cls, ref, 'blobs')
    if name in blobs:
        raise XapiError('MAP_DUPLICATE_KEY', cls, 'blobs', ref, name)
    blob = create(call, mime_type, public)
    call.db.set(cls, ref, blobs={**blobs, name: blob})
    return blob


@message('blob.create')
def create(call, mime_type, public):
    return call.db.create('blob', {'mime_type': mime_type or DEFAULT_TYPE, 'public': public})


@message('blob.destroy')
def destroy(call, blob):
    """Whatever it hung on lets it go."""
    call.db.destroy('blob', blob)
    for cls, table in call.sim.schema.classes.items():
        for ref, row in call.db.rows(cls) if 'blobs' in table.fields else ():
            if blob in row['blobs'].values():
                call.db.set(cls, ref, blobs={name: other for name, other in row['blobs'].items() if other != blob})


@message('SR.create_new_blob')
def create_on_sr(call, sr, name, mime_type, public):
    return attach(call, 'SR', sr, name, mime_type, public)


@message('network.create_new_blob')
def create_on_network(call, network, name, mime_type, public):
    return attach(call, 'network', network, name, mime_type, public)


@message('VM.create_new_blob')
def create_on_vm(call, vm, name, mime_type, public):
    return attach(call, 'VM', vm, name, mime_type, public)
