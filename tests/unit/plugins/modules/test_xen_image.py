# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys

import pytest

from ansible_collections.xapi.xen.plugins.module_utils._errors import ApiError, TransferFailed
from ansible_collections.xapi.xen.plugins.module_utils._transfer import Source, open_source, upload
from ansible_collections.xapi.xen.plugins.module_utils._wait import Deadline
from ansible_collections.xapi.xen.tests.unit.plugins.drive import (
    LOCAL,
    NFS,
    BadOptions,
    Driver,
    Process,
    environment,
    validated,
    wait_until,
)
from ansible_collections.xapi.xen.tests.unit.plugins.sources import MIB, Proxy, SourceServer, image

GIB = 1 << 30


@pytest.fixture
def src(tmp_path):
    return str(image(tmp_path / 'disk.raw', 8 * MIB, {0: 70000, 5 * MIB: 300000}))


def sha256(path):
    with open(path, 'rb') as stream:
        return 'sha256:' + hashlib.sha256(stream.read()).hexdigest()


def vdis_left(simulator):
    """Names of the VDIs that no VM has."""
    return [leak['name_label'] for leak in simulator.leaks().get('VDI', ())]


@pytest.mark.parametrize(
    'options, told',
    [
        ({'src': '/x'}, 'one of the following is required: name, vdi'),
        ({'name': 'a', 'vdi': 'b'}, 'parameters are mutually exclusive: name.vdi'),
        ({'name': 'a', 'src': '/x', 'url': 'http://x'}, 'parameters are mutually exclusive: src.url'),
        ({'name': 'a', 'state': 'exported'}, 'state is exported but all of the following are missing: dest'),
        ({'name': 'a', 'src': '/x', 'image_type': 'qcow2'}, 'value of image_type must be one of: auto, raw'),
    ],
)
def test_options_that_do_not_fit_are_refused_before_anything_is_asked(xen, options, told):
    with pytest.raises(BadOptions, match=told):
        xen.run('xen_image', **options)
    assert xen.simulator.methods() == []


@pytest.mark.parametrize(
    'options, code, told',
    [
        ({'name': 'a'}, 'INVALID_OPTION', 'src or url is required for an image that is not there yet. Give the file'),
        (
            {'name': 'a', 'src': '/nowhere'},
            'INVALID_OPTION',
            'src: /nowhere can not be read: No such file or directory. Give a file on',
        ),
        ({'name': 'a', 'src': '/dev/null'}, 'INVALID_OPTION', 'src: /dev/null is empty. Give an image'),
        ({'name': 'a', 'url': 'http://127.0.0.1:1/x'}, 'INVALID_OPTION', 'url: the image can not be fetched: '),
        (
            {'name': 'a', 'src': '$src', 'sr': 'nowhere'},
            'NOT_FOUND',
            'sr: there is no object with the name "nowhere". There are: ',
        ),
        (
            {'name': 'a', 'src': '$src', 'size': '1MiB'},
            'INVALID_OPTION',
            'size: the image has 8 MiB (8388608 bytes), more than 1 MiB. Leave size out, or make it at least as large as the image.',
        ),
        ({'name': 'a', 'src': '$src', 'size': '1PiB'}, 'INVALID_OPTION', 'size: "1PiB" is no size'),
        (
            {'name': 'a', 'src': '$src', 'size': '101GiB'},
            'INVALID_OPTION',
            'size: 101 GiB do not fit on SR "Local storage", which has 100 GiB free',
        ),
        (
            {'name': 'a', 'src': '$src', 'checksum': 'beef'},
            'INVALID_OPTION',
            'checksum: "beef" is no checksum. Write it as ALGORITHM:DIGEST',
        ),
        ({'name': 'a', 'src': '$src', 'checksum': 'crc:1'}, 'INVALID_OPTION', 'checksum: "crc:1" is no checksum'),
        ({'vdi': 'a', 'state': 'exported', 'dest': '/tmp/x'}, 'NOT_FOUND', 'vdi: there is no object with the name "a"'),
    ],
)
def test_bad_input_names_the_option_and_the_remedy(xen, src, options, code, told):
    options = {key: src if value == '$src' else value for key, value in options.items()}
    error = xen.fail('xen_image', **options)
    assert (error.code, f'{error.message}. {error.hint}'[: len(told)]) == (code, told)
    assert xen.simulator.writes() == []


