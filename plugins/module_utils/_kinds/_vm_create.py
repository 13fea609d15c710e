# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A new VM: from a bare record, or from a template, another VM or a snapshot."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from .._errors import ParameterError
from .._fields import OWN_KEYS, new_record
from .._plan import Desired, Observed, Plan, Slot, Step, field_changes
from .._session import NULL_REF
from .._units import format_size
from . import _vdi
from ._vm_boot import boot_fields, is_paravirtualized
from ._vm_devices import adopted, disk_plans, network_plans, read_clone
from ._vm_fields import FIELDS
from ._vm_hardware import HARDWARE, new_hardware, plan_hardware, shown_hardware
from ._vm_late import plan_blocked
from ._vm_params import PARAM_FIELDS, plan_references, shown_references
from ._vm_power import power_steps, wait_steps

VM_SLOT = Slot('vm', 'VM')
PLATFORM = {'acpi': 'true', 'apic': 'true', 'pae': 'true', 'viridian': 'false', 'timeoffset': '0'}
"""The platform keys that every new record gets; nx is added by the way it boots."""
PLAIN = {
    'name_description': '',
    'user_version': 0,
    'is_a_template': False,
    'affinity': '',
    'VCPUs_params': {},
    'actions_after_shutdown': 'destroy',
    'actions_after_reboot': 'restart',
    'actions_after_crash': 'destroy',
    'PV_bootloader_args': '',
    'PV_legacy_args': '',
    'PCI_bus': '',
    'other_config': {},
    'recommendations': '',
    'tags': [],
    'xenstore_data': {'vm-data/allowvssprovider': 'false'},
    'ha_always_run': False,
    'ha_restart_priority': '',
    'blocked_operations': {},
}
"""The fields of a bare record that no option gives."""
FRESH = {
    'power_state': 'Halted',
    'guest_metrics': '',
    'blocked_operations': {},
    'order': 0,
    'start_delay': 0,
    'shutdown_delay': 0,
    'appliance': '',
    'suspend_SR': '',
    'snapshot_schedule': '',
    'groups': [],
}
"""What a clone does not take over from its template."""


def create(desired: Desired) -> Plan:
    plan = Plan()
    template = desired.scope['template']
    base = _from_template(plan, desired, template) if template else _from_record(plan, desired)
    disk_plans(plan, base, desired, VM_SLOT, 'Halted')
    network_plans(plan, base, desired, VM_SLOT, 'Halted')
    wanted = desired.get('power_state', 'halted')
    plan.note('power_state', None, wanted)
    steps = power_steps(VM_SLOT, 'Halted', wanted, desired, new=True)
    plan.add(*steps, *wait_steps(base, desired, wanted, True))
    return plan_blocked(plan, base, desired)


def _shown(desired: Desired) -> dict:
    options = [field.option for field in (*FIELDS, *PARAM_FIELDS)] + [*HARDWARE, 'boot_mode']
    shown = {option: desired.get(option) for option in options if desired.get(option) not in (None, {}, [])}
    return {**shown, **shown_references(desired)}


def _from_record(plan: Plan, desired: Desired) -> Observed:
    platform = {**PLATFORM, 'nx': 'false' if is_paravirtualized(desired) else 'true'}
    defaults = {
        **PLAIN,
        **boot_fields(desired),
        'platform': platform,
        **new_hardware(desired),
    }
    record = new_record((*FIELDS, *PARAM_FIELDS), desired.values, defaults)
    record['affinity'] = desired.scope['references'].get('affinity', '')
    vcpus, memory = record['VCPUs_at_startup'], record['memory_static_max']
    cpus = '1 vCPU' if vcpus == 1 else f'{vcpus} vCPUs'
    about = f'create VM "{record["name_label"]}" ({cpus}, {format_size(memory)})'
    plan.add(Step('VM.create', (record,), about, makes=VM_SLOT, undo=_undo()))
    plan.after.update(shown_hardware(record), **_shown(desired))
    new = Observed(VM_SLOT, {**FRESH, **record}, _nothing(desired))
    plan_references(plan, new, desired)
    return new


def _nothing(desired: Desired) -> dict:
    return {
        'VBD': {},
        'VIF': {},
        'VDI': {},
        'SR': desired.scope['srs'],
        'network': desired.scope['networks'],
        'guest_metrics': None,
        'host': None,
    }


