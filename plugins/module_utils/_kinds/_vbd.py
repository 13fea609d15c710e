# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VBD: attach a VDI or an empty CD drive to a VM, plug and unplug it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional

from .._errors import ParameterError
from .._fields import Field, new_record
from .._plan import Desired, Kind, Observed, Plan, Ref, Retry, Slot, Step, field_changes
from .._refs import is_null, not_found
from .._session import NULL_REF
from ._scope import RELEASE_RETRY, device_number, first_free, require_sr, require_vdi, require_vm

FIELDS = (
    Field('type', 'type', 'enum'),
    Field('mode', 'mode', 'enum'),
    Field('bootable', 'bootable', 'bool'),
    Field('unpluggable', 'unpluggable', 'bool'),
    Field('other_config', 'other_config', 'map'),
)
SLOT = Slot('vbd', 'VBD')
NEW = {
    'type': 'Disk',
    'mode': 'RW',
    'bootable': False,
    'unpluggable': True,
    'empty': False,
    'other_config': {},
    'qos_algorithm_type': '',
    'qos_algorithm_params': {},
    'device': '',
    'currently_attached': False,
}
"""What VBD.create needs and no option gives."""
BLANK = {
    'userdevice': '',
    'vm': '',
    'device': '',
    'type': 'Disk',
    'mode': 'RW',
    'bootable': False,
    'empty': False,
    'unpluggable': True,
    'plugged': False,
    'vdi': None,
    'other_config': {},
}
"""What a check run shows of a new VBD of which nothing is said."""
CD_SLOT = '3'
"""The device number that guest tools and templates expect the CD drive at: disks do not take it by themselves."""
PLUG_STATES = ('Running', 'Paused')


def unplug_retry(count: int) -> Retry:
    """``count`` more attempts, one second apart, while the guest holds on to the device; already detached is success."""
    return Retry(
        codes=('DEVICE_DETACH_REJECTED', 'INTERNAL_ERROR', 'VM_MISSING_PV_DRIVERS'),
        done=('DEVICE_ALREADY_DETACHED',),
        count=max(0, count),
    )


def locate(run: Any, params: dict) -> tuple[Optional[str], Desired]:
    absent = params['state'] == 'absent'
    if params.get('uuid'):
        ref = _by_uuid(run, params['uuid'], absent)
        vm = run.records.get('VBD', ref)['VM'] if ref else NULL_REF
        run.records.load(whole=('SR', 'pool'), refs=[('VM', vm)])
    else:
        vm = require_vm(run, params['vm'])
        ref = None
    if params.get('vdi'):
        run.records.named('VDI', params['vdi'])
    record = run.records.get('VM', vm) if isinstance(vm, str) else None
    run.records.load(whole=('SR', 'pool'), refs=[('VBD', vbd) for vbd in (record or {}).get('VBDs', ())])
    desired = _desired(run, params, vm, absent)
    return ref or _match(run, record, desired), desired


def _by_uuid(run: Any, uuid: str, absent: bool) -> Optional[str]:
    found = run.records.where('VBD', f'field "uuid" = "{uuid}"')
    if not found and not absent:
        raise not_found('uuid', uuid)
    return next(iter(found), None)


def _desired(run: Any, params: dict, vm: Ref, absent: bool) -> Desired:
    record = run.records.get('VM', vm) if isinstance(vm, str) else None
    scope = {
        'vm': vm,
        'power_state': record['power_state'] if record else 'Halted',
        'unplug_retries': params.get('unplug_retries'),
        'vdi': None,
        'recreate': params.get('recreate'),
        'name': '',
        'taken': {vbd['userdevice'] for vbd in vbds_of(run, record).values()},
    }
    if params.get('vdi'):
        sr = require_sr(run, params['sr']) if params.get('sr') else None
        vdi = scope['vdi'] = require_vdi(run, params['vdi'], sr)
        scope['name'] = run.records.of('VDI')[vdi]['name_label'] if isinstance(vdi, str) else params['vdi']
    values = {field.option: params.get(field.option) for field in FIELDS}
    values.update(plugged=params.get('plugged'), empty=params.get('empty'))
    if params.get('userdevice') is not None:
        values['userdevice'] = device_number('userdevice', params['userdevice'])
    return Desired(values, scope, absent)


def vbds_of(run: Any, record: Optional[dict]) -> dict[str, dict]:
    """The VBDs of a VM record that have been read, by reference."""
    table = run.records.of('VBD')
    return {ref: table[ref] for ref in (record or {}).get('VBDs', ()) if ref in table}


def _match(run: Any, record: Optional[dict], desired: Desired) -> Optional[str]:
    """The VBD at the wanted device number, or else the one that holds the wanted VDI."""
    for ref, vbd in vbds_of(run, record).items():
        if desired.get('userdevice') is not None:
            if vbd['userdevice'] == desired.get('userdevice'):
                return ref
        elif desired.scope['vdi'] and vbd['VDI'] == desired.scope['vdi']:
            return ref
    return None


def observe(run: Any, ref: str) -> Observed:
    run.records.load(refs=[('VBD', ref)])
    record = run.records.get('VBD', ref)
    run.records.load(refs=[('VDI', record['VDI']), ('VM', record['VM'])])
    return Observed(
        ref, record, {'VDI': run.records.get('VDI', record['VDI']), 'VM': run.records.get('VM', record['VM'])}
    )


