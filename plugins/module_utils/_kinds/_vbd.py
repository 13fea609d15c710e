# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VBD: attach a VDI or an empty CD drive to a VM, plug and unplug it."""

from __future__ import annotations

from typing import Any, Optional

from .._errors import AmbiguousError, ParameterError
from .._fields import new_record
from .._plan import Desired, Kind, Observed, Plan, Ref, Slot, Step, field_changes
from .._refs import is_null, not_found
from .._session import NULL_REF
from ._scope import device_number, first_free, require_sr, require_vdi, require_vm
from ._vbd_fields import BLANK, FIELDS, NEW, SLOT, is_cd
from ._vbd_here import SELF, remap, require_this_vm
from ._vbd_plug import PLUG_STATE, plug_steps, require_plug_state, unplug_step
from ._vbd_replace import changes_medium, fixed, medium, refuse, replace_plan, what

CD_SLOT = '3'
"""The device number that guest tools and templates expect the CD drive at: disks do not take it by themselves."""


def locate(run: Any, params: dict) -> tuple[Optional[str], Desired]:
    absent = params['state'] == 'absent'
    if params.get('uuid'):
        ref = _by_uuid(run, params['uuid'], absent)
        vm = run.records.get('VBD', ref)['VM'] if ref else NULL_REF
        run.records.load(whole=('SR', 'pool'), refs=[('VM', vm)])
    else:
        vm = require_this_vm(run) if params['vm'] == SELF else require_vm(run, params['vm'])
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
    vbds, vdi = list(vbds_of(run, record).values()), None
    if params.get('vdi'):
        vdi = require_vdi(run, params['vdi'], require_sr(run, params['sr']) if params.get('sr') else None)
    known = run.records.get('VDI', vdi) if isinstance(vdi, str) else None
    scope = {
        'vm': vm,
        'power_state': record['power_state'] if record else 'Halted',
        'vdi': vdi,
        'vdi_record': known,
        'name': known['name_label'] if known else params.get('vdi') or '',
        'taken': {vbd['userdevice'] for vbd in vbds},
        'held_as': next((vbd['userdevice'] for vbd in vbds if vdi is not None and vbd['VDI'] == vdi), None),
        'here': params.get('vm') == SELF,
        **{option: params.get(option) for option in ('unplug_retries', 'unplug_delay', 'recreate', 'device_prefix')},
    }
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
    """The VBD at the wanted device number, or else the one that holds the wanted VDI, or else the CD drive."""
    vbds, vdi, number = vbds_of(run, record), desired.scope['vdi'], desired.get('userdevice')
    at_number = [ref for ref, vbd in vbds.items() if vbd['userdevice'] == number]
    with_vdi = [ref for ref, vbd in vbds.items() if vdi is not None and vbd['VDI'] == vdi]
    if desired.absent and number is not None and vdi is not None:
        return next((ref for ref in at_number if ref in with_vdi), None)
    if number is not None:
        return next(iter(at_number if desired.absent else at_number + with_vdi), None)
    if with_vdi or (desired.absent and vdi is not None):
        return next(iter(with_vdi), None)
    if is_cd(desired.get('type', '')):
        return _only_cd_drive({ref: vbd for ref, vbd in vbds.items() if is_cd(vbd['type'])})
    if desired.absent:
        raise ParameterError(
            'userdevice or vdi is required to remove a VBD', hint='Say which one: a VM can have many disks.'
        )
    return None


def _only_cd_drive(drives: dict[str, dict]) -> Optional[str]:
    if len(drives) > 1:
        numbers = sorted((vbd['userdevice'] for vbd in drives.values()), key=int)
        raise AmbiguousError(
            f'type: the VM has {len(drives)} CD drives, as devices {", ".join(numbers)}',
            details=numbers,
            hint='Say which one by userdevice.',
        )
    return next(iter(drives), None)


def observe(run: Any, ref: str) -> Observed:
    run.records.load(refs=[('VBD', ref)])
    record = run.records.get('VBD', ref)
    run.records.load(refs=[('VDI', record['VDI']), ('VM', record['VM'])])
    related = {'VDI': run.records.get('VDI', record['VDI']), 'VM': run.records.get('VM', record['VM'])}
    return Observed(ref, record, {**related, 'device_prefix': run.params.get('device_prefix')})


