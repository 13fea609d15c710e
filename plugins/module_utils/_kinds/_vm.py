# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VM: the record, its disks and networks, and its power state, from several kinds in one plan."""

from __future__ import annotations

from typing import Any, Iterable, Optional

from .._errors import PowerCycleRequired
from .._plan import Desired, Kind, Observed, Plan, Step, field_changes
from .._units import parse_size
from . import _vdi
from ._scope import is_virtual_machine, pool_record, require_network, require_sr, require_vdi
from ._vbd import vbds_of
from ._vif import vifs_of
from ._vm_create import create
from ._vm_devices import disk_plans, disk_results, network_plans, network_results, owned_disks
from ._vm_fields import FIELDS, SHOWN, record_values, shown_fields
from ._vm_params import PARAM_FIELDS, classes_of, param_values, REFERENCES, plan_references, references
from ._vm_late import plan_blocked
from ._vm_identity import EVERY_VM, SOURCES, find_source, find_vm, read_candidates
from ._vm_hardware import HARDWARE, LIMITS, plan_hardware, shown_hardware
from ._vm_power import POWER_STATES, addresses_of, power_steps, shutdown_step, wait_steps

BLANK = {
    'name': '',
    'description': '',
    'power_state': 'halted',
    **dict.fromkeys(HARDWARE, 0),
    'domain_type': '',
    'host': '',
    'disks': [],
    'networks': [],
    'addresses': [],
    'tags': [],
    'platform': {},
    'other_config': {},
    'xenstore_data': {},
    'affinity': '',
    **SHOWN,
}
"""What a check run shows of a new VM of which nothing is said."""
WHOLE = ('SR', 'pool', 'network')


def locate(run: Any, params: dict) -> tuple[Optional[str], Desired]:
    read_candidates(run.records, params)
    vms = run.records.of('VM')
    ref = find_vm(vms, params)
    absent = params['state'] == 'absent'
    template = find_source(vms, params) if ref is None and not absent else None
    _load_devices(run, *(vms[item] for item in (ref, template) if item), whole=classes_of(params))
    if not absent:
        _load_named_vdis(run, params, vms.get(ref or ''))
    elif ref:
        _load_other_users(run, vms[ref])
    return ref, _desired(run, params, ref, template, absent)


def _load_devices(run: Any, *vms: dict, whole: Iterable[str] = ()) -> None:
    """Everything that hangs on the VMs, in two calls whatever the number of devices; ``whole``: classes to read besides."""
    refs = [(cls, ref) for vm in vms for cls, field in (('VBD', 'VBDs'), ('VIF', 'VIFs')) for ref in vm[field]]
    refs += [
        (cls, vm[field])
        for vm in vms
        for cls, field in (('VM_guest_metrics', 'guest_metrics'), ('host', 'resident_on'), ('host', 'affinity'))
    ]
    run.records.load(whole=(*whole, *(() if run.records.of('SR') else WHOLE)), refs=refs)
    run.records.load(refs=[('VDI', vbd['VDI']) for vm in vms for vbd in vbds_of(run, vm).values()])


def _load_named_vdis(run: Any, params: dict, vm: Optional[dict]) -> None:
    """The VDIs that disks name and that are not attached to the VM already."""
    attached = [run.records.get('VDI', vbd['VDI']) for vbd in vbds_of(run, vm).values()]
    known = {text for record in attached if record for text in (record['uuid'], record['name_label'])}
    wanted = [disk.get('vdi') for disk in params.get('disks') or () if disk.get('vdi') and disk['vdi'] not in known]
    run.records.named('VDI', *wanted)


def _load_other_users(run: Any, vm: dict) -> None:
    """Who else has the disks of the VM: mostly nobody, and then nothing is read."""
    vdis = [run.records.get('VDI', vbd['VDI']) or {'VBDs': []} for vbd in vbds_of(run, vm).values()]
    others = {ref for vdi in vdis for ref in vdi['VBDs']} - set(vm['VBDs'])
    run.records.load(refs=[('VBD', ref) for ref in sorted(others)])
    run.records.load(
        refs=[('VM', run.records.of('VBD')[ref]['VM']) for ref in sorted(others) if ref in run.records.of('VBD')]
    )


