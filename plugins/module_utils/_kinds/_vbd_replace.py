# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can not change in a VBD that is there: it is unplugged, destroyed and made anew, if that is allowed. Pure."""

from __future__ import annotations

from typing import Any, Optional

from .._errors import ParameterError
from .._fields import new_record
from .._plan import Desired, Observed, Plan, Ref, Slot, Step, field_changes
from .._refs import is_null
from ._vbd_fields import FIELDS, NEW, is_cd
from ._vbd_plug import plug_again, plug_steps, require_plug_state, unplug_step

KEPT = (*(key for key in NEW if key not in ('device', 'currently_attached')), 'VM', 'VDI', 'userdevice')
"""What makes a new VBD the same as an old one."""


def fixed(observed: Observed, desired: Desired) -> dict[str, str]:
    """The options that can not change in place, each with the reason."""
    record, found = observed.record, {}
    number, attached = record['userdevice'], record['currently_attached']
    if not is_cd(record['type']) and changes_medium(observed, desired):
        found['userdevice'] = f'device {number} holds VDI "{medium(observed)}" already'
    if _differs(desired, record, 'type') and (attached or changes_medium(observed, desired)):
        found['type'] = f'device {number} is a {record["type"]} drive that is plugged or holds something else'
    if _differs(desired, record, 'userdevice') and attached:
        found['userdevice'] = f'device {number} is plugged, so its number can not change'
    # Without recreate as an option, it is for the owner of the plan (xen_vm) to halt the VM for the new mode.
    halted = desired.scope['power_state'] == 'Halted' or 'recreate' not in desired.scope
    if _differs(desired, record, 'mode') and not halted:
        found['mode'] = f'device {number} is {record["mode"]}, which can change only while the VM is halted'
    return found


def _differs(desired: Desired, record: dict, option: str) -> bool:
    return str(desired.get(option, record[option])).lower() != record[option].lower()


def changes_medium(observed: Observed, desired: Desired) -> bool:
    """Whether another VDI is wanted, or none where there is one."""
    vdi = desired.scope['vdi']
    if vdi is None:
        return bool(desired.get('empty')) and not observed.record['empty']
    return vdi != observed.record['VDI']


def medium(observed: Observed) -> str:
    """Name of the VDI that is attached, empty when there is none."""
    return (observed.related['VDI'] or {}).get('name_label', '')


def refuse(reasons: dict[str, str], desired: Desired) -> None:
    """Raise ParameterError for the first of the reasons."""
    option, why = next(iter(reasons.items()))
    if 'recreate' in desired.scope:
        hint = 'Set recreate: true to have it removed and made anew, or halt the VM first.'
    else:
        hint = 'Choose another device, leave it out, or remove that VBD first.'
    if option == 'userdevice' and desired.scope['vdi'] is not None:
        hint = f'Choose another userdevice, leave it out, or remove that VBD first.{_allow(desired)}'
    raise ParameterError(f'{option}: {why}', hint=hint)


def _allow(desired: Desired) -> str:
    return ' With recreate: true it is removed for the new one.' if 'recreate' in desired.scope else ''


def replace_plan(observed: Observed, desired: Desired, reasons: dict[str, str], slot: Slot) -> Plan:
    """Unplug, destroy, create, plug as before; taking it back makes the old one again."""
    record, old = replacement(observed, desired), observed.record
    plan = _differences(observed, desired, record)
    if old['currently_attached']:
        require_plug_state(desired, 'recreate', 'unplugged', 'Start the VM, or halt it, and run again.')
        plan.add(unplug_step(observed.ref, desired))
    about = f'remove device {old["userdevice"]} to make it anew, since {", ".join(reasons)} can not change in place'
    plan.add(Step('VBD.destroy', (observed.ref,), about, undo=_restore(observed)))
    about = f'attach {what(record, desired, observed)} as device {record["userdevice"]}'
    plan.add(Step('VBD.create', (record,), about, makes=slot, undo=Step('VBD.destroy', (slot,), about)))
    plugged = desired.get('plugged', old['currently_attached'])
    if plugged:
        require_plug_state(desired, 'plugged', 'plugged', 'Start the VM, or leave plugged out.')
        plan.add(*plug_steps(slot, desired))
    return plan if plugged == old['currently_attached'] else plan.note('plugged', old['currently_attached'], plugged)


def replacement(observed: Observed, desired: Desired) -> dict:
    """The record of the new VBD: the old one with what is wanted of it."""
    record = new_record(FIELDS, desired.values, {key: observed.record[key] for key in KEPT})
    record['userdevice'] = desired.get('userdevice', record['userdevice'])
    if changes_medium(observed, desired):
        record['VDI'] = desired.scope['vdi'] or 'OpaqueRef:NULL'
    record['empty'] = is_null(record['VDI']) if isinstance(record['VDI'], str) else False
    return record


def what(record: dict, desired: Desired, observed: Optional[Observed] = None) -> str:
    """How a step calls what is attached."""
    if record['empty']:
        return 'an empty drive'
    return f'VDI "{desired.scope["name"] or (medium(observed) if observed else "")}"'


def _differences(observed: Observed, desired: Desired, record: dict) -> Plan:
    plan = field_changes(FIELDS, 'VBD', observed, desired)
    plan.steps.clear()
    if record['userdevice'] != observed.record['userdevice']:
        plan.note('userdevice', observed.record['userdevice'], record['userdevice'])
    if changes_medium(observed, desired):
        plan.note('vdi', medium(observed) or None, desired.scope['name'] or None)
    return plan


def _restore(observed: Observed) -> Step:
    """Make the VBD that was destroyed again, plugged if it was."""
    record = {key: observed.record[key] for key in KEPT}

    def perform(run: Any) -> Ref:
        made = run.session.call('VBD.create', record)
        if observed.record['currently_attached']:
            plug_again(run, made)
        return made

    return Step('VBD.create', (record,), f'put device {record["userdevice"]} back', perform=perform)