@pytest.mark.parametrize('mark, kind', [(b'QFI\xfb', 'qcow2'), (b'\x1f\x8b', 'gzip'), (b'conectix', 'vhd')])
def test_what_is_no_raw_image_is_refused_unless_it_is_said_to_be_one(xen, tmp_path, mark, kind):
    path = tmp_path / 'image'
    path.write_bytes(mark + bytes(4096))
    error = xen.fail('xen_image', name='a', src=str(path))
    assert f'is a {kind} image or archive' in error.message and 'qemu-img convert -O raw' in error.hint
    assert xen.simulator.writes() == []
    assert xen.run('xen_image', name='a', src=str(path), image_type='raw').object['complete']


# ---------------------------------------------------------------- the rhythm


@pytest.mark.parametrize('sr', [LOCAL, NFS])
def test_there_and_back_byte_for_byte(xen, src, tmp_path, sr):
    made = xen.change('xen_image', name='golden', src=src, sr=sr, checksum=sha256(src), description='of the day')
    assert made.created and (made.object['size'], made.object['complete'], made.object['checksum']) == (
        8 * MIB,
        True,
        sha256(src),
    )
    assert made.object['vdis'][0]['sr'] == sr

    copy = str(tmp_path / 'copy.raw')
    written = xen.change('xen_image', vdi='golden', dest=copy, state='exported')
    assert written.after == {'dest': copy, 'size': 8 * MIB} and sha256(copy) == sha256(src)
    assert os.stat(copy).st_blocks * 512 < 2 * MIB, 'zeros are holes'
    assert xen.run('xen_image', vdi='golden', dest=copy, state='exported', force=True).changed

    assert xen.change('xen_image', name='golden', sr=sr, description='of the week').object['complete']
    xen.change('xen_image', name='golden', sr=sr, state='absent')
    assert xen.simulator.leaks() == {}


def test_an_odd_size_is_filled_up_to_a_sector(xen, tmp_path):
    path = tmp_path / 'odd.raw'
    path.write_bytes(os.urandom(MIB + 77))
    assert xen.change('xen_image', name='odd', src=str(path), checksum=sha256(path)).object['complete']
    xen.run('xen_image', vdi='odd', dest=str(tmp_path / 'back'), state='exported')
    back = (tmp_path / 'back').read_bytes()
    assert back.startswith(path.read_bytes()) and not any(back[MIB + 77 :])


def test_only_data_travel(xen, src):
    made = xen.run('xen_image', name='sparse', src=src)
    assert 370000 <= made.api['bytes'] <= 370000 + 4 * 65536


def test_every_byte_travels_where_a_new_disk_does_not_read_as_zeros(xen, src, tmp_path):
    session = xen.simulator.login()
    sr = session.SR.get_by_name_label(NFS)[0]
    host = session.host.get_all()[0]
    thick = session.SR.create(host, {'device': '/dev/sdz'}, '0', 'Thick', '', 'lvm', 'user', False, {})
    assert thick != sr
    session.session.logout()
    made = xen.run('xen_image', name='thick', src=src, sr='Thick')
    assert made.api['bytes'] == 8 * MIB
    xen.run('xen_image', vdi='thick', dest=str(tmp_path / 'back'), state='exported')
    assert sha256(tmp_path / 'back') == sha256(src)


def test_from_a_url(xen, src, tmp_path):
    with open(src, 'rb') as stream, SourceServer(stream.read()) as server:
        assert xen.change('xen_image', name='fetched', url=server.url, checksum=sha256(src)).object['complete']
    xen.run('xen_image', vdi='fetched', dest=str(tmp_path / 'back'), state='exported')
    assert sha256(tmp_path / 'back') == sha256(src)


def test_another_image_under_the_same_name_is_refused(xen, src):
    xen.run('xen_image', name='golden', src=src, checksum=sha256(src))
    error = xen.fail('xen_image', name='golden', src=src, checksum='sha256:' + '0' * 64)
    assert (
        error.message.startswith('checksum: VDI "golden" was made from the image with sha256:')
        and 'state: absent' in error.hint
    )
    assert xen.simulator.writes() == []


# ---------------------------------------------------------------- what goes wrong leaves nothing


def assert_nothing_left(xen, error, code, told, hint=''):
    assert (error.code, told in error.message, hint in error.hint) == (code, True, True), (
        error.code,
        error.message,
        error.hint,
    )
    assert error.left_behind == [] and xen.simulator.leaks() == {}
    assert 'VDI.create' in xen.simulator.methods(), 'it came that far'


