# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A new VDI: empty, the clone of another one, or its copy on any SR."""

from __future__ import annotations

from dataclasses import replace

from .._errors import ParameterError
from .._fields import new_record
from .._plan import Desired, Observed, Plan, Ref, Slot, Step, field_changes
from .._session import NULL_REF
from .._units import format_size
from ._scope import IMPORTING, RELEASE_RETRY
from ._vdi_fields import (
    FIELDS,
    FRESH,
    LATER_FIELDS,
    NEW,
    NEW_FIELDS,
    SLOT,
    destroy_step,
    growth,
    identified,
    name_of,
    refuse_reset_with_tracking,
    require_space,
    shown,
    tracking,
    without_marks,
)

INHERITED = ('description', 'type', 'sharable', 'tags', 'other_config', 'xenstore_data')
"""What a copy takes from its source where the user says nothing, as XenAPI does it."""


def create(desired: Desired, slot: Slot = SLOT, prefix: str = '') -> Plan:
    """A new VDI in ``desired.scope['sr']``; ``prefix`` goes before option names in errors.

    ``desired.scope['source']``, where it is given, is the VDI (Observed) that ``clone_of`` or ``copy_of`` names.
    """
    if desired.get('name') is None:
        raise ParameterError(f'{prefix}name is required for a new VDI', hint='Give it a name.')
    refuse_reset_with_tracking({}, desired, prefix)
    source = desired.scope.get('source')
    if source is None:
        return _empty(Desired(identified(desired.values, None), desired.scope), slot, prefix)
    return (_clone if desired.scope['made_by'] == 'clone_of' else _copy)(source, desired, slot)


def _empty(desired: Desired, slot: Slot, prefix: str) -> Plan:
    size = desired.get('size')
    if size is None:
        raise ParameterError(f'{prefix}size is required for a new VDI', hint='Give a size such as 10GiB.')
    storage = desired.scope['sr_record']
    require_space(storage, size, prefix)
    record = new_record(NEW_FIELDS, desired.values, NEW)
    record.update(SR=desired.scope['sr'], virtual_size=size)
    about = f'create VDI "{record["name_label"]}" ({format_size(size)}) on SR "{storage["name_label"]}"'
    plan = Plan([Step('VDI.create', (record,), about, makes=slot, undo=destroy_step(slot, record['name_label']))])
    plan.after = {**shown(record), 'size': size, 'sr': storage['name_label']}
    if desired.get('external_id'):
        plan.after['external_id'] = desired.get('external_id')
    if record['read_only']:
        plan.add(_see_read_only(slot, storage['name_label']))
    return _finish(plan, Observed(slot, {**record, **FRESH}, {'SR': storage}), desired)


def _see_read_only(slot: Slot, storage: str) -> Step:
    """Most storage managers make every disk writable, whatever they are asked for, and XenAPI can't change it afterwards."""

    def perform(run: object) -> None:
        if not run.session.call('VDI.get_read_only', run.bindings[slot]):  # type: ignore[attr-defined]
            raise ParameterError(
                f'read_only: SR "{storage}" makes every VDI writable',
                hint='Leave read_only out, and attach the disk with mode: RO.',
            )

    return Step('VDI.get_read_only', (slot,), 'see that it is read-only', perform=perform, changes=False)


def _finish(plan: Plan, new: Observed, desired: Desired) -> Plan:
    """What only setters give to a VDI; nothing of it has to be undone, for the VDI itself is."""
    later = tracking(field_changes(LATER_FIELDS, 'VDI', new, desired), new, desired, True)
    plan.add(*[replace(step, undo=None, needs_halted=False) for step in later.steps])
    plan.after.update(later.after)
    return plan


# -------------------------------------------------------------------------------------------- copies


def _copy(source: Observed, desired: Desired, slot: Slot) -> Plan:
    """A copy on the SR of ``desired``, without the marks of its source."""
    _refuse_writers(source)
    return copy_plan(source, Desired(inherited(source.record, desired.values), desired.scope), slot)