def _held_by_host(run: Any) -> list[str]:
    """The VBDs of the control domain among those that have been read."""
    vms = run.records.of('VM')
    return [ref for ref, vbd in run.records.of('VBD').items() if vms.get(vbd['VM'], {}).get('is_control_domain')]


def _desired(run: Any, params: dict, ref: Optional[str], template: Optional[str], absent: bool) -> Desired:
    vms = run.records.of('VM')
    values = {**record_values(params, vms.get(ref or template or '')), **param_values(params)}
    for option in (
        'boot_mode',
        'kernel',
        'ramdisk',
        'kernel_args',
        'vcpus',
        'clone',
        'vcpus_max',
        'cores_per_socket',
        'power_state',
        'wait_for',
        'force',
        'allow_power_cycle',
        'destroy_disks',
    ):
        values[option] = params.get(option)
    for option in ('memory', *LIMITS):
        if params.get(option) is not None:
            values[option] = parse_size(option, params[option])
    scope = {
        'template': Observed(template, vms[template], _related(run, vms[template])) if template else None,
        'source': next((option for option in reversed(SOURCES) if params.get(option)), None),
        'sr': require_sr(run, params['sr'], 'sr') if params.get('sr') and not absent else None,
        'pool': pool_record(run),
        'networks': run.records.of('network'),
        'srs': run.records.of('SR'),
        'references': {} if absent else references(run, params),
        'labels': _labels(run),
        'shutdown_timeout': params.get('shutdown_timeout'),
        'unplug_retries': params.get('unplug_retries'),
    }
    desired = Desired(values, scope, absent)
    if not absent:
        values['disks'] = [_disk(run, params, number, disk) for number, disk in enumerate(params.get('disks') or ())]
        values['networks'] = [
            _network(run, number, network) for number, network in enumerate(params.get('networks') or ())
        ]
    return desired


def _labels(run: Any) -> dict[str, str]:
    """Reference to name of what a field of a VM can point at, as far as it has been read."""
    classes = ('host', *REFERENCES.values())
    return {ref: record['name_label'] for cls in classes for ref, record in run.records.of(cls).items()}


def _disk(run: Any, params: dict, number: int, disk: dict) -> Desired:
    """One entry of ``disks``: the options of a VDI and of a VBD, with the SR and the VDI resolved."""
    prefix = f'disks[{number}].'
    values = {**disk, **_vdi.values_of({**disk, 'other_config': None, 'tags': disk.get('tags')}, prefix), 'type': None}
    sr = require_sr(run, disk.get('sr'), f'{prefix}sr') if disk.get('sr') or not disk.get('vdi') else None
    vdi = require_vdi(run, disk['vdi'], sr if disk.get('sr') else None, f'{prefix}vdi') if disk.get('vdi') else None
    return Desired(
        values,
        {
            'sr': sr,
            'sr_record': run.records.get('SR', sr),
            'vdi': vdi,
            'prefix': prefix,
            'vdi_record': run.records.get('VDI', vdi) if isinstance(vdi, str) else None,
        },
    )


def _network(run: Any, number: int, network: dict) -> Desired:
    prefix = f'networks[{number}].'
    ref = require_network(run, network['network'], f'{prefix}network') if network.get('network') else None
    return Desired(dict(network), {'network': ref, 'prefix': prefix})


def observe(run: Any, ref: str) -> Observed:
    """The VM with everything that its result shows; what this run made is read in the same call as the VM."""
    run.records.load(whole=WHOLE if not run.records.of('SR') else (), refs=[('VM', ref), *run.made])
    record = run.records.get('VM', ref)
    _load_devices(run, record)
    return Observed(ref, record, _related(run, record))


def _related(run: Any, record: dict) -> dict:
    # A halted VM keeps what its guest told last until it starts again: those addresses are nobody's.
    halted = record['power_state'] == 'Halted'
    return {
        'VBD': vbds_of(run, record),
        'held_by_host': _held_by_host(run),
        'VIF': vifs_of(run, record),
        'VDI': run.records.of('VDI'),
        'SR': run.records.of('SR'),
        'network': run.records.of('network'),
        'guest_metrics': None if halted else run.records.get('VM_guest_metrics', record['guest_metrics']),
        'host': run.records.get('host', record['resident_on']),
        'affinity': run.records.get('host', record['affinity']),
    }


