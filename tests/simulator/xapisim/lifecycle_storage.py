# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When an operation on a VDI or an SR is legal: what its driver can do, who uses it, what it is."""

from __future__ import annotations

from xapisim import lifecycle
from xapisim.errors import XapiError

# operation -> the feature that the driver of the SR must have
VDI_FEATURES = {
    'snapshot': 'VDI_SNAPSHOT', 'destroy': 'VDI_DELETE', 'resize': 'VDI_RESIZE', 'resize_online': 'VDI_RESIZE_ONLINE',
    'update': 'VDI_UPDATE', 'generate_config': 'VDI_GENERATE_CONFIG', 'clone': 'VDI_CLONE', 'revert_to': 'VDI_CLONE',
    'revert_from': 'VDI_CLONE', 'mirror': 'VDI_MIRROR', 'enable_cbt': 'VDI_CONFIG_CBT', 'disable_cbt': 'VDI_CONFIG_CBT',
    'data_destroy': 'VDI_CONFIG_CBT', 'list_changed_blocks': 'VDI_CONFIG_CBT', 'set_on_boot': 'VDI_RESET_ON_BOOT',
}
SR_FEATURES = {
    'vdi_create': 'VDI_CREATE', 'vdi_destroy': 'VDI_DELETE', 'vdi_resize': 'VDI_RESIZE', 'vdi_introduce': 'VDI_INTRODUCE',
    'vdi_mirror': 'VDI_MIRROR', 'vdi_enable_cbt': 'VDI_CONFIG_CBT', 'vdi_disable_cbt': 'VDI_CONFIG_CBT',
    'vdi_data_destroy': 'VDI_CONFIG_CBT', 'vdi_list_changed_blocks': 'VDI_CONFIG_CBT',
    'vdi_set_on_boot': 'VDI_RESET_ON_BOOT', 'update': 'SR_UPDATE', 'vdi_revert': 'VDI_REVERT', 'vdi_snapshot': 'VDI_SNAPSHOT',
}
SR_OPERATIONS = (
    'scan', 'destroy', 'forget', 'plug', 'unplug', 'vdi_create', 'vdi_destroy', 'vdi_resize', 'vdi_clone', 'vdi_snapshot',
    'vdi_mirror', 'vdi_enable_cbt', 'vdi_disable_cbt', 'vdi_data_destroy', 'vdi_list_changed_blocks', 'vdi_set_on_boot',
    'vdi_introduce', 'vdi_revert', 'update', 'pbd_create', 'pbd_destroy',
)
# Operations that came later are legal but not advertised: older hosts of a pool do not know them.
VDI_ADVERTISED = ('snapshot', 'copy', 'clone', 'resize', 'resize_online', 'destroy', 'forget', 'update', 'generate_config')
_WHILE_ATTACHED = ('snapshot', 'resize_online', 'blocked', 'clone', 'revert_to', 'mirror', 'enable_cbt', 'disable_cbt',
                   'data_destroy')
_NOT_FOR_CBT_METADATA = ('clone', 'copy', 'disable_cbt', 'enable_cbt', 'mirror', 'resize', 'resize_online', 'snapshot',
                         'revert_to', 'revert_from', 'set_on_boot')
_NOT_WITH_CBT = ('mirror', 'set_on_boot')
_HA_TYPES = ('ha_statefile', 'redo_log')


def features(sim, sr):
    """What the driver of an SR can do."""
    drivers = sim.db.find('SM', type=sim.db.get('SR', sr, 'type'))
    return sim.db.get('SM', drivers[0], 'features') if drivers else {}


def plugged_pbds(sim, sr):
    return [pbd for pbd in sim.db.get('SR', sr, 'PBDs') if sim.db.get('PBD', pbd, 'currently_attached')]


# ---------------------------------------------------------------- VDI

