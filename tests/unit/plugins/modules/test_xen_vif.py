# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.xapi.xen.tests.unit.plugins.drive import ETH0, ETH1, BadOptions

UUID = '00000000-0000-0000-0000-000000000000'
MAC = '02:00:00:aa:bb:cc'


@pytest.fixture
def halted(xen):
    xen.run('xen_vm', name='web', memory='256MiB', vcpus=1)
    return xen


@pytest.fixture
def running(halted):
    """Its guest has an address by its first interface, so the tools run and others can come and go."""
    halted.run('xen_vif', vm='web', device='0', network=ETH0)
    halted.run('xen_vm', name='web', power_state='running', wait_for='address')
    return halted


@pytest.mark.parametrize(
    'options, told',
    [
        ({'device': '0'}, 'one of the following is required: vm, uuid'),
        ({'vm': 'web', 'network': ETH0}, 'one of the following is required: uuid, device, mac'),
        ({'vm': 'web', 'uuid': UUID}, 'parameters are mutually exclusive: vm.uuid'),
        ({'vm': 'web', 'device': '0', 'locking_mode': 'open'}, 'value of locking_mode must be one of'),
        ({'vm': 'web', 'device': '0', 'mtu': 'large'}, 'unable to convert to int|cannot be converted to an int'),
    ],
)
def test_options_that_do_not_fit_are_refused_before_anything_is_asked(xen, options, told):
    with pytest.raises(BadOptions, match=told):
        xen.run('xen_vif', **options)
    assert xen.simulator.methods() == []


@pytest.mark.parametrize(
    'options, code, told',
    [
        ({'vm': UUID, 'device': '0'}, 'NOT_FOUND', f'vm: there is no object with the uuid "{UUID}"'),
        (
            {'vm': 'web', 'device': '0', 'network': 'nowhere'},
            'NOT_FOUND',
            'network: there is no object with the name "nowhere". There are: Host',
        ),
        (
            {'vm': 'web', 'device': '0'},
            'INVALID_OPTION',
            'network is required for a new VIF. Give the name, the uuid or the bridge',
        ),
        ({'vm': 'web', 'device': 'eth0'}, 'INVALID_OPTION', 'device: "eth0" is no device number. Use a number'),
        (
            {'vm': 'web', 'mac': '02:00', 'network': ETH0},
            'INVALID_OPTION',
            'mac: "02:00" is no MAC address. Use six pairs',
        ),
        (
            {'vm': 'web', 'device': '0', 'network': ETH0, 'plugged': True},
            'INVALID_OPTION',
            'plugged: the VM is halted, so nothing can be plugged',
        ),
        ({'uuid': UUID}, 'NOT_FOUND', f'uuid: there is no object with the uuid "{UUID}"'),
    ],
)
def test_bad_input_names_the_option_and_the_remedy(halted, options, code, told):
    for check in (True, False):
        error = halted.fail('xen_vif', check, **options)
        assert (error.code, f'{error.message}. {error.hint}'[: len(told)]) == (code, told)
        assert halted.simulator.writes() == []


def test_a_vm_that_an_earlier_task_would_make_is_predicted_in_check_mode_only(halted):
    foretold = halted.check('xen_vif', vm='nobody', device='0', network=ETH0)
    assert foretold.changed and len(foretold.warnings) == 1
    assert halted.fail('xen_vif', vm='nobody', device='0', network=ETH0).code == 'NOT_FOUND'


def test_from_nothing_to_nothing(halted):
    made = halted.change('xen_vif', vm='web', device='0', network=ETH0, mac=MAC, rate_limit=100)
    assert made.created and made.after == {'device': '0', 'network': ETH0, 'mac': MAC, 'rate_limit': 100}
    vif = made.object
    assert (vif['vm'], vif['network'], vif['mac'], vif['mtu'], vif['rate_limit'], vif['plugged']) == (
        'web',
        ETH0,
        MAC,
        1500,
        100,
        False,
    )

    changed = halted.change(
        'xen_vif', vm='web', device='0', network=ETH1, rate_limit=0, locking_mode='locked', ipv4_allowed=['192.0.2.1']
    )
    assert changed.before == {'network': ETH0, 'rate_limit': 100, 'locking_mode': 'network_default', 'ipv4_allowed': []}
    assert changed.after == {'network': ETH1, 'rate_limit': 0, 'locking_mode': 'locked', 'ipv4_allowed': ['192.0.2.1']}
    assert (changed.object['uuid'], changed.object['network'], changed.object['rate_limit']) == (vif['uuid'], ETH1, 0)

    halted.settled('xen_vif', vm='web', mac=MAC.upper().replace(':', '-'))
    halted.settled('xen_vif', uuid=vif['uuid'], network='xenbr1')
    gone = halted.change('xen_vif', uuid=vif['uuid'], state='absent')
    assert gone.before == {'device': '0', 'mac': MAC, 'network': ETH1} and gone.object == {}
    assert set(halted.simulator.leaks()) == {'VM'}


def test_a_running_vm_is_connected_and_disconnected(running):
    made = running.change('xen_vif', vm='web', device='1', network=ETH0)
    assert [action['call'] for action in made.actions] == ['VIF.create', 'VIF.plug'] and made.object['plugged']
    assert not running.change('xen_vif', vm='web', device='1', plugged=False).object['plugged']
    assert running.change('xen_vif', vm='web', device='1', plugged=True, network=ETH1).object['network'] == ETH1
    gone = running.change('xen_vif', vm='web', device='1', state='absent')
    assert [action['call'] for action in gone.actions] == ['VIF.unplug', 'VIF.destroy']


@pytest.mark.parametrize(
    'options, told',
    [
        ({'mac': '02:00:00:00:00:01'}, f'mac: device 0 has {MAC}, which XenAPI can not change'),
        ({'mtu': 9000}, 'mtu: device 0 has 1500, which XenAPI can not change to 9000'),
    ],
)
def test_what_a_host_can_not_change_is_refused(halted, options, told):
    halted.run('xen_vif', vm='web', device='0', network=ETH0, mac=MAC)
    error = halted.fail('xen_vif', vm='web', device='0', **options)
    assert error.message.startswith(told) and error.hint == 'Remove the VIF with state: absent and create it again.'
    assert halted.simulator.writes() == []


def test_a_new_mac_takes_the_next_device(halted):
    halted.run('xen_vif', vm='web', device='0', network=ETH0)
    assert halted.change('xen_vif', vm='web', mac=MAC, network=ETH0).object['device'] == '1'


def test_a_plug_that_fails_takes_the_vif_back(running):
    running.simulator.fault(method='Async.VIF.plug', error=['NETWORK_ALREADY_CONNECTED', 'a', 'b'])
    assert running.fail('xen_vif', vm='web', device='1', network=ETH0).code == 'NETWORK_ALREADY_CONNECTED'
    running.simulator.clear_faults()
    assert running.check('xen_vif', vm='web', device='1', network=ETH0).created
