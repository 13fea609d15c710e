# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a VM that are plain fields of its record, or single keys of its maps. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Optional

from .._errors import ParameterError
from .._fields import OWN_KEYS, Field
from .._plan import Observed

FIELDS = (
    Field('name', 'name_label'),
    Field('description', 'name_description'),
    Field('tags', 'tags', 'set'),
    Field('platform', 'platform', 'map'),
    Field('other_config', 'other_config', 'map'),
    Field('xenstore_data', 'xenstore_data', 'map'),
    Field('boot_params', 'HVM_boot_params', 'map'),
    Field('vcpu_params', 'VCPUs_params', 'map'),
    Field('actions_after_shutdown', 'actions_after_shutdown', 'enum'),
    Field('actions_after_reboot', 'actions_after_reboot', 'enum'),
    Field('actions_after_crash', 'actions_after_crash', 'enum'),
    Field('ha_restart_priority', 'ha_restart_priority'),
    Field('order', 'order', 'int'),
    Field('start_delay', 'start_delay', 'int'),
    Field('shutdown_delay', 'shutdown_delay', 'int'),
    Field('has_vendor_device', 'has_vendor_device', 'bool', needs_halted=True),
)
BLOCKED = (Field('blocked_operations', 'blocked_operations', 'map'),)
"""Apart from the others: xapi ignores it in the record of a new VM, and what blocks a start must wait for the start."""
NOT_NEGATIVE = ('order', 'start_delay', 'shutdown_delay')
EXTERNAL_ID = 'xapi.xen:external_id'
"""other_config key with the name that another system has for the VM."""
BOOT_DEVICES = 'cdn'
MOST_CPUS = 4096
BLOCKABLE = (
    *('start', 'start_on', 'shutdown', 'clean_shutdown', 'hard_shutdown', 'clean_reboot', 'hard_reboot'),
    *('suspend', 'resume', 'resume_on', 'pause', 'unpause', 'pool_migrate', 'migrate_send', 'power_state_reset'),
    *('snapshot', 'checkpoint', 'revert', 'reverting', 'clone', 'copy', 'create_template', 'make_into_template'),
    *('provision', 'destroy', 'export', 'metadata_export', 'import', 'call_plugin', 'send_sysrq', 'send_trigger'),
    *('query_services', 'changing_dynamic_range', 'changing_static_range', 'changing_memory_limits'),
    *('changing_memory_live', 'awaiting_memory_live', 'changing_shadow_memory', 'changing_shadow_memory_live'),
    *('changing_VCPUs', 'changing_VCPUs_live', 'changing_NVRAM', 'create_vtpm', 'sysprep', 'csvm', 'data_source_op'),
    *('get_boot_record', 'assert_operation_valid', 'update_allowed_operations', 'snapshot_with_quiesce'),
)
"""XenAPI vm_operations."""


SHOWN = {
    'boot_params': {},
    'vcpu_params': {},
    'actions_after_shutdown': 'destroy',
    'actions_after_reboot': 'restart',
    'actions_after_crash': 'destroy',
    'ha_restart_priority': '',
    'order': 0,
    'start_delay': 0,
    'shutdown_delay': 0,
    'has_vendor_device': True,
    'blocked_operations': {},
}
"""The options that the result shows under their own name, and what a new bare VM has."""


@dataclass(frozen=True)
class Key:
    """An option that is one key of a map; an empty value removes the key."""

    option: str
    map: str
    key: str


KEYS = (
    Key('folder', 'other_config', 'folder'),
    Key('external_id', 'other_config', EXTERNAL_ID),
    Key('boot_order', 'boot_params', 'order'),
    Key('firmware', 'boot_params', 'firmware'),
    Key('secure_boot', 'platform', 'secureboot'),
    Key('viridian', 'platform', 'viridian'),
    Key('device_model', 'platform', 'device-model'),
    Key('cores_per_socket', 'platform', 'cores-per-socket'),
    Key('vcpu_weight', 'vcpu_params', 'weight'),
    Key('vcpu_cap', 'vcpu_params', 'cap'),
    Key('vcpu_mask', 'vcpu_params', 'mask'),
)


