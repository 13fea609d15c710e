# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VDI: create, grow, describe, destroy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional

from .._errors import ParameterError
from .._fields import Field, new_record
from .._plan import Desired, Kind, Observed, Plan, Ref, Slot, Step, field_changes
from .._refs import find, is_uuid
from .._units import MIB, format_size, parse_size
from ._scope import RELEASE_RETRY, is_disk, refuse_unfinished, require_sr
from ._sr import free_space

FIELDS = (
    Field('name', 'name_label'),
    Field('description', 'name_description'),
    Field('type', 'type', 'enum', create_only=True),
    Field('sharable', 'sharable', 'bool'),
    Field('read_only', 'read_only', 'bool'),
    Field('tags', 'tags', 'set'),
    Field('other_config', 'other_config', 'map'),
    Field('sm_config', 'sm_config', 'map', create_only=True),
)
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
DESTROY_RETRY = replace(
    RELEASE_RETRY, codes=(*RELEASE_RETRY.codes, 'OTHER_OPERATION_IN_PROGRESS'), done=('HANDLE_INVALID',)
)
BLANK = {
    'name': '',
    'description': '',
    'size': 0,
    'used': 0,
    'sr': '',
    'type': 'user',
    'sharable': False,
    'read_only': False,
    'attached': False,
    'tags': [],
    'other_config': {},
    'sm_config': {},
}
"""What a check run shows of a new VDI of which nothing is said."""
ROUNDING = 4 * MIB
"""An SR may round a size up: VHD to 2 MiB, LVM to 4 MiB."""


def values_of(params: dict, prefix: str = '') -> dict:
    """The options of a VDI as Desired.values: sizes in bytes."""
    values = {field.option: params.get(field.option) for field in FIELDS}
    if params.get('size') is not None:
        size = values['size'] = parse_size(f'{prefix}size', params['size'])
        if size <= 0:
            raise ParameterError(
                f'{prefix}size: "{params["size"]}" is not more than nothing', hint='Give a size such as 10GiB.'
            )
    return values


def locate(run: Any, params: dict) -> tuple[Optional[str], Desired]:
    identity = params.get('uuid') or params['name']
    run.records.named('VDI', identity)
    run.records.load(whole=('SR', 'pool'))
    absent = params['state'] == 'absent'
    scope = None if params.get('uuid') else require_sr(run, params.get('sr'))
    ref = find(
        run.records.of('VDI'),
        identity,
        'uuid' if params.get('uuid') else 'name',
        lambda record: is_disk(record) and (scope is None or record['SR'] == scope),
    )
    if ref is None and is_uuid(identity) and not absent:
        raise ParameterError(
            f'uuid: there is no VDI {identity}',
            hint='A new VDI gets its uuid from the host: give name and size instead.',
        )
    if ref and not absent:
        refuse_unfinished(run.records.get('VDI', ref), 'uuid' if params.get('uuid') else 'name')
    desired = Desired(values_of(params), {'sr': scope, 'sr_record': run.records.get('SR', scope)}, absent)
    return ref, desired


def observe(run: Any, ref: str) -> Observed:
    """The VDI with its SR and the VMs that run with it. The control domain, which holds a disk during a transfer, is none of them."""
    run.records.load(refs=[('VDI', ref)])
    record = run.records.get('VDI', ref)
    run.records.load(refs=[('SR', record['SR']), *[('VBD', vbd) for vbd in record['VBDs']]])
    vbds = [run.records.get('VBD', vbd) for vbd in record['VBDs']]
    attached = [vbd['VM'] for vbd in vbds if vbd and vbd['currently_attached']]
    run.records.load(refs=[('VM', vm) for vm in attached])
    users = [vm for vm in (run.records.get('VM', item) for item in attached) if vm and not vm['is_control_domain']]
    return Observed(
        ref, record, {'SR': run.records.get('SR', record['SR']), 'users': [vm['name_label'] for vm in users]}
    )


def create(desired: Desired, slot: Slot = SLOT, prefix: str = '') -> Plan:
    """A new VDI in ``desired.scope['sr']``; ``prefix`` goes before option names in errors."""
    size = desired.get('size')
    if size is None:
        raise ParameterError(f'{prefix}size is required for a new VDI', hint='Give a size such as 10GiB.')
    _check_space(desired, size, prefix)
    record = new_record(FIELDS, desired.values, NEW)
    record.update(SR=desired.scope['sr'], virtual_size=size)
    about = (
        f'create VDI "{record["name_label"]}" ({format_size(size)}) on SR "{desired.scope["sr_record"]["name_label"]}"'
    )
    step = Step('VDI.create', (record,), about, makes=slot, undo=destroy_step(slot, record['name_label']))
    after = {
        field.option: record[field.field] for field in FIELDS if record.get(field.field) not in ('', [], {}, False)
    }
    plan = Plan([step], after={**after, 'size': size, 'sr': desired.scope['sr_record']['name_label']})
    return plan


def _check_space(desired: Desired, size: int, prefix: str) -> None:
    free = free_space(desired.scope['sr_record'])
    if free is not None and size > free:
        name = desired.scope['sr_record']['name_label']
        raise ParameterError(
            f'{prefix}size: {format_size(size)} do not fit on SR "{name}", which has {format_size(free)} free',
            hint='Choose a smaller size or another sr, or free space there.',
        )


def update(observed: Observed, desired: Desired, prefix: str = '') -> Plan:
    plan = field_changes(FIELDS, 'VDI', observed, desired)
    current, wanted = int(observed.record['virtual_size']), desired.get('size')
    if wanted is None or wanted <= current < wanted + ROUNDING:
        return plan
    if wanted < current:
        raise ParameterError(
            f'{prefix}size: the VDI has {format_size(current)}, and a disk is never shrunk to {format_size(wanted)}: data would be lost',
            hint='Leave size out, or copy the data to a new, smaller disk.',
        )
    about = f'grow from {format_size(current)} to {format_size(wanted)}'
    plan.add(Step('VDI.resize', (observed.ref, wanted), about, task=True, needs_halted=True, retry=RELEASE_RETRY))
    return plan.note('size', current, wanted)


def destroy(observed: Observed, _desired: Desired) -> Plan:
    users = observed.related['users']
    if users:
        raise ParameterError(
            f'state: VDI "{observed.record["name_label"]}" is in use by {", ".join(sorted(set(users)))}',
            details=users,
            hint='Detach it first: xen_vbd with state: absent.',
        )
    step = destroy_step(observed.ref, observed.record['name_label'])
    return Plan(
        [step],
        before={key: value for key, value in to_result(observed).items() if key in ('uuid', 'name', 'size', 'sr')},
    )


def destroy_step(ref: Ref, name: str) -> Step:
    return Step('VDI.destroy', (ref,), f'destroy VDI "{name}"', retry=DESTROY_RETRY)


def to_result(observed: Observed) -> dict:
    record, storage = observed.record, observed.related['SR'] or {}
    return {
        'uuid': record['uuid'],
        'name': record['name_label'],
        'description': record['name_description'],
        'size': int(record['virtual_size']),
        'used': int(record['physical_utilisation']),
        'sr': storage.get('name_label', ''),
        'sr_uuid': storage.get('uuid', ''),
        'type': record['type'],
        'sharable': record['sharable'],
        'read_only': record['read_only'],
        'attached': bool(observed.related['users']),
        'location': record['location'],
        'tags': sorted(record['tags']),
        'other_config': dict(record['other_config']),
        'sm_config': dict(record['sm_config']),
    }


VDI = Kind('vdi', 'VDI', FIELDS, locate, observe, create, update, destroy, to_result, BLANK)
