# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Image: a VDI filled from a file or URL, or written to a file."""

from __future__ import annotations

import hashlib
import os
from contextlib import ExitStack
from typing import Any, Optional

from .._errors import ParameterError
from .._images._detect import READY
from .._plan import Desired, Kind, Observed, Plan, Slot, Step
from .._refs import find
from .._transfer import Source, download, open_source, upload
from .._units import format_size, parse_size
from . import _vdi
from ._scope import IMPORTING, is_disk, is_unfinished, require_sr, require_vdi

FIELDS = tuple(field for field in _vdi.FIELDS if field.option in ('name', 'description', 'tags', 'other_config'))
SLOT = Slot('image', 'VDI')
CHECKSUM = 'xapi.xen:checksum'
"""other_config key with the digest of the image that a VDI was made from."""
BLANK = {'name': '', 'size': 0, 'checksum': None, 'complete': True, 'vdis': []}
"""What a check run shows of a new image of which nothing is said."""
THICK = ('lvm', 'lvmoiscsi', 'lvmohba')


def locate(run: Any, params: dict) -> tuple[Optional[str], Desired]:
    identity = params.get('vdi') or params['name']
    run.records.named('VDI', identity)
    run.records.load(whole=('SR', 'pool'))
    exported = params['state'] == 'exported'
    sr = require_sr(run, params.get('sr')) if params.get('sr') or not params.get('vdi') else None
    ref = find(
        run.records.of('VDI'),
        identity,
        'vdi' if params.get('vdi') else 'name',
        lambda record: is_disk(record) and sr in (None, record['SR']),
    )
    if ref is None and (exported or params.get('vdi')) and params['state'] != 'absent':
        require_vdi(run, identity, sr, 'vdi' if params.get('vdi') else 'name')  # an error, or predicted
    desired = Desired(
        {field.option: params.get(field.option) for field in FIELDS},
        absent=params['state'] == 'absent',
        scope={
            'sr': sr,
            'sr_record': run.records.get('SR', sr),
            'exported': exported,
            'dest': params.get('dest'),
            'force': params.get('force'),
            'timeout': params['api_timeout'],
        },
    )
    desired.values.update(
        src=params.get('src'), url=params.get('url'), checksum=_checksum(params), image_type=params['image_type']
    )
    if not exported and not desired.absent:
        with run.mode.clock.interruption.allowed():
            _measure(desired, params, run.records.get('VDI', ref))
    return ref, desired


def _checksum(params: dict) -> Optional[str]:
    text = params.get('checksum')
    algorithm, separator, digest = (text or '').partition(':')
    if text and (
        not separator or algorithm not in hashlib.algorithms_guaranteed or algorithm.startswith('shake') or not digest
    ):
        raise ParameterError(
            f'checksum: "{text}" is no checksum', hint='Write it as ALGORITHM:DIGEST, for example sha256:… .'
        )
    return text


def _measure(desired: Desired, params: dict, record: Optional[dict]) -> None:
    """Look at the source, unless its VDI is there already: size and format."""
    if record is not None and not is_unfinished(record):
        return
    if not (params.get('src') or params.get('url')):
        raise ParameterError(
            'src or url is required for an image that is not there yet',
            hint='Give the file or the address of the image.',
        )
    with open_source(params.get('src'), params.get('url'), params['api_timeout']) as source:
        _check_format(source, params)
        size = parse_size('size', params['size']) if params.get('size') is not None else source.size
        if source.size == 0:
            raise ParameterError(f'{_option(params)}: {source.name} is empty', hint='Give an image with data in it.')
        if size < source.size:
            raise ParameterError(
                f'size: the image has {format_size(source.size)} ({source.size} bytes), more than {format_size(size)}',
                hint='Leave size out, or make it at least as large as the image.',
            )
        desired.values.update(size=size + -size % 512, source_size=source.size)


def _option(params: dict) -> str:
    return 'src' if params.get('src') else 'url'


def _check_format(source: Source, params: dict) -> None:
    if params['image_type'] == 'auto' and source.format not in READY:
        raise ParameterError(
            f'{_option(params)}: {source.name} is a {source.format} image or archive, and only raw images can be imported',
            hint='Convert it first (qemu-img convert -O raw), or set image_type: raw to write the file to the disk as it is.',
        )


