# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The disks and networks of a VM, through the kinds VDI, VBD and VIF. Matched by device number, uuid or name, never by position."""

from __future__ import annotations

from typing import Any, Callable, Optional

from .._errors import ParameterError
from .._plan import Desired, Observed, Plan, Ref, Slot, Step
from . import _vbd, _vdi, _vif
from ._scope import device_number, first_free
from ._vm_power import addresses_of_device

OWNER = {'owner': ''}
"""other_config of a VBD whose disk belongs to the VM and goes with it: the mark that xe and XenCenter use."""

BLANK_DISK = {**_vbd.BLANK, 'name': '', 'size': 0, 'sr': '', 'owner': False}
BLANK_NETWORK = {**_vif.BLANK, 'addresses': []}
del BLANK_DISK['vm'], BLANK_NETWORK['vm']
SHOWN = ('userdevice', 'vdi', 'name', 'description', 'size', 'sr', 'mode', 'bootable', 'tags', 'plugged')
"""What the difference shows of a new disk."""


def is_disk_drive(vbd: dict) -> bool:
    return vbd['type'].lower() == 'disk'


# -------------------------------------------------------------------------------------------- a clone


def adopted(template: Observed, vm: Slot, record: dict) -> Observed:
    """The clone of a template as it will be: the same devices at the same numbers, their references not known yet."""
    vdis = {}
    vbds: dict[Any, dict] = {}
    for vbd in template.related['VBD'].values():
        source = template.related['VDI'].get(vbd['VDI'])
        own = source is not None and is_disk_drive(vbd)
        ref: Ref = _vdi_slot(vbd['userdevice']) if own else vbd['VDI']
        vdis[ref] = source
        vbds[_vbd_slot(vbd['userdevice'])] = {**vbd, 'VDI': ref}
    vifs = {_vif_slot(vif['device']): vif for vif in template.related['VIF'].values()}
    return Observed(
        vm, record, {**template.related, 'VBD': vbds, 'VIF': vifs, 'VDI': {**template.related['VDI'], **vdis}}
    )


def read_clone(vm: Slot) -> Step:
    """Find the references of the devices that came with a clone."""

    def perform(run: Any) -> None:
        record = run.session.call('VM.get_record', run.bindings[vm])
        run.records.load(refs=[('VBD', ref) for ref in record['VBDs']] + [('VIF', ref) for ref in record['VIFs']])
        for ref in record['VBDs']:
            vbd = run.records.get('VBD', ref)
            run.bindings[_vbd_slot(vbd['userdevice'])] = ref
            run.bindings[_vdi_slot(vbd['userdevice'])] = vbd['VDI']
        for ref in record['VIFs']:
            run.bindings[_vif_slot(run.records.get('VIF', ref)['device'])] = ref

    return Step('VM.get_record', (vm,), 'read the devices that came with the clone', perform=perform, changes=False)


def _vdi_slot(number: str) -> Slot:
    return Slot(f'vdi {number}', 'VDI')


def _vbd_slot(number: str) -> Slot:
    return Slot(f'vbd {number}', 'VBD')


def _vif_slot(number: str) -> Slot:
    return Slot(f'vif {number}', 'VIF')


# -------------------------------------------------------------------------------------------- disks


def disk_plans(plan: Plan, base: Observed, desired: Desired, vm: Ref, state: str) -> None:
    """Add what makes the disks of ``base`` those of ``desired``; ``state`` is the power state in which it will happen."""
    taken = {vbd['userdevice'] for vbd in base.related['VBD'].values()} | _explicit(
        desired.get('disks', ()), 'userdevice', 'disks'
    )
    claimed: set = set()
    for disk in desired.get('disks', ()):
        ref = _match_disk(base, disk, claimed)
        if ref is not None:
            claimed.add(ref)
            number = base.related['VBD'][ref]['userdevice']
            child = _keep_disk(base, ref, disk, desired, vm, state)
        else:
            number = device_number('userdevice', disk.get('userdevice') or first_free(taken, (_vbd.CD_SLOT,)))
            taken.add(number)
            child = _add_disk(base, number, disk, desired, vm, state)
        plan.take(child, 'disks', number, BLANK_DISK)


def _explicit(entries: Any, option: str, listed: str) -> set[str]:
    """The device numbers that the user gave; one given twice is an error."""
    numbers = [
        device_number(f'{listed}.{option}', entry.get(option)) for entry in entries if entry.get(option) is not None
    ]
    twice = sorted({number for number in numbers if numbers.count(number) > 1})
    if twice:
        raise ParameterError(
            f'{listed}: {option} {", ".join(twice)} is given more than once',
            hint='Give each entry a number of its own.',
        )
    return set(numbers)


