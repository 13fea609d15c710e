# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.xapi.xen.tests.unit.plugins.drive import ETH0, ISO, BadOptions

UUID = '00000000-0000-0000-0000-000000000000'
IN_USE = ['DEVICE_DETACH_REJECTED', 'VBD', 'ref', 'the guest holds on to it']


@pytest.fixture
def halted(xen):
    """A VM without devices, and a disk that nobody has."""
    xen.run('xen_vm', name='web', memory='256MiB', vcpus=1)
    xen.run('xen_vdi', name='data', size='1GiB')
    return xen


@pytest.fixture
def running(halted):
    halted.run('xen_vif', vm='web', device='0', network=ETH0)
    halted.run('xen_vm', name='web', power_state='running', wait_for='address')
    return halted


@pytest.mark.parametrize(
    'options, told',
    [
        ({'userdevice': '0'}, 'one of the following is required: vm, uuid'),
        ({'vm': 'web'}, 'one of the following is required: uuid, userdevice, vdi, type'),
        ({'vm': 'web', 'uuid': UUID}, 'parameters are mutually exclusive: vm.uuid'),
        ({'vm': 'web', 'vdi': 'data', 'empty': True}, 'parameters are mutually exclusive: vdi.empty'),
        ({'vm': 'web', 'userdevice': '0', 'sr': 'x'}, 'missing parameter.s. required by .sr.: vdi'),
        ({'vm': 'web', 'vdi': 'data', 'mode': 'WO'}, 'value of mode must be one of: RW, RO'),
    ],
)
def test_options_that_do_not_fit_are_refused_before_anything_is_asked(xen, options, told):
    with pytest.raises(BadOptions, match=told):
        xen.run('xen_vbd', **options)
    assert xen.simulator.methods() == []


@pytest.mark.parametrize(
    'options, code, told',
    [
        ({'vm': UUID, 'vdi': 'data'}, 'NOT_FOUND', f'vm: there is no object with the uuid "{UUID}"'),
        ({'vm': 'web', 'vdi': UUID}, 'NOT_FOUND', f'vdi: there is no object with the uuid "{UUID}"'),
        (
            {'vm': 'web', 'vdi': 'data', 'sr': 'nowhere'},
            'NOT_FOUND',
            'sr: there is no object with the name "nowhere". There are: ',
        ),
        (
            {'vm': 'web', 'vdi': 'data', 'userdevice': 'sda'},
            'INVALID_OPTION',
            'userdevice: "sda" is no device number. Use a number',
        ),
        (
            {'vm': 'web', 'vdi': 'data', 'plugged': True},
            'INVALID_OPTION',
            'plugged: the VM is halted, so nothing can be plugged. Leave',
        ),
        (
            {'vm': 'web', 'userdevice': '1'},
            'INVALID_OPTION',
            'vdi is required to attach a disk. Name the VDI, or set type: CD',
        ),
        ({'uuid': UUID}, 'NOT_FOUND', f'uuid: there is no object with the uuid "{UUID}"'),
    ],
)
def test_bad_input_names_the_option_and_the_remedy(halted, options, code, told):
    for check in (True, False):
        error = halted.fail('xen_vbd', check, **options)
        assert (error.code, f'{error.message}. {error.hint}'[: len(told)]) == (code, told)
        assert halted.simulator.writes() == []


@pytest.mark.parametrize('options', [{'vm': 'nobody', 'vdi': 'data'}, {'vm': 'web', 'vdi': 'nothing'}])
def test_what_an_earlier_task_would_make_is_predicted_in_check_mode_only(halted, options):
    foretold = halted.check('xen_vbd', **options)
    assert (
        foretold.changed
        and len(foretold.warnings) == 1
        and 'assumes that an earlier task makes it' in foretold.warnings[0]
    )
    assert halted.fail('xen_vbd', **options).code == 'NOT_FOUND'
    assert halted.simulator.writes() == []


def test_from_nothing_to_nothing(halted):
    made = halted.change('xen_vbd', vm='web', vdi='data', bootable=True)
    assert made.created and made.after == {
        'userdevice': '0',
        'vdi': 'data',
        'type': 'Disk',
        'mode': 'RW',
        'bootable': True,
        'unpluggable': True,
    }
    vbd = made.object
    assert (vbd['vm'], vbd['vdi'], vbd['userdevice'], vbd['mode'], vbd['plugged']) == ('web', 'data', '0', 'RW', False)

    changed = halted.change('xen_vbd', vm='web', userdevice='0', mode='RO', bootable=False, other_config={'a': '1'})
    assert (changed.before['mode'], changed.after['mode']) == ('RW', 'RO')
    assert (changed.object['uuid'], changed.object['mode'], changed.object['bootable']) == (vbd['uuid'], 'RO', False)
    halted.settled('xen_vbd', uuid=vbd['uuid'])

    halted.change('xen_vbd', vm='web', vdi='data', state='absent')
    assert [leak['name_label'] for leak in halted.simulator.leaks()['VDI']] == ['data'], 'the disk stays'


