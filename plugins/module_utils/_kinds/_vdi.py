# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VDI: find, grow, describe, destroy; how one is made and moved is in _vdi_create and _vdi_move."""

from __future__ import annotations

from typing import Any, Iterable, Optional

from .._errors import AmbiguousError, ParameterError, PowerCycleRequired
from .._fields import same
from .._plan import Desired, Kind, Observed, Plan, Ref, field_changes
from .._refs import find, is_uuid, not_found
from ._scope import is_disk, is_unfinished, refuse_unfinished, require_sr
from ._vdi_create import create
from ._vdi_fields import (
    EXTERNAL_ID,
    FIELDS,
    FRESH,
    NEW,
    destroy_step,
    growth,
    identified,
    name_of,
    refuse_reset_with_tracking,
    tracking,
    values_of,
)
from ._vdi_move import live_move, move_by_copy, moves

SOURCES = ('clone_of', 'copy_of')
BLANK = {
    'name': '',
    'description': '',
    'size': 0,
    'used': 0,
    'sr': '',
    'type': 'user',
    'sharable': False,
    'read_only': False,
    'attached': False,
    'vms': [],
    'tags': [],
    'other_config': {},
    'sm_config': {},
    'xenstore_data': {},
    'on_boot': 'persist',
    'allow_caching': False,
    'cbt': False,
    'external_id': None,
}
"""What a check run shows of a new VDI of which nothing is said."""


# -------------------------------------------------------------------------------------------- finding


def locate(run: Any, params: dict) -> tuple[Optional[str], Desired]:
    absent = params['state'] == 'absent'
    option = next(option for option in ('uuid', 'external_id', 'name') if params.get(option))
    made_by = next((item for item in SOURCES if params.get(item)), None)
    _read(run, params, option)
    sr = _scope(run, params, option, made_by)
    ref = _find(run, params, option, sr)
    if ref and not absent and not made_by:
        refuse_unfinished(run.records.get('VDI', ref), option)
    desired = Desired(values_of(params), {'sr': sr, 'allow_copy': params.get('allow_copy')}, absent)
    if ref is None and not absent:
        _refuse_unknown_uuid(params)
    if not absent:
        _resolve(run, params, desired, ref, made_by)
    if ref and option != 'name' and params.get('sr'):
        desired.scope['move_to'] = sr
    return ref, desired


def _read(run: Any, params: dict, option: str) -> None:
    everything = option == 'external_id'
    if not everything:
        run.records.named('VDI', params[option], *[params.get(item) for item in SOURCES])
    run.records.load(whole=('SR', 'pool', 'VDI') if everything else ('SR', 'pool'))


def _scope(run: Any, params: dict, option: str, made_by: Optional[str]) -> Optional[str]:
    """The SR where the VDI is looked for and made; None: anywhere."""
    if params.get('sr'):
        return require_sr(run, params['sr'])
    if made_by == 'clone_of':
        source = _source(run, params[made_by], made_by)
        return run.records.get('VDI', source)['SR'] if source else None
    return require_sr(run, None) if option == 'name' else None


def _find(run: Any, params: dict, option: str, sr: Optional[str]) -> Optional[str]:
    if option == 'external_id':
        return _by_external_id(run, params['external_id'])
    return find(
        run.records.of('VDI'),
        params[option],
        option,
        lambda record: is_disk(record) and (option == 'uuid' or sr in (None, record['SR'])),
    )


def _by_external_id(run: Any, wanted: str) -> Optional[str]:
    found = {
        ref: record
        for ref, record in run.records.of('VDI').items()
        if is_disk(record) and record['other_config'].get(EXTERNAL_ID) == wanted
    }
    if len(found) > 1:
        raise AmbiguousError(
            f'external_id: {len(found)} VDIs have "{wanted}"',
            details=sorted(f'{record["uuid"]} ({record["name_label"]})' for record in found.values()),
            hint='Name one of them by its uuid.',
        )
    return next(iter(found), None)


def _refuse_unknown_uuid(params: dict) -> None:
    for option in ('uuid', 'name'):
        if params.get(option) and is_uuid(params[option]) and (option == 'uuid' or not params.get('external_id')):
            raise ParameterError(
                f'uuid: there is no VDI {params[option]}',
                hint='A new VDI gets its uuid from the host: give name and size instead.',
            )