def look(run: Any, params: dict) -> list[dict]:
    """Every VM, or those with a name or uuid, as to_result() shows them: three calls whatever their number."""
    identity = params.get('uuid') or params.get('name')
    if identity:
        run.records.named('VM', identity)
    else:
        run.records.where('VM', EVERY_VM)
    vms = {ref: record for ref, record in run.records.of('VM').items() if is_virtual_machine(record)}
    if identity:
        _load_devices(run, *vms.values())
    else:
        run.records.load(whole=(*WHOLE, 'VBD', 'VIF', 'VDI', 'VM_guest_metrics', 'host'))
    found = [to_result(Observed(ref, record, _related(run, record))) for ref, record in vms.items()]
    return sorted(found, key=lambda vm: (vm['name'], vm['uuid']))


def update(observed: Observed, desired: Desired) -> Plan:
    state = observed.record['power_state']
    wanted = desired.get('power_state') or POWER_STATES[state]
    plan = _changes(observed, desired, state)
    halted = [step for step in plan.steps if step.needs_halted]
    if halted and state != 'Halted':
        _require_consent(observed, desired, halted)
        plan, state = _changes(observed, desired, 'Halted'), 'Halted'
        plan.steps.insert(0, shutdown_step(observed.ref, desired))
    if wanted != POWER_STATES[observed.record['power_state']]:
        plan.note('power_state', POWER_STATES[observed.record['power_state']], wanted)
    steps = power_steps(observed.ref, state, wanted, desired)
    plan.add(*steps, *wait_steps(observed, desired, wanted, bool(steps)))
    return plan_blocked(plan, observed, desired)


def _changes(observed: Observed, desired: Desired, state: str) -> Plan:
    """What has to change while the VM is in the power state ``state``: a halted VM has nothing plugged."""
    plan = field_changes((*FIELDS, *PARAM_FIELDS), 'VM', observed, desired)
    plan_references(plan, observed, desired)
    plan_hardware(plan, observed, desired, state)
    disk_plans(plan, observed, desired, observed.ref, state)
    network_plans(plan, observed, desired, observed.ref, state)
    return plan


def _require_consent(observed: Observed, desired: Desired, halted: list[Step]) -> None:
    if desired.get('allow_power_cycle') or desired.get('power_state') == 'halted':
        return
    what = sorted({step.about for step in halted})
    raise PowerCycleRequired(
        f'VM "{observed.record["name_label"]}" is {POWER_STATES[observed.record["power_state"]]}, and this needs it halted: '
        f'{", ".join(what)}',
        details=what,
        hint='Set allow_power_cycle: true to let it be shut down and started again, or power_state: halted.',
    )


def destroy(observed: Observed, desired: Desired) -> Plan:
    """Disks go first: a run that is cut off half-way still finds the VM, and the next run ends the work."""
    record, state = observed.record, observed.record['power_state']
    plan = Plan(
        before={
            key: value for key, value in to_result(observed).items() if key in ('uuid', 'name', 'power_state', 'disks')
        }
    )
    if state != 'Halted':
        if not (desired.get('force') or desired.get('allow_power_cycle')):
            raise PowerCycleRequired(
                f'VM "{record["name_label"]}" is {POWER_STATES[state]}',
                hint='Halt it first, or set force: true to remove it as it is.',
            )
        plan.add(shutdown_step(observed.ref, desired))
    for ref in owned_disks(observed, desired.get('destroy_disks', 'owned')):
        plan.add(_vdi.destroy_step(ref, observed.related['VDI'][ref]['name_label']))
    return plan.add(Step('VM.destroy', (observed.ref,), f'destroy VM "{record["name_label"]}"'))


def to_result(observed: Observed) -> dict:
    record = observed.record
    return {
        'uuid': record['uuid'],
        'name': record['name_label'],
        'description': record['name_description'],
        'power_state': POWER_STATES[record['power_state']],
        **shown_hardware(record),
        'domain_type': record.get('domain_type', ''),
        'host': (observed.related['host'] or {}).get('name_label', ''),
        'disks': disk_results(observed),
        'networks': network_results(observed),
        'addresses': addresses_of(observed.related['guest_metrics']),
        'tags': sorted(record['tags']),
        **shown_fields(observed),
        'platform': dict(record['platform']),
        'other_config': dict(record['other_config']),
        'xenstore_data': dict(record['xenstore_data']),
    }


VM = Kind('vm', 'VM', FIELDS, locate, observe, create, update, destroy, to_result, BLANK)
