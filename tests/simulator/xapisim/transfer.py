# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disk data over HTTP: PUT /import_raw_vdi and GET /export_raw_vdi.

A host answers 200 before it reads or sends a byte: whether a transfer went well is told by its task alone.
"""

from __future__ import annotations

import contextlib
import sys
import time
import traceback
import urllib.parse

from xapisim import transfer_streams as streams
from xapisim.behaviours import vbd as vbds
from xapisim.behaviours import vdi as vdis
from xapisim.context import Call
from xapisim.datamodel.types import NULL
from xapisim.errors import XapiError, internal_error
from xapisim.lifecycle_storage import plugged_pbds
from xapisim.routes import route, session_of
from xapisim.storage_manager import count_disk, count_space, uuid_of

FORMATS = {'raw': 'application/octet-stream', 'vhd': 'application/vhd', 'tar': 'application/x-tar',
           'qcow2': 'application/x-qemu-disk'}
# Seconds for which a refused client may go on sending.
PATIENCE = 1.0
NOT_INTO_SR = {'vhd': 'VHD', 'qcow2': 'QCOW2'}


class Refused(Exception):
    """The request ends with this status; its task fails with the error, if it has one."""

    def __init__(self, status, error=None, headers=()):
        super().__init__(status)
        self.status, self.error, self.headers = status, error, list(headers)


class Transfer:
    """One request about the data of a disk."""

    def __init__(self, request, label, permission):
        self.request, self.sim, self.label = request, request.sim, label
        cookies = request.headers.get('cookie', '').split(';')
        given = dict(part.strip().partition('=')[::2] for part in cookies if '=' in part)
        self.params = {**{key: urllib.parse.unquote(value) for key, value in given.items()}, **request.query}
        self.task = self.params.get('task_id')
        self._own_task = False
        self.session = session_of(request)
        self._authorize('http/' + permission)

    def _authorize(self, permission):
        if self.session is None:
            raise Refused(401)
        with self.sim.lock:
            try:
                self.sim.rbac.check(self.session, permission)
            except XapiError as error:
                raise Refused(403, error) from error

    # ------------------------------------------------------------ what it is about

    def vdi(self, name='vdi'):
        """The VDI that a parameter names by reference or uuid, or None without it."""
        named = self.params.get(name)
        if named is None or self.sim.db.exists('VDI', named):
            return named
        return self.sim.db.by_uuid('VDI', named)

    def sr(self):
        if 'sr_id' in self.params:
            return self.params['sr_id']
        return self.sim.db.by_uuid('SR', self.params['sr_uuid']) if 'sr_uuid' in self.params else None

    def format(self):
        name = self.params.get('format', 'raw')
        if name.lower() not in FORMATS:
            raise Refused(404, internal_error('Unknown format ' + name))
        return name.lower()

    def require_sr_here(self, sr):
        """Another host's disk is to be had from that host."""
        self.sim.db.require('SR', sr)
        hosts = [self.sim.db.get('PBD', pbd, 'host') for pbd in plugged_pbds(self.sim, sr)]
        if self.request.host in hosts:
            return
        if not hosts:
            raise XapiError('NO_HOSTS_AVAILABLE')
        query = urllib.parse.urlencode(self.request.query)
        location = '%s%s?%s' % (self.sim.listeners[hosts[0]].url, self.request.path, query)
        raise Refused(302, headers=[('location', location)])

    # ------------------------------------------------------------ its task

    def call(self):
        """The call as which the host works on it; from here on there is a task, the client's or one of its own."""
        if not self.sim.db.exists('task', self.task or NULL):
            self.task, self._own_task = self.sim.tasks.create(self.label, session=self.session, host=self.request.host), True
        return Call(self.sim, self.request.host, self.label, self.session, self.task)

    def succeed(self, result=None):
        with self.sim.lock:
            self.sim.tasks.succeed(self.task, result)

    def fail(self, error):
        with self.sim.lock:
            if self.sim.db.exists('task', self.task or NULL):
                self.sim.tasks.fail(self.task, error)

    def finish(self):
        """What was made for this request alone goes with it."""
        with self.sim.lock:
            if self._own_task and self.sim.db.exists('task', self.task):
                self.sim.db.destroy('task', self.task)
            if 'session_id' not in self.params:
                self.sim.sessions.close(self.session)