def test_a_disk_of_a_running_vm_is_plugged_and_unplugged(running):
    made = running.change('xen_vbd', vm='web', vdi='data')
    assert [action['call'] for action in made.actions] == ['VBD.create', 'VBD.plug'] and made.object['plugged']
    assert not running.change('xen_vbd', vm='web', vdi='data', plugged=False).object['plugged']
    assert running.change('xen_vbd', vm='web', vdi='data', plugged=True).object['plugged']
    gone = running.change('xen_vbd', vm='web', vdi='data', state='absent')
    assert [action['call'] for action in gone.actions] == ['VBD.unplug', 'VBD.destroy']


def test_a_disk_can_stay_unplugged(running):
    assert not running.change('xen_vbd', vm='web', vdi='data', plugged=False).object['plugged']


def test_a_guest_that_holds_on_is_asked_again(running):
    running.run('xen_vbd', vm='web', vdi='data')
    running.simulator.fault(method='Async.VBD.unplug', count=3, error=IN_USE)
    gone = running.run('xen_vbd', vm='web', vdi='data', state='absent')
    assert gone.api['retries'] == 3 and running.clock.slept == [1.0] * 3


def test_a_guest_that_never_lets_go_is_an_error(running):
    running.run('xen_vbd', vm='web', vdi='data')
    running.simulator.fault(method='Async.VBD.unplug', error=IN_USE)
    error = running.fail('xen_vbd', vm='web', vdi='data', state='absent', unplug_retries=2)
    assert (error.code, error.hint) == (
        'DEVICE_DETACH_REJECTED',
        'Unmount the disk in the guest, or raise unplug_retries.',
    )
    assert running.simulator.writes() == ['Async.VBD.unplug'] * 3


def test_already_detached_is_good(running):
    running.run('xen_vbd', vm='web', vdi='data')
    running.simulator.fault(method='Async.VBD.unplug', error=['DEVICE_ALREADY_DETACHED', 'OpaqueRef:x'])
    assert running.run('xen_vbd', vm='web', vdi='data', plugged=False).api['retries'] == 0
    assert running.simulator.writes().count('Async.VBD.unplug') == 1


def test_a_plug_that_fails_takes_the_vbd_back(running):
    running.simulator.fault(
        method='Async.VBD.plug', error=['SR_BACKEND_FAILURE_46', '', 'The VDI is not available', '']
    )
    assert running.fail('xen_vbd', vm='web', vdi='data').code == 'SR_BACKEND_FAILURE_46'
    assert running.check('xen_vbd', vm='web', vdi='data').created


def test_a_userdevice_in_use_by_another_disk_is_refused(halted):
    halted.run('xen_vdi', name='other', size='1GiB')
    halted.run('xen_vbd', vm='web', vdi='data', userdevice='0')
    error = halted.fail('xen_vbd', vm='web', vdi='other', userdevice='0')
    assert (
        error.message == 'userdevice: device 0 holds VDI "data" already' and 'Choose another userdevice' in error.hint
    )
    assert halted.simulator.writes() == []


def test_disks_leave_the_place_of_the_cd_drive(halted):
    numbers = []
    for number in range(4):
        halted.run('xen_vdi', name=f'd{number}', size='8MiB')
        numbers.append(halted.run('xen_vbd', vm='web', vdi=f'd{number}').object['userdevice'])
    assert numbers == ['0', '1', '2', '4']
    assert halted.run('xen_vbd', vm='web', type='CD').object['userdevice'] == '3'


def test_a_cd_is_inserted_changed_and_ejected(halted):
    drive = {'vm': 'web', 'userdevice': '3', 'type': 'CD'}
    empty = halted.change('xen_vbd', **drive)
    assert empty.object['empty'] and empty.object['mode'] == 'RO' and empty.object['vdi'] is None
    inserted = halted.change('xen_vbd', **drive, vdi=ISO)
    assert inserted.after == {'vdi': ISO} and inserted.object['vdi'] == ISO and not inserted.object['empty']
    swapped = halted.change('xen_vbd', **drive, vdi='guest-tools.iso')
    assert (swapped.before, swapped.after, swapped.object['vdi']) == (
        {'vdi': ISO},
        {'vdi': 'guest-tools.iso'},
        'guest-tools.iso',
    )
    ejected = halted.change('xen_vbd', **drive, empty=True)
    assert ejected.before == {'vdi': 'guest-tools.iso'} and ejected.object['empty']
    halted.change('xen_vbd', **drive, state='absent')