class Disk:
    """A VDI as the rules look at it."""

    def __init__(self, sim, ref):
        self.sim, self.ref = sim, ref
        self.row = sim.db.require('VDI', ref)
        self.sr = self.row['SR']
        self.vbds = [sim.db.require('VBD', vbd) for vbd in self.row['VBDs']]
        self.active = [vbd for vbd in self.vbds if vbd['currently_attached'] or vbd['reserved']]

    def ha_enabled(self):
        return self.sim.db.get('pool', self.sim.pool, 'ha_enabled')


def vdi_error(sim, ref, op, strict):
    disk = Disk(sim, ref)
    for check in (_vdi_busy, _vdi_plugged, _vdi_attached, _vdi_feature, _vdi_kind):
        error = check(disk, op)
        if error:
            return error
    own_rule = _VDI_RULES.get(op)
    return own_rule(disk) if own_rule else None


def _vdi_busy(disk, op):
    """Any operation but a copy excludes every other; a mirror may end in the destruction of its source."""
    current = disk.row['current_operations']
    if op == 'destroy' and 'mirror' in current.values():
        return None
    for task, other in current.items():
        if other != 'copy':
            return lifecycle.busy('VDI', disk.ref, {task: other})
    return None


def _vdi_plugged(disk, op):
    if op == 'resize' and not plugged_pbds(disk.sim, disk.sr):
        return XapiError('SR_HAS_NO_PBDS', disk.sr)
    return None


def _vdi_attached(disk, op):
    users = [vbd for vbd in disk.active if vbd['mode'] == 'RW'] if op == 'copy' else disk.active
    if op in _WHILE_ATTACHED or (op == 'list_changed_blocks' and all(_of_snapshot(disk.sim, vbd) for vbd in users)):
        users = []
    if users:
        return XapiError('VDI_IN_USE', disk.ref, op)
    for vbd in disk.vbds:
        if vbd['current_operations'] and op != 'data_destroy':
            return lifecycle.busy('VDI', disk.ref, dict(list(vbd['current_operations'].items())[:1]))
    return None


def _of_snapshot(sim, vbd):
    return sim.db.exists('VM', vbd['VM']) and sim.db.get('VM', vbd['VM'], 'is_a_snapshot')


def _vdi_feature(disk, op):
    if op in VDI_FEATURES and VDI_FEATURES[op] not in features(disk.sim, disk.sr):
        return XapiError('SR_OPERATION_NOT_SUPPORTED', disk.sr)
    return None


def _vdi_kind(disk, op):
    if op in _NOT_FOR_CBT_METADATA and disk.row['type'] == 'cbt_metadata':
        return XapiError('VDI_INCOMPATIBLE_TYPE', disk.ref, type_text('cbt_metadata'))
    if op in _NOT_WITH_CBT and disk.row['cbt_enabled']:
        return XapiError('VDI_CBT_ENABLED', disk.ref)
    return None


def type_text(vdi_type):
    """A type as errors spell it."""
    return {'cbt_metadata': 'CBT metadata', 'ha_statefile': 'HA statefile', 'redo_log': 'Redo log', 'rrd': 'rrd',
            'pvs_cache': 'PVS cache'}.get(vdi_type, vdi_type.capitalize())


def _destroy_rule(disk):
    if disk.sim.db.get('SR', disk.sr, 'type') == 'udev':
        return XapiError('VDI_IS_A_PHYSICAL_DEVICE', disk.ref)
    if disk.sim.db.get('SR', disk.sr, 'is_tools_sr'):
        return XapiError('SR_OPERATION_NOT_SUPPORTED', disk.sr)
    return _rrd_rule(disk) or _ha_rule(disk)


def _forget_rule(disk):
    return _ha_rule(disk) or _rrd_rule(disk)


def _rrd_rule(disk):
    return XapiError('VDI_HAS_RRDS', disk.ref) if disk.row['type'] == 'rrd' else None


def _ha_rule(disk):
    return XapiError('HA_IS_ENABLED') if disk.ha_enabled() and disk.row['type'] in _HA_TYPES else None


