# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VIF: connect a VM to a network, change and disconnect it."""

from __future__ import annotations

from typing import Any, Optional

from .._errors import ParameterError
from .._fields import new_record
from .._plan import Desired, Kind, Observed, Plan, Ref, Slot, Step, field_changes
from .._refs import not_found
from .._session import NULL_REF
from ._scope import first_free, is_virtual_machine, require_network, require_vm
from ._vbd_plug import PLUG_STATE, require_plug_state
from ._vif_change import (
    change_network,
    change_rate,
    change_static,
    fixed,
    plug,
    rate_fields,
    rate_of,
    refuse,
    replace_plan,
    unplug,
)
from ._vif_fields import BLANK, FAMILIES, FIELDS, NEW, NO_ADDRESSES, SLOT, current_static, values_of

SETS_ADDRESSES = 'feature-static-ip-setting'
"""What a guest agent that sets addresses says of itself in VM_guest_metrics.other."""


def locate(run: Any, params: dict) -> tuple[Optional[str], Desired]:
    absent, ref = params['state'] == 'absent', None
    if params.get('uuid'):
        ref = _by_uuid(run, params['uuid'], absent)
        vm: Ref = run.records.get('VIF', ref)['VM'] if ref else NULL_REF
        run.records.load(refs=[('VM', vm)])
    else:
        vm = require_vm(run, params['vm'])
    record = run.records.get('VM', vm) if isinstance(vm, str) else None
    run.records.load(whole=('network',), refs=[('VIF', vif) for vif in (record or {}).get('VIFs', ())])
    network = require_network(run, params['network']) if params.get('network') else None
    values, vifs = values_of(params), vifs_of(run, record)
    ref = ref or _match(vifs, values, absent)
    scope = {
        'vm': vm,
        'network': network,
        'networks': run.records.of('network'),
        'taken': {vif['device'] for vif in vifs.values()},
        'power_state': record['power_state'] if record else 'Halted',
        'recreate': params.get('recreate'),
        'sets_addresses': absent or record is None or _sets_addresses(run, record, values),
    }
    if values.get('mac') and not absent:
        scope['mac_users'] = _mac_users(run, values['mac'], ref, network)
    return ref, Desired(values, scope, absent)


def _sets_addresses(run: Any, vm: dict, values: dict) -> bool:
    """Whether the guest tools can set addresses; looked at only where some are wanted."""
    if not any(values[family] for family in FAMILIES):
        return True
    run.records.load(refs=[('VM_guest_metrics', vm['guest_metrics'])])
    metrics = run.records.get('VM_guest_metrics', vm['guest_metrics'])
    return bool(metrics) and metrics['other'].get(SETS_ADDRESSES) == '1'


def _mac_users(run: Any, mac: str, own: Optional[str], network: Optional[str]) -> list[str]:
    """Names of the VMs that have the MAC on the network already; templates and snapshots send nothing."""
    vif = run.records.get('VIF', own) or {}
    if vif.get('MAC', '').lower() == mac:
        return []
    found = run.records.where('VIF', f'field "MAC" = "{mac}" or field "MAC" = "{mac.upper()}"')
    there = [item['VM'] for item in found.values() if item['network'] == (network or vif.get('network'))]
    run.records.load(refs=[('VM', vm) for vm in there])
    vms = [run.records.get('VM', vm) for vm in there]
    return sorted(vm['name_label'] for vm in vms if vm and is_virtual_machine(vm))


def _match(vifs: dict[str, dict], values: dict, absent: bool) -> Optional[str]:
    """The VIF that is meant; one with the MAC at another device number is to be moved, but not to be removed."""
    ref = match(vifs, values)
    if not values.get('mac'):
        return ref
    if absent:
        return ref if ref and vifs[ref]['MAC'].lower() == values['mac'] else None
    return ref or match(vifs, {'mac': values['mac']})


def _by_uuid(run: Any, uuid: str, absent: bool) -> Optional[str]:
    found = run.records.where('VIF', f'field "uuid" = "{uuid}"')
    if not found and not absent:
        raise not_found('uuid', uuid)
    return next(iter(found), None)


def vifs_of(run: Any, record: Optional[dict]) -> dict[str, dict]:
    """The VIFs of a VM record that have been read, by reference."""
    table = run.records.of('VIF')
    return {ref: table[ref] for ref in (record or {}).get('VIFs', ()) if ref in table}


def match(vifs: dict[str, dict], values: dict) -> Optional[str]:
    """The VIF at the wanted device number, or else the one with the wanted MAC."""
    for ref, vif in vifs.items():
        if values.get('device') is not None:
            if vif['device'] == values['device']:
                return ref
        elif values.get('mac') and vif['MAC'].lower() == values['mac']:
            return ref
    return None


def observe(run: Any, ref: str) -> Observed:
    run.records.load(refs=[('VIF', ref)])
    record = run.records.get('VIF', ref)
    run.records.load(refs=[('network', record['network']), ('VM', record['VM'])])
    return Observed(
        ref,
        record,
        {'network': run.records.get('network', record['network']), 'VM': run.records.get('VM', record['VM'])},
    )