def observe(run: Any, ref: str) -> Observed:
    return _vdi.observe(run, ref)


def create(desired: Desired) -> Plan:
    if desired.scope['exported']:
        return Plan()  # a check run that predicts the VDI can not say more
    wanted = Desired(
        {**desired.values, 'other_config': {**(desired.get('other_config') or {}), IMPORTING: 'true'}},
        desired.scope,
    )
    plan = _vdi.create(wanted, SLOT)
    plan.after.pop('other_config', None)
    name = os.path.basename((desired.get('src') or desired.get('url')).rstrip('/'))
    about = f'write {name} ({format_size(desired.get("source_size"))})'
    plan.add(Step('PUT /import_raw_vdi', (SLOT,), about, perform=lambda run: _fill(run, desired)))
    plan.add(Step('VDI.remove_from_other_config', (SLOT, IMPORTING), 'mark the VDI as whole'))
    if desired.get('checksum'):
        plan.add(Step('VDI.add_to_other_config', (SLOT, CHECKSUM, desired.get('checksum')), 'note the checksum'))
    return plan.note('source', None, desired.get('src') or desired.get('url'))


def _fill(run: Any, desired: Desired) -> None:
    with ExitStack() as stack:
        with run.mode.clock.interruption.allowed():
            opened = open_source(desired.get('src'), desired.get('url'), desired.scope['timeout'])
            source = stack.enter_context(opened)
        if source.size != desired.get('source_size'):
            raise ParameterError(
                f'{source.name} changed while it was looked at', hint='Run again when nobody writes to it.'
            )
        upload(
            run.session,
            run.bindings[SLOT],
            source,
            reads_as_zeros(desired.scope['sr_record']),
            run.deadline('the import'),
            desired.get('checksum'),
        )


def reads_as_zeros(sr: dict) -> bool:
    """Whether a new VDI on the SR reads as zeros, so that zeros need not be sent (raw volumes of LVM and some arrays do not)."""
    if sr['type'] in THICK:
        return sr['sm_config'].get('use_vhd') == 'true'
    return sr['type'] != 'cslg' and not (sr['type'] == 'equal' and sr['sm_config'].get('allocation') == 'thick')


def update(observed: Observed, desired: Desired) -> Plan:
    if desired.scope['exported']:
        return _export(observed, desired)
    if is_unfinished(observed.record):
        plan = _vdi.destroy(observed, desired)
        again = create(desired)
        return Plan(plan.steps + again.steps, plan.before, again.after)
    known = observed.record['other_config'].get(CHECKSUM)
    if desired.get('checksum') and known and known != desired.get('checksum'):
        raise ParameterError(
            f'checksum: VDI "{observed.record["name_label"]}" was made from the image with {known}',
            hint='Remove it with state: absent, or give the new image another name.',
        )
    from_vdi = Desired({field.option: desired.get(field.option) for field in FIELDS}, desired.scope)
    return _vdi.update(observed, from_vdi)


def _export(observed: Observed, desired: Desired) -> Plan:
    dest, size = desired.scope['dest'], int(observed.record['virtual_size'])
    if is_unfinished(observed.record):
        raise ParameterError(
            f'vdi: the data of VDI "{observed.record["name_label"]}" never arrived whole',
            hint='Import the image again.',
        )
    if os.path.exists(dest) and not desired.scope['force']:
        return Plan()

    def perform(run: Any) -> None:
        download(run.session, run.resolve(observed.ref), size, dest, run.deadline('the export'))

    before = {'dest': dest, 'size': os.path.getsize(dest)} if os.path.exists(dest) else {}
    return Plan(
        [Step('GET /export_raw_vdi', (observed.ref,), f'write {dest} ({format_size(size)})', perform=perform)],
        before,
        {'dest': dest, 'size': size},
    )


def destroy(observed: Observed, desired: Desired) -> Plan:
    return _vdi.destroy(observed, desired)


def to_result(observed: Observed) -> dict:
    vdi = _vdi.to_result(observed)
    return {
        'name': vdi['name'],
        'size': vdi['size'],
        'checksum': observed.record['other_config'].get(CHECKSUM),
        'complete': not is_unfinished(observed.record),
        'vdis': [vdi],
    }


IMAGE = Kind('image', 'VDI', FIELDS, locate, observe, create, update, destroy, to_result, BLANK)