def create(desired: Desired, slot: Slot = SLOT) -> Plan:
    """A new VBD in ``desired.scope['vm']``; a disk is plugged at once when the VM runs, unless ``plugged`` is false.

    A CD drive is not: a hardware VM sees a new one at its next start only.
    """
    record = _record(desired)
    what = f'VDI "{desired.scope["name"]}"' if record['VDI'] != NULL_REF else 'an empty drive'
    about = f'attach {what} as device {record["userdevice"]}'
    plan = Plan([Step('VBD.create', (record,), about, makes=slot, undo=Step('VBD.destroy', (slot,), about))])
    plan.after = {
        'userdevice': record['userdevice'],
        'vdi': desired.scope['name'] or None,
        **{field.option: record[field.field] for field in FIELDS if record[field.field] not in ('', {})},
    }
    if desired.scope['power_state'] in PLUG_STATES and desired.get('plugged', record['type'].lower() != 'cd'):
        plan.add(_plug(slot, desired)).note('plugged', None, True)
    elif desired.get('plugged') and desired.scope['power_state'] not in PLUG_STATES:
        raise ParameterError(
            f'plugged: the VM is {desired.scope["power_state"].lower()}, so nothing can be plugged',
            hint='Leave plugged out: a device of a halted VM is plugged when the VM starts.',
        )
    return plan


def _record(desired: Desired) -> dict:
    record = new_record(FIELDS, desired.values, NEW)
    is_cd = record['type'].lower() == 'cd'
    if is_cd and not desired.get('mode'):
        record['mode'] = 'RO'
    empty = is_cd and desired.scope['vdi'] is None
    if desired.scope['vdi'] is None and not empty:
        raise ParameterError(
            'vdi is required to attach a disk', hint='Name the VDI, or set type: CD for an empty drive.'
        )
    taken = desired.scope['taken']
    free = CD_SLOT if is_cd and CD_SLOT not in taken else first_free(taken, () if is_cd else (CD_SLOT,))
    userdevice = desired.get('userdevice') or free
    record.update(
        VM=desired.scope['vm'], VDI=NULL_REF if empty else desired.scope['vdi'], empty=empty, userdevice=userdevice
    )
    return record


def _plug(ref: Ref, desired: Desired) -> Step:
    return Step(
        'VBD.plug',
        (ref,),
        'plug the device',
        task=True,
        retry=replace(RELEASE_RETRY, done=('DEVICE_ALREADY_ATTACHED',)),
        undo=unplug_step(ref, desired.scope['unplug_retries']),
    )


def unplug_step(ref: Ref, retries: Optional[int]) -> Step:
    return Step(
        'VBD.unplug', (ref,), 'unplug the device', task=True, retry=unplug_retry(10 if retries is None else retries)
    )


def update(observed: Observed, desired: Desired) -> Plan:
    plan = field_changes(FIELDS, 'VBD', observed, desired)
    _change_medium(plan, observed, desired)
    wanted, attached = desired.get('plugged'), observed.record['currently_attached']
    if wanted is None or wanted == attached:
        return plan
    if wanted and desired.scope['power_state'] not in PLUG_STATES:
        raise ParameterError(
            f'plugged: the VM is {desired.scope["power_state"].lower()}, so nothing can be plugged',
            hint='Start the VM, or leave plugged out.',
        )
    plan.add(_plug(observed.ref, desired) if wanted else unplug_step(observed.ref, desired.scope['unplug_retries']))
    return plan.note('plugged', attached, wanted)


def _change_medium(plan: Plan, observed: Observed, desired: Desired) -> None:
    """Insert or eject a CD; another disk at the same device number is refused, since it would take the first one away."""
    record, vdi = observed.record, desired.scope['vdi']
    before = _name(observed)
    if record['type'] == 'CD':
        if not record['empty'] and (desired.get('empty') or (vdi and vdi != record['VDI'])):
            plan.add(
                Step(
                    'VBD.eject',
                    (observed.ref,),
                    f'eject "{before}"',
                    undo=Step('VBD.insert', (observed.ref, record['VDI']), 'insert again'),
                )
            )
            plan.note('vdi', before, None)
        if vdi and vdi != record['VDI']:
            plan.add(
                Step(
                    'VBD.insert',
                    (observed.ref, vdi),
                    f'insert "{desired.scope["name"]}"',
                    undo=Step('VBD.eject', (observed.ref,), 'eject'),
                )
            )
            plan.note('vdi', before or None, desired.scope['name'])
    elif vdi and vdi != record['VDI']:
        raise ParameterError(
            f'userdevice: device {record["userdevice"]} holds VDI "{before}" already',
            hint='Choose another userdevice, leave it out, or remove that VBD first.',
        )


def _name(observed: Observed) -> str:
    return (observed.related['VDI'] or {}).get('name_label', '')


def destroy(observed: Observed, desired: Desired) -> Plan:
    about = f'remove device {observed.record["userdevice"]}'
    plan = Plan(before={'userdevice': observed.record['userdevice'], 'vdi': _name(observed)})
    if observed.record['currently_attached']:
        plan.add(unplug_step(observed.ref, desired.scope['unplug_retries']))
    return plan.add(Step('VBD.destroy', (observed.ref,), about))


def to_result(observed: Observed) -> dict:
    record, vdi, vm = observed.record, observed.related['VDI'] or {}, observed.related.get('VM') or {}
    return {
        'uuid': record['uuid'],
        'vm': vm.get('name_label', ''),
        'userdevice': record['userdevice'],
        'device': record['device'],
        'type': record['type'],
        'mode': record['mode'],
        'bootable': record['bootable'],
        'empty': record['empty'],
        'unpluggable': record['unpluggable'],
        'plugged': record['currently_attached'],
        'vdi': None if is_null(record['VDI']) else vdi.get('name_label', ''),
        'vdi_uuid': None if is_null(record['VDI']) else vdi.get('uuid', ''),
        'other_config': dict(record['other_config']),
    }


VBD = Kind('vbd', 'VBD', FIELDS, locate, observe, create, update, destroy, to_result, BLANK)