def create(desired: Desired, slot: Slot = SLOT) -> Plan:
    """A new VBD in ``desired.scope['vm']``; a disk is plugged at once when the VM runs, unless ``plugged`` is false.

    A CD drive is not: a hardware VM sees a new one at its next start only.
    """
    record = _record(desired)
    about = f'attach {what(record, desired)} as device {record["userdevice"]}'
    plan = Plan([Step('VBD.create', (record,), about, makes=slot, undo=Step('VBD.destroy', (slot,), about))])
    plan.after = {
        'userdevice': record['userdevice'],
        'vdi': desired.scope['name'] or None,
        **{field.option: record[field.field] for field in FIELDS if record[field.field] not in ('', {})},
    }
    runs = desired.scope['power_state'] == PLUG_STATE
    if desired.get('plugged', runs and not is_cd(record['type'])):
        hint = 'Leave plugged out: a device of a halted VM is plugged when the VM starts.'
        require_plug_state(desired, 'plugged', 'plugged', hint)
        plan.add(*plug_steps(slot, desired)).note('plugged', None, True)
    return plan


def _record(desired: Desired) -> dict:
    record = new_record(FIELDS, desired.values, NEW)
    cd, vdi = is_cd(record['type']), desired.scope['vdi']
    if cd and not desired.get('mode'):
        record['mode'] = 'RO'
    if vdi is None and not cd:
        raise ParameterError(
            'vdi is required to attach a disk', hint='Name the VDI, or set type: CD for an empty drive.'
        )
    taken = desired.scope['taken']
    free = CD_SLOT if cd and CD_SLOT not in taken else first_free(taken, () if cd else (CD_SLOT,))
    record.update(VM=desired.scope['vm'], VDI=vdi or NULL_REF, empty=vdi is None)
    record['userdevice'] = desired.get('userdevice') or free
    _require_readable_only(record['type'], record['mode'], desired)
    return record


def _require_readable_only(kind: str, mode: str, desired: Desired) -> None:
    """Raise ParameterError where a host would not let a VM write."""
    vdi = desired.scope.get('vdi_record')
    if mode.upper() == 'RW' and is_cd(kind):
        raise ParameterError('mode: a CD drive can only be read', hint='Set mode: RO, or leave it out.')
    if mode.upper() == 'RW' and vdi and vdi['read_only']:
        raise ParameterError(f'mode: VDI "{vdi["name_label"]}" can only be read', hint='Set mode: RO.')


def update(observed: Observed, desired: Desired, slot: Slot = SLOT) -> Plan:
    """Change in place what can be, or make the VBD anew where ``recreate`` allows it."""
    desired = _consistent(observed, desired)
    reasons = fixed(observed, desired)
    if reasons and not desired.scope.get('recreate'):
        refuse(reasons, desired)
    if reasons:
        return replace_plan(observed, desired, reasons, slot)
    plan = field_changes(FIELDS, 'VBD', observed, desired)
    _change_number(plan, observed, desired)
    _change_medium(plan, observed, desired)
    return _change_plug(plan, observed, desired)


def _consistent(observed: Observed, desired: Desired) -> Desired:
    """What is wanted, refused if it can't be, with the mode that a drive which becomes a CD drive must have."""
    record, scope = observed.record, desired.scope
    kind, number = desired.get('type', record['type']), record['userdevice']
    _require_free(observed, desired, is_cd(kind))
    if desired.get('empty') and not is_cd(kind):
        raise ParameterError(f'empty: device {number} is a {kind}, and only a CD drive can be empty')
    if scope['vdi'] is None and record['empty'] and not (is_cd(kind) and desired.get('empty') is not False):
        raise ParameterError(f'vdi is required: device {number} is empty', hint='Name the VDI to insert.')
    becomes_cd = is_cd(kind) and not is_cd(record['type']) and desired.get('mode') is None
    values = {**desired.values, 'mode': 'RO'} if becomes_cd else desired.values
    wanted = Desired(values, scope)
    if wanted.get('mode') is not None or (scope['vdi'] is not None and changes_medium(observed, wanted)):
        _require_readable_only(kind, wanted.get('mode', record['mode']), wanted)
    return wanted


