# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VDI: its options and fields, its place in a space that is not without end, and the marks that copies must lose."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any, Optional

from .._errors import ParameterError
from .._fields import Field
from .._plan import Desired, Observed, Plan, Ref, Slot, Step
from .._units import MIB, format_size, parse_size
from ._scope import RELEASE_RETRY
from ._sr import free_space

SM_KEYS = (
    'vhd-',
    'host_',
    'vdi_type',
    'image-format',
    'type',
    'paused',
    'activating',
    'relinking',
    'key_hash',
    'base_mirror',
    'read-caching-',
)
"""Beginnings of the sm_config keys that storage managers keep for themselves; without vhd-parent a chain is not found again."""
NEW_FIELDS = (
    Field('name', 'name_label'),
    Field('description', 'name_description'),
    Field('type', 'type', 'enum', create_only=True),
    Field('sharable', 'sharable', 'bool', create_only=True),
    Field('read_only', 'read_only', 'bool', create_only=True),
    Field('tags', 'tags', 'set'),
    Field('other_config', 'other_config', 'map'),
    Field('sm_config', 'sm_config', 'map', keeps=SM_KEYS),
    Field('xenstore_data', 'xenstore_data', 'map'),
)
"""The fields that VDI.create takes."""
LATER_FIELDS = (
    Field('on_boot', 'on_boot', 'enum', needs_halted=True),
    Field('allow_caching', 'allow_caching', 'bool', needs_halted=True),
)
"""The fields that have a setter of their own and no place in VDI.create."""
FIELDS = NEW_FIELDS + LATER_FIELDS
SLOT = Slot('vdi', 'VDI')
NEW = {
    'name_label': '',
    'name_description': '',
    'type': 'user',
    'sharable': False,
    'read_only': False,
    'tags': [],
    'other_config': {},
    'sm_config': {},
    'xenstore_data': {},
}
"""What VDI.create needs and no option gives: the fields without a default in the datamodel."""
FRESH = {'on_boot': 'persist', 'allow_caching': False, 'cbt_enabled': False}
"""What every new VDI begins with."""
EXTERNAL_ID = 'xapi.xen:external_id'
"""other_config key with the identity that the user gave: a VDI that has it is found whatever its name is."""
MARKS = ('xapi.xen:', 'image-id', 'cached-time', 'nova_')
"""Beginnings of the other_config keys that say what a VDI is. XenAPI copies them too, and then they are not true any more."""
DESTROY_RETRY = replace(
    RELEASE_RETRY, codes=(*RELEASE_RETRY.codes, 'OTHER_OPERATION_IN_PROGRESS'), done=('HANDLE_INVALID',)
)
ROUNDING = 4 * MIB
"""An SR may round a size up: VHD to 2 MiB, LVM to 4 MiB."""


def values_of(params: dict, prefix: str = '') -> dict:
    """The options of a VDI as Desired.values: sizes in bytes."""
    values = {field.option: params.get(field.option) for field in FIELDS}
    values.update(cbt=params.get('cbt'), external_id=params.get('external_id'))
    if params.get('size') is not None:
        size = values['size'] = parse_size(f'{prefix}size', params['size'])
        if size <= 0:
            raise ParameterError(
                f'{prefix}size: "{params["size"]}" is not more than nothing', hint='Give a size such as 10GiB.'
            )
    return values


def identified(values: dict, current: Optional[dict]) -> dict:
    """The values with ``external_id`` as the key of other_config that it is; ``current`` is the map that is there."""
    if not values.get('external_id'):
        return values
    wanted = values.get('other_config')
    if wanted == {}:  # all keys shall go but this one
        wanted = {key: None for key in current or {} if not key.startswith('xapi.xen:')}
    return {**values, 'other_config': {**(wanted or {}), EXTERNAL_ID: values['external_id']}}


def without_marks(other_config: dict) -> dict:
    return {key: value for key, value in other_config.items() if not key.startswith(MARKS)}


def shown(record: dict) -> dict:
    """What the difference tells of a new VDI."""
    record = deepcopy(record)
    return {item.option: record[item.field] for item in NEW_FIELDS if record[item.field] not in ('', [], {}, False)}


def require_space(sr: Optional[dict], more: int, prefix: str = '', option: str = 'size') -> None:
    """Raise ParameterError when ``more`` bytes have no place on an SR (a record; None: not known, the host will say)."""
    free = free_space(sr) if sr else None
    if sr and free is not None and more > free:
        raise ParameterError(
            f'{prefix}{option}: {format_size(more)} do not fit on SR "{sr["name_label"]}", which has {format_size(free)} free',
            hint='Choose a smaller size or another sr, or free space there.',
        )


def growth(plan: Plan, observed: Observed, wanted: Optional[int], prefix: str = '') -> Plan:
    """Add the step that makes a VDI as large as wanted; a size that the SR has rounded up is none."""
    current = int(observed.record['virtual_size'])
    if wanted is None or wanted <= current < wanted + ROUNDING:
        return plan
    if wanted < current:
        raise ParameterError(
            f'{prefix}size: the VDI has {format_size(current)}, and a disk is never shrunk to {format_size(wanted)}: data would be lost',
            hint='Leave size out, or copy the data to a new, smaller disk.',
        )
    require_space(observed.related.get('SR'), wanted - current, prefix)
    about = f'grow from {format_size(current)} to {format_size(wanted)}'
    plan.add(Step('VDI.resize', (observed.ref, wanted), about, task=True, needs_halted=True, retry=RELEASE_RETRY))
    return plan.note('size', current, wanted)


def tracking(plan: Plan, observed: Observed, desired: Desired, wanted: bool) -> Plan:
    """Add the step that turns the tracking of changed blocks on or off, if that is what is ``wanted`` and asked for."""
    current = bool(observed.record.get('cbt_enabled'))
    if desired.get('cbt') is not wanted or current == wanted:
        return plan
    undo = Step(_tracking_method(current), (observed.ref,), 'put back cbt', task=True)
    about = f'{"begin" if wanted else "end"} the tracking of changed blocks'
    return plan.add(Step(_tracking_method(wanted), (observed.ref,), about, undo=undo, task=True)).note(
        'cbt', current, wanted
    )


def _tracking_method(wanted: bool) -> str:
    return 'VDI.enable_cbt' if wanted else 'VDI.disable_cbt'


def refuse_reset_with_tracking(record: dict, desired: Desired, prefix: str = '') -> None:
    """XenAPI tracks no changes of a disk that forgets them at every start."""
    on_boot = desired.get('on_boot') or record.get('on_boot', 'persist')
    if on_boot == 'reset' and desired.get('cbt', record.get('cbt_enabled', False)):
        raise ParameterError(
            f'{prefix}on_boot: with "reset" the disk can have no cbt',
            hint='Set cbt: false with on_boot: reset, or on_boot: persist with cbt: true.',
        )


def destroy_step(ref: Ref, name: str) -> Step:
    return Step('VDI.destroy', (ref,), f'destroy VDI "{name}"', retry=DESTROY_RETRY)


def name_of(observed: Observed) -> Any:
    return observed.record['name_label']