def _resolve(run: Any, params: dict, desired: Desired, ref: Optional[str], made_by: Optional[str]) -> None:
    """Read what a new VDI needs: its SR, and the source when it is to be a copy."""
    anew = ref is None or is_unfinished(run.records.get('VDI', ref))
    if made_by and anew:
        desired.scope.update(made_by=made_by, source=_observe_source(run, params[made_by], made_by))
        if made_by == 'clone_of' and desired.scope['sr'] is None:
            desired.scope['sr'] = desired.scope['source'].record['SR']
    if desired.scope['sr'] is None and anew:
        desired.scope['sr'] = require_sr(run, None)
    desired.scope['sr_record'] = run.records.get('SR', desired.scope['sr'])


def _source(run: Any, identity: str, option: str) -> Optional[str]:
    """The VDI to make another from; by its uuid, a snapshot too."""
    run.records.named('VDI', *[identity] if not run.records.of('VDI') else [])
    return find(
        run.records.of('VDI'),
        identity,
        option,
        lambda record: bool(record['managed']) and (is_uuid(identity) or is_disk(record)),
    )


def _observe_source(run: Any, identity: str, option: str) -> Observed:
    ref = _source(run, identity, option)
    if ref is not None:
        refuse_unfinished(run.records.get('VDI', ref), option)
        return observe(run, ref)
    predicted = None if is_uuid(identity) else run.predict('VDI', identity, option)
    if predicted is None:
        raise not_found(option, identity)
    return _predicted(run, predicted, identity)


def _predicted(run: Any, slot: Ref, name: str) -> Observed:
    """What an earlier task would make; how large, nobody knows yet."""
    sr = require_sr(run, run.params.get('sr'))
    record = {**NEW, **FRESH, 'name_label': name, 'virtual_size': '0', 'SR': sr}
    return Observed(slot, record, {'SR': run.records.get('SR', sr), 'writers': [], 'users': [], 'awake': [], 'VBD': {}})


def observe(run: Any, ref: str) -> Observed:
    """The VDI with its SR and the VMs that have it. The control domain, which holds a disk during a transfer, is none of them."""
    run.records.load(refs=[('VDI', ref)])
    record = run.records.get('VDI', ref)
    _load_around(run, record)
    return Observed(ref, record, _related(run, record))


def _load_around(run: Any, *vdis: dict) -> None:
    refs = [('SR', vdi['SR']) for vdi in vdis] + [('VBD', vbd) for vdi in vdis for vbd in vdi['VBDs']]
    run.records.load(refs=refs)
    vbds = [run.records.get('VBD', vbd) for vdi in vdis for vbd in vdi['VBDs']]
    run.records.load(refs=[('VM', vbd['VM']) for vbd in vbds if vbd])


def _related(run: Any, record: dict) -> dict:
    """Who has the disk: ``users`` have it plugged, ``running`` of them run, ``writers`` may write; ``awake``: are not halted."""
    drives = []
    for ref in record['VBDs']:
        vbd = run.records.get('VBD', ref)
        vm = run.records.get('VM', vbd['VM']) if vbd else None
        if vm and not vm['is_control_domain']:
            drives.append((ref, vbd, vm))
    attached = [(vbd, vm) for _ref, vbd, vm in drives if vbd['currently_attached']]
    return {
        'SR': run.records.get('SR', record['SR']),
        'VBD': {ref: vbd for ref, vbd, _vm in drives},
        'vms': _names(vm for _ref, _vbd, vm in drives),
        'users': _names(vm for _vbd, vm in attached),
        'running': _names(vm for _vbd, vm in attached if vm['power_state'] == 'Running'),
        'writers': _names(vm for vbd, vm in attached if vbd['mode'] == 'RW'),
        'awake': _names(vm for _ref, _vbd, vm in drives if vm['power_state'] != 'Halted'),
    }


def _names(vms: Iterable[dict]) -> list[str]:
    return sorted({vm['name_label'] for vm in vms})


def look(run: Any, params: dict) -> list[dict]:
    """Every disk of the pool or of an SR, or those with a name or uuid, as to_result() shows them: four calls at most."""
    identity = params.get('uuid') or params.get('name')
    whole: tuple[str, ...] = ('SR', 'pool')
    if identity:
        run.records.named('VDI', identity)
    elif not params.get('sr'):
        whole += ('VDI', 'VBD', 'VM')
    run.records.load(whole=whole)
    sr = require_sr(run, params['sr']) if params.get('sr') else None
    if sr and not identity:
        run.records.where('VDI', f'field "SR" = "{sr}"')
    vdis = {
        ref: record for ref, record in run.records.of('VDI').items() if is_disk(record) and sr in (None, record['SR'])
    }
    _load_around(run, *vdis.values())
    found = [to_result(Observed(ref, record, _related(run, record))) for ref, record in vdis.items()]
    return sorted(found, key=lambda vdi: (vdi['name'], vdi['uuid']))


