# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SR: find, create, introduce, change, scan, forget and destroy."""

from __future__ import annotations

from typing import Any, Optional

from .._errors import NotFoundError, ParameterError
from .._fields import Field
from .._plan import Desired, Kind, Observed, Plan, Ref, Step, field_changes
from .._refs import not_found, require
from .._session import NULL_REF
from .._units import parse_size
from ._scope import pool_record
from ._sr_create import SLOT, arrive
from ._sr_find import find_sr
from ._sr_hosts import BUSY, SECRET, Reaching, present, reach, refuse_users, unplug_step
from ._sr_probe import probe
from ._sr_scan import scan_step

SHARED = Field('shared', 'shared', 'bool')
FIELDS = (
    Field('name', 'name_label'),
    Field('description', 'name_description'),
    SHARED,
    Field('tags', 'tags', 'set'),
    Field('other_config', 'other_config', 'map'),
    Field('sm_config', 'sm_config', 'map'),
)
LATER_FIELDS = tuple(field for field in FIELDS if field is not SHARED)
FIXED = ('type', 'content_type')
MAPS = ('other_config', 'sm_config', 'device_config', 'device_secrets')
BASE_PATH = '/var/run/sr-mount'
FILE_TYPES = ('ext', 'nfs', 'file', 'smb', 'xfs', 'zfs', 'largeblock', 'cephfs', 'glusterfs', 'moosefs')
WHOLE = ('SR', 'pool', 'PBD', 'host')
BLANK = {
    'name': '',
    'description': '',
    'type': '',
    'content_type': 'user',
    'shared': False,
    'default': False,
    'hosts': [],
    'tags': [],
    'other_config': {},
    'sm_config': {},
}
"""What a check run shows of a new SR of which nothing is said."""


# ---------------------------------------------------------------- reading


def locate(run: Any, params: dict) -> tuple[Optional[str], Desired]:
    """The SR that is meant, and what it shall be; for a probe, the host that looks."""
    run.records.load(whole=(*WHOLE, 'SM') if params.get('type') else WHOLE)
    desired = _desired(run, params)
    if params.get('probe'):
        _refuse_identity(params)
        hosts = desired.get('hosts')
        return hosts[0]['ref'] if hosts else desired.scope['master'], desired
    ref = _find(run, params, desired)
    if ref is None and not desired.absent and not params.get('type'):
        option = 'uuid' if params.get('uuid') else 'name'
        raise not_found(option, params[option], run.records.of('SR').values())
    return ref, desired


def _refuse_identity(params: dict) -> None:
    given = [option for option in ('name', 'uuid', 'match') if params.get(option) is not None]
    if given or params['state'] != 'present':
        raise ParameterError(
            f'probe: it looks behind a device and not at an SR, so {given[0] if given else "state"} has no meaning',
            hint='Leave it out.',
        )


def _find(run: Any, params: dict, desired: Desired) -> Optional[str]:
    hosts = desired.get('hosts')
    try:
        return find_sr(run, params, [item['ref'] for item in hosts] if hosts else None)
    except NotFoundError:
        if desired.absent:  # a rule that nothing fits: it is gone already
            return None
        raise


def _desired(run: Any, params: dict) -> Desired:
    pool, hosts = next(iter(run.records.of('pool'))), run.records.of('host')
    scope = {
        'pool': pool,
        'master': pool_record(run)['master'],
        'default': pool_record(run)['default_SR'],
        'host': dict(hosts),
        'uuid': params.get('uuid'),
        'drivers': sorted(record['type'] for record in run.records.of('SM').values()),
    }
    return Desired(values_of(run, params), scope, params['state'] != 'present')


def values_of(run: Any, params: dict) -> dict:
    """The options as Desired.values: maps as text, hosts resolved, sizes in bytes."""
    values = {option: params.get(option) for option in ('default', 'scan', 'plugged', 'state', *FIXED)}
    values.update((field.option, params.get(field.option)) for field in FIELDS)
    values.update((option, texts(option, params.get(option))) for option in MAPS)
    refuse_secrets('device_config', params.get('device_config'))
    if params.get('physical_size') is not None:
        values['physical_size'] = parse_size('physical_size', params['physical_size'])
    if params.get('hosts') is not None:
        values['hosts'] = [_host(run, number, item) for number, item in enumerate(params['hosts'])]
    return values


def _host(run: Any, number: int, item: dict) -> dict:
    option = f'hosts[{number}]'
    refuse_secrets(f'{option}.device_config', item.get('device_config'))
    return {
        'ref': require(run.records.of('host'), item['host'], f'{option}.host'),
        'plugged': item.get('plugged'),
        'device_config': texts(f'{option}.device_config', item.get('device_config')),
    }


