# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VIF: connect a VM to a network, change and disconnect it."""

from __future__ import annotations

import re
from typing import Any, Optional

from .._errors import ParameterError
from .._fields import Field, new_record
from .._plan import Desired, Kind, Observed, Plan, Ref, Retry, Slot, Step, field_changes
from .._refs import not_found
from .._session import NULL_REF
from ._scope import device_number, first_free, require_network, require_vm
from ._vbd import PLUG_STATES

FIELDS = (
    Field('mtu', 'MTU', 'int', create_only=True),
    Field('locking_mode', 'locking_mode', 'enum'),
    Field('ipv4_allowed', 'ipv4_allowed', 'set'),
    Field('ipv6_allowed', 'ipv6_allowed', 'set'),
    Field('other_config', 'other_config', 'map'),
)
SLOT = Slot('vif', 'VIF')
NEW = {
    'MTU': 0,
    'MAC': '',
    'other_config': {},
    'qos_algorithm_type': '',
    'qos_algorithm_params': {},
    'locking_mode': 'network_default',
    'ipv4_allowed': [],
    'ipv6_allowed': [],
}
"""What VIF.create needs and no option gives; an empty MAC lets the host generate one, MTU 0 takes that of the network."""
BLANK = {
    'device': '',
    'vm': '',
    'mac': '',
    'mtu': 1500,
    'network': '',
    'bridge': '',
    'plugged': False,
    'rate_limit': 0,
    'locking_mode': 'network_default',
    'ipv4_allowed': [],
    'ipv6_allowed': [],
    'other_config': {},
}
"""What a check run shows of a new VIF of which nothing is said."""
UNPLUG_RETRY = Retry(codes=('DEVICE_DETACH_REJECTED',), done=('DEVICE_ALREADY_DETACHED',))
MAC = re.compile(r'[0-9a-f]{2}(:[0-9a-f]{2}){5}')


def values_of(params: dict, prefix: str = '') -> dict:
    """The options of a VIF as Desired.values."""
    values = {field.option: params.get(field.option) for field in FIELDS}
    values.update(plugged=params.get('plugged'), rate_limit=params.get('rate_limit'))
    if params.get('device') is not None:
        values['device'] = device_number(f'{prefix}device', params['device'])
    if params.get('mac'):
        mac = values['mac'] = params['mac'].lower().replace('-', ':')
        if not MAC.fullmatch(mac):
            raise ParameterError(
                f'{prefix}mac: "{params["mac"]}" is no MAC address',
                hint='Use six pairs of hexadecimal digits with colons between them.',
            )
    return values


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
    values = values_of(params)
    vifs = vifs_of(run, record)
    scope = {
        'vm': vm,
        'network': network,
        'networks': run.records.of('network'),
        'taken': {vif['device'] for vif in vifs.values()},
        'power_state': record['power_state'] if record else 'Halted',
    }
    return ref or match(vifs, values), Desired(values, scope, absent)


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
    network = desired.scope['network']
    if network is None:
        raise ParameterError(
            f'{prefix}network is required for a new VIF', hint='Give the name, the uuid or the bridge of a network.'
        )
    record = new_record(FIELDS, desired.values, NEW)
    device = desired.get('device') or first_free(desired.scope['taken'])
    record.update(
        VM=desired.scope['vm'],
        network=network,
        device=device,
        MAC=desired.get('mac', ''),
        **_rate(desired.get('rate_limit')),
    )
    if record['MTU'] == 0:
        record['MTU'] = int(desired.scope['networks'][network]['MTU'])
    name = desired.scope['networks'][network]['name_label']
    about = f'connect device {device} to network "{name}"'
    plan = Plan([Step('VIF.create', (record,), about, makes=slot, undo=Step('VIF.destroy', (slot,), about))])
    shown = {field.option: desired.get(field.option) for field in FIELDS}
    shown.update(device=device, network=name, mac=desired.get('mac'), rate_limit=desired.get('rate_limit'))
    plan.after = {key: value for key, value in shown.items() if value is not None}
    if desired.scope['power_state'] in PLUG_STATES and desired.get('plugged', True):
        plan.add(_plug(slot)).note('plugged', None, True)
    elif desired.get('plugged') and desired.scope['power_state'] not in PLUG_STATES:
        raise ParameterError(
            f'plugged: the VM is {desired.scope["power_state"].lower()}, so nothing can be plugged',
            hint='Leave plugged out: a device of a halted VM is plugged when the VM starts.',
        )
    return plan