def _require_free(observed: Observed, desired: Desired, cd: bool) -> None:
    """A device number has one VBD, and a VM has a disk once."""
    wanted, elsewhere = desired.get('userdevice'), desired.scope.get('held_as')
    if wanted not in (None, observed.record['userdevice']) and wanted in desired.scope['taken']:
        raise ParameterError(f'userdevice: device {wanted} is in use on this VM', hint='Choose another userdevice.')
    if elsewhere is not None and not cd and changes_medium(observed, desired):
        raise ParameterError(
            f'vdi: VDI "{desired.scope["name"]}" is device {elsewhere} of this VM already',
            hint='Remove that VBD first.',
        )


def _change_number(plan: Plan, observed: Observed, desired: Desired) -> None:
    current, wanted = observed.record['userdevice'], desired.get('userdevice')
    if wanted is None or wanted == current:
        return
    back = Step('VBD.set_userdevice', (observed.ref, current), 'put back userdevice')
    plan.add(Step('VBD.set_userdevice', (observed.ref, wanted), 'set userdevice', undo=back))
    plan.note('userdevice', current, wanted)


def _change_medium(plan: Plan, observed: Observed, desired: Desired) -> None:
    """Insert or eject a CD."""
    if not changes_medium(observed, desired):
        return
    record, vdi, before, name = observed.record, desired.scope['vdi'], medium(observed), desired.scope['name']
    if not record['empty']:
        again = Step('VBD.insert', (observed.ref, record['VDI']), 'insert again')
        plan.add(Step('VBD.eject', (observed.ref,), f'eject "{before}"', undo=again))
    if vdi is not None:
        out = Step('VBD.eject', (observed.ref,), 'eject')
        plan.add(Step('VBD.insert', (observed.ref, vdi), f'insert "{name}"', undo=out))
    plan.note('vdi', before or None, name or None)


def _change_plug(plan: Plan, observed: Observed, desired: Desired) -> Plan:
    wanted, attached = desired.get('plugged'), observed.record['currently_attached']
    if wanted is None or wanted == attached:
        return plan
    done = 'plugged' if wanted else 'unplugged'
    require_plug_state(desired, 'plugged', done, 'Start the VM, or leave plugged out.')
    plan.add(*(plug_steps(observed.ref, desired) if wanted else [unplug_step(observed.ref, desired)]))
    return plan.note('plugged', attached, wanted)


def destroy(observed: Observed, desired: Desired) -> Plan:
    about = f'remove device {observed.record["userdevice"]}'
    plan = Plan(before={'userdevice': observed.record['userdevice'], 'vdi': medium(observed)})
    if observed.record['currently_attached']:
        require_plug_state(desired, 'state', 'unplugged', 'Start the VM, or halt it, and run again.')
        plan.add(unplug_step(observed.ref, desired))
    return plan.add(Step('VBD.destroy', (observed.ref,), about))


def to_result(observed: Observed) -> dict:
    record, vdi, vm = observed.record, observed.related['VDI'] or {}, observed.related.get('VM') or {}
    return {
        'uuid': record['uuid'],
        'vm': vm.get('name_label', ''),
        'userdevice': record['userdevice'],
        'device': remap(record['device'], observed.related.get('device_prefix')),
        'type': record['type'],
        'mode': record['mode'],
        'bootable': record['bootable'],
        'empty': record['empty'],
        'unpluggable': record['unpluggable'],
        'plugged': record['currently_attached'],
        'vdi': None if is_null(record['VDI']) else vdi.get('name_label', ''),
        'vdi_uuid': None if is_null(record['VDI']) else vdi.get('uuid', ''),
        'qos_algorithm_type': record['qos_algorithm_type'],
        'qos_algorithm_params': dict(record['qos_algorithm_params']),
        'other_config': dict(record['other_config']),
    }


VBD = Kind('vbd', 'VBD', FIELDS, locate, observe, create, update, destroy, to_result, BLANK)