def texts(option: str, values: Optional[dict]) -> Optional[dict]:
    """A map as XenAPI has it: numbers and truth values of YAML as text. A null value stays: it removes its key."""
    if values is None:
        return None
    for key, value in values.items():
        if isinstance(value, (dict, list)):
            raise ParameterError(f'{option}: the value of "{key}" is no text', hint='Give a text or a number.')
    return {str(key): _text(value) for key, value in values.items()}


def _text(value: Any) -> Optional[str]:
    if isinstance(value, bool):
        return 'true' if value else 'false'
    return None if value is None else str(value)


def refuse_secrets(option: str, config: Optional[dict]) -> None:
    secret = [key for key in config or {} if SECRET in str(key).lower()]
    if secret:
        raise ParameterError(
            f'{option}: {", ".join(secret)} would be logged', hint='Give it in device_secrets, which is not logged.'
        )


def observe(run: Any, ref: str) -> Observed:
    """The SR with its PBDs; before it is unplugged or removed, with its disks and the VMs that hold them."""
    if run.params.get('probe'):
        return Observed(ref, {}, {'probe': _probe(run, ref)})
    fresh = run.records.get('SR', ref) is None
    run.records.load(whole=WHOLE if fresh else ())
    record, pool = run.records.get('SR', ref), pool_record(run)
    related = {
        'PBD': {pbd: item for pbd, item in run.records.of('PBD').items() if item['SR'] == ref},
        'host': run.records.of('host'),
        'master': pool['master'],
        'default': pool['default_SR'] == ref,
        'users': {},
    }
    if not fresh and _may_unplug(run.params):
        related['disks'], related['users'] = _disks(run, record)
    return Observed(ref, record, related)


def _probe(run: Any, host: str) -> list[dict]:
    values = values_of(run, run.params)
    config = {**(values['device_config'] or {}), **(values['device_secrets'] or {})}
    return probe(run, host, values['type'].lower(), config, values['sm_config'] or {})


def _may_unplug(params: dict) -> bool:
    options = ('hosts', 'device_config', 'device_secrets')
    return (
        params['state'] != 'present'
        or params.get('plugged') is False
        or any(params.get(item) is not None for item in options)
    )


def _disks(run: Any, record: dict) -> tuple[list[str], dict[str, list[str]]]:
    """Names of the disks on the SR, and by host the VMs that hold some of them."""
    run.records.load(refs=[('VDI', vdi) for vdi in record['VDIs']])
    vdis = [item for item in (run.records.get('VDI', vdi) for vdi in record['VDIs']) if item]
    run.records.load(refs=[('VBD', vbd) for vdi in vdis for vbd in vdi['VBDs']])
    vbds = [item for item in (run.records.get('VBD', vbd) for vdi in vdis for vbd in vdi['VBDs']) if item]
    held = [vbd['VM'] for vbd in vbds if vbd['currently_attached']]
    run.records.load(refs=[('VM', vm) for vm in held])
    users: dict[str, list[str]] = {}
    for vm in filter(None, (run.records.get('VM', ref) for ref in held)):
        users.setdefault(vm['resident_on'], []).append(vm['name_label'])
    return [vdi['name_label'] for vdi in vdis if vdi['managed'] and vdi['type'] != 'rrd'], users


# ---------------------------------------------------------------- planning


def create(desired: Desired) -> Plan:
    plan, record, reaching = arrive(desired)
    plan.note('name', None, record['name_label'])
    for option in ('type', 'content_type', 'shared'):
        plan.note(option, None, record[option])
    for option, name in (('description', 'name_description'), ('sm_config', 'sm_config')):
        plan.note(option, None, record[name] or None)
    plan.note('hosts', None, reaching.shown())
    plan.add(*reaching.up)
    _extend(plan, field_changes(LATER_FIELDS, 'SR', Observed(SLOT, record), desired))
    plan.before.clear()
    _finish(plan, SLOT, desired, reaching, False)
    return plan


def update(observed: Observed, desired: Desired) -> Plan:
    plan = Plan()
    if 'probe' in observed.related:
        return plan
    _refuse_fixed(observed.record, desired)
    known = present(observed)
    shared = desired.get('shared', observed.record['shared'])
    _refuse_unsharing(observed, shared)
    reaching = reach(observed.ref, desired, shared, known, observed.related['users'])
    _extend(plan, field_changes((SHARED,), 'SR', observed, desired))
    plan.add(*reaching.up)
    changes = field_changes(LATER_FIELDS, 'SR', observed, desired)
    _refuse_unplugged(changes.after, reaching.plugged or any(item.plugged for item in known.values()))
    _extend(plan, changes)
    before = Reaching(now=known).shown()
    if before != reaching.shown():
        plan.note('hosts', before, reaching.shown())
    _finish(plan, observed.ref, desired, reaching, observed.related['default'])
    return plan


def _extend(plan: Plan, other: Plan) -> None:
    plan.add(*other.steps)
    plan.before.update(other.before)
    plan.after.update(other.after)