def _rate(limit: Optional[int]) -> dict:
    """QoS fields for a rate in kilobytes per second, the unit that xapi gives to the parameter kbps; 0 means no limit."""
    if not limit:
        return {'qos_algorithm_type': '', 'qos_algorithm_params': {}}
    return {'qos_algorithm_type': 'ratelimit', 'qos_algorithm_params': {'kbps': str(limit)}}


def rate_of(record: dict) -> int:
    """The rate limit of a VIF record in kilobytes per second; 0 means none."""
    if record['qos_algorithm_type'] != 'ratelimit':
        return 0
    return int(record['qos_algorithm_params'].get('kbps') or 0)


def _plug(ref: Ref) -> Step:
    return Step(
        'VIF.plug',
        (ref,),
        'plug the device',
        task=True,
        retry=Retry(done=('DEVICE_ALREADY_ATTACHED',)),
        undo=_unplug(ref),
    )


def _unplug(ref: Ref) -> Step:
    return Step('VIF.unplug', (ref,), 'unplug the device', task=True, retry=UNPLUG_RETRY)


def update(observed: Observed, desired: Desired) -> Plan:
    plan = field_changes(FIELDS, 'VIF', observed, desired)
    record = observed.record
    _refuse_fixed(observed, desired)
    network, networks = desired.scope['network'], desired.scope['networks']
    if network is not None and network != record['network']:
        plan.add(
            Step(
                'VIF.move',
                (observed.ref, network),
                f'move to network "{networks[network]["name_label"]}"',
                undo=Step('VIF.move', (observed.ref, record['network']), 'move back'),
                task=True,
            )
        )
        plan.note('network', networks[record['network']]['name_label'], networks[network]['name_label'])
    _change_rate(plan, observed, desired.get('rate_limit'))
    wanted, attached = desired.get('plugged'), record['currently_attached']
    if wanted is not None and wanted != attached:
        if wanted and desired.scope['power_state'] not in PLUG_STATES:
            raise ParameterError(
                f'plugged: the VM is {desired.scope["power_state"].lower()}, so nothing can be plugged',
                hint='Start the VM, or leave plugged out.',
            )
        plan.add(_plug(observed.ref) if wanted else _unplug(observed.ref)).note('plugged', attached, wanted)
    return plan


def _refuse_fixed(observed: Observed, desired: Desired) -> None:
    for option, field in (('mac', 'MAC'), ('mtu', 'MTU')):
        wanted = desired.get(option)
        if wanted is not None and str(observed.record[field]).lower() != str(wanted):
            raise ParameterError(
                f'{option}: device {observed.record["device"]} has {observed.record[field]}, which XenAPI can not change to {wanted}',
                hint='Remove the VIF with state: absent and create it again.',
            )


def _change_rate(plan: Plan, observed: Observed, wanted: Optional[int]) -> None:
    current = rate_of(observed.record)
    if wanted is None or wanted == current:
        return
    for field, value in _rate(wanted).items():
        back = Step(f'VIF.set_{field}', (observed.ref, observed.record[field]), f'put back {field}')
        plan.add(Step(f'VIF.set_{field}', (observed.ref, value), 'set rate_limit', undo=back))
    plan.note('rate_limit', current, wanted)


def destroy(observed: Observed, _desired: Desired) -> Plan:
    record = observed.record
    plan = Plan(
        before={
            'device': record['device'],
            'mac': record['MAC'],
            'network': (observed.related['network'] or {}).get('name_label', ''),
        }
    )
    if record['currently_attached']:
        plan.add(_unplug(observed.ref))
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
        'other_config': dict(record['other_config']),
    }


VIF = Kind('vif', 'VIF', FIELDS, locate, observe, create, update, destroy, to_result, BLANK)