def test_a_wrong_checksum(xen, src):
    error = xen.fail('xen_image', name='bad', src=src, checksum='sha256:' + '0' * 64)
    assert_nothing_left(
        xen, error, 'TRANSFER_FAILED', f'checksum: {src} has {sha256(src)}, expected', 'correct checksum'
    )


@pytest.mark.parametrize('sent', [4 * MIB, 100])
def test_a_source_that_ends_early(xen, sent):
    with SourceServer(os.urandom(8 * MIB), sent=sent) as server:
        server.sent = None
        params = {'name': 'short', 'url': server.url}
        xen.run('xen_image', check=True, **params)
        server.sent = sent
        error = xen.fail('xen_image', **params)
    assert (error.code, error.hint) == ('TRANSFER_FAILED', 'Run again, or download the image first and give it as src.')
    assert error.message.startswith('url: the server broke off in the middle of the image: ')
    assert error.left_behind == [] and xen.simulator.leaks() == {}
    assert ('PUT /import_raw_vdi' in xen.simulator.methods()) == (sent > 65536), (
        'in the middle, or before anything is made'
    )


def test_a_file_that_ends_early(xen, src):
    """It was cut while it was read."""
    with open(src, 'rb', buffering=0) as stream, xen.session() as session:
        vdi = session.call('VDI.create', xen.disk(session, 'short', 8 * MIB))
        os.truncate(src, 5 * MIB + 1000)
        with pytest.raises(TransferFailed, match='is truncated: the data end'):
            upload(session, vdi, Source(src, stream, 8 * MIB, 'raw'), False, Deadline(20, 'the import', xen.clock))
    xen.assert_nothing_open()


@pytest.mark.parametrize(
    'options, told',
    [
        ({'length': False}, 'url: the server does not say how large the image is'),
        ({'status': 404}, 'url: the server answered 404 Not Found'),
    ],
)
def test_a_server_that_does_not_serve(xen, options, told):
    with SourceServer(b'x' * 4096, **options) as server:
        assert xen.fail('xen_image', name='a', url=server.url).message.startswith(told)
    assert xen.simulator.writes() == []


def test_a_connection_that_breaks_in_mid_upload(xen, tmp_path):
    src = str(image(tmp_path / 'dense.raw', 16 * MIB, {0: 16 * MIB}))
    with Proxy(xen.simulator, cut_after=4 * MIB) as proxy:
        xen.connection['hostname'] = proxy.url
        error = xen.fail('xen_image', name='cut', src=src)
    assert error.code in ('VDI_IO_ERROR', 'TRANSFER_FAILED'), error.message
    assert xen.simulator.leaks() == {} and error.left_behind == []
    assert 'PUT /import_raw_vdi' in xen.simulator.methods()


def test_an_sr_that_is_full(xen, src):
    xen.simulator.fault(method='VDI.create', error=['SR_BACKEND_FAILURE_44', '', 'There is insufficient space', ''])
    error = xen.fail('xen_image', name='full', src=src)
    assert_nothing_left(xen, error, 'SR_BACKEND_FAILURE_44', 'not enough free space', 'choose another one')


def test_a_host_that_refuses_the_transfer(xen, src):
    xen.simulator.fault(
        method='PUT /import_raw_vdi', error=['SR_BACKEND_FAILURE_46', '', 'The VDI is not available', '']
    )
    error = xen.fail('xen_image', name='refused', src=src)
    assert_nothing_left(xen, error, 'TRANSFER_FAILED', 'refused the transfer with HTTP status 500')


def test_the_verdict_of_the_task_counts_after_http_200(xen, src):
    """The image is larger than the disk: the host says 200 all the same."""
    xen.run('xen_vdi', name='small', size='2MiB')
    with xen.session() as session, open_source(src, None, 5) as source:
        vdi = session.call('VDI.get_by_name_label', 'small')[0]
        with pytest.raises(ApiError) as caught:
            upload(session, vdi, source, True, Deadline(20, 'the import', xen.clock))
    assert caught.value.code == 'VDI_IO_ERROR'
    xen.assert_nothing_open()


def test_a_disk_that_the_host_still_holds_is_removed_when_it_lets_go(simulators, src):
    xen = Driver(simulators())
    xen.simulator.fault(method='VDI.destroy', count=3, error=['VDI_IN_USE', 'OpaqueRef:x', 'destroy'])
    error = xen.fail('xen_image', name='held', src=src, checksum='md5:0')
    assert error.left_behind == [] and xen.simulator.leaks() == {} and len(xen.clock.slept) == 3


