# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps that change a VIF: rate, addresses of the guest, plugging, and making it anew where nothing else helps. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional

from .._errors import ParameterError
from .._fields import new_record
from .._plan import Desired, Observed, Plan, Ref, Retry, Slot, Step, field_changes
from ._vbd_plug import require_plug_state
from ._vif_fields import FAMILIES, FIELDS, NEW, NO_ADDRESSES, current_static

UNPLUG_RETRY = Retry(codes=('DEVICE_DETACH_REJECTED',), done=('DEVICE_ALREADY_DETACHED',))
KEPT = (*NEW, 'VM', 'network', 'device')
"""What makes a new VIF the same as an old one."""


# -------------------------------------------------------------------------------------------- rate


def rate_fields(limit: Optional[int]) -> dict:
    """QoS fields for a rate in kilobytes per second, the unit that xapi gives to the parameter kbps; 0 means no limit."""
    if not limit:
        return {'qos_algorithm_type': '', 'qos_algorithm_params': {}}
    return {'qos_algorithm_type': 'ratelimit', 'qos_algorithm_params': {'kbps': str(limit)}}


def rate_of(record: dict) -> int:
    """The rate limit of a VIF record in kilobytes per second; 0 means none."""
    if record['qos_algorithm_type'] != 'ratelimit':
        return 0
    return int(record['qos_algorithm_params'].get('kbps') or 0)


def change_rate(plan: Plan, observed: Observed, wanted: Optional[int]) -> None:
    current = rate_of(observed.record)
    if wanted is None or wanted == current:
        return
    for field, value in rate_fields(wanted).items():
        back = Step(f'VIF.set_{field}', (observed.ref, observed.record[field]), f'put back {field}')
        plan.add(Step(f'VIF.set_{field}', (observed.ref, value), 'set rate_limit', undo=back))
    plan.note('rate_limit', current, wanted)


# -------------------------------------------------------------------------------------------- addresses


def change_static(plan: Plan, ref: Ref, current: dict[str, dict], desired: Desired) -> None:
    """Have the guest agent set the addresses that are wanted; ``current``: those that are set, by family."""
    for family in FAMILIES:
        wanted, before = desired.get(family), current[family]
        if wanted is None:
            continue
        if wanted['gateway'] is None:
            wanted = {**wanted, 'gateway': before['gateway']}
        if wanted == before:
            continue
        if not desired.scope.get('sets_addresses', True):
            raise ParameterError(
                f'{family}: nothing in the VM sets addresses: it does not run, or it has no guest tools that can',
                hint='Start the VM and wait for its guest tools (xen_vm with wait_for: agent), then run again.',
            )
        step = _configure(ref, family, wanted, f'set the {family} address to {wanted["address"] or "none"}')
        plan.add(replace(step, undo=_configure(ref, family, before, f'put back {family}')))
        plan.note(family, before, wanted)


def _configure(ref: Ref, family: str, wanted: dict, about: str) -> Step:
    args = (ref, wanted['mode'].capitalize(), wanted['address'], wanted['gateway'])
    return Step(f'VIF.configure_{family}', args, about)


# -------------------------------------------------------------------------------------------- plugging


def plug(ref: Ref) -> Step:
    return replace(_plug(ref), undo=_unplug(ref))


def unplug(ref: Ref) -> Step:
    """Unplug; its undo plugs again, unless the VIF was destroyed since: then the undo of that has plugged another."""
    again = replace(_plug(ref), retry=Retry(done=('DEVICE_ALREADY_ATTACHED', 'HANDLE_INVALID')))
    return replace(_unplug(ref), undo=again)


def _plug(ref: Ref) -> Step:
    return Step('VIF.plug', (ref,), 'plug the device', task=True, retry=Retry(done=('DEVICE_ALREADY_ATTACHED',)))


def _unplug(ref: Ref) -> Step:
    return Step('VIF.unplug', (ref,), 'unplug the device', task=True, retry=UNPLUG_RETRY)


# -------------------------------------------------------------------------------------------- making it anew


def fixed(observed: Observed, desired: Desired) -> dict[str, str]:
    """The options that can not change in place, each with the reason."""
    record = observed.record
    return {
        option: f'device {record["device"]} has {record[field]}, which XenAPI can not change to {desired.get(option)}'
        for option, field in (('device', 'device'), ('mac', 'MAC'), ('mtu', 'MTU'))
        if desired.get(option) is not None and str(record[field]).lower() != str(desired.get(option))
    }


