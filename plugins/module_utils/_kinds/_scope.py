# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects that the options of several modules name: VMs, VDIs, SRs, networks, templates."""

from __future__ import annotations

from typing import Any, Optional

from .._errors import AmbiguousError, NotFoundError, ParameterError
from .._plan import Ref, Retry
from .._refs import find, is_null, is_uuid, not_found, require

RELEASE_RETRY = Retry(codes=('VDI_IN_USE',), count=12, delay=1.0)
"""After a transfer the host keeps the disk plugged into its control domain for some seconds."""
IMPORTING = 'xapi.xen:importing'
"""other_config key of a VDI whose data have not arrived whole: it must never be taken for a disk."""


def is_virtual_machine(record: dict) -> bool:
    """Whether a VM record is a VM in the everyday sense: no template, no snapshot, not the control domain."""
    return not (record['is_a_template'] or record['is_a_snapshot'] or record['is_control_domain'])


def is_disk(record: dict) -> bool:
    """Whether a VDI record is a disk that people use: no snapshot, and not a hidden part of a chain."""
    return bool(record['managed']) and not record['is_a_snapshot']


def is_unfinished(record: dict) -> bool:
    """Whether an import into this VDI never came to its end."""
    return IMPORTING in record['other_config']


def refuse_unfinished(record: Optional[dict], option: str) -> None:
    """Raise ParameterError for a VDI that is only a part of an image: nobody shall boot from it."""
    if record and is_unfinished(record):
        raise ParameterError(
            f'{option}: the import of an image into VDI "{record["name_label"]}" never came to its end',
            hint='Run xen_image again: it makes the VDI anew. Or remove it with state: absent.',
        )


def require_vm(run: Any, identity: str, option: str = 'vm') -> Ref:
    """The VM with that uuid or name, read with its record; in check mode a stand-in for one that would exist by then."""
    run.records.named('VM', identity)
    ref = find(run.records.of('VM'), identity, option, is_virtual_machine)
    if ref is None and not is_uuid(identity):
        ref = run.predict('VM', identity, option)
    if ref is None:
        raise not_found(option, identity)
    return ref


def pool_record(run: Any) -> dict:
    """The record of the one pool; the class pool must have been loaded."""
    return next(iter(run.records.of('pool').values()))


def require_sr(run: Any, identity: Optional[str], option: str = 'sr') -> str:
    """The SR with that uuid or name, or the default SR of the pool for None; the classes SR and pool must have been loaded."""
    if identity:
        return require(run.records.of('SR'), identity, option)
    ref = pool_record(run)['default_SR']
    if is_null(ref) or run.records.get('SR', ref) is None:
        raise NotFoundError(
            f'{option}: the pool has no default SR', hint=f'Set {option} to the name or the uuid of an SR.'
        )
    return ref


def require_vdi(run: Any, identity: str, sr: Optional[str], option: str = 'vdi') -> Ref:
    """The VDI with that uuid or name (within the SR, a reference, if given); the candidates must have been read.

    In check mode, a stand-in for one that would exist by then.
    """
    ref = find(
        run.records.of('VDI'), identity, option, lambda record: is_disk(record) and (sr is None or record['SR'] == sr)
    )
    if ref is None and not is_uuid(identity):
        ref = run.predict('VDI', identity, option)
    if ref is None:
        raise not_found(option, identity)
    refuse_unfinished(run.records.get('VDI', ref) if isinstance(ref, str) else None, option)
    return ref


def require_network(run: Any, identity: str, option: str = 'network') -> str:
    """The network with that uuid, name or bridge; the class network must have been loaded."""
    networks = run.records.of('network')
    by_name = find(networks, identity, option)
    found = {ref for ref, record in networks.items() if record['bridge'] == identity} | ({by_name} - {None})
    if len(found) > 1:
        raise AmbiguousError(
            f'{option}: {len(found)} networks have the name or the bridge "{identity}"',
            details=sorted(f'{networks[ref]["uuid"]} ({networks[ref]["name_label"]})' for ref in found),
            hint='Name one of them by its uuid.',
        )
    return next(iter(found), None) or require(networks, identity, option)


def device_number(option: str, value: Any) -> str:
    """A device number as XenAPI writes it; raises ParameterError."""
    text = str(value).strip()
    if not text.isdigit() or int(text) > 254:
        raise ParameterError(f'{option}: "{value}" is no device number', hint='Use a number: 0 is the first device.')
    return str(int(text))


def first_free(taken: set[str], reserved: tuple[str, ...] = ()) -> str:
    """The lowest device number that is neither taken nor reserved."""
    number = 0
    while str(number) in taken or str(number) in reserved:
        number += 1
    return str(number)