def _serve(request, label, permission, body):
    """Run one transfer; whatever goes wrong before the answer has a status, whatever later only the task tells."""
    transfer = None
    try:
        transfer = Transfer(request, label, permission)
        body(transfer)
    except Refused as refusal:
        _refuse(request, refusal)
        _tell(request, transfer, refusal.error)
    except (XapiError, streams.Broken) as problem:
        error = problem if isinstance(problem, XapiError) else XapiError('VDI_IO_ERROR', 'Device I/O errors')
        _tell(request, transfer, error)
        if not request.answered:
            request.refuse(500, ' '.join(error.description))
    except Exception as problem:   # a fault of the simulator must not leave a task that never ends
        traceback.print_exc(file=sys.stderr)
        _tell(request, transfer, internal_error(str(problem)))
        if not request.answered:
            request.refuse(500)
    finally:
        request.keep_alive = False
        if transfer:
            transfer.finish()


def _refuse(request, refusal):
    if refusal.status in (401, 403):
        request.refuse(refusal.status)
    else:
        request.keep_alive = False
        request.respond(refusal.status, headers=refusal.headers)
    _let_the_client_finish(request)


def _let_the_client_finish(request):
    """A client in the middle of its data would lose the answer with the connection: what it sends is thrown away for a moment."""
    deadline = time.monotonic() + PATIENCE
    request.flush()
    request.connection.request.settimeout(PATIENCE)
    with contextlib.suppress(OSError):
        while time.monotonic() < deadline and request.read(1 << 20):
            pass


def _tell(request, transfer, error):
    """The task of a client learns of a failure even when the request did not come far."""
    if transfer:
        if error:
            transfer.fail(error)
        return
    task = request.query.get('task_id', NULL)
    with request.sim.lock:
        if error and request.sim.db.exists('task', task):
            request.sim.tasks.fail(task, error)


# ---------------------------------------------------------------- import

@route('PUT', '/import_raw_vdi')
def import_raw_vdi(request):
    _serve(request, 'Importing raw VDI', 'put_import_raw_vdi', _import)


def _import(transfer):
    request, sim = transfer.request, transfer.sim
    with sim.lock:
        vdi = _import_target(transfer)
        _check_import(transfer, vdi)
        call = transfer.call()
        vdi = vdi or _make_target(call, transfer)
    request.start(200, [('task-id', transfer.task), ('content-type', 'application/octet-stream')])
    request.flush()
    with attached(call, vdi, 'RW') as disk:
        if 'chunked' in transfer.params:
            streams.receive_frames(request, disk)
        else:
            streams.receive_raw(request, disk, _reporter(call))
    transfer.succeed(vdi)


def _import_target(transfer):
    """The VDI, or None where one is to be made; its SR must be here."""
    vdi = transfer.vdi()
    sr = transfer.sim.db.get('VDI', vdi, 'SR') if vdi else transfer.sr()
    if sr is None:
        raise Refused(400, XapiError('VDI_MISSING'))
    try:
        transfer.require_sr_here(sr)
    except XapiError as error:
        raise Refused(400, error) from error
    return vdi


def _check_import(transfer, vdi):
    kind, encoding = transfer.format(), transfer.request.headers.get('transfer-encoding')
    if kind != 'raw' and 'chunked' in transfer.params:
        raise Refused(404, internal_error('Cannot handle chunked VHD'))
    if encoding is not None:
        raise Refused(404, internal_error('Cannot handle encoding: ' + encoding))
    if vdi is None and kind in NOT_INTO_SR:
        raise Refused(400, internal_error('Importing a %s directly into an SR not yet supported' % NOT_INTO_SR[kind]))
    if vdi is None and (kind != 'raw' or transfer.request.headers.get('content-length') is None):
        raise Refused(400, internal_error('Not enough info supplied to import'))
    if kind != 'raw':
        raise Refused(501, XapiError('NOT_IMPLEMENTED', 'import_raw_vdi format=' + kind))


