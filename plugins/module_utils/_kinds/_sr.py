# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SR: find one by uuid, name or rule, and scan it."""

from __future__ import annotations

from typing import Any, Callable, Optional

from .._errors import AmbiguousError, NotFoundError, ParameterError
from .._fields import Field
from .._plan import Desired, Kind, Observed, Plan, Retry, Step, field_changes
from .._refs import is_null, require
from ._scope import pool_record

FIELDS = (
    Field('description', 'name_description'),
    Field('tags', 'tags', 'set'),
    Field('other_config', 'other_config', 'map'),
)
SCAN_RETRY = Retry(codes=('SR_BACKEND_FAILURE_40',), count=3, delay=2.0, factor=2.0)
"""A scan fails while a VHD is in flux: four attempts, with 2, 4 and 8 seconds between them."""
BASE_PATH = '/var/run/sr-mount'
FILE_TYPES = ('ext', 'nfs', 'file', 'smb', 'xfs', 'zfs', 'largeblock', 'cephfs', 'glusterfs', 'moosefs')


def locate(run: Any, params: dict) -> tuple[Optional[str], Desired]:
    run.records.load(whole=('SR', 'pool', 'PBD', 'host'))
    values = {field.option: params.get(field.option) for field in FIELDS}
    values['scan'] = params.get('scan')
    return _find(run, params), Desired(values)


def _find(run: Any, params: dict) -> str:
    if params.get('match'):
        return match_sr(run, params['match'])
    return require(run.records.of('SR'), params.get('uuid') or params['name'], 'uuid' if params.get('uuid') else 'name')


def match_sr(run: Any, rule: str) -> str:
    """The SR that fits a rule: default-sr:true, other-config:KEY=VALUE, local or iso. Raises NotFoundError, AmbiguousError."""
    if rule == 'default-sr:true':
        ref = pool_record(run)['default_SR']
        if is_null(ref):
            raise NotFoundError(
                'match: the pool has no default SR', hint='Name the SR, or set the default SR of the pool.'
            )
        return ref
    fits = _rule(rule)
    matches = [ref for ref, record in run.records.of('SR').items() if fits(record)]
    if not matches:
        raise NotFoundError(f'match: no SR fits "{rule}"')
    if len(matches) > 1:
        raise AmbiguousError(
            f'match: {len(matches)} SRs fit "{rule}"',
            hint='Name one of them by its uuid.',
            details=sorted(
                f'{run.records.get("SR", ref)["uuid"]} ({run.records.get("SR", ref)["name_label"]})' for ref in matches
            ),
        )
    return matches[0]


def _rule(rule: str) -> Callable[[dict], bool]:
    key, separator, value = rule.partition(':')[2].partition('=')
    if rule.startswith('other-config:') and separator and key:
        return lambda record: record['other_config'].get(key) == value
    if rule == 'local':
        return lambda record: not record['shared'] and record['content_type'] != 'iso' and record['type'] != 'udev'
    if rule == 'iso':
        return lambda record: record['content_type'] == 'iso' and record['type'] == 'iso'
    raise ParameterError(
        f'match: "{rule}" is no rule', hint='Use default-sr:true, other-config:KEY=VALUE, local or iso.'
    )


def observe(run: Any, ref: str) -> Observed:
    run.records.load(whole=('SR', 'pool', 'PBD', 'host') if run.records.get('SR', ref) is None else ())
    record = run.records.get('SR', ref)
    pbds = [pbd for pbd in run.records.of('PBD').values() if pbd['SR'] == ref]
    return Observed(
        ref, record, {'PBD': pbds, 'host': run.records.of('host'), 'default': pool_record(run)['default_SR'] == ref}
    )


def update(observed: Observed, desired: Desired) -> Plan:
    changes = field_changes(FIELDS, 'SR', observed, desired)
    if desired.get('scan'):
        changes.add(Step('SR.scan', (observed.ref,), 'scan the SR', task=True, retry=SCAN_RETRY, changes=False))
    return changes


def create(_desired: Desired) -> Plan:
    raise ParameterError(
        'state: an SR can not be created by this version',
        hint='Create it with xe sr-create and find it by name, uuid or match.',
    )


def destroy(_observed: Observed, _desired: Desired) -> Plan:
    raise ParameterError('state: an SR can not be removed by this version', hint='Use xe sr-forget or xe sr-destroy.')


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
    record, hosts = observed.record, observed.related['host']
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
        'path': sr_path(record, observed.related['PBD']),
        'hosts': [
            {'host': hosts.get(pbd['host'], {}).get('name_label', ''), 'plugged': pbd['currently_attached']}
            for pbd in observed.related['PBD']
        ],
        'tags': sorted(record['tags']),
        'other_config': dict(record['other_config']),
    }


SR = Kind('sr', 'SR', FIELDS, locate, observe, create, update, destroy, to_result)
