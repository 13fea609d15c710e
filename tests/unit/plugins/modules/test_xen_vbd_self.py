# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""vm: self means the VM that the module runs on; here this machine is made to believe that it is one."""

from __future__ import annotations

import pytest

from ansible_collections.xapi.xen.plugins.module_utils._kinds import _vbd_here
from ansible_collections.xapi.xen.tests.unit.plugins.drive import ETH0

UUID = '00000000-0000-0000-0000-00000000beef'


@pytest.fixture
def worker(xen):
    """A VM that runs, with a disk beside it."""
    xen.run('xen_vm', name='worker', memory='256MiB', vcpus=1)
    xen.run('xen_vif', vm='worker', device='0', network=ETH0)
    xen.run('xen_vdi', name='data', size='1GiB')
    return xen.run('xen_vm', name='worker', power_state='running', wait_for='address').object


@pytest.fixture
def here(monkeypatch, tmp_path):
    """A folder that stands for this machine: files uuid, xenstore-read and dev."""
    tmp_path.joinpath('dev').mkdir()
    there = _vbd_here.Here(str(tmp_path / 'uuid'), str(tmp_path / 'xenstore-read'), str(tmp_path / 'dev'), 10.0)
    monkeypatch.setattr(_vbd_here, 'HERE', there)
    return tmp_path


def xenstore(folder, domid, vm):
    program = folder / 'xenstore-read'
    program.write_text(
        f'#!/bin/sh\ncase "$1" in domid) echo {domid};; /local/domain/{domid}/vm) echo {vm};; *) exit 1;; esac\n'
    )
    program.chmod(0o755)


def test_the_kernel_tells_the_uuid_and_the_node_is_waited_for(xen, worker, here):
    here.joinpath('uuid').write_text(f'{worker["uuid"]}\n')
    here.joinpath('dev', 'sdb').touch()
    made = xen.change('xen_vbd', vm='self', vdi='data', userdevice='1', device_prefix='sd')
    assert [action['call'] for action in made.actions] == ['VBD.create', 'VBD.plug', 'VBD.get_device']
    assert (made.object['vm'], made.object['device'], made.object['plugged']) == ('worker', 'sdb', True)
    gone = xen.change('xen_vbd', vm='self', vdi='data', state='absent')
    assert [action['call'] for action in gone.actions] == ['VBD.unplug', 'VBD.destroy']


def test_xenstore_tells_it_where_the_kernel_does_not(xen, worker, here):
    xenstore(here, 7, f'/vm/{worker["uuid"]}')
    here.joinpath('dev', 'xvdb').touch()
    assert xen.change('xen_vbd', vm='self', vdi='data', userdevice='1').object['vm'] == 'worker'


def test_a_node_that_does_not_appear_takes_the_disk_away_again(xen, worker, here):
    here.joinpath('uuid').write_text(worker['uuid'])
    error = xen.fail('xen_vbd', vm='self', vdi='data', userdevice='1')
    assert (error.code, error.left_behind) == ('TIMEOUT', [])
    assert error.message.startswith('the appearance of ') and 'xvdb' in error.message and '10 seconds' in error.message
    assert sum(xen.clock.slept) == pytest.approx(10, abs=1)
    assert xen.check('xen_vbd', vm='self', vdi='data', userdevice='1').created


def test_a_machine_that_is_no_vm_says_so(xen, here):
    for broken in (None, 'no uuid', 'a\xff'):
        if broken:
            here.joinpath('uuid').write_bytes(broken.encode('latin-1'))
        error = xen.fail('xen_vbd', vm='self', vdi='data')
        assert error.code == 'INVALID_OPTION' and 'delegate_to' in error.hint
    here.joinpath('uuid').unlink()
    xenstore(here, 7, 'nothing')
    assert xen.fail('xen_vbd', vm='self', vdi='data').code == 'INVALID_OPTION'


def test_a_vm_of_another_pool_says_so(xen, here):
    here.joinpath('uuid').write_text(UUID)
    error = xen.fail('xen_vbd', vm='self', vdi='data')
    assert (error.code, error.details) == ('NOT_FOUND', [UUID]) and 'hostname' in error.hint


def test_the_control_domain_is_no_vm(xen, here):
    session = xen.simulator.login()
    domain = next(record for record in session.VM.get_all_records().values() if record['is_control_domain'])
    session.session.logout()
    here.joinpath('uuid').write_text(domain['uuid'])
    assert xen.fail('xen_vbd', vm='self', vdi='data').code == 'NOT_FOUND'
