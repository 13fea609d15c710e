# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.xapi.xen.tests.unit.plugins.drive import ETH0, ETH1, LOCAL, NFS

GIB = 1 << 30
DISKS = [{'name': 'root', 'size': '8GiB', 'bootable': True}, {'name': 'data', 'size': '1GiB', 'sr': NFS}]
NETWORKS = [{'device': '0', 'network': ETH0}, {'device': '1', 'network': ETH1, 'mac': '02:00:00:aa:bb:cc'}]
BARE = {'name': 'web', 'memory': '1GiB', 'vcpus': 2, 'disks': DISKS, 'networks': NETWORKS}
CLONE = {
    'name': 'web',
    'template': 'Debian Bookworm 12',
    'memory': '1GiB',
    'vcpus': 2,
    'networks': NETWORKS,
    'disks': [{'userdevice': '0', 'size': '12GiB'}, {'name': 'data', 'size': '1GiB'}],
}
SMALL = {'name': 'web', 'memory': '256MiB', 'vcpus': 1}


def calls_of(outcome):
    return [action['call'] for action in outcome.actions]


# ---------------------------------------------------------------- the rhythm


def test_from_a_bare_record_to_nothing(xen):
    made = xen.change('xen_vm', **BARE, power_state='running', wait_for='address', description='shop', tags=['gold'])
    vm = made.object
    assert made.created and calls_of(made)[:3] == ['VM.create', 'VDI.create', 'VBD.create']
    assert (vm['power_state'], vm['memory'], vm['vcpus'], vm['tags'], vm['host']) == (
        'running',
        GIB,
        2,
        ['gold'],
        'xcp-host1',
    )
    assert [
        (disk['userdevice'], disk['name'], disk['size'], disk['sr'], disk['plugged'], disk['owner'])
        for disk in vm['disks']
    ] == [('0', 'root', 8 * GIB, LOCAL, True, True), ('1', 'data', GIB, NFS, True, True)]
    assert [(network['device'], network['network'], network['plugged']) for network in vm['networks']] == [
        ('0', ETH0, True),
        ('1', ETH1, True),
    ]
    assert vm['networks'][1]['mac'] == '02:00:00:aa:bb:cc'
    assert vm['addresses'] and vm['addresses'][0] == vm['networks'][0]['addresses'][0]

    changed = xen.change('xen_vm', name='web', description='store', tags=[], other_config={'a': '1'})
    assert (
        changed.before['description'] == 'shop'
        and changed.after['description'] == 'store'
        and changed.object['uuid'] == vm['uuid']
    )

    halted = xen.change('xen_vm', name='web', power_state='halted')
    assert (halted.before, halted.after) == ({'power_state': 'running'}, {'power_state': 'halted'})
    assert xen.change('xen_vm', name='web', memory='2GiB', vcpus=4).object['memory'] == 2 * GIB
    gone = xen.change('xen_vm', name='web', state='absent')
    assert gone.before['name'] == 'web' and gone.object == {}
    assert xen.simulator.leaks() == {}


def test_from_a_template_to_nothing(xen):
    made = xen.change('xen_vm', **CLONE, power_state='running', wait_for='address')
    assert calls_of(made)[:3] == ['VM.clone', 'VM.remove_from_other_config', 'VM.provision']
    assert [disk['size'] for disk in made.object['disks'] if disk['type'] == 'Disk'] == [12 * GIB, GIB]
    assert made.object['addresses']
    gone = xen.change('xen_vm', name='web', state='absent', force=True)
    assert calls_of(gone) == ['VM.clean_shutdown', 'VDI.destroy', 'VDI.destroy', 'VM.destroy']
    assert xen.simulator.leaks() == {}


def test_the_disk_that_a_template_describes_is_made_when_nobody_else_lists_it(xen):
    made = xen.change('xen_vm', name='web', template='Debian Bookworm 12')
    assert [disk['userdevice'] for disk in made.object['disks'] if disk['type'] == 'Disk'] == ['0']


def test_disks_and_networks_come_and_change_while_others_stay(xen):
    xen.run('xen_vm', **SMALL, disks=[{'name': 'root', 'size': '1GiB'}], networks=[{'network': ETH0}])
    grown = xen.change('xen_vm', name='web', disks=[{'name': 'root', 'size': '2GiB'}, {'name': 'more', 'size': '1GiB'}])
    assert calls_of(grown) == ['VDI.resize', 'VDI.create', 'VBD.create']
    assert grown.before == {'disks': {'0': {'size': GIB}}} and grown.after['disks']['0'] == {'size': 2 * GIB}
    moved = xen.change(
        'xen_vm', name='web', networks=[{'device': '0', 'network': ETH1}, {'device': '1', 'network': ETH0}]
    )
    assert calls_of(moved) == ['VIF.move', 'VIF.create']
    assert [disk['name'] for disk in moved.object['disks']] == ['root', 'more']


def test_a_disk_that_exists_is_attached_and_does_not_go_with_the_vm(xen):
    xen.run('xen_vdi', name='kept', size='1GiB')
    made = xen.change('xen_vm', **SMALL, disks=[{'vdi': 'kept', 'mode': 'RO'}])
    assert made.object['disks'][0]['mode'] == 'RO' and not made.object['disks'][0]['owner']
    gone = xen.change('xen_vm', name='web', state='absent')
    assert calls_of(gone) == ['VM.destroy']
    xen.settled('xen_vdi', name='kept')