def _data_destroy_rule(disk):
    if not disk.row['is_a_snapshot']:
        return XapiError('OPERATION_NOT_ALLOWED', 'VDI is not a snapshot: ' + disk.ref)
    if not disk.row['cbt_enabled']:
        return XapiError('VDI_NO_CBT_METADATA', disk.ref)
    return _destroy_rule(disk)


def _snapshot_rule(disk):
    if disk.row['sharable']:
        return XapiError('VDI_IS_SHARABLE', disk.ref)
    if disk.row['on_boot'] == 'reset':
        return XapiError('VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION')
    if 'copy' in disk.row['current_operations'].values():
        return XapiError('OPERATION_NOT_ALLOWED', 'Snapshot operation not allowed during copy.')
    return None


def _copy_rule(disk):
    if disk.row['on_boot'] == 'reset':
        return XapiError('VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION')
    if disk.row['type'] in _HA_TYPES:
        return XapiError('OPERATION_NOT_ALLOWED', "VDI containing HA statefile or redo log cannot be copied "
                                                  "(check the VDI's allowed operations).")
    return None


def _cbt_rule(disk):
    if disk.row['is_a_snapshot']:
        return XapiError('OPERATION_NOT_ALLOWED', 'VDI is a snapshot: ' + disk.ref)
    if disk.row['type'] not in ('user', 'system'):
        return XapiError('VDI_INCOMPATIBLE_TYPE', disk.ref, type_text(disk.row['type']))
    if disk.row['on_boot'] == 'reset':
        return XapiError('VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION')
    return None


def _revert_rule(disk):
    return None if disk.row['is_a_snapshot'] else XapiError('ONLY_REVERT_SNAPSHOT')


_VDI_RULES = {
    'forget': _forget_rule, 'destroy': _destroy_rule, 'revert_from': _destroy_rule, 'data_destroy': _data_destroy_rule,
    'resize': _ha_rule, 'resize_online': _ha_rule, 'snapshot': _snapshot_rule, 'copy': _copy_rule,
    'enable_cbt': _cbt_rule, 'disable_cbt': _cbt_rule, 'revert_to': _revert_rule,
}


def advertise_vdi(sim, ref):
    return [op for op in VDI_ADVERTISED if vdi_error(sim, ref, op, False) is None]


# ---------------------------------------------------------------- SR

def sr_error(sim, ref, op, strict):
    row = sim.db.require('SR', ref)
    if op in SR_FEATURES and not _sr_can(sim, ref, row, SR_FEATURES[op]):
        return XapiError('SR_OPERATION_NOT_SUPPORTED', ref)
    if op in ('destroy', 'forget') and plugged_pbds(sim, ref):
        return XapiError('SR_HAS_PBD', ref)
    if op == 'destroy' and not row['PBDs']:
        return XapiError('SR_HAS_NO_PBDS', ref)
    if op == 'destroy' and any(_is_content(sim, vdi) for vdi in row['VDIs']):
        return XapiError('SR_NOT_EMPTY')
    return _sr_busy(ref, row, op)


def _sr_can(sim, ref, row, feature):
    if row['is_tools_sr'] and feature in ('VDI_CREATE', 'VDI_DELETE'):
        return False
    return feature in features(sim, ref)


def _is_content(sim, vdi):
    row = sim.db.require('VDI', vdi)
    return row['managed'] and row['type'] != 'rrd'


def _sr_busy(ref, row, op):
    """One operation at a time, except that several hosts may plug the SR together."""
    for task, other in row['current_operations'].items():
        if op != 'plug' or other != 'plug':
            return lifecycle.busy('SR', ref, {task: other}, shown=_operation_text)
    return None


def _operation_text(op):
    """An operation as errors spell it: those on VDIs by the name of the call."""
    group, unused, name = op.partition('_')
    return '%s.%s' % (group.upper(), name) if group in ('vdi', 'pbd') else op


def advertise_sr(sim, ref):
    return [op for op in SR_OPERATIONS if sr_error(sim, ref, op, False) is None]


lifecycle.define('VDI', vdi_error, advertise_vdi)
lifecycle.define('SR', sr_error, advertise_sr)