# -------------------------------------------------------------------------------------------- changing


def update(observed: Observed, desired: Desired, prefix: str = '') -> Plan:
    if is_unfinished(observed.record) and desired.scope.get('source'):
        return _again(observed, desired)
    _refuse_fixed(observed, desired, prefix)
    refuse_reset_with_tracking(observed.record, desired, prefix)
    moved = moves(observed, desired)
    if moved and not observed.related['running']:
        return move_by_copy(observed, desired)
    plan = _changes(observed, desired, prefix)
    return live_move(plan, observed, desired) if moved else plan


def _changes(observed: Observed, desired: Desired, prefix: str) -> Plan:
    current = observed.record['other_config']
    wanted = Desired(identified(desired.values, current), desired.scope)
    fields = field_changes(FIELDS, 'VDI', observed, wanted)
    if desired.get('external_id') not in (None, current.get(EXTERNAL_ID)):
        fields.note('external_id', current.get(EXTERNAL_ID), desired.get('external_id'))
    plan = tracking(Plan(), observed, desired, False)  # tracking bars some changes, and other changes bar tracking
    plan.add(*fields.steps)
    plan.before.update(fields.before)
    plan.after.update(fields.after)
    growth(tracking(plan, observed, desired, True), observed, desired.get('size'), prefix)
    _refuse_in_use(plan, observed)
    return plan


def _refuse_in_use(plan: Plan, observed: Observed) -> None:
    """A disk grows only where nobody uses it, and its way to start is set only while its VMs are halted."""
    for step in plan.steps:
        who = observed.related.get('users' if step.method == 'VDI.resize' else 'awake')
        if step.needs_halted and who:
            raise PowerCycleRequired(
                f'VDI "{name_of(observed)}" is in use by {", ".join(who)}, and this needs it halted: {step.about}',
                details=who,
                hint='Halt the VM, or detach the disk from it first.',
            )


def _refuse_fixed(observed: Observed, desired: Desired, prefix: str) -> None:
    for item in FIELDS:
        wanted = desired.get(item.option)
        if item.create_only and wanted is not None and not same(item, item.read(observed.record), wanted):
            raise ParameterError(
                f'{prefix}{item.option}: VDI "{name_of(observed)}" has {_spelled(item.read(observed.record))}, '
                'and XenAPI can not change it',
                hint=f'Leave {item.option} out, or make another VDI.',
            )


def _spelled(value: Any) -> str:
    return str(value).lower()


def _again(observed: Observed, desired: Desired) -> Plan:
    """A copy that never came to its end is made anew."""
    gone, new = destroy(observed, desired), create(desired)
    return Plan(gone.steps + new.steps, gone.before, new.after)


def destroy(observed: Observed, _desired: Desired) -> Plan:
    users = observed.related['users']
    if users:
        raise ParameterError(
            f'state: VDI "{observed.record["name_label"]}" is in use by {", ".join(users)}',
            details=users,
            hint='Detach it first: xen_vbd with state: absent.',
        )
    step = destroy_step(observed.ref, observed.record['name_label'])
    return Plan(
        [step],
        before={key: value for key, value in to_result(observed).items() if key in ('uuid', 'name', 'size', 'sr')},
    )


def to_result(observed: Observed) -> dict:
    record, storage = observed.record, observed.related['SR'] or {}
    return {
        'uuid': record['uuid'],
        'name': record['name_label'],
        'description': record['name_description'],
        'size': int(record['virtual_size']),
        'used': int(record['physical_utilisation']),
        'sr': storage.get('name_label', ''),
        'sr_uuid': storage.get('uuid', ''),
        'type': record['type'],
        'sharable': record['sharable'],
        'read_only': record['read_only'],
        'attached': bool(observed.related['users']),
        'vms': observed.related['vms'],
        'location': record['location'],
        'tags': sorted(record['tags']),
        'other_config': dict(record['other_config']),
        'sm_config': dict(record['sm_config']),
        'xenstore_data': dict(record['xenstore_data']),
        'on_boot': record['on_boot'],
        'allow_caching': record['allow_caching'],
        'cbt': record.get('cbt_enabled', False),
        'external_id': record['other_config'].get(EXTERNAL_ID),
    }


VDI = Kind('vdi', 'VDI', FIELDS, locate, observe, create, update, destroy, to_result, BLANK)