def _finish(plan: Plan, ref: Ref, desired: Desired, reaching: Reaching, is_default: bool) -> None:
    """What comes when the SR is reached; unplugging comes last of all."""
    wanted = desired.get('default', is_default)
    if wanted != is_default:
        plan.add(_default_step(desired, ref if wanted else NULL_REF)).note('default', is_default, wanted)
    if desired.get('scan'):
        if not reaching.plugged:
            raise ParameterError(
                'scan: the SR is not plugged on any host', hint='Set plugged: true, or leave scan out.'
            )
        plan.add(scan_step(ref))
    plan.add(*reaching.down)


def _default_step(desired: Desired, ref: Ref) -> Step:
    method, pool, old = 'pool.set_default_SR', desired.scope['pool'], desired.scope['default']
    about = 'leave the pool without a default SR' if ref == NULL_REF else 'make it the default SR of the pool'
    return Step(method, (pool, ref), about, undo=Step(method, (pool, old), 'put back the default SR'))


def _refuse_fixed(record: dict, desired: Desired) -> None:
    for option in FIXED:
        wanted = desired.get(option)
        if wanted is not None and wanted.lower() != record[option].lower():
            raise ParameterError(
                f'{option}: the SR has {option} "{record[option]}", which can not become "{wanted}"',
                hint=f'Leave {option} out, or make another SR.',
            )


def _refuse_unsharing(observed: Observed, shared: bool) -> None:
    count = len(observed.related['PBD'])
    if observed.record['shared'] and not shared and count > 1:
        raise ParameterError(
            f'shared: {count} hosts know the SR, so it can not be taken from them',
            hint='Leave shared out, or forget the SR and introduce it on one host.',
        )


def _refuse_unplugged(after: dict, reached: bool) -> None:
    for option in ('name', 'description'):
        if option in after and not reached:
            raise ParameterError(
                f'{option}: XenAPI changes it only while the SR is plugged on a host', hint='Set plugged: true as well.'
            )


def destroy(observed: Observed, desired: Desired) -> Plan:
    """Forget the SR, or destroy it when it is empty."""
    record, known = observed.record, present(observed)
    method = 'SR.forget' if desired.get('state') == 'forgotten' else 'SR.destroy'
    if method == 'SR.destroy':
        _refuse_destroying(observed)
    plan = Plan(before={key: value for key, value in to_result(observed).items() if key in ('uuid', 'name', 'type')})
    for item in known.values():
        refuse_users(item, observed.related['users'], 'state')
    if observed.related['default']:
        plan.add(_default_step(desired, NULL_REF))
    plan.add(*(unplug_step(item) for item in reversed(list(known.values())) if item.plugged))
    verb = 'forget' if method == 'SR.forget' else 'destroy'
    return plan.add(Step(method, (observed.ref,), f'{verb} SR "{record["name_label"]}"', task=True, retry=BUSY))


def _refuse_destroying(observed: Observed) -> None:
    disks, name = observed.related['disks'], observed.record['name_label']
    if disks:
        raise ParameterError(
            f'state: SR "{name}" holds {len(disks)} disks',
            details=sorted(disks)[:10],
            hint='Remove them first, or use state: forgotten, which keeps them.',
        )
    if not observed.related['PBD']:
        raise ParameterError(
            f'state: no host knows how to reach SR "{name}", so it can not be destroyed',
            hint='Use state: forgotten, or say how it is reached in device_config first.',
        )


# ---------------------------------------------------------------- result


def free_space(record: dict) -> Optional[int]:
    """Bytes that are not used, None when the SR does not say how large it is."""
    size = int(record['physical_size'])
    return size - int(record['physical_utilisation']) if size > 0 else None


def sr_path(record: dict, pbds: list[dict]) -> Optional[str]:
    """The folder of the SR in dom0: PBD.device_config path first, else base path and uuid, for file-based types only."""
    for pbd in pbds:
        if pbd['device_config'].get('path'):
            return pbd['device_config']['path']
    return f'{BASE_PATH}/{record["uuid"]}' if record['type'] in FILE_TYPES else None


def to_result(observed: Observed) -> dict:
    if 'probe' in observed.related:
        return {'probe': observed.related['probe']}
    record, pbds = observed.record, list(observed.related['PBD'].values())
    return {
        'uuid': record['uuid'],
        'name': record['name_label'],
        'description': record['name_description'],
        'type': record['type'],
        'content_type': record['content_type'],
        'shared': record['shared'],
        'default': observed.related['default'],
        'size': int(record['physical_size']),
        'used': int(record['physical_utilisation']),
        'free': free_space(record),
        'path': sr_path(record, pbds),
        'hosts': Reaching(now=present(observed)).shown(),
        'tags': sorted(record['tags']),
        'other_config': dict(record['other_config']),
        'sm_config': dict(record['sm_config']),
    }


SR = Kind('sr', 'SR', FIELDS, locate, observe, create, update, destroy, to_result, BLANK)