def record_values(params: dict, record: Optional[dict]) -> dict:
    """The options of FIELDS and BLOCKED as XenAPI has them, with the options of KEYS in their maps.

    ``record``: the VM, or the template that a new one is cloned from; None for a bare one. Raises ParameterError.
    """
    _check(params)
    fields = (*FIELDS, *BLOCKED)
    values = {field.option: params.get(field.option) for field in fields}
    for field in fields:
        if field.kind == 'map':
            values[field.option] = _whole_map(field, params, record)
    return values


def shown_fields(observed: Observed) -> dict:
    """The fields of the result that have no other home."""
    shown = {field.option: field.read(observed.record) for field in (*FIELDS, *BLOCKED) if field.option in SHOWN}
    return {
        **shown,
        'affinity': (observed.related.get('affinity') or {}).get('name_label', ''),
    }


def _check(params: dict) -> None:
    for option in NOT_NEGATIVE:
        if (params.get(option) or 0) < 0:
            raise ParameterError(f'{option}: {params[option]} is negative', hint='Use 0 or more.')
    unknown = sorted(set(params.get('blocked_operations') or ()) - set(BLOCKABLE))
    if unknown:
        raise ParameterError(
            f'blocked_operations: {", ".join(unknown)}: no such operation', hint=f'There are: {", ".join(BLOCKABLE)}.'
        )
    for option, least, most in (('vcpu_weight', 1, 65535), ('vcpu_cap', 0, 1 << 16)):
        if params.get(option) is not None and not least <= params[option] <= most:
            raise ParameterError(f'{option}: {params[option]} is out of range', hint=f'Use {least} to {most}.')
    if params.get('secure_boot') and params.get('firmware') == 'bios':
        raise ParameterError('secure_boot: it needs firmware: uefi', hint='Set firmware: uefi, or leave it out.')
    order = params.get('boot_order') or ''
    if set(order) - set(BOOT_DEVICES) or len(set(order)) != len(order):
        raise ParameterError(
            f'boot_order: "{order}" is no boot order', hint='Use c (disk), d (CD) and n (network), each at most once.'
        )


def _whole_map(field: Field, params: dict, record: Optional[dict]) -> Optional[dict]:
    keys = {item.key: as_text(params[item.option]) for item in KEYS if _is_given(item, field, params)}
    if 'mask' in keys:
        keys['mask'] = pinned('vcpu_mask', params['vcpu_mask'])
    if 'weight' in keys and 'cap' not in (record or {}).get(field.field, {}):
        keys.setdefault('cap', '0')  # hosts ignore a weight alone
    wanted = params.get(field.option)
    if wanted is not None:
        wanted = {str(key): as_text(value) for key, value in wanted.items()}
    if wanted == {} and keys:
        # An empty map removes the others' keys: those of options that are given as well stay.
        wanted = {key: None for key in (record or {}).get(field.field, {}) if not key.startswith(OWN_KEYS)}
    return {**(wanted or {}), **{key: text or None for key, text in keys.items()}} if keys else wanted


def pinned(option: str, text: str) -> str:
    """The CPUs of C(0-3,^2,6), each by its number as hosts want them: C(0,1,3,6). Raises ParameterError."""
    taken: set[int] = set()
    left_out: set[int] = set()
    for part in filter(None, (piece.strip() for piece in text.split(','))):
        match = re.fullmatch(r'(\^?)(\d+)(?:-(\d+))?', part)
        last = int(match.group(3) or match.group(2)) if match else -1
        if match is None or last < int(match.group(2)) or last >= MOST_CPUS:
            raise ParameterError(f'{option}: "{text}" is no set of CPUs', hint='Use numbers and ranges: 0-3,^2,6.')
        (left_out if match.group(1) else taken).update(range(int(match.group(2)), last + 1))
    if text.strip() and not taken - left_out:
        raise ParameterError(f'{option}: "{text}" leaves no CPU', hint='Use numbers and ranges: 0-3,^2,6.')
    return ','.join(str(number) for number in sorted(taken - left_out))


def _is_given(item: Key, field: Field, params: dict) -> bool:
    return item.map == field.option and params.get(item.option) is not None


def as_text(value: Any) -> Optional[str]:
    """A value of a map as XenAPI has it: text; YAML may have made a number or a truth value of it."""
    if isinstance(value, bool):
        return 'true' if value else 'false'
    return None if value is None else str(value)