def _match_disk(base: Observed, disk: Desired, claimed: set) -> Optional[Ref]:
    """The VBD that an entry means: at its device number, else with its VDI, else with a VDI of its name."""

    def first(fits: Callable[[dict, dict], bool]) -> Optional[Ref]:
        for ref, vbd in base.related['VBD'].items():
            if ref not in claimed and is_disk_drive(vbd) and fits(vbd, base.related['VDI'].get(vbd['VDI']) or {}):
                return ref
        return None

    if disk.get('userdevice') is not None:
        return _at_number(base, disk)
    if disk.scope['vdi'] is not None:
        return first(lambda vbd, _vdi_record: vbd['VDI'] == disk.scope['vdi'])
    return first(lambda _vbd_record, vdi: vdi.get('name_label') == disk.get('name')) if disk.get('name') else None


def _at_number(base: Observed, disk: Desired) -> Optional[Ref]:
    number = device_number('userdevice', disk.get('userdevice'))
    for ref, vbd in base.related['VBD'].items():
        if vbd['userdevice'] != number:
            continue
        if not is_disk_drive(vbd):
            raise ParameterError(
                f'{disk.scope["prefix"]}userdevice: device {number} is a {vbd["type"]} drive',
                hint='Choose another userdevice, or leave it out.',
            )
        return ref
    return None


def _keep_disk(base: Observed, ref: Ref, disk: Desired, desired: Desired, vm: Ref, state: str) -> Plan:
    vbd = base.related['VBD'][ref]
    vdi = base.related['VDI'].get(vbd['VDI'])
    wanted = disk if disk.get('sr') is None or disk.get('vdi') or vdi is None else _same_sr(base, vdi, disk)
    plan = Plan()
    if vdi is not None:
        plan = _vdi.update(Observed(vbd['VDI'], vdi, {}), wanted, disk.scope['prefix'])
    child = _vbd.update(
        Observed(ref, vbd, {'VDI': vdi}), _vbd_desired(base, disk, desired, vm, state, disk.scope['vdi'])
    )
    plan.add(*child.steps)
    plan.before.update(child.before)
    plan.after.update(child.after)
    return plan


def _same_sr(base: Observed, vdi: dict, disk: Desired) -> Desired:
    if disk.scope['sr'] != vdi['SR']:
        there = (base.related['SR'].get(vdi['SR']) or {}).get('name_label', '')
        raise ParameterError(
            f'{disk.scope["prefix"]}sr: the disk is on SR "{there}", and a disk is not moved by changing its sr',
            hint=f'Leave sr out or set it to "{there}".',
        )
    return disk


def _add_disk(base: Observed, number: str, disk: Desired, desired: Desired, vm: Ref, state: str) -> Plan:
    """Attach a VDI that exists, or create one: the disk then belongs to the VM."""
    prefix, vdi = disk.scope['prefix'], disk.scope['vdi']
    if vdi is None:
        slot = _vdi_slot(number)
        values = {
            **disk.values,
            'name': disk.get('name') or f'{desired.get("name") or base.record["name_label"]}-{number}',
        }
        plan = _vdi.create(Desired(values, disk.scope), slot, prefix)
        vdi = slot
    else:
        plan = (
            _vdi.update(Observed(vdi, disk.scope['vdi_record'], {}), disk, prefix)
            if disk.scope['vdi_record']
            else Plan()
        )
    wanted = _vbd_desired(base, disk, desired, vm, state, vdi)
    owner = disk.get('owner', disk.scope['vdi'] is None)
    wanted.values.update(userdevice=number, other_config=OWNER if owner else None)
    wanted.scope['name'] = wanted.scope['name'] or plan.after.get('name', '')
    child = _vbd.create(wanted, _vbd_slot(number))
    shown = {key: value for key, value in {**child.after, **plan.after}.items() if key in SHOWN}
    return Plan(plan.steps + child.steps, plan.before, {**shown, 'owner': owner})


def _vbd_desired(base: Observed, disk: Desired, desired: Desired, vm: Ref, state: str, vdi: Optional[Ref]) -> Desired:
    values = {
        'mode': disk.get('mode'),
        'bootable': disk.get('bootable'),
        'type': None,
        'unpluggable': disk.get('unpluggable'),
    }
    scope = {
        'vm': vm,
        'vdi': vdi,
        'power_state': state,
        'unplug_retries': desired.scope['unplug_retries'],
        'name': (disk.scope['vdi_record'] or {}).get('name_label') or disk.get('vdi') or '',
        'taken': {vbd['userdevice'] for vbd in base.related['VBD'].values()},
    }
    return Desired(values, scope)


