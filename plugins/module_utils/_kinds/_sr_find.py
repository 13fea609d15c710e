# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which SR is meant: by uuid, by name or by a rule."""

from __future__ import annotations

from typing import Any, Optional

from .._errors import AmbiguousError, NotFoundError, ParameterError
from .._refs import Filter, find
from ._scope import pool_record


def find_sr(run: Any, params: dict, hosts: Optional[list[str]] = None) -> Optional[str]:
    """The SR that the options name, None when there is none; the classes SR, PBD and pool must have been loaded.

    With ``hosts``, an SR that is not shared is only meant when one of them knows it: each host of a pool has its "Local storage".
    """
    near = _known_to(run, hosts)
    if params.get('match'):
        return match_sr(run, params['match'], near)
    option = 'uuid' if params.get('uuid') else 'name'
    identity = params.get(option)
    if not identity:
        raise ParameterError(f'{option}: an SR has to be named', hint='Set name, uuid or match.')
    return find(run.records.of('SR'), identity, option, near if option == 'name' else None)


def _known_to(run: Any, hosts: Optional[list[str]]) -> Filter:
    known = {pbd['SR'] for pbd in run.records.of('PBD').values() if hosts is None or pbd['host'] in hosts}
    uuids = {record['uuid'] for ref, record in run.records.of('SR').items() if ref in known}
    return lambda record: hosts is None or record['shared'] or record['uuid'] in uuids


def match_sr(run: Any, rule: str, near: Filter) -> str:
    """The SR that fits a rule: default-sr:true, other-config:KEY=VALUE, local or iso. Raises NotFoundError, AmbiguousError."""
    if rule == 'default-sr:true':
        return _default_sr(run)
    fits = _rule(rule)
    matches = {ref: record for ref, record in run.records.of('SR').items() if fits(record) and near(record)}
    if not matches:
        raise NotFoundError(f'match: no SR fits "{rule}"')
    if len(matches) > 1:
        raise AmbiguousError(
            f'match: {len(matches)} SRs fit "{rule}"',
            hint='Name one of them by its uuid.',
            details=sorted(f'{record["uuid"]} ({record["name_label"]})' for record in matches.values()),
        )
    return next(iter(matches))


def _default_sr(run: Any) -> str:
    """A pool may still name an SR as its default that has been forgotten since."""
    ref = pool_record(run)['default_SR']
    if run.records.get('SR', ref) is None:
        raise NotFoundError('match: the pool has no default SR', hint='Name the SR, or set the default SR of the pool.')
    return ref


def _rule(rule: str) -> Filter:
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