@pytest.mark.parametrize('which, left', [('owned', ['kept']), ('all', []), ('none', ['kept', 'own'])])
def test_which_disks_go_with_the_vm(xen, which, left):
    xen.run('xen_vdi', name='kept', size='1GiB')
    xen.run('xen_vm', **SMALL, disks=[{'vdi': 'kept'}, {'name': 'own', 'size': '1GiB'}])
    xen.change('xen_vm', name='web', state='absent', destroy_disks=which)
    assert sorted(leak['name_label'] for leak in xen.simulator.leaks().get('VDI', [])) == left


def test_disk_of_another_vm_too_stays(xen):
    xen.run('xen_vm', **SMALL, disks=[{'name': 'common', 'size': '1GiB'}])
    xen.run('xen_vm', name='other', memory='256MiB', vcpus=1, disks=[{'vdi': 'common', 'mode': 'RO'}])
    xen.change('xen_vm', name='web', state='absent', destroy_disks='all')
    xen.settled('xen_vdi', name='common')


# ---------------------------------------------------------------- power


def test_every_power_state_from_every_other(xen):
    xen.run('xen_vm', **SMALL, networks=[{'network': ETH0}])
    for goal in ('running', 'paused', 'running', 'suspended', 'running', 'halted', 'paused', 'halted'):
        if goal == 'halted' and xen.run('xen_vm', name='web').object['power_state'] == 'paused':
            assert xen.fail('xen_vm', name='web', power_state='halted').hint.endswith(
                'set force: true to switch the VM off.'
            )
            xen.change('xen_vm', name='web', power_state='halted', force=True)
            continue
        wait = {'wait_for': 'address'} if goal == 'running' else {}
        assert xen.change('xen_vm', name='web', power_state=goal, **wait).object['power_state'] == goal


def test_nothing_is_shut_down_without_consent(xen):
    xen.run('xen_vm', **SMALL, networks=[{'network': ETH0}], power_state='running', wait_for='address')
    for check in (True, False):
        error = xen.fail('xen_vm', check, name='web', memory='512MiB')
        assert (
            error.code == 'POWER_CYCLE_REQUIRED'
            and error.message == 'VM "web" is running, and this needs it halted: set memory to 512 MiB'
        )
        assert 'allow_power_cycle: true' in error.hint and xen.simulator.writes() == []
    cycled = xen.change('xen_vm', name='web', memory='512MiB', allow_power_cycle=True)
    assert calls_of(cycled) == ['VM.clean_shutdown', 'VM.set_memory_limits', 'VM.start']
    assert (cycled.object['power_state'], cycled.object['memory']) == ('running', 512 << 20)


def test_a_running_vm_is_not_removed_without_consent(xen):
    xen.run('xen_vm', **SMALL, power_state='running')
    error = xen.fail('xen_vm', name='web', state='absent')
    assert (error.code, error.hint) == (
        'POWER_CYCLE_REQUIRED',
        'Halt it first, or set force: true to remove it as it is.',
    )
    assert xen.simulator.writes() == []


def test_a_guest_that_does_not_shut_down_is_switched_off_with_force_only(xen):
    xen.run('xen_vm', **SMALL, power_state='running')
    xen.simulator.fault(method='Async.VM.clean_shutdown', error=['VM_MISSING_PV_DRIVERS', 'OpaqueRef:x'])
    error = xen.fail('xen_vm', name='web', power_state='halted')
    assert error.code == 'VM_MISSING_PV_DRIVERS' and 'force: true' in error.hint
    assert 'Async.VM.hard_shutdown' not in xen.simulator.methods()
    assert xen.change('xen_vm', name='web', power_state='halted', force=True).object['power_state'] == 'halted'


def test_no_wait_for_what_is_there(xen):
    xen.run('xen_vm', **SMALL, networks=[{'network': ETH0}], power_state='running', wait_for='address')
    xen.settled('xen_vm', name='web', power_state='running', wait_for='address')


def test_a_wait_that_ends_says_how_far_things_had_come_and_takes_the_new_vm_back(xen):
    error = xen.fail('xen_vm', **SMALL, power_state='running', wait_for='address', wait_timeout=0.6)
    assert error.code == 'TIMEOUT'
    assert error.message.startswith(
        'that the guest reports an address did not happen within 0.6 seconds; last seen: the guest tools run, and'
    )
    assert xen.simulator.leaks() == {}


# ---------------------------------------------------------------- budgets, on the journal


@pytest.mark.parametrize('options, most', [(BARE, 20), (CLONE, 24)], ids=['bare', 'template'])
def test_calls_of_a_creation(xen, options, most):
    xen.run('xen_vm', **options, power_state='running')
    assert xen.calls_counted() <= most


@pytest.mark.parametrize('count', [0, 2, 6])
def test_calls_of_a_look_and_of_a_run_without_a_change(xen, count):
    spec = {
        **SMALL,
        'power_state': 'running',
        'disks': [{'name': f'd{number}', 'size': '8MiB'} for number in range(count)],
        'networks': [{'device': str(number), 'network': ETH0} for number in range(count)],
    }
    xen.run('xen_vm', **spec)
    for options in (spec, {'name': 'web'}):
        assert xen.settled('xen_vm', **options).object['power_state'] == 'running'
        assert xen.calls_counted() <= 6


def test_calls_of_a_removal(xen):
    xen.run('xen_vm', **BARE)
    xen.run('xen_vm', name='web', state='absent')
    assert xen.calls_counted() <= 10
