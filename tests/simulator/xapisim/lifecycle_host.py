# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which operations a host allows."""

from __future__ import annotations

from xapisim import lifecycle
from xapisim.errors import XapiError

OPERATIONS = ('provision', 'evacuate', 'shutdown', 'reboot', 'power_on', 'vm_start', 'vm_resume', 'vm_migrate',
              'apply_updates', 'enable')
_ARRIVING = ('provision', 'vm_resume', 'vm_migrate')
_LEAVING = ('evacuate', 'reboot', 'shutdown')
_ENDING = ('reboot', 'shutdown', 'apply_updates')


def error(sim, host, operation, strict=True):
    """The error that the operation would give now, or None."""
    row = sim.db.require('host', host)
    rivals = _LEAVING if operation in _ARRIVING else _ARRIVING if operation in _LEAVING else ()
    if operation == 'provision' or operation in _ENDING:
        rivals += (operation,) if operation == 'provision' else tuple(name for name in _ENDING if name != operation)
    for task, name in row['current_operations'].items():
        if name in rivals:
            return XapiError('OTHER_OPERATION_IN_PROGRESS', 'host', host, name, task)
    if operation in _ENDING and row['enabled']:
        return XapiError('HOST_NOT_DISABLED')
    return _power_on_error(sim, host, row) if operation == 'power_on' else None


def _power_on_error(sim, host, row):
    if sim.db.exists('host_metrics', row['metrics']) and sim.db.get('host_metrics', row['metrics'], 'live'):
        return XapiError('HOST_IS_LIVE', host)
    if not row['power_on_mode']:
        return XapiError('HOST_POWER_ON_MODE_DISABLED')
    return None if 'power-on-host' in sim.plugins else XapiError('XENAPI_MISSING_PLUGIN', 'power-on-host')


def advertise(sim, host):
    return [operation for operation in OPERATIONS if error(sim, host, operation) is None]


lifecycle.define('host', error, advertise)
