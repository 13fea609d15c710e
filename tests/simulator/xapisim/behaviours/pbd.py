# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PBDs: how a host reaches an SR, and whether it does now."""

from __future__ import annotations

from xapisim import storage_manager as sm
from xapisim.errors import XapiError
from xapisim.lifecycle_devices import held
from xapisim.registry import constructor, destructor, message

SECRET = '_secret'
INTERNAL_KEY = 'SRmaster'


@constructor('PBD')
def create(call, record):
    with held(call, ('SR', record['SR'], 'pbd_create')):
        return add(call, record['host'], record['SR'], without_passwords(call, record['device_config']))


def add(call, host, sr, device_config):
    for pbd in call.db.get('SR', sr, 'PBDs'):
        if call.db.get('PBD', pbd, 'host') == host:
            raise XapiError('PBD_EXISTS', sr, host, pbd)
    if INTERNAL_KEY in device_config:
        raise XapiError('VALUE_NOT_SUPPORTED', INTERNAL_KEY, device_config[INTERNAL_KEY], 'This key is for internal use only')
    return call.db.create('PBD', {'host': host, 'SR': sr, 'device_config': _own_secrets(call, device_config),
                                  'currently_attached': False})


def without_passwords(call, device_config):
    """Passwords become secrets: what is in the database of the pool, everybody can read."""
    return {key + SECRET if key.endswith('password') else key: _secret(call, value) if key.endswith('password') else value
            for key, value in device_config.items()}


def _own_secrets(call, device_config):
    """Each PBD has secrets of its own, which go when it goes."""
    return {key: _copied(call, value) if key.endswith('password' + SECRET) else value for key, value in device_config.items()}


def _copied(call, uuid):
    return _secret(call, call.db.get('secret', call.db.by_uuid('secret', uuid), 'value'))


def _secret(call, value):
    return call.db.get('secret', call.db.create('secret', {'value': value}), 'uuid')


@destructor('PBD')
def destroy(call, pbd):
    with held(call, ('SR', call.db.get('PBD', pbd, 'SR'), 'pbd_destroy')):
        row = call.db.require('PBD', pbd)
        if row['currently_attached']:
            raise XapiError('OPERATION_NOT_ALLOWED', 'PBD is currently attached')
        call.db.destroy('PBD', pbd)
        for key, value in row['device_config'].items():
            for secret in call.db.find('secret', uuid=value) if key.endswith('password' + SECRET) else ():
                call.db.destroy('secret', secret)


@message('PBD.plug')
def plug(call, pbd):
    sr, host = call.db.get('PBD', pbd, 'SR'), call.db.get('PBD', pbd, 'host')
    with held(call, ('SR', sr, 'plug')):
        if call.db.get('PBD', pbd, 'currently_attached'):
            return
        sm.require_driver(call.sim, sm.sr_type(call.sim, sr))
        _require_sharable(call, sr, host)
        sm.require_device_config(sm.sr_type(call.sim, sr), call.db.get('PBD', pbd, 'device_config'))
        call.db.set('PBD', pbd, currently_attached=True)
        if host == call.sim.coordinator:
            _scan_first_time(call, sr)


def _scan_first_time(call, sr):
    from xapisim.behaviours.sr import bring_in_step   # an SR plugs its PBDs, and a PBD that is plugged scans its SR
    bring_in_step(call, sr)


def _require_sharable(call, sr, host):
    if call.db.get('SR', sr, 'shared'):
        return
    for pbd in call.db.get('SR', sr, 'PBDs'):
        row = call.db.require('PBD', pbd)
        if row['currently_attached'] and row['host'] != host:
            raise XapiError('SR_NOT_SHARABLE', sr, row['host'])


@message('PBD.unplug')
def unplug(call, pbd):
    sr = call.db.get('PBD', pbd, 'SR')
    with held(call, ('SR', sr, 'unplug')):
        if not call.db.get('PBD', pbd, 'currently_attached'):
            return
        used = _disks_in_use(call, pbd, sr)
        if used:
            raise XapiError('VDI_IN_USE', *used)
        call.db.set('PBD', pbd, currently_attached=False)


def _disks_in_use(call, pbd, sr):
    """Disks of the SR that VMs on the PBD's host hold; those with metadata are let go of."""
    host, used = call.db.get('PBD', pbd, 'host'), []
    for vdi in call.db.get('SR', sr, 'VDIs'):
        row = call.db.require('VDI', vdi)
        if row['type'] != 'metadata' and any(_holds(call, vbd, host) for vbd in row['VBDs']):
            used.append(vdi)
    return used


def _holds(call, vbd, host):
    row = call.db.require('VBD', vbd)
    attached = (row['currently_attached'] or row['reserved']) and not row['empty']
    return attached and call.db.exists('VM', row['VM']) and call.db.get('VM', row['VM'], 'resident_on') == host


@message('PBD.set_device_config')
def set_device_config(call, pbd, value):
    """Only a storage manager may."""
    call.db.require('PBD', pbd)
    raise XapiError('PERMISSION_DENIED', '')