def _from_template(plan: Plan, desired: Desired, template: Observed) -> Observed:
    """Clone and provision; the disks that a default template only describes are made like those of the user."""
    record, name = template.record, desired.get('name')
    has_disks = bool(template.related['VBD'])
    plan.add(_clone_step(desired, template, name, has_disks))
    if record['is_a_template'] and 'disks' in record['other_config']:
        plan.add(
            Step('VM.remove_from_other_config', (VM_SLOT, 'disks'), 'take over the disks that the template describes')
        )
        desired.values['disks'] = [
            *desired.values['disks'],
            *_described_disks(desired, record['other_config']['disks']),
        ]
    if record['is_a_template']:
        plan.add(Step('VM.provision', (VM_SLOT,), 'make it a VM', task=has_disks))
    clone = adopted(template, VM_SLOT, {**record, **FRESH, 'name_label': name})
    if has_disks or clone.related['VIF']:
        plan.add(read_clone(VM_SLOT))
    _leave_marks(desired, record)
    changes = field_changes((*FIELDS, *PARAM_FIELDS), 'VM', clone, desired)
    plan_references(changes, clone, desired)
    plan_hardware(changes, clone, desired)
    plan.add(*changes.steps)
    plan.after.update(
        {**shown_hardware(record), **_shown(desired), **changes.after, desired.scope['source']: record['name_label']},
    )
    return clone


def _clone_step(desired: Desired, source: Observed, name: str, task: bool) -> Step:
    """A fast clone shares the data of the disks with the source as long as both are the same; a full copy has its own."""
    label, kind = source.record['name_label'], desired.scope['source'].replace('source_', '')
    how, sr = desired.get('clone', 'auto'), desired.scope['sr']
    args: tuple = ()
    if how == 'fast' and sr:
        raise ParameterError('sr: a fast clone stays on the SR of its source', hint='Leave sr out, or set clone: full.')
    if how == 'fast' or (how == 'auto' and not sr):
        method, about = 'VM.clone', f'clone {kind} "{label}" as "{name}"'
    else:
        method, args, about = 'VM.copy', (sr or NULL_REF,), f'copy {kind} "{label}" as "{name}"'
    return Step(method, (source.ref, name, *args), about, makes=VM_SLOT, undo=_undo(), task=task)


def _leave_marks(desired: Desired, record: dict) -> None:
    """What this collection has noted about the source is not true of its clone."""
    marks = {key: None for key in record['other_config'] if key.startswith(OWN_KEYS[1:])}
    if marks:
        desired.values['other_config'] = {**marks, **(desired.get('other_config') or {})}


def _described_disks(desired: Desired, text: str) -> list[Desired]:
    """The disks of a template's other_config:disks (provision XML) at device numbers that the user says nothing about."""
    listed = {disk.get('userdevice') for disk in desired.values['disks']}
    disks = []
    for node in ElementTree.fromstring(text).iter('disk'):
        if node.get('device') not in listed:
            disks.append(_described_disk(desired, node))
    return disks


def _described_disk(desired: Desired, node: Any) -> Desired:
    srs = desired.scope['srs']
    named = [ref for ref, record in srs.items() if record['uuid'] == node.get('sr')]
    sr = named[0] if named else desired.scope['pool']['default_SR']
    if sr not in srs:
        raise ParameterError(
            'disks: the template describes a disk, and the pool has no default SR to put it on',
            hint=f'List the disk with userdevice {node.get("device")} and an sr.',
        )
    values = {
        'userdevice': node.get('device'),
        'size': int(node.get('size', '0')),
        'bootable': node.get('bootable') == 'true',
    }
    return Desired(values, {'sr': sr, 'sr_record': srs[sr], 'vdi': None, 'vdi_record': None, 'prefix': 'disks.'})


def _undo() -> Step:
    return Step('VM.destroy', (), 'destroy the new VM', perform=_destroy_new)


def _destroy_new(run: Any) -> None:
    """Take a new VM away with the disks that came with it from its template.

    A disk that was there before this run began, or that another VM has too, is never touched.
    """
    vm = run.bindings[VM_SLOT]
    disks = [
        vbd['VDI']
        for vbd in _records(run, 'VBD', run.session.call('VM.get_VBDs', vm))
        if vbd['type'] == 'Disk' and not vbd['empty']
    ]
    fresh = [ref for ref in disks if ref not in run.existing and len(run.session.call('VDI.get_VBDs', ref)) == 1]
    run.session.call('VM.destroy', vm)
    for ref in fresh:
        run.perform(_vdi.destroy_step(ref, 'of the clone'))


def _records(run: Any, cls: str, refs: list[str]) -> list[dict]:
    return [run.session.call(f'{cls}.get_record', ref) for ref in refs]