def owned_disks(observed: Observed, which: str) -> list[Ref]:
    """The VDIs that go with the VM: ``owned`` by it (made with it), ``all`` that it has, or ``none``.

    Never one that another VM has too; the control domain, which holds a disk for a while after a transfer, does not count.
    """
    refs = []
    own = {*observed.related['VBD'], *observed.related['held_by_host']}
    for vbd in observed.related['VBD'].values():
        vdi = observed.related['VDI'].get(vbd['VDI'])
        if vdi is None or not is_disk_drive(vbd) or set(vdi['VBDs']) - own:
            continue
        if which == 'all' or (which == 'owned' and 'owner' in vbd['other_config']):
            refs.append(vbd['VDI'])
    return refs


def disk_results(observed: Observed) -> list[dict]:
    disks = []
    for ref, vbd in sorted(observed.related['VBD'].items(), key=lambda item: int(item[1]['userdevice'])):
        vdi = observed.related['VDI'].get(vbd['VDI']) or {}
        shown = _vbd.to_result(Observed(ref, vbd, {'VDI': vdi}))
        sr = observed.related['SR'].get(vdi.get('SR')) or {}
        shown.update(
            size=int(vdi.get('virtual_size', 0)),
            sr=sr.get('name_label', ''),
            name=vdi.get('name_label', ''),
            owner='owner' in vbd['other_config'],
        )
        shown.pop('vm')
        disks.append(shown)
    return disks


# -------------------------------------------------------------------------------------------- networks


def network_plans(plan: Plan, base: Observed, desired: Desired, vm: Ref, state: str) -> None:
    """Add what makes the VIFs of ``base`` those of ``desired``."""
    taken = {vif['device'] for vif in base.related['VIF'].values()} | _explicit(
        desired.get('networks', ()), 'device', 'networks'
    )
    claimed: set = set()
    for entry in desired.get('networks', ()):
        prefix = entry.scope['prefix']
        wanted = Desired(
            _vif.values_of(entry.values, prefix),
            {
                'vm': vm,
                'network': entry.scope['network'],
                'power_state': state,
                'networks': desired.scope['networks'],
                'taken': taken,
            },
        )
        ref = _match_vif(base, wanted, claimed)
        if ref is None:
            wanted.values['device'] = wanted.get('device') or first_free(taken)
            taken.add(wanted.values['device'])
            child = _vif.create(wanted, _vif_slot(wanted.values['device']), prefix)
        else:
            claimed.add(ref)
            wanted.values['device'] = base.related['VIF'][ref]['device']
            child = _keep_vif(base, ref, wanted, prefix)
        plan.take(child, 'networks', wanted.values['device'], BLANK_NETWORK)


def _match_vif(base: Observed, wanted: Desired, claimed: set) -> Optional[Ref]:
    """The VIF that an entry means: at its device number, else with its MAC, else the first one left on its network."""
    free = {ref: vif for ref, vif in base.related['VIF'].items() if ref not in claimed}
    if wanted.get('device') is not None or wanted.get('mac'):
        return _vif.match(free, wanted.values)
    return next((ref for ref, vif in free.items() if vif['network'] == wanted.scope['network']), None)


def _keep_vif(base: Observed, ref: Ref, wanted: Desired, prefix: str) -> Plan:
    """Change a VIF in place; one that came with a clone is replaced, so that it can have any MAC and MTU."""
    vif = base.related['VIF'][ref]
    if not isinstance(ref, Slot):
        return _vif.update(Observed(ref, vif, {}), wanted)
    wanted.scope['network'] = wanted.scope['network'] or vif['network']
    plan = Plan([Step('VIF.destroy', (ref,), f'replace device {vif["device"]} of the clone')])
    child = _vif.create(wanted, Slot(f'new vif {vif["device"]}', 'VIF'), prefix)
    return Plan(plan.steps + child.steps, {}, child.after)


def network_results(observed: Observed) -> list[dict]:
    networks = []
    for ref, vif in sorted(observed.related['VIF'].items(), key=lambda item: int(item[1]['device'])):
        shown = _vif.to_result(Observed(ref, vif, {'network': observed.related['network'].get(vif['network'])}))
        shown.pop('vm')
        shown['addresses'] = addresses_of_device(observed.related['guest_metrics'], vif['device'])
        networks.append(shown)
    return networks
