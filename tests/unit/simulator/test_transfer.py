# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disk data over HTTP: bytes, the order of the answer and the data, and the verdict that only the task gives."""

from __future__ import annotations

import base64
import os
import resource
import struct
import time

import pytest

from ansible_collections.xapi.xen.tests.support.in_process import Failure, Host

MIB = 1 << 20
IO_ERROR = ['VDI_IO_ERROR', 'Device I/O errors']


@pytest.fixture
def host():
    host = Host()
    yield host
    host.close()


@pytest.fixture
def pool():
    host = Host('--topology', 'pool')
    yield host
    host.close()


def put(host, body, on='', headers=None, **query):
    """(status, headers) of an import; (None, {}) when the host hung up in the middle of the data."""
    connection = host.connect(on)
    try:
        connection.request('PUT', host.target('/import_raw_vdi', **query), body, headers or {})
    except (BrokenPipeError, ConnectionResetError):
        connection.close()
        return None, {}
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders())


def upload(host, body, **query):
    """The record of the task of an import that was not refused."""
    task = host.task()
    assert put(host, body, task_id=task, **query)[0] in (200, None)
    return host.verdict(task)


def download(host, on='', **query):
    connection = host.connect(on)
    connection.request('GET', host.target('/export_raw_vdi', **query))
    answer = connection.getresponse()
    return answer, answer.read()


def frame(offset, data):
    return struct.pack('<QI', offset, len(data)) + data


END = bytes(12)


# ---------------------------------------------------------------- bytes

def test_what_was_imported_is_exported(host):
    image = os.urandom(3 * MIB + 512) + bytes(MIB - 512)
    vdi = host.vdi(4 * MIB)
    record = upload(host, image, vdi=vdi)
    assert (record['status'], record['result'], record['progress']) == ('success', '<value>%s</value>' % vdi, 1.0)
    answer, data = download(host, vdi=vdi)
    uuid = host.get('VDI', vdi, 'uuid')
    assert data == image
    assert answer.getheader('content-type') == 'application/octet-stream'
    assert answer.getheader('content-disposition') == 'attachment; filename="%s.raw"' % uuid


def test_a_shorter_image_leaves_the_rest_of_the_disk_alone(host):
    vdi = host.vdi(4 * MIB)
    upload(host, b'a' * 4 * MIB, vdi=vdi)
    assert upload(host, b'b' * MIB, vdi=vdi)['status'] == 'success'
    assert download(host, vdi=vdi)[1] == b'b' * MIB + b'a' * 3 * MIB


def test_vdi_by_uuid_and_format_in_any_letter_case(host):
    vdi = host.vdi(2 * MIB)
    assert upload(host, b'x' * 512, vdi=host.get('VDI', vdi, 'uuid'), format='RAW')['status'] == 'success'
    assert download(host, vdi=vdi)[1].startswith(b'x' * 512 + b'\0')


def test_parameters_may_stand_in_cookies(host):
    vdi, task = host.vdi(2 * MIB), host.task()
    connection = host.connect()
    cookies = 'session_id=%s; vdi=%s; task_id=%s' % (host.session, vdi, task)
    connection.request('PUT', '/import_raw_vdi', b'cookie', {'Cookie': cookies})
    assert connection.getresponse().status == 200
    assert host.verdict(task)['status'] == 'success'
    assert download(host, vdi=vdi)[1].startswith(b'cookie')


def test_frames_go_where_they_say(host):
    vdi = host.vdi(8 * MIB)
    block = os.urandom(64 * 1024)
    body = frame(4 * MIB, block) + frame(512, b'q' * 512) + frame(6 * MIB, b'') + frame(0, b'p' * 512) + END + b'not looked at'
    assert upload(host, body, vdi=vdi, chunked='')['status'] == 'success'
    data = download(host, vdi=vdi)[1]
    assert data[:1024] == b'p' * 512 + b'q' * 512
    assert data[4 * MIB:4 * MIB + len(block)] == block
    assert data.count(0) >= 8 * MIB - 1024 - len(block)


def test_zeros_take_no_space_on_the_machine(host):
    vdi = host.vdi(64 * MIB)
    upload(host, bytes(63 * MIB) + b'e' * MIB, vdi=vdi)
    folder = os.path.join(host.sim.storage.folder, 'sr-mount', host.get('SR', host.sr(), 'uuid'))
    stored = sum(os.stat(os.path.join(folder, name)).st_blocks * 512 for name in os.listdir(folder))
    assert stored <= 4 * MIB
    assert int(host.get('VDI', vdi, 'physical_utilisation')) > 63 * MIB


def test_without_a_vdi_one_is_made_on_the_sr(host):
    for query in ({'sr_id': host.sr()}, {'sr_uuid': host.get('SR', host.sr(), 'uuid')}):
        record = upload(host, b'i' * 3 * MIB, **query)
        vdi = record['result'][len('<value>'):-len('</value>')]
        fields = host.call('VDI.get_record', vdi)
        assert (fields['name_label'], fields['type'], fields['SR']) == ('Imported VDI', 'user', host.sr())
        assert int(fields['virtual_size']) == 4 * MIB
        assert download(host, vdi=vdi)[1] == b'i' * 3 * MIB + bytes(MIB)