def _make_target(call, transfer):
    return vdis.create(call, {
        'name_label': 'Imported VDI', 'name_description': '', 'SR': transfer.sr(), 'type': 'user', 'sharable': False,
        'virtual_size': int(transfer.request.headers['content-length']), 'read_only': False, 'other_config': {},
        'xenstore_data': {}, 'sm_config': {}, 'tags': []})


# ---------------------------------------------------------------- export

@route('GET', '/export_raw_vdi')
def export_raw_vdi(request):
    _serve(request, 'Exporting raw VDI', 'get_export_raw_vdi', _export)


def _export(transfer):
    request, sim = transfer.request, transfer.sim
    with sim.lock:
        vdi = transfer.vdi()
        if vdi is None:
            raise internal_error('Failure("Missing vdi query parameter")')
        transfer.require_sr_here(sim.db.get('VDI', vdi, 'SR'))
        kind, call, uuid = transfer.format(), transfer.call(), uuid_of(sim, vdi)
    if kind != 'raw':
        raise Refused(501, XapiError('NOT_IMPLEMENTED', 'export_raw_vdi format=' + kind))
    name = 'attachment; filename="%s.%s"' % (uuid, kind)
    request.start(200, [('task-id', transfer.task), ('content-type', FORMATS[kind]), ('content-disposition', name)])
    if 'base' in transfer.params:
        raise internal_error('Failure("Cannot compute differences on non-VHD images")')
    with attached(call, vdi, 'RO') as disk:
        streams.send_raw(request, disk, _reporter(call))
    transfer.succeed()


# ---------------------------------------------------------------- the disk in the control domain

@contextlib.contextmanager
def attached(call, vdi, mode):
    """The disk plugged into the control domain, which lets go of it some time after the transfer."""
    with call.sim.lock:
        vbd = _plug(call, vdi, mode)
    try:
        yield call.sim.storage.open(uuid_of(call.sim, vdi), writable=mode == 'RW')
    finally:
        with call.sim.lock:
            if call.sim.db.exists('VDI', vdi):
                count_disk(call.sim, vdi)
                count_space(call.sim, call.sim.db.get('VDI', vdi, 'SR'))
            _unplug_later(call.sim, vbd)


def _plug(call, vdi, mode):
    _require_free(call, vdi, mode)
    domain = call.db.find('VM', is_control_domain=True, resident_on=call.host)[0]
    vbd = vbds.create(call, {
        'VM': domain, 'VDI': vdi, 'userdevice': vbds.AUTODETECT, 'bootable': False, 'mode': mode, 'type': 'Disk', 'unpluggable': True,
        'empty': False, 'other_config': {}, 'qos_algorithm_type': '', 'qos_algorithm_params': {}})
    vbds.attach(call.sim, vbd)
    return vbd


def _require_free(call, vdi, mode):
    """A disk that a VM writes is nobody else's, and one that a VM reads is not to be written."""
    for vbd in call.db.get('VDI', vdi, 'VBDs'):
        row = call.db.require('VBD', vbd)
        if row['currently_attached'] and not call.db.get('VM', row['VM'], 'is_control_domain') and 'RW' in (mode, row['mode']):
            raise XapiError('VDI_IN_USE', vdi)


def _unplug_later(sim, vbd):
    if sim.options.linger:
        sim.run_later(sim.options.linger, lambda: _unplug(sim, vbd))
    else:
        _unplug(sim, vbd)


def _unplug(sim, vbd):
    if not sim.db.exists('VBD', vbd):
        return
    vdi, metrics = sim.db.get('VBD', vbd, 'VDI'), sim.db.get('VBD', vbd, 'metrics')
    sim.db.destroy('VBD', vbd)
    if sim.db.exists('VBD_metrics', metrics):
        sim.db.destroy('VBD_metrics', metrics)
    sim.refresh_allowed('VDI', vdi)


def _reporter(call):
    """Shows a fraction as the task's progress, in whole percents; a cancelled task ends the transfer."""
    shown = [0]

    def report(fraction):
        percent = int(fraction * 100)
        if percent > shown[0]:
            shown[0] = percent
            with call.sim.lock:
                call.check_cancelled()
                call.progress(percent / 100)
    return report
