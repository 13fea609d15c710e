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
    assert error.message.startswith(told) and error.hint == 'Set recreate: true to have it removed and made anew.'
    assert halted.simulator.writes() == []


def test_a_new_mac_takes_the_next_device(halted):
    halted.run('xen_vif', vm='web', device='0', network=ETH0)
    assert halted.change('xen_vif', vm='web', mac=MAC, network=ETH0).object['device'] == '1'


def test_a_plug_that_fails_takes_the_vif_back(running):
    running.simulator.fault(method='Async.VIF.plug', error=['NETWORK_ALREADY_CONNECTED', 'a', 'b'])
    assert running.fail('xen_vif', vm='web', device='1', network=ETH0).code == 'NETWORK_ALREADY_CONNECTED'
    running.simulator.clear_faults()
    assert running.check('xen_vif', vm='web', device='1', network=ETH0).created


@pytest.mark.parametrize(
    'options, told',
    [
        ({'mtu': 40}, 'mtu: 40 is no size of a packet. Use 68 to 65535'),
        ({'rate_limit': -1}, 'rate_limit: it can not be negative. 0 removes'),
        ({'ipv4_allowed': ['192.0.2.300']}, 'ipv4_allowed: "192.0.2.300" is no IPv4 address'),
        ({'ipv6_allowed': ['192.0.2.1']}, 'ipv6_allowed: "192.0.2.1" is no IPv6 address'),
        ({'ipv4': {'mode': 'static'}}, 'ipv4.address is required when mode is static'),
        (
            {'ipv4': {'mode': 'static', 'address': '192.0.2.1'}},
            'ipv4.address: "192.0.2.1" is no IPv4 address of that form. Use an address such as 192.0.2.10/24.',
        ),
        (
            {'ipv6': {'mode': 'static', 'address': '2001:db8::1/64', 'gateway': '192.0.2.1'}},
            'ipv6.gateway: "192.0.2.1" is no IPv6 address of that form. Use an address such as 2001:db8::10.',
        ),
        ({'ipv4': {'mode': 'none', 'address': '192.0.2.1/24'}}, 'ipv4: mode none has no address and no gateway'),
        (
            {'ipv4': {'mode': 'static', 'address': '192.0.2.1/24'}},
            'ipv4: nothing in the VM sets addresses: it does not run, or it has no guest tools',
        ),
    ],
)
def test_values_that_no_interface_can_have_are_refused(halted, options, told):
    for check in (True, False):
        error = halted.fail('xen_vif', check, vm='web', device='0', network=ETH0, **options)
        assert (error.code, f'{error.message}. {error.hint}'[: len(told)]) == ('INVALID_OPTION', told)
        assert halted.simulator.writes() == []


def test_a_bridge_that_several_networks_have_is_refused(halted):
    session = halted.simulator.login()
    networks = session.network.get_all_records().values()
    there = next(item for item in networks if item['name_label'] == ETH0)
    other = next(item for item in networks if item['name_label'] == ETH1)
    session.network.create({**there, 'name_label': there['bridge'], 'bridge': '', 'other_config': {}, 'tags': []})
    session.session.logout()
    error = halted.fail('xen_vif', vm='web', device='1', network=there['bridge'])
    assert error.code == 'AMBIGUOUS' and len(error.details) == 2 and error.hint == 'Name one of them by its uuid.'
    assert halted.check('xen_vif', vm='web', device='1', network=other['uuid']).after['network'] == ETH1


def test_the_mac_address_of_another_vm_is_refused_on_the_same_network(halted):
    halted.run('xen_vm', name='db', memory='256MiB', vcpus=1)
    halted.run('xen_vif', vm='db', device='0', network=ETH0, mac=MAC)
    for check in (True, False):
        error = halted.fail('xen_vif', check, vm='web', device='0', network=ETH0, mac=MAC)
        assert error.message == f'mac: {MAC} is in use on that network by VM "db"'
    assert halted.change('xen_vif', vm='web', device='0', network=ETH1, mac=MAC).object['mac'] == MAC


# ---------------------------------------------------------------- making it anew


def test_what_can_not_change_is_made_anew_where_that_is_allowed(running):
    options = {'vm': 'web', 'device': '1', 'network': ETH0}
    old = running.run('xen_vif', **options, mac=MAC, rate_limit=100, other_config={'a': '1'}).object
    new = {'mac': '02:00:00:00:00:01', 'mtu': 9000, 'locking_mode': 'unlocked'}
    done = running.change('xen_vif', **options, **new, recreate=True)
    assert [action['call'] for action in done.actions] == ['VIF.unplug', 'VIF.destroy', 'VIF.create', 'VIF.plug']
    assert 'to make it anew, since mac, mtu can not change in place' in done.actions[1]['about']
    assert done.before == {'locking_mode': 'network_default', 'mac': MAC, 'mtu': 1500} and not done.created
    assert done.after == new and {**done.object, **new} == done.object
    kept = {key: value for key, value in old.items() if key not in ('uuid', *new)}
    assert {key: done.object[key] for key in kept} == kept and done.object['plugged']


