# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the hosts reach an SR: its PBDs, plugged or not, with their device_config."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Optional

from .._errors import ParameterError
from .._plan import Desired, Observed, Ref, Retry, Slot, Step

BUSY = Retry(codes=('OTHER_OPERATION_IN_PROGRESS',), count=10, delay=1.0)
SECRET = 'password'
"""Keys with this in their name are not told: the host keeps such values as secrets."""


@dataclass(frozen=True)
class Reach:
    """How one host is to reach the SR, or reaches it: ``ref`` is its PBD. None for what nobody asked for."""

    host: str
    name: str
    ref: Optional[Ref] = None
    config: Optional[dict] = None
    plugged: Optional[bool] = None

    def shown(self) -> dict:
        """The host as the result shows it."""
        return {'host': self.name, 'plugged': bool(self.plugged), 'device_config': visible(self.config or {})}


@dataclass
class Reaching:
    """The steps that lead to the wanted PBDs: those that make the SR usable, and those that take it away; and what is then."""

    up: list[Step] = field(default_factory=list)
    down: list[Step] = field(default_factory=list)
    now: dict[str, Reach] = field(default_factory=dict)

    def shown(self) -> list[dict]:
        return sorted((reach.shown() for reach in self.now.values()), key=lambda item: item['host'])

    @property
    def plugged(self) -> bool:
        return any(reach.plugged for reach in self.now.values())


def visible(config: dict) -> dict:
    return {key: value for key, value in config.items() if SECRET not in key.lower()}


def present(observed: Observed) -> dict[str, Reach]:
    """The PBDs of an SR that is there, by host, the coordinator's first: it has to be plugged before the others."""
    hosts, master = observed.related['host'], observed.related['master']
    found = [
        Reach(
            pbd['host'],
            hosts.get(pbd['host'], {}).get('name_label', ''),
            ref,
            dict(pbd['device_config']),
            bool(pbd['currently_attached']),
        )
        for ref, pbd in observed.related['PBD'].items()
    ]
    return {reach.host: reach for reach in sorted(found, key=lambda reach: (reach.host != master, reach.name))}


# ---------------------------------------------------------------- what is wanted


def wanted(desired: Desired, shared: bool, known: dict[str, Reach]) -> list[Reach]:
    """One Reach for every host that the options speak of, the coordinator's first.

    Without ``hosts`` these are all hosts for a shared SR, else those that know it. Options that say how to reach an SR also mean
    that it shall be reached: a run that ended half way is repaired by the next one.
    """
    told = desired.get('device_config') is not None
    usable = desired.get('plugged', True if told else None)
    reaches = []
    for item in desired.get('hosts') or _all(desired, shared, known, told):
        config = {**desired.get('device_config', {}), **(item.get('device_config') or {})}
        own = told or item.get('device_config') is not None
        use = item['plugged'] if item.get('plugged') is not None else (usable if usable is not None else own or None)
        reaches.append(Reach(item['ref'], _host(desired, item['ref']), None, config if own else None, use))
    return sorted(reaches, key=lambda reach: (reach.host != desired.scope['master'], reach.name))


def _all(desired: Desired, shared: bool, known: dict[str, Reach], told: bool) -> list[dict]:
    if shared and told:
        return [{'ref': ref} for ref in desired.scope['host']]
    if known or not told:
        return [{'ref': ref} for ref in known]
    return [{'ref': only_host(desired)}]


def only_host(desired: Desired) -> str:
    """The host of an SR that is not shared and for which no host was named."""
    hosts = desired.scope['host']
    if len(hosts) > 1:
        names = sorted(record['name_label'] for record in hosts.values())
        raise ParameterError(
            'hosts: an SR that is not shared belongs to one host, and none is named',
            details=names,
            hint=f'Name one of {", ".join(names)}, or set shared: true.',
        )
    return next(iter(hosts))


def _host(desired: Desired, ref: str) -> str:
    return desired.scope['host'][ref]['name_label']


# ---------------------------------------------------------------- from one to the other


def reach(sr: Ref, desired: Desired, shared: bool, known: dict[str, Reach], users: dict[str, list[str]]) -> Reaching:
    """The steps from the PBDs that are there to those that are wanted. ``users``: the VMs on a host that hold disks of the SR."""
    plan = Reaching(now=dict(known))
    for item in wanted(desired, shared, known):
        current = known.get(item.host)
        if current is None:
            _add(plan, sr, item, desired, shared, known)
        else:
            _change(plan, sr, current, item, desired, users)
    _refuse_several(plan, shared)
    return plan


def _add(plan: Reaching, sr: Ref, item: Reach, desired: Desired, shared: bool, known: dict[str, Reach]) -> None:
    config = item.config
    if config is None:
        config = next((reach.config for reach in known.values() if shared), None)
    if config is None:
        raise ParameterError(
            f'device_config: host "{item.name}" does not know the SR yet',
            hint='Say how the host reaches it, in device_config.',
        )
    slot = Slot(f'PBD of {item.name}', 'PBD')
    plan.up.append(create_step(sr, item, {**_clean(config), **desired.get('device_secrets', {})}, slot))
    made = replace(item, ref=slot, config=_clean(config), plugged=item.plugged is not False)
    if made.plugged:
        plan.up.append(plug_step(made))
    plan.now[item.host] = made