@pytest.mark.parametrize('code', ['DEVICE_DETACH_REJECTED', 'INTERNAL_ERROR', 'VM_MISSING_PV_DRIVERS'])
@pytest.mark.parametrize(
    'options, slept',
    [
        ({}, [1.0] * 10),
        ({'unplug_retries': 0}, []),
        ({'unplug_retries': -1}, []),
        ({'unplug_retries': 2, 'unplug_delay': 0.25}, [0.25] * 2),
    ],
)
def test_unplugging_is_tried_as_often_and_as_slowly_as_the_options_say(running, code, options, slept):
    running.run('xen_vbd', vm='web', vdi='data')
    running.simulator.fault(method='Async.VBD.unplug', error=[code, 'x', 'y', 'z'])
    assert running.fail('xen_vbd', vm='web', vdi='data', state='absent', **options).code == code
    assert running.clock.slept == slept
    assert running.simulator.writes() == ['Async.VBD.unplug'] * (len(slept) + 1)


@pytest.mark.parametrize(
    'option, first, second',
    [
        ('type', 'Disk', 'CD'),
        ('mode', 'RW', 'RO'),
        ('bootable', True, False),
        ('unpluggable', False, True),
        ('qos_algorithm_type', 'ionice', ''),
        ('qos_algorithm_params', {'sched': 'be', 'class': '7'}, {'class': '3'}),
        ('other_config', {'a': '1'}, {'a': '2', 'b': '3'}),
        ('userdevice', '2', '5'),
    ],
)
def test_each_option_at_creation_and_alone(halted, option, first, second):
    made = halted.change('xen_vbd', vm='web', vdi='data', **{option: first}).object
    changed = halted.change('xen_vbd', uuid=made['uuid'], **{option: second})
    merged = {**first, **second} if isinstance(second, dict) else second
    assert (made[option], changed.object[option], changed.after[option]) == (first, merged, merged)
    unasked = {'mode': 'RO'} if option == 'type' else {}  # a CD drive is read only
    assert changed.object == {**made, option: merged, **unasked}


def test_the_device_is_named_as_the_guest_does(running):
    made = running.change('xen_vbd', vm='web', vdi='data', userdevice='1', device_prefix='sd')
    assert made.object['device'] == 'sdb'
    assert running.settled('xen_vbd', vm='web', vdi='data').object['device'] == 'xvdb'


@pytest.mark.parametrize(
    'options, told',
    [
        ({'type': 'CD', 'mode': 'RW'}, 'mode: a CD drive can only be read. Set mode: RO'),
        ({'vdi': ISO, 'userdevice': '0'}, f'mode: VDI "{ISO}" can only be read. Set mode: RO'),
        ({'userdevice': '255', 'vdi': 'data'}, 'userdevice: "255" is no device number'),
        ({'state': 'absent', 'type': 'Disk'}, 'userdevice or vdi is required to remove a VBD'),
    ],
)
def test_what_no_host_does_is_refused(halted, options, told):
    for check in (True, False):
        error = halted.fail('xen_vbd', check, vm='web', **options)
        assert (error.code, f'{error.message}. {error.hint}'[: len(told)]) == ('INVALID_OPTION', told)


@pytest.mark.parametrize(
    'options, told',
    [
        ({'userdevice': '0', 'empty': True}, 'empty: device 0 is a Disk, and only a CD drive can be empty'),
        ({'userdevice': '3', 'empty': False}, 'vdi is required: device 3 is empty. Name the VDI to insert'),
        ({'userdevice': '3', 'mode': 'RW'}, 'mode: a CD drive can only be read'),
        ({'userdevice': '3', 'type': 'Disk'}, 'vdi is required: device 3 is empty'),
        ({'userdevice': '1', 'vdi': 'data', 'recreate': True}, 'vdi: VDI "data" is device 0 of this VM already'),
    ],
)
def test_what_no_drive_does_is_refused(halted, options, told):
    halted.run('xen_vbd', vm='web', vdi='data', userdevice='0')
    halted.run('xen_vdi', name='other', size='1GiB')
    halted.run('xen_vbd', vm='web', vdi='other', userdevice='1')
    halted.run('xen_vbd', vm='web', type='CD')
    for check in (True, False):
        error = halted.fail('xen_vbd', check, vm='web', **options)
        assert f'{error.message}. {error.hint}'[: len(told)] == told
        assert halted.simulator.writes() == []


def test_a_disk_moves_to_another_number(halted):
    made = halted.run('xen_vbd', vm='web', vdi='data', userdevice='0').object
    moved = halted.change('xen_vbd', vm='web', vdi='data', userdevice='4')
    assert (moved.before, moved.after) == ({'userdevice': '0'}, {'userdevice': '4'})
    assert (moved.object['uuid'], moved.object['userdevice']) == (made['uuid'], '4')
    halted.run('xen_vbd', vm='web', type='CD')
    error = halted.fail('xen_vbd', uuid=made['uuid'], userdevice='3')
    assert error.message == 'userdevice: device 3 is in use on this VM'


