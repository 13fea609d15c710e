# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which VM is meant, and what a new one is made from."""

from __future__ import annotations

from typing import Optional

from .._errors import AmbiguousError, ParameterError
from .._refs import Records, find, is_uuid, not_found, require
from ._scope import is_virtual_machine
from ._vm_fields import EXTERNAL_ID

EVERY_VM = 'field "is_a_template" = "false" and field "is_control_domain" = "false" and field "is_a_snapshot" = "false"'
SOURCES = ('template', 'source_vm', 'source_snapshot')


def read_candidates(records: Records, params: dict) -> None:
    """Read the VMs that the options may mean: one call, and one more when there is a source besides an ``external_id``."""
    identity = params.get('uuid') or (None if params.get('external_id') else params['name'])
    if identity is None:
        records.where('VM', EVERY_VM)  # a query can't look into other_config
    records.named('VM', identity, *(params.get(option) for option in SOURCES))


def find_vm(vms: dict[str, dict], params: dict) -> Optional[str]:
    """The VM by its uuid, else by its external_id, else by its name. Raises AmbiguousError, NotFoundError, ParameterError."""
    if params.get('uuid') or not params.get('external_id'):
        identity, what = (params['uuid'], 'uuid') if params.get('uuid') else (params['name'], 'name')
        ref = find(vms, identity, what, is_virtual_machine)
        if ref is None and what == 'uuid' and params['state'] != 'absent':
            raise not_found('uuid', identity)
        return ref
    ref = _by_external_id(vms, params['external_id'])
    if ref is None and not params.get('name') and params['state'] != 'absent':
        raise ParameterError(
            f'name is required: there is no VM with the external_id "{params["external_id"]}" yet', hint='Give name.'
        )
    return ref


def _by_external_id(vms: dict[str, dict], identity: str) -> Optional[str]:
    matches = [
        ref
        for ref, record in vms.items()
        if is_virtual_machine(record) and record['other_config'].get(EXTERNAL_ID) == identity
    ]
    if len(matches) > 1:
        raise AmbiguousError(
            f'external_id: {len(matches)} VMs have "{identity}"',
            details=sorted(f'{vms[ref]["uuid"]} ({vms[ref]["name_label"]})' for ref in matches),
            hint='Name one of them by its uuid.',
        )
    return matches[0] if matches else None


# -------------------------------------------------------------------------------------------- sources


def find_source(vms: dict[str, dict], params: dict) -> Optional[str]:
    """The template, VM or snapshot that a new VM is made from; None for a bare record. Raises NotFoundError, ParameterError."""
    if params.get('source_snapshot'):
        return _snapshot(vms, params)
    if params.get('source_vm'):
        ref = require(vms, params['source_vm'], 'source_vm', is_virtual_machine)
        if vms[ref]['power_state'] != 'Halted':
            raise ParameterError(
                f'source_vm: VM "{vms[ref]["name_label"]}" is {vms[ref]["power_state"].lower()}, and only a halted VM can be cloned',
                hint='Halt it, or take a snapshot and name it in source_snapshot.',
            )
        return ref
    return require(vms, params['template'], 'template', _is_template) if params.get('template') else None


def _is_template(record: dict) -> bool:
    return bool(record['is_a_template']) and not record['is_a_snapshot']


def _snapshot(vms: dict[str, dict], params: dict) -> str:
    """``source_vm`` narrows the search to the snapshots of that VM."""
    owner = params.get('source_vm')
    owners = [ref for ref, record in vms.items() if owner in (record['name_label'], record['uuid'])]
    if owner and is_uuid(owner):
        owners = [ref for ref, record in vms.items() if record['uuid'] == owner.lower()]

    def fits(record: dict) -> bool:
        return bool(record['is_a_snapshot']) and (not owner or record['snapshot_of'] in owners)

    return require(vms, params['source_snapshot'], 'source_snapshot', fits)