def test_memory_does_not_grow_with_the_image(host):
    vdi = host.vdi(256 * MIB)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    piece = os.urandom(MIB)
    assert upload(host, (piece for unused in range(256)), vdi=vdi, headers={'Content-Length': str(256 * MIB)})['status'] == 'success'
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 48 * 1024


# ---------------------------------------------------------------- the answer and the verdict

def test_the_answer_comes_before_the_data(host):
    vdi, task = host.vdi(2 * MIB), host.task()
    connection = host.connect()
    connection.putrequest('PUT', host.target('/import_raw_vdi', vdi=vdi, task_id=task))
    connection.putheader('Content-Length', '1024')
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, answer.getheader('task-id')) == (200, task)
    assert host.get('task', task, 'status') == 'pending'
    assert host.get('VDI', vdi, 'allowed_operations') == ['snapshot', 'clone']
    connection.close()


def test_a_connection_that_breaks_off_is_a_failed_task(host):
    vdi, task = host.vdi(2 * MIB), host.task()
    connection = host.connect()
    connection.putrequest('PUT', host.target('/import_raw_vdi', vdi=vdi, task_id=task))
    connection.putheader('Content-Length', str(2 * MIB))
    connection.endheaders()
    connection.send(b'begun')
    connection.close()
    record = host.verdict(task)
    assert (record['status'], record['error_info'], record['result']) == ('failure', IO_ERROR, '')


def test_faults_cut_data_off(host):
    vdi = host.vdi(4 * MIB)
    upload(host, b'o' * 4 * MIB, vdi=vdi)
    with host.sim.lock:
        host.sim.faults.add({'method': 'PUT /import_raw_vdi', 'truncate': MIB, 'count': 1})
        host.sim.faults.add({'method': 'GET /export_raw_vdi', 'truncate': 100, 'count': 1})
    assert upload(host, b'n' * 4 * MIB, vdi=vdi)['error_info'] == IO_ERROR
    assert download(host, vdi=vdi)[1] == b'n' * 100
    assert download(host, vdi=vdi)[1] == b'n' * MIB + b'o' * 3 * MIB


@pytest.mark.parametrize('body', [frame(0, b'x' * 512), frame(0, b'x' * 512)[:-1], struct.pack('<QI', 0, 1 << 31), b'short'])
def test_frames_that_make_no_sense_fail_in_the_task(host, body):
    record = upload(host, body, vdi=host.vdi(2 * MIB), chunked='1')
    assert (record['status'], record['error_info']) == ('failure', IO_ERROR)


def test_an_image_larger_than_the_disk_fails_late(host):
    vdi = host.vdi(2 * MIB)
    record = upload(host, b'a' * 2 * MIB + b'b', vdi=vdi)
    assert (record['status'], record['error_info']) == ('failure', IO_ERROR)
    assert download(host, vdi=vdi)[1] == b'a' * 2 * MIB


def test_a_full_sr_fails_in_the_task(host):
    vdi = host.vdi(64 * MIB)
    with host.sim.lock:
        host.sim.db.set('SR', host.sim.db.get('VDI', vdi, 'SR'), physical_size=16 * MIB)
    record = upload(host, b'f' * 32 * MIB, vdi=vdi)
    assert (record['status'], record['error_info']) == ('failure', IO_ERROR)


def test_the_host_lets_go_of_the_disk_some_time_later():
    host = Host('--linger', '0.5')
    try:
        vdi = host.vdi(2 * MIB)
        assert upload(host, b'x', vdi=vdi)['status'] == 'success'
        assert host.error('VDI.destroy', vdi) == ['VDI_IN_USE', vdi, 'destroy']
        assert host.error('VDI.resize', vdi, str(4 * MIB)) == ['VDI_IN_USE', vdi, 'resize']
        vm = host.vm()
        vbd = host.vbd(vm, vdi)
        assert host.error('VM.start', vm, False, False) == ['VDI_IN_USE', vdi]
        time.sleep(0.8)
        assert host.get('VDI', vdi, 'VBDs') == [vbd]
        host.call('VDI.resize', vdi, str(4 * MIB))
        host.call('VDI.destroy', vdi)
    finally:
        host.close()


def test_a_disk_that_a_vm_writes_is_not_to_be_had(host):
    vm, vdi = host.vm(), host.vdi(2 * MIB)
    host.vbd(vm, vdi)
    host.start(vm)
    record = upload(host, b'x', vdi=vdi)
    assert (record['status'], record['error_info']) == ('failure', ['VDI_IN_USE', vdi])
    task = host.task()
    assert download(host, vdi=vdi, task_id=task)[1] == b''
    assert host.verdict(task)['error_info'] == ['VDI_IN_USE', vdi]


