# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VBDs: places, media, and what may be plugged when."""

from __future__ import annotations

import pytest

from xapisim import device_number

from ansible_collections.xapi.xen.tests.support.in_process import Host

NULL = 'OpaqueRef:NULL'
HVM_CD = 'HVM CDROMs cannot be hotplugged/unplugged, only inserted or ejected'


@pytest.fixture(scope='module')
def host():
    host = Host()
    yield host
    host.close()


@pytest.fixture(scope='module')
def bare():
    """A pool whose guests have no tools."""
    host = Host('--guests', 'none')
    yield host
    host.close()


def refused(host, vm, vdi, userdevice, **fields):
    record = {'VM': vm, 'VDI': vdi, 'userdevice': userdevice, 'bootable': False, 'mode': 'RW', 'type': 'Disk', 'empty': False,
              'other_config': {}, 'qos_algorithm_type': '', 'qos_algorithm_params': {}, **fields}
    return host.error('VBD.create', record)


def empty_cd(host, vm, userdevice='3'):
    return host.vbd(vm, NULL, userdevice, mode='RO', type='CD', empty=True)


# ---------------------------------------------------------------- places

@pytest.mark.parametrize('name, hvm, position', [
    ('0', True, ('ide', 0, 0)), ('0', False, ('xen', 0, 0)), ('4', True, ('xen', 4, 0)), ('0x4', True, ('xen', 4, 0)),
    ('xvdb', True, ('xen', 1, 0)), ('xvdaa3', True, ('xen', 26, 3)), ('hdb', True, ('ide', 1, 0)), ('sda', True, ('scsi', 0, 0)),
    ('d5p2', False, ('xen', 5, 2)), ('-1', True, None), ('abc', True, None), (' 5', True, None), ('xvd', True, None)])
def test_names_of_places(name, hvm, position):
    assert device_number.of_string(name, hvm) == position


@pytest.mark.parametrize('number, name', [(0, 'xvda'), (12, 'xvdm'), (25, 'xvdz'), (26, 'xvdaa'), (254, 'xvdiu')])
def test_names_that_a_guest_gives(number, name):
    assert device_number.linux_name(device_number.of_number(number, True)) == name


@pytest.mark.parametrize('name', ['1', 'xvdb', 'hdb', '0x1'])
def test_one_place_has_one_drive_whatever_it_is_called(host, name):
    vm, vdi = host.vm(), host.vdi()
    host.vbd(vm, vdi, '1')
    assert refused(host, vm, vdi, name) == ['DEVICE_ALREADY_EXISTS', name]
    host.vbd(vm, vdi, 'sdb')


def test_the_lowest_free_place_is_found(host):
    vm, vdi = host.vm(), host.vdi()
    for name in ('0', '1', 'hdc'):
        host.vbd(vm, vdi, name)
    assert host.get('VBD', host.vbd(vm, vdi), 'userdevice') == '3'
    assert host.get('VBD', host.vbd(vm, vdi, '-1'), 'userdevice') == '-1'
    for name in ('Autodetect', 'abc', ' 5', ''):
        assert refused(host, vm, vdi, name) == ['INVALID_DEVICE', name]


# ---------------------------------------------------------------- creating and destroying

def test_what_is_checked_in_create(host):
    vm, vdi, iso = host.vm(), host.vdi(), host.call('VDI.get_by_name_label', 'guest-tools.iso')[0]
    assert refused(host, vm, NULL, '0') == ['HANDLE_INVALID', 'VDI', NULL]
    assert refused(host, NULL, vdi, '0') == ['HANDLE_INVALID', 'VM', NULL]
    assert refused(host, vm, NULL, '0', empty=True) == ['VBD_NOT_REMOVABLE_MEDIA', 'in constructor']
    assert refused(host, vm, iso, '0', type='CD') == ['VBD_CDS_MUST_BE_READONLY']
    assert refused(host, vm, iso, '0') == ['VDI_READONLY', iso]


def test_a_new_drive_is_not_attached_and_has_no_device(host):
    vbd = host.vbd(host.vm(), host.vdi(), '0', currently_attached=True, device='xvdq')
    record = host.call('VBD.get_record', vbd)
    assert (record['currently_attached'], record['device'], record['allowed_operations']) == (False, '', ['attach'])
    assert host.sim.db.exists('VBD_metrics', record['metrics'])
    host.call('VBD.destroy', vbd)


def test_an_attached_drive_is_not_destroyed(host):
    vm = host.vm()
    vbd = host.vbd(vm, host.vdi(), '0')
    host.start(vm)
    uuids = host.get('VBD', vbd, 'uuid'), host.get('VM', vm, 'uuid')
    assert host.error('VBD.destroy', vbd) == ['OPERATION_NOT_ALLOWED', "VBD '%s' still attached to '%s'" % uuids]