def test_what_can_not_be_taken_back_is_told(xen, src):
    xen.simulator.fault(method='VDI.destroy', error=['SR_BACKEND_FAILURE_80', '', 'Failed to mark VDI hidden', ''])
    error = xen.fail('xen_image', name='stuck', src=src, checksum='md5:0')
    assert len(error.left_behind) == 1 and error.left_behind[0].startswith(
        'create VDI "stuck" (8 MiB) on SR "Local storage": VDI.destroy failed'
    )


def test_on_failure_keep_leaves_the_disk_marked_and_the_next_run_makes_it_again(xen, src):
    xen.fail('xen_image', name='kept', src=src, checksum='md5:0', on_failure='keep')
    assert vdis_left(xen.simulator) == ['kept']
    error = xen.fail('xen_image', vdi='kept', dest='/tmp/never', state='exported')
    assert error.message == 'vdi: the data of VDI "kept" never arrived whole'
    again = xen.change('xen_image', name='kept', src=src)
    assert [action['call'] for action in again.actions][:3] == ['VDI.destroy', 'VDI.create', 'PUT /import_raw_vdi']
    assert again.object['complete'] and vdis_left(xen.simulator) == ['kept']


# ---------------------------------------------------------------- signals


@pytest.fixture
def stalled(simulator, tmp_path):
    """An import in a process of its own that waits for the second half of its image."""
    with SourceServer(os.urandom(8 * MIB), sent=4 * MIB, then='wait') as server:
        server.sent = None
        process = Process(simulator, 'xen_image', tmp_path, name='cut', url=server.url)
        server.sent = 4 * MIB
        try:
            wait_until(lambda: 'PUT /import_raw_vdi' in simulator.methods() and server.stalled.is_set())
            yield process
        finally:
            process.end()


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_in_mid_upload_leaves_nothing(simulator, stalled, number):
    stalled.signal(number)
    result = stalled.result()
    assert (result['failed'], result['code'], result['left_behind']) == (True, 'INTERRUPTED', [])
    assert simulator.leaks() == {} and simulator.methods()[-1] == 'session.logout'


def test_after_a_kill_the_disk_is_taken_for_none_and_made_again(simulator, stalled, src, tmp_path):
    stalled.signal(signal.SIGKILL)
    stalled.process.wait()
    session = simulator.login()
    vdi = session.VDI.get_by_name_label('cut')[0]
    assert session.VDI.get_other_config(vdi) == {'xapi.xen:importing': 'true'}
    for stale in (leak['ref'] for leak in simulator.leaks()['session']):
        if stale != session.ref:
            session.call('session.logout', stale)
    for stale in [leak['ref'] for leak in simulator.leaks().get('task', [])]:
        session.task.destroy(stale)
    session.session.logout()
    xen = Driver(simulator)
    xen.run('xen_vm', name='web', memory='256MiB', vcpus=1)
    for module, options in (
        ('xen_vbd', {'vm': 'web', 'vdi': 'cut'}),
        ('xen_vm', {'name': 'web', 'disks': [{'vdi': 'cut'}]}),
    ):
        error = xen.fail(module, **options)
        assert 'cut' in error.message and xen.simulator.writes() == []
    again = xen.change('xen_image', name='cut', src=src, checksum=sha256(src))
    assert again.object['complete'] and vdis_left(simulator) == ['cut']


# ---------------------------------------------------------------- memory

MEASURED = """
import json, sys
from ansible_collections.xapi.xen.plugins.module_utils._kinds._image import IMAGE
from ansible_collections.xapi.xen.plugins.module_utils._reconcile import Mode, execute
def peak():
    return next(int(line.split()[1]) for line in open('/proc/self/status') if line.startswith('VmHWM'))
before = peak()
outcome = execute(IMAGE, json.load(sys.stdin), Mode())
print(json.dumps({'kib': peak() - before, 'bytes': outcome.api['bytes']}))
"""


def test_memory_stays_flat_and_only_data_travel(xen, tmp_path):
    """More data than memory may grow by, in an image many times as large."""
    data = {number * 500 * MIB: 12 * MIB for number in range(8)}
    src = str(image(tmp_path / 'large.raw', 4 * GIB, data))
    params = validated('xen_image', {**xen.connection, 'name': 'large', 'src': src})
    done = subprocess.run(
        [sys.executable, '-c', MEASURED],
        input=json.dumps(params),
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    measured = json.loads(done.stdout or done.stderr)
    assert measured['kib'] < 64 * 1024 < 96 * 1024
    assert 96 * MIB <= measured['bytes'] <= 97 * MIB