def _change(
    plan: Reaching, sr: Ref, current: Reach, item: Reach, desired: Desired, users: dict[str, list[str]]
) -> None:
    now = replace(current, plugged=current.plugged if item.plugged is None else item.plugged)
    if item.config is not None and _differs(current.config or {}, item.config):
        now = replace(
            now, ref=Slot(f'PBD of {item.name}', 'PBD'), config=_clean({**(current.config or {}), **item.config})
        )
        _renew(plan, sr, current, now, desired, users)
        if now.plugged:
            plan.up.append(plug_step(now))
    elif now.plugged and not current.plugged:
        plan.up.append(plug_step(now))
    elif current.plugged and not now.plugged:
        refuse_users(current, users, 'plugged')
        plan.down.insert(0, unplug_step(current))
    plan.now[item.host] = now


def _renew(plan: Reaching, sr: Ref, current: Reach, now: Reach, desired: Desired, users: dict[str, list[str]]) -> None:
    """XenAPI can't change the device_config of a PBD: it is made anew."""
    secrets = desired.get('device_secrets', {})
    lost = {key.replace('_secret', '') for key in current.config or {} if SECRET in key.lower()} - set(secrets)
    if lost:
        raise ParameterError(
            f'device_secrets: {", ".join(sorted(lost))} must be given again when device_config changes',
            details=sorted(lost),
            hint='The host does not tell it.',
        )
    refuse_users(current, users, 'device_config')
    if current.plugged:
        plan.up.append(unplug_step(current))
    plan.up.append(_destroy_step(sr, current))
    plan.up.append(create_step(sr, now, {**visible(now.config or {}), **secrets}, now.ref))


def _differs(current: dict, wished: dict) -> bool:
    return any(current.get(key) != value for key, value in wished.items())


def _clean(config: dict) -> dict:
    return {key: value for key, value in config.items() if value is not None}


def _refuse_several(plan: Reaching, shared: bool) -> None:
    names = [reach.name for reach in plan.now.values() if reach.plugged]
    if not shared and len(names) > 1:
        raise ParameterError(
            f'hosts: an SR that is not shared can not be plugged on {len(names)} hosts',
            details=sorted(names),
            hint='Set shared: true, or name one host.',
        )


def refuse_users(current: Reach, users: dict[str, list[str]], option: str) -> None:
    """Raise ParameterError when VMs on the host hold disks of the SR: it can't be unplugged there."""
    names = sorted(set(users.get(current.host, ())))
    if current.plugged and names:
        raise ParameterError(
            f'{option}: VMs on host "{current.name}" use disks of the SR: {", ".join(names)}',
            details=names,
            hint='Shut them down or detach the disks first.',
        )


# ---------------------------------------------------------------- steps


def create_step(sr: Ref, item: Reach, config: dict, slot: Any) -> Step:
    record = {'host': item.host, 'SR': sr, 'device_config': config, 'other_config': {}}
    return Step(
        'PBD.create',
        (record,),
        f'tell host "{item.name}" how to reach the SR',
        makes=slot,
        undo=Step('PBD.destroy', (slot,), f'let host "{item.name}" forget it again'),
    )


def plug_step(item: Reach) -> Step:
    undo = Step('PBD.unplug', (item.ref,), f'unplug it from host "{item.name}" again', task=True, retry=BUSY)
    return Step('PBD.plug', (item.ref,), f'plug the SR on host "{item.name}"', task=True, retry=BUSY, undo=undo)


def unplug_step(item: Reach) -> Step:
    # When the PBD was made anew, the undo of that has plugged it already.
    again = Retry(codes=BUSY.codes, done=('HANDLE_INVALID',), count=BUSY.count, delay=BUSY.delay)
    undo = Step('PBD.plug', (item.ref,), f'plug it on host "{item.name}" again', task=True, retry=again)
    return Step('PBD.unplug', (item.ref,), f'unplug the SR from host "{item.name}"', task=True, retry=BUSY, undo=undo)


def _destroy_step(sr: Ref, item: Reach) -> Step:
    def restore(run: Any) -> None:
        record = {'host': item.host, 'SR': sr, 'device_config': item.config, 'other_config': {}}
        ref = run.session.call('PBD.create', record)
        if item.plugged:
            run.perform(plug_step(replace(item, ref=ref)))

    undo = Step('PBD.create', (), f'tell host "{item.name}" as it was', perform=restore)
    return Step('PBD.destroy', (item.ref,), f'let host "{item.name}" forget how it reached the SR', undo=undo)


def find_step(sr: Ref, item: Reach) -> Step:
    """Learn the PBD that SR.create made on a host."""

    def look(run: Any) -> str:
        found = run.session.call(
            'PBD.get_all_records_where', f'field "SR" = "{run.resolve(sr)}" and field "host" = "{item.host}"'
        )
        return next(iter(found))

    return Step(
        'PBD.get_all_records_where',
        (),
        f'find the PBD of host "{item.name}"',
        makes=item.ref if isinstance(item.ref, Slot) else None,
        perform=look,
        changes=False,
    )