# ---------------------------------------------------------------- plugging

def test_a_halted_vm_plugs_nothing(host):
    vm = host.vm()
    vbd = host.vbd(vm, host.vdi())
    for call in ('plug', 'unplug', 'unplug_force'):
        assert host.error('VBD.' + call, vbd) == ['VM_BAD_POWER_STATE', vm, 'running', 'halted']
    host.call('VBD.assert_attachable', vbd)


def test_plugging_with_tools(host):
    vm = host.vm()
    host.vbd(vm, host.vdi(), '0')
    host.start(vm)
    vbd = host.vbd(vm, host.vdi(), '12')
    assert sorted(host.get('VBD', vbd, 'allowed_operations')) == ['attach', 'pause', 'plug', 'unpause']
    host.call('VBD.plug', vbd)
    record = host.call('VBD.get_record', vbd)
    assert (record['device'], record['currently_attached']) == ('xvdm', True)
    assert sorted(record['allowed_operations']) == ['attach', 'pause', 'unpause', 'unplug', 'unplug_force']
    vdi = record['VDI']
    assert host.get('VDI', vdi, 'allowed_operations') == ['snapshot', 'clone']
    assert host.error('VBD.plug', vbd) == ['DEVICE_ALREADY_ATTACHED', vbd]
    host.call('VBD.unplug', vbd)
    assert host.error('VBD.unplug', vbd) == ['DEVICE_ALREADY_DETACHED', vbd]
    assert 'destroy' in host.get('VDI', vdi, 'allowed_operations')


def test_plugging_without_tools(bare):
    vm = bare.vm()
    bare.vbd(vm, bare.vdi(), '0')
    bare.call('VM.start', vm, False, False)
    assert bare.error('VBD.plug', bare.vbd(vm, bare.vdi(), '4')) == ['VM_MISSING_PV_DRIVERS', vm]


def test_a_drive_that_is_marked_stays(host):
    vm = host.vm()
    vbd = host.vbd(vm, host.vdi(), '0', unpluggable=False)
    host.start(vm)
    assert host.error('VBD.unplug', vbd) == ['VBD_NOT_UNPLUGGABLE', vbd]


def test_an_hvm_guest_plugs_no_disk_that_it_may_only_read(host):
    vm = host.vm()
    host.start(vm)
    vbd = host.vbd(vm, host.vdi(), '5', mode='RO')
    assert host.error('VBD.plug', vbd) == ['DISK_VBD_MUST_BE_READWRITE_FOR_HVM', vbd]


def test_one_writer_at_a_time(host):
    first, second, vdi = host.vm(), host.vm(), host.vdi()
    host.vbd(first, vdi, '0')
    host.vbd(second, vdi, '0')
    host.start(first)
    assert host.error('VM.start', second, False, False) == ['VDI_IN_USE', vdi]
    shared = host.vdi(sharable=True)
    host.vbd(first, shared, '7')
    third = host.vm()
    host.vbd(third, shared, '7')
    host.start(third)


def test_the_mode_changes_on_halted_vms_only(host):
    vm = host.vm()
    vbd = host.vbd(vm, host.vdi(), '0')
    host.call('VBD.set_mode', vbd, 'RW')
    host.start(vm)
    assert host.error('VBD.set_mode', vbd, 'RO') == ['VM_BAD_POWER_STATE', vm, 'halted', 'running']


# ---------------------------------------------------------------- media

@pytest.mark.parametrize('running', [False, True])
def test_media_go_in_and_out(host, running):
    vm, iso = host.vm(), host.call('VDI.get_by_name_label', 'guest-tools.iso')[0]
    cd = empty_cd(host, vm)
    if running:
        host.start(vm)
    assert 'insert' in host.get('VBD', cd, 'allowed_operations')
    assert host.error('VBD.eject', cd) == ['VBD_IS_EMPTY', cd]
    host.call('VBD.insert', cd, iso)
    assert (host.get('VBD', cd, 'VDI'), host.get('VBD', cd, 'empty')) == (iso, False)
    assert host.error('VBD.insert', cd, NULL) == ['VBD_NOT_EMPTY', cd]
    host.call('VBD.eject', cd)
    assert (host.get('VBD', cd, 'VDI'), host.get('VBD', cd, 'empty')) == (NULL, True)


def test_a_cd_of_an_hvm_guest_is_not_plugged(host):
    vm = host.vm()
    cd, disk = empty_cd(host, vm), host.vbd(vm, host.vdi(), '0')
    assert host.error('VBD.eject', disk) == ['VBD_NOT_REMOVABLE_MEDIA', disk]
    host.start(vm)
    assert host.error('VBD.unplug', cd) == ['OPERATION_NOT_ALLOWED', HVM_CD]