def create(desired: Desired, slot: Slot = SLOT, prefix: str = '') -> Plan:
    """A new VIF in ``desired.scope['vm']``; plugged at once when the VM runs, unless ``plugged`` is false."""
    record = _record(desired, prefix)
    device, name = record['device'], desired.scope['networks'][record['network']]['name_label']
    about = f'connect device {device} to network "{name}"'
    plan = Plan([Step('VIF.create', (record,), about, makes=slot, undo=Step('VIF.destroy', (slot,), about))])
    shown = {field.option: desired.get(field.option) for field in FIELDS}
    shown.update(device=device, network=name, mac=desired.get('mac'), rate_limit=desired.get('rate_limit'))
    plan.after = {key: value for key, value in shown.items() if value is not None}
    if desired.get('plugged', desired.scope['power_state'] == PLUG_STATE):
        hint = 'Leave plugged out: a device of a halted VM is plugged when the VM starts.'
        require_plug_state(desired, 'plugged', 'plugged', hint)
        plan.add(plug(slot)).note('plugged', None, True)
    before = dict(plan.before)
    change_static(plan, slot, dict.fromkeys(FAMILIES, NO_ADDRESSES), desired)
    plan.before = before
    return plan


def _record(desired: Desired, prefix: str) -> dict:
    network = desired.scope['network']
    if network is None:
        raise ParameterError(
            f'{prefix}network is required for a new VIF', hint='Give the name, the uuid or the bridge of a network.'
        )
    _require_free(desired, prefix)
    record = new_record(FIELDS, desired.values, NEW)
    record.update(
        VM=desired.scope['vm'],
        network=network,
        device=desired.get('device') or first_free(desired.scope['taken']),
        MAC=desired.get('mac', ''),
        **rate_fields(desired.get('rate_limit')),
    )
    if record['MTU'] == 0:
        record['MTU'] = int(desired.scope['networks'][network]['MTU'])
    return record


def _require_free(desired: Desired, prefix: str) -> None:
    users = desired.scope.get('mac_users')
    if users:
        raise ParameterError(
            f'{prefix}mac: {desired.get("mac")} is in use on that network by VM "{users[0]}"',
            hint='Choose another one, or leave mac out to have the host make one up.',
        )


def update(observed: Observed, desired: Desired, prefix: str = '', slot: Slot = SLOT) -> Plan:
    """Change in place what can be, or make the VIF anew where ``recreate`` allows it."""
    reasons = fixed(observed, desired)
    if 'device' in reasons and desired.get('device') in desired.scope['taken']:
        raise ParameterError(
            f'{prefix}device: {desired.get("device")} is in use on this VM', hint='Choose another device.'
        )
    if reasons:
        _require_free(desired, prefix)
    if reasons and not desired.scope.get('recreate'):
        refuse(reasons, desired, prefix)
    if reasons:
        return replace_plan(observed, desired, reasons, slot)
    plan = field_changes(FIELDS, 'VIF', observed, desired)
    change_network(plan, observed, desired)
    change_rate(plan, observed, desired.get('rate_limit'))
    _change_plug(plan, observed, desired)
    static = {family: current_static(observed.record, family) for family in FAMILIES}
    change_static(plan, observed.ref, static, desired)
    return plan


def _change_plug(plan: Plan, observed: Observed, desired: Desired) -> None:
    wanted, attached = desired.get('plugged'), observed.record['currently_attached']
    if wanted is None or wanted == attached:
        return
    done = 'plugged' if wanted else 'unplugged'
    require_plug_state(desired, 'plugged', done, 'Start the VM, or leave plugged out.')
    plan.add(plug(observed.ref) if wanted else unplug(observed.ref)).note('plugged', attached, wanted)


def destroy(observed: Observed, desired: Desired) -> Plan:
    """Unplug and destroy; while the VM does not run, the host needs no unplugging."""
    record, network = observed.record, observed.related['network'] or {}
    plan = Plan(
        before={'device': record['device'], 'mac': record['MAC'], 'network': network.get('name_label', '')},
    )
    if record['currently_attached'] and desired.scope['power_state'] == PLUG_STATE:
        plan.add(unplug(observed.ref))
    return plan.add(Step('VIF.destroy', (observed.ref,), f'remove device {record["device"]}'))


def to_result(observed: Observed) -> dict:
    record, network, vm = observed.record, observed.related['network'] or {}, observed.related.get('VM') or {}
    return {
        'uuid': record['uuid'],
        'vm': vm.get('name_label', ''),
        'device': record['device'],
        'mac': record['MAC'],
        'mtu': int(record['MTU']),
        'network': network.get('name_label', ''),
        'network_uuid': network.get('uuid', ''),
        'bridge': network.get('bridge', ''),
        'plugged': record['currently_attached'],
        'rate_limit': rate_of(record),
        'locking_mode': record['locking_mode'],
        'ipv4_allowed': sorted(record['ipv4_allowed']),
        'ipv6_allowed': sorted(record['ipv6_allowed']),
        **{family: current_static(record, family) for family in FAMILIES},
        'other_config': dict(record['other_config']),
    }


VIF = Kind('vif', 'VIF', FIELDS, locate, observe, create, update, destroy, to_result, BLANK)