def test_an_interface_moves_to_another_device(halted):
    halted.run('xen_vif', vm='web', device='0', network=ETH0, mac=MAC)
    assert halted.fail('xen_vif', vm='web', device='2', mac=MAC).message.startswith('device: device 0 has 0, which')
    done = halted.change('xen_vif', vm='web', device='2', mac=MAC, recreate=True)
    assert (done.before, done.after, done.object['network']) == ({'device': '0'}, {'device': '2'}, ETH0)
    halted.run('xen_vif', vm='web', device='0', network=ETH0)
    error = halted.fail('xen_vif', uuid=done.object['uuid'], device='0', recreate=True)
    assert error.message == 'device: 0 is in use on this VM'
    halted.settled('xen_vif', vm='web', device='0', mac=MAC, state='absent')


@pytest.mark.parametrize('method', ['VIF.create', 'Async.VIF.plug', 'VIF.configure_ipv4'])
def test_one_that_can_not_be_made_anew_is_put_back(running, method):
    static = {'mode': 'static', 'address': '192.0.2.10/24', 'gateway': '192.0.2.1'}
    old = running.run('xen_vif', vm='web', device='1', network=ETH0, mac=MAC, ipv4=static).object
    running.simulator.fault(method=method, count=1, error=['HOST_OFFLINE', 'OpaqueRef:x'])
    error = running.fail('xen_vif', vm='web', device='1', mtu=9000, recreate=True)
    assert (error.code, error.left_behind) == ('HOST_OFFLINE', [])
    again = running.settled('xen_vif', vm='web', device='1', mac=MAC, mtu=1500, ipv4=static, plugged=True).object
    assert {**again, 'uuid': old['uuid']} == old


# ---------------------------------------------------------------- addresses of the guest


def test_the_guest_is_given_static_addresses(running):
    four = {'mode': 'static', 'address': '192.0.2.10/24', 'gateway': '192.0.2.1'}
    six = {'mode': 'static', 'address': '2001:db8::10/64'}
    other = {'mode': 'static', 'address': '192.0.2.11/24'}
    made = running.change('xen_vif', vm='web', device='1', network=ETH0, ipv4=four)
    assert made.before == {} and made.after['ipv4'] == four and made.object['ipv4'] == four
    assert [action['call'] for action in made.actions] == ['VIF.create', 'VIF.plug', 'VIF.configure_ipv4']
    done = running.change('xen_vif', vm='web', device='1', ipv6=six, ipv4=other)
    assert done.object['ipv6'] == {**six, 'gateway': ''}
    assert done.object['ipv4'] == {**other, 'gateway': '192.0.2.1'}, 'the gateway stays'
    done = running.change('xen_vif', vm='web', device='1', ipv4={**other, 'gateway': ''})
    assert done.object['ipv4'] == {**other, 'gateway': ''}
    renewed = running.change('xen_vif', vm='web', device='1', mtu=9000, recreate=True)
    assert renewed.object['ipv6'] == {**six, 'gateway': ''} and renewed.after == {'mtu': 9000}
    gone = running.change('xen_vif', vm='web', device='1', ipv4={'mode': 'none'}, ipv6={'mode': 'none'})
    assert gone.object['ipv4'] == gone.object['ipv6'] == {'mode': 'none', 'address': '', 'gateway': ''}


def test_a_locked_interface_gets_only_an_allowed_address(running):
    running.run('xen_vif', vm='web', device='1', network=ETH0, locking_mode='locked')
    static = {'mode': 'static', 'address': '192.0.2.10/24'}
    error = running.fail('xen_vif', vm='web', device='1', ipv4=static)
    assert error.code == 'ADDRESS_VIOLATES_LOCKING_CONSTRAINT' and 'ipv4_allowed' in error.hint
    running.change('xen_vif', vm='web', device='1', ipv4=static, ipv4_allowed=['192.0.2.10'])


def test_a_paused_vm_keeps_its_interfaces(running):
    running.run('xen_vm', name='web', power_state='paused')
    error = running.fail('xen_vif', vm='web', device='0', plugged=False)
    assert error.message == 'plugged: the VM is paused, so nothing can be unplugged'
    error = running.fail('xen_vif', vm='web', device='0', mtu=9000, recreate=True)
    assert error.message == 'recreate: the VM is paused, so nothing can be unplugged'
    assert not running.change('xen_vif', vm='web', device='1', network=ETH0).object['plugged']
