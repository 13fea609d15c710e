# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans that bring an SR into the pool: made anew, or introduced with what it holds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .._errors import ApiError, ParameterError
from .._plan import Desired, Plan, Slot, Step
from ._sr_hosts import BUSY, Reach, Reaching, find_step, only_host, reach, visible

SLOT = Slot('sr', 'SR')
SHARED_TYPES = ('nfs', 'smb', 'lvmoiscsi', 'lvmohba', 'lvmofcoe', 'cephfs', 'glusterfs', 'moosefs', 'gfs2', 'linstor')
"""Storage that every host can reach: shared unless the user says otherwise."""


def arrive(desired: Desired) -> tuple[Plan, dict, Reaching]:
    """Steps that give the SR its record and its PBDs, the record as it is then, and how it is reached then."""
    kind = _driver(desired)
    shared = desired.get('shared', kind in SHARED_TYPES)
    record = {
        'name_label': desired.get('name'),
        'name_description': desired.get('description', ''),
        'type': kind,
        'content_type': desired.get('content_type', 'iso' if kind == 'iso' else 'user'),
        'shared': shared,
        'sm_config': {key: value for key, value in desired.get('sm_config', {}).items() if value is not None},
        'tags': [],
        'other_config': {},
    }
    if not record['name_label']:
        raise ParameterError('name: a new SR needs a name', hint='Set name.')
    plan, reaching = (_introduced if desired.scope['uuid'] else _created)(desired, record)
    return plan, record, reaching


def _driver(desired: Desired) -> str:
    kind, known = desired.get('type').lower(), desired.scope['drivers']
    if kind not in known:
        raise ParameterError(
            f'type: the pool has no storage manager for "{kind}"',
            details=known,
            hint=f'There are: {", ".join(known)}.',
        )
    return kind


def _introduced(desired: Desired, record: dict) -> tuple[Plan, Reaching]:
    uuid = desired.scope['uuid']
    arguments = tuple(record[key] for key in ('name_label', 'name_description', 'type', 'content_type', 'shared'))
    undo = Step('SR.forget', (SLOT,), 'forget it again', task=True)
    step = Step(
        'SR.introduce',
        (uuid, *arguments, record['sm_config']),
        f'introduce SR "{record["name_label"]}"',
        makes=SLOT,
        undo=undo,
    )
    reaching = reach(SLOT, desired, record['shared'], {}, {})
    if not reaching.now:
        raise ParameterError(
            'device_config: an SR is introduced with what says how to reach it', hint='Set device_config.'
        )
    return Plan([step]), reaching


def _created(desired: Desired, record: dict) -> tuple[Plan, Reaching]:
    listed = desired.get('hosts') or []
    master = desired.scope['master']
    shared = record['shared']
    host = master if shared else (listed[0]['ref'] if listed else only_host(desired))
    config = {**desired.get('device_config', {}), **_config_of(listed, host)}
    config = {key: value for key, value in config.items() if value is not None}
    arguments = tuple(record[key] for key in ('name_label', 'name_description', 'type', 'content_type', 'shared'))
    step = Step(
        'SR.create',
        (host, {**config, **desired.get('device_secrets', {})}, desired.get('physical_size', 0), *arguments)
        + (record['sm_config'],),
        f'create SR "{record["name_label"]}" ({record["type"]})',
        makes=SLOT,
        task=True,
        undo=Step('SR.destroy', (), 'remove it again', perform=_remove),
    )
    plan = Plan([step])
    made = _made(desired, [host, *desired.scope['host']] if shared else [host], config)
    reaching = reach(SLOT, desired, shared, made, {})
    changed = [ref for ref, item in made.items() if reaching.now[ref] != item]
    return plan.add(*(find_step(SLOT, made[ref]) for ref in changed)), reaching


def _config_of(listed: list[dict], host: str) -> dict:
    """What is said of this host alone; SR.create takes one device_config for all."""
    return next((item['device_config'] for item in listed if item['ref'] == host and item.get('device_config')), {})


def _made(desired: Desired, hosts: list[str], config: dict) -> dict[str, Reach]:
    """The PBDs that SR.create makes and plugs by itself."""
    found = {}
    for ref in hosts:
        name = desired.scope['host'][ref]['name_label']
        found[ref] = Reach(ref, name, Slot(f'made PBD of {name}', ''), visible(config), True)
    return found


def _remove(run: Any) -> None:
    """Take SR.create back. What a storage manager can't destroy is forgotten."""
    sr = run.resolve(SLOT)
    for pbd in run.session.call('SR.get_PBDs', sr):
        run.perform(Step('PBD.unplug', (pbd,), 'unplug it', task=True, retry=BUSY))
    step = Step('SR.destroy', (sr,), 'remove it again', task=True, retry=BUSY)
    try:
        run.perform(step)
    except ApiError as error:
        if error.code != 'SR_OPERATION_NOT_SUPPORTED':
            raise
        run.perform(replace(step, method='SR.forget'))
