# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual TPMs: one at most on a VM, with contents that are kept as a secret."""

from __future__ import annotations

import base64
import binascii

from xapisim import lifecycle
from xapisim.errors import XapiError, internal_error
from xapisim.registry import message


@message('VTPM.create')
def create(call, vm, is_unique):
    with call.operation('VM', vm, 'create_vtpm'):
        return introduce(call, vm, is_unique, '')


def require_state(record, vm, states):
    if record['power_state'] not in states:
        raise XapiError('VM_BAD_POWER_STATE', vm, ';'.join(states).lower(), record['power_state'].lower())


def introduce(call, vm, is_unique, contents):
    secret = call.db.create('secret', {'value': contents})
    vtpm = call.db.create('VTPM', {'VM': vm, 'is_unique': is_unique, 'contents': secret})
    lifecycle.refresh(call.sim, 'VTPM', vtpm)
    return vtpm


def copy(call, vtpm, vm):
    """The TPM of a copied VM; a unique one starts empty."""
    row = call.db.require('VTPM', vtpm)
    contents = '' if row['is_unique'] else call.db.get('secret', row['contents'], 'value')
    return introduce(call, vm, row['is_unique'], contents)


def forget(db, vtpm):
    secret = db.get('VTPM', vtpm, 'contents')
    if db.exists('secret', secret):
        db.destroy('secret', secret)
    db.destroy('VTPM', vtpm)


@message('VTPM.destroy')
def destroy(call, vtpm):
    vm = call.db.get('VTPM', vtpm, 'VM')
    require_state(call.db.require('VM', vm), vm, ('Halted', 'Suspended'))
    forget(call.db, vtpm)
    lifecycle.refresh(call.sim, 'VM', vm)


@message('VTPM.get_contents')
def get_contents(call, vtpm):
    return call.db.get('secret', call.db.get('VTPM', vtpm, 'contents'), 'value')


@message('VTPM.set_contents')
def set_contents(call, vtpm, contents):
    try:
        base64.b64decode(contents, validate=True)
    except binascii.Error as error:
        raise internal_error(str(error)) from None
    call.db.set('secret', call.db.get('VTPM', vtpm, 'contents'), value=contents)
