# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A VDI goes to another SR: live with the VM that runs with it, else by a copy that takes its place."""

from __future__ import annotations

from typing import Any

from .._errors import ParameterError, PowerCycleRequired
from .._fields import Field
from .._plan import Desired, Observed, Plan, Slot, Step
from ._vdi_create import copy_plan, inherited
from ._vdi_fields import EXTERNAL_ID, FIELDS, FRESH, SLOT, destroy_step, name_of, require_space

VBD_FIELDS = (
    'VM',
    'userdevice',
    'bootable',
    'mode',
    'type',
    'unpluggable',
    'other_config',
    'qos_algorithm_type',
    'qos_algorithm_params',
)


def moves(observed: Observed, desired: Desired) -> bool:
    return desired.scope.get('move_to') not in (None, observed.record['SR'])


def live_move(plan: Plan, observed: Observed, desired: Desired) -> Plan:
    """Add the move of a disk that a running VM uses. It comes last: nothing takes it back."""
    storage = desired.scope['sr_record']
    require_space(storage, int(observed.record['virtual_size']), option='sr')
    if desired.get('cbt', observed.record.get('cbt_enabled', False)):
        raise ParameterError(
            f'sr: VDI "{name_of(observed)}" can not be moved live while its changed blocks are tracked',
            hint='Set cbt: false.',
        )
    about = f'move VDI "{name_of(observed)}" to SR "{storage["name_label"]}" while it is used'
    plan.add(Step('VDI.pool_migrate', (observed.ref, desired.scope['sr'], {}), about, makes=SLOT, task=True))
    return plan.note('sr', observed.related['SR']['name_label'], storage['name_label'])


def move_by_copy(observed: Observed, desired: Desired) -> Plan:
    """The plan for a disk that nobody uses: copy it with all that is said of it, let its VMs have the copy, destroy it."""
    _require_consent(observed, desired)
    values = _values(observed, desired)
    plan = copy_plan(observed, Desired(values, desired.scope), SLOT)
    for vbd in observed.related['VBD'].items():
        plan.add(*_exchange(*vbd))
    plan.add(destroy_step(observed.ref, name_of(observed)))
    return _as_change(plan, observed)


def _values(observed: Observed, desired: Desired) -> dict:
    values = inherited(observed.record, desired.values, marks=True)
    values['name'] = desired.get('name', name_of(observed))
    values['cbt'] = desired.get('cbt', observed.record.get('cbt_enabled', False))
    for option in ('on_boot', 'allow_caching'):
        values[option] = desired.get(option, observed.record.get(option, FRESH[option]))
    return values


def _exchange(ref: str, vbd: dict) -> list[Step]:
    """The drive of a halted VM gets the copy: a VBD can't be given another disk, so it is made anew."""
    record = {key: vbd[key] for key in VBD_FIELDS}
    record.update(VDI=SLOT, empty=False, device='', currently_attached=False)
    slot = Slot(f'vbd {ref}', 'VBD')
    number = vbd['userdevice']
    back = Step('VBD.create', ({**record, 'VDI': vbd['VDI']},), f'attach the disk as device {number} again')
    return [
        Step('VBD.destroy', (ref,), f'detach the disk from device {number}', undo=back),
        Step(
            'VBD.create',
            (record,),
            f'attach the copy as device {number}',
            makes=slot,
            undo=Step('VBD.destroy', (slot,), 'detach the copy'),
        ),
    ]


def _as_change(plan: Plan, observed: Observed) -> Plan:
    """The difference of a move: only what is not as it was."""
    was: dict[str, Any] = {item.option: item.read(observed.record) for item in FIELDS if _known(item, observed)}
    was.update(
        size=int(observed.record['virtual_size']),
        sr=observed.related['SR']['name_label'],
        cbt=observed.record.get('cbt_enabled', False),
        external_id=observed.record['other_config'].get(EXTERNAL_ID),
    )
    plan.after = {key: value for key, value in plan.after.items() if was.get(key) != value}
    plan.before = {key: was[key] for key in plan.after if key in was}
    return plan


def _known(item: Field, observed: Observed) -> bool:
    return item.field in observed.record


def _require_consent(observed: Observed, desired: Desired) -> None:
    if observed.related['awake']:
        raise PowerCycleRequired(
            f'sr: VDI "{name_of(observed)}" belongs to {", ".join(observed.related["awake"])}, which neither runs with it nor is halted',
            details=observed.related['awake'],
            hint='Let the VM run with the disk to move it live, or halt the VM.',
        )
    if not desired.scope['allow_copy']:
        raise ParameterError(
            f'sr: VDI "{name_of(observed)}" is on SR "{observed.related["SR"]["name_label"]}", and a disk moves live only with a VM that '
            'runs with it',
            hint='Set allow_copy: true to let it be copied there and the original be destroyed.',
        )