def test_only_the_disk_that_is_named_is_removed(halted):
    halted.run('xen_vdi', name='other', size='1GiB')
    halted.run('xen_vbd', vm='web', vdi='data', userdevice='0')
    halted.settled('xen_vbd', vm='web', vdi='other', userdevice='0', state='absent')
    halted.settled('xen_vbd', vm='web', vdi='data', userdevice='1', state='absent')
    halted.settled('xen_vbd', vm='web', vdi='other', type='CD', state='absent')
    halted.change('xen_vbd', vm='web', vdi='data', userdevice='0', state='absent')


def test_a_cd_drive_is_found_by_its_type(halted):
    drive = halted.change('xen_vbd', vm='web', type='CD').object
    assert halted.change('xen_vbd', vm='web', type='CD', vdi=ISO).object['uuid'] == drive['uuid']
    halted.run('xen_vbd', vm='web', type='CD', userdevice='5')
    error = halted.fail('xen_vbd', vm='web', type='CD', empty=True)
    assert (error.code, error.details) == ('AMBIGUOUS', ['3', '5'])


# ---------------------------------------------------------------- making it anew


@pytest.mark.parametrize(
    'options, told',
    [
        ({'mode': 'RO'}, 'mode: device 1 is RW, which can change only while the VM is halted'),
        ({'type': 'CD'}, 'type: device 1 is a Disk drive that is plugged'),
        ({'vdi': 'other'}, 'userdevice: device 1 holds VDI "data" already'),
    ],
)
def test_what_can_not_change_while_the_vm_runs_is_refused(running, options, told):
    running.run('xen_vdi', name='other', size='1GiB')
    running.run('xen_vbd', vm='web', vdi='data', userdevice='1')
    for check in (True, False):
        error = running.fail('xen_vbd', check, vm='web', userdevice='1', **options)
        assert error.message.startswith(told) and 'recreate: true' in error.hint
        assert running.simulator.writes() == []


def test_another_disk_takes_the_place_where_that_is_allowed(running):
    running.run('xen_vdi', name='other', size='1GiB')
    extras = {'other_config': {'a': '1'}, 'qos_algorithm_type': 'ionice'}
    old = running.run('xen_vbd', vm='web', vdi='data', userdevice='1', **extras).object
    done = running.change('xen_vbd', vm='web', userdevice='1', vdi='other', bootable=True, recreate=True)
    assert [action['call'] for action in done.actions] == ['VBD.unplug', 'VBD.destroy', 'VBD.create', 'VBD.plug']
    assert done.actions[1]['about'] == 'remove device 1 to make it anew, since userdevice can not change in place'
    assert (done.before, done.after) == ({'vdi': 'data', 'bootable': False}, {'vdi': 'other', 'bootable': True})
    kept = {key: value for key, value in old.items() if key not in ('uuid', 'vdi', 'vdi_uuid', 'bootable')}
    assert {key: done.object[key] for key in kept} == kept and not done.created


def test_a_plugged_disk_moves_and_stays_unplugged_if_told_to(running):
    running.run('xen_vbd', vm='web', vdi='data', userdevice='1')
    assert 'recreate: true' in running.fail('xen_vbd', vm='web', vdi='data', userdevice='2').hint
    done = running.change('xen_vbd', vm='web', vdi='data', userdevice='2', recreate=True, plugged=False)
    assert (done.object['userdevice'], done.object['plugged']) == ('2', False)


@pytest.mark.parametrize('method', ['Async.VBD.unplug', 'VBD.destroy', 'VBD.create', 'Async.VBD.plug'])
def test_one_that_can_not_be_made_anew_is_put_back(running, method):
    running.run('xen_vdi', name='other', size='1GiB')
    old = running.run('xen_vbd', vm='web', vdi='data', userdevice='1', other_config={'a': '1'}).object
    running.simulator.fault(method=method, count=1, error=['HOST_OFFLINE', 'OpaqueRef:x'])
    error = running.fail('xen_vbd', vm='web', userdevice='1', vdi='other', recreate=True)
    assert (error.code, error.left_behind) == ('HOST_OFFLINE', [])
    again = running.settled('xen_vbd', vm='web', vdi='data', plugged=True).object
    assert {**again, 'uuid': old['uuid']} == old


def test_a_paused_vm_keeps_its_disks(running):
    running.run('xen_vbd', vm='web', vdi='data', userdevice='1')
    running.run('xen_vm', name='web', power_state='paused')
    for options, option in (({'plugged': False}, 'plugged'), ({'state': 'absent'}, 'state')):
        error = running.fail('xen_vbd', vm='web', vdi='data', **options)
        assert error.message == f'{option}: the VM is paused, so nothing can be unplugged'