def test_a_snapshot_taken_meanwhile_keeps_what_was_there(host):
    vdi = host.vdi(4 * MIB)
    upload(host, b'old!' * MIB, vdi=vdi)
    snapshot = host.call('VDI.snapshot', vdi, {})
    upload(host, b'new', vdi=vdi)
    assert download(host, vdi=snapshot)[1] == b'old!' * MIB
    assert download(host, vdi=vdi)[1][:5] == b'new!o'


# ---------------------------------------------------------------- refusals

def test_who_may_not_is_refused(host):
    vdi = host.vdi(2 * MIB)
    connection = host.connect()
    for target in ('/import_raw_vdi?vdi=' + vdi, '/import_raw_vdi?session_id=OpaqueRef:x&vdi=' + vdi):
        connection.request('PUT', target, b'x')
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 401
    assert download(host)[0].status == 500


def test_a_session_without_the_role_is_forbidden_and_the_task_says_so(host):
    task, vdi = host.task(), host.vdi(2 * MIB)
    with host.sim.lock:
        reader = host.sim.sessions.open(host.sim.coordinator, 'reader', is_local_superuser=False,
                                        rbac_permissions=host.sim.rbac.permissions_of(host.sim.db.find('role', name_label='read-only')))
    assert put(host, b'x', vdi=vdi, task_id=task, session_id=reader)[0] == 403
    assert host.verdict(task)['error_info'][:2] == ['RBAC_PERMISSION_DENIED', 'http/put_import_raw_vdi']


def test_a_password_will_do_and_leaves_no_session(host):
    vdi = host.vdi(2 * MIB)
    before = host.sim.sessions.all()
    connection = host.connect()
    headers = {'Authorization': 'Basic ' + base64.b64encode(b'root:password').decode()}
    connection.request('PUT', '/import_raw_vdi?vdi=' + vdi, b'basic', headers)
    assert connection.getresponse().status == 200
    time.sleep(0.1)
    assert download(host, vdi=vdi)[1].startswith(b'basic')
    assert host.sim.sessions.all() == before


@pytest.mark.parametrize('query, headers, status, error', [
    ({}, {}, 400, ['VDI_MISSING']),
    ({'vdi': True, 'format': 'floppy'}, {}, 404, ['INTERNAL_ERROR', 'Unknown format floppy']),
    ({'vdi': True, 'format': 'vhd', 'chunked': ''}, {}, 404, ['INTERNAL_ERROR', 'Cannot handle chunked VHD']),
    ({'vdi': True}, {'Transfer-Encoding': 'gzip'}, 404, ['INTERNAL_ERROR', 'Cannot handle encoding: gzip']),
    ({'sr': True, 'format': 'vhd'}, {}, 400, ['INTERNAL_ERROR', 'Importing a VHD directly into an SR not yet supported']),
    ({'vdi': True, 'format': 'qcow2'}, {}, 501, ['NOT_IMPLEMENTED', 'import_raw_vdi format=qcow2']),
])
def test_what_is_refused_before_the_data(host, query, headers, status, error):
    task = host.task()
    given = {'format': query['format']} if 'format' in query else {}
    given.update({'vdi': host.vdi(2 * MIB)} if 'vdi' in query else {}, **({'sr_id': host.sr()} if 'sr' in query else {}))
    given.update({'chunked': ''} if 'chunked' in query else {})
    assert put(host, b'x' * 512, task_id=task, headers=headers, **given)[0] == status
    assert host.verdict(task)['error_info'] == error


def test_an_unknown_vdi_is_an_error_of_the_host(host):
    assert put(host, b'x', vdi='bad')[0] == 500
    assert download(host, vdi='bad')[0].status == 500


def test_a_task_that_nobody_named_goes_with_the_request(host):
    vdi = host.vdi(2 * MIB)
    task = put(host, b'x', vdi=vdi)[1]['task-id']
    time.sleep(0.1)
    with pytest.raises(Failure):
        host.call('task.get_status', task)


def test_another_hosts_disk_is_to_be_had_from_that_host(pool):
    other = next(host for host in pool.call('host.get_all') if host != pool.sim.coordinator)
    pbds = [pool.call('PBD.get_record', pbd) for pbd in pool.call('host.get_PBDs', other)]
    local = next(pbd['SR'] for pbd in pbds if pool.get('SR', pbd['SR'], 'type') == 'ext')
    vdi, task = pool.vdi(2 * MIB, sr=local), pool.task()
    status, headers = put(pool, b'moved', vdi=vdi, task_id=task)
    assert status == 302
    assert headers['location'].startswith(pool.sim.listeners[other].url + '/import_raw_vdi?')
    assert pool.get('task', task, 'status') == 'pending'
    assert put(pool, b'moved', on=other, vdi=vdi, task_id=task)[0] == 200
    assert pool.verdict(task)['status'] == 'success'
    assert download(pool, vdi=vdi)[0].status == 302
    assert download(pool, on=other, vdi=vdi)[1].startswith(b'moved')