def refuse(reasons: dict[str, str], desired: Desired, prefix: str) -> None:
    option, why = next(iter(reasons.items()))
    hint = 'Remove the VIF with state: absent and create it again.'
    if 'recreate' in desired.scope:
        hint = 'Set recreate: true to have it removed and made anew.'
    raise ParameterError(f'{prefix}{option}: {why}', hint=hint)


def replace_plan(observed: Observed, desired: Desired, reasons: dict[str, str], slot: Slot) -> Plan:
    """Unplug, destroy, create, plug as before; taking it back makes the old one again."""
    old, attached = observed.record, observed.record['currently_attached']
    record = replacement(observed, desired)
    plan = _differences(observed, desired)
    if attached:
        require_plug_state(desired, 'recreate', 'unplugged', 'Start the VM, or halt it, and run again.')
        plan.add(unplug(observed.ref))
    about = f'remove device {old["device"]} to make it anew, since {", ".join(reasons)} can not change in place'
    plan.add(Step('VIF.destroy', (observed.ref,), about, undo=_restore(observed)))
    about = f'connect device {record["device"]} again'
    plan.add(Step('VIF.create', (record,), about, makes=slot, undo=Step('VIF.destroy', (slot,), about)))
    plugged = desired.get('plugged', attached)
    if plugged:
        require_plug_state(desired, 'plugged', 'plugged', 'Start the VM, or leave plugged out.')
        plan.add(plug(slot))
    _static_again(plan, observed, desired, slot)
    return plan if plugged == attached else plan.note('plugged', attached, plugged)


def replacement(observed: Observed, desired: Desired) -> dict:
    """The record of the new VIF: the old one with what is wanted of it."""
    record = new_record(FIELDS, desired.values, {key: observed.record[key] for key in KEPT})
    record['MAC'] = desired.get('mac', record['MAC'])
    record['device'] = desired.get('device', record['device'])
    record['network'] = desired.scope['network'] or record['network']
    if desired.get('rate_limit') is not None:
        record.update(rate_fields(desired.get('rate_limit')))
    return record


def _differences(observed: Observed, desired: Desired) -> Plan:
    plan = field_changes(FIELDS, 'VIF', observed, desired)
    change_rate(plan, observed, desired.get('rate_limit'))
    change_network(plan, observed, desired)
    plan.steps.clear()
    for option, field in (('device', 'device'), ('mac', 'MAC'), ('mtu', 'MTU')):
        wanted = desired.get(option)
        if wanted is not None and str(observed.record[field]).lower() != str(wanted):
            current = observed.record[field]
            plan.note(option, int(current) if option == 'mtu' else current, wanted)
    return plan


def _static_again(plan: Plan, observed: Observed, desired: Desired, slot: Slot) -> None:
    """A new VIF has no addresses: those of the old one are set again where no others are wanted."""
    before = {family: current_static(observed.record, family) for family in FAMILIES}
    values = dict(desired.values)
    for family in FAMILIES:
        wanted = values.get(family)
        if wanted is None and before[family]['mode'] == 'static':
            values[family] = before[family]
        elif wanted is not None and wanted['gateway'] is None:
            values[family] = {**wanted, 'gateway': before[family]['gateway']}
    anew = Plan()
    change_static(anew, slot, dict.fromkeys(FAMILIES, NO_ADDRESSES), Desired(values, desired.scope))
    plan.add(*anew.steps)
    for family in FAMILIES:
        if values.get(family) is not None and values[family] != before[family]:
            plan.note(family, before[family], values[family])


def _restore(observed: Observed) -> Step:
    """Make the VIF that was destroyed again, plugged and with its addresses if it was."""
    record = {key: observed.record[key] for key in KEPT}

    def perform(run: Any) -> None:
        made = run.session.call('VIF.create', record)
        if observed.record['currently_attached']:
            run.perform(_plug(made))
        for family in FAMILIES:
            before = current_static(observed.record, family)
            if before['mode'] == 'static':
                run.perform(_configure(made, family, before, 'put back'))

    return Step('VIF.create', (record,), f'put device {record["device"]} back', perform=perform)


def change_network(plan: Plan, observed: Observed, desired: Desired) -> None:
    current, wanted, networks = observed.record['network'], desired.scope['network'], desired.scope['networks']
    if wanted is None or wanted == current:
        return
    back = Step('VIF.move', (observed.ref, current), 'move back', task=True)
    about = f'move to network "{networks[wanted]["name_label"]}"'
    plan.add(Step('VIF.move', (observed.ref, wanted), about, undo=back, task=True))
    plan.note('network', networks[current]['name_label'], networks[wanted]['name_label'])