def inherited(source: dict, values: dict, marks: bool = False) -> dict:
    """The values of a copy: those of its source where the user says nothing."""
    result = dict(values)
    base = source if marks else {**source, 'other_config': without_marks(source['other_config'])}
    given = identified(values, base['other_config'])
    for item in FIELDS:
        if item.option in INHERITED:
            current, wanted = item.read(base), given.get(item.option)
            result[item.option] = current if wanted is None else item.merged(current, wanted)
    return result


def copy_plan(source: Observed, desired: Desired, slot: Slot) -> Plan:
    """Make the VDI first, marked as unfinished: what a run that was cut off leaves behind is not taken for the copy."""
    size = _size(source, desired)
    values = {**desired.values, 'size': size, 'external_id': None}
    values['other_config'] = {**(values.get('other_config') or {}), IMPORTING: 'true'}
    plan = _empty(Desired(values, desired.scope), slot, '')
    made, later = plan.steps[0], plan.steps[1:]
    arguments = (source.ref, desired.scope['sr'], NULL_REF, slot)
    about = f'copy VDI "{name_of(source)}" ({format_size(int(source.record["virtual_size"]))})'
    plan.steps = [
        made,
        Step('VDI.copy', arguments, about, task=True, retry=RELEASE_RETRY),
        Step('VDI.remove_from_other_config', (slot, IMPORTING), 'mark the VDI as whole'),
        *later,
    ]
    plan.after['other_config'].pop(IMPORTING)
    if not plan.after['other_config']:
        del plan.after['other_config']
    if desired.get('external_id'):
        plan.after['external_id'] = desired.get('external_id')
    return plan


def _size(source: Observed, desired: Desired) -> int:
    """The size of a copy; XenAPI copies into a disk that is at least as large."""
    growth(Plan(), Observed(source.ref, source.record, {}), desired.get('size'))  # raises for a smaller one
    return max(int(source.record['virtual_size']), desired.get('size', 0))


def _refuse_writers(source: Observed) -> None:
    if source.related['writers']:
        raise ParameterError(
            f'copy_of: VDI "{name_of(source)}" is in use by {", ".join(source.related["writers"])}',
            details=source.related['writers'],
            hint='Take a snapshot and copy that, or halt the VM.',
        )


def _clone(source: Observed, desired: Desired, slot: Slot) -> Plan:
    """A clone has all that its source has; what the user wants is set afterwards, and the marks of the source are removed."""
    _refuse_other_sr(source, desired)
    name = desired.get('name')
    plan = Plan()
    plan.add(
        Step(
            'VDI.clone',
            (source.ref, {}),
            f'clone VDI "{name_of(source)}" as "{name}"',
            makes=slot,
            undo=destroy_step(slot, name),
            task=True,
        )
    )
    plan.add(*_unmark(slot, source.record['other_config']))
    record = {**source.record, 'other_config': without_marks(source.record['other_config']), 'cbt_enabled': False}
    new = Observed(slot, record, source.related)
    wanted = Desired(identified(desired.values, record['other_config']), desired.scope)
    changes = field_changes(FIELDS, 'VDI', new, wanted)
    growth(tracking(changes, new, wanted, True), new, wanted.get('size'))
    plan.add(*[replace(step, undo=None, needs_halted=False) for step in changes.steps])
    size = changes.after.get('size', int(record['virtual_size']))
    plan.after = {**_inherited_shown(record), **changes.after, 'size': size, 'sr': source.related['SR']['name_label']}
    return plan.note('external_id', None, desired.get('external_id'))


def _inherited_shown(record: dict) -> dict:
    return {key: value for key, value in shown(record).items() if key != 'sm_config'}  # the host writes its own


def _unmark(ref: Ref, other_config: dict) -> list[Step]:
    marks = sorted(set(other_config) - set(without_marks(other_config)))
    return [
        Step('VDI.remove_from_other_config', (ref, key), f'remove {key}, which is true of the source only')
        for key in marks
    ]


def _refuse_other_sr(source: Observed, desired: Desired) -> None:
    if desired.scope['sr'] not in (None, source.record['SR']):
        there = source.related['SR']['name_label']
        raise ParameterError(
            f'sr: a clone stays on the SR of its source, "{there}"',
            hint=f'Leave sr out, or use copy_of for a copy on "{desired.scope["sr_record"]["name_label"]}".',
        )
