# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks, PIFs, VLANs and bonds."""

from __future__ import annotations

import pytest

from ansible_collections.xapi.xen.tests.support.in_process import Host


@pytest.fixture
def host():
    host = Host()
    yield host
    host.close()


def network(host, **fields):
    return host.call('network.create', {'name_label': 'n', 'other_config': {}, 'bridge': '', **fields})


def pif(host, device):
    records = host.call('PIF.get_all_records')
    return next(ref for ref, row in records.items()
                if (row['device'], row['VLAN'], row['host']) == (device, '-1', host.sim.coordinator))


def test_bridges_are_numbered_and_none_comes_twice(host):
    one, two = network(host), network(host)
    host.call('network.destroy', two)
    names = [host.get('network', ref, 'bridge') for ref in (one, network(host))]
    assert names == ['xapi0', 'xapi2']


@pytest.mark.parametrize('mtu, given', [('0', '1500'), ('-1', '1500'), ('9000', '9000')])
def test_an_mtu_is_positive(host, mtu, given):
    assert host.get('network', network(host, MTU=mtu), 'MTU') == given


@pytest.mark.parametrize('bridge', ['xenbr0', 'xapi7', 'vif1', 'sixteen-letters-'])
def test_bridges_that_a_client_cannot_have(host, bridge):
    record = {'name_label': 'n', 'other_config': {}, 'bridge': bridge}
    assert host.error('network.create', record) == ['INVALID_VALUE', 'bridge', bridge]


def test_a_bridge_is_there_once(host):
    network(host, bridge='br-x')
    assert host.error('network.create', {'name_label': 'n', 'other_config': {}, 'bridge': 'br-x'}) == ['BRIDGE_NAME_EXISTS', 'br-x']


def test_a_network_takes_the_interfaces_of_halted_vms_with_it(host):
    net, vm = network(host), host.vm()
    vif = host.vif(vm, network=net)
    host.start(vm)
    assert host.error('network.destroy', net) == ['NETWORK_CONTAINS_VIF', vif]
    assert host.error('network.set_default_locking_mode', net, 'disabled') == ['VIF_IN_USE', net, vif]
    host.call('VM.hard_shutdown', vm)
    host.call('network.destroy', net)
    assert host.error('VIF.get_record', vif) == ['HANDLE_INVALID', 'VIF', vif]


def test_a_network_of_a_pif_stays(host):
    eth0 = pif(host, 'eth0')
    assert host.error('network.destroy', host.network()) == ['NETWORK_CONTAINS_PIF', eth0]


def test_purposes_exclude_each_other(host):
    host.call('network.add_purpose', host.network(), 'nbd')
    assert host.error('network.add_purpose', network(host), 'insecure_nbd') == ['NETWORK_INCOMPATIBLE_PURPOSES', 'insecure_nbd', 'nbd']


def test_a_vlan_comes_and_goes(host):
    eth1, net = pif(host, 'eth1'), network(host)
    vlan = host.call('VLAN.create', eth1, '100', net)
    tagged = host.get('VLAN', vlan, 'untagged_PIF')
    record = host.call('PIF.get_record', tagged)
    assert (record['device'], record['VLAN'], record['network'], record['physical']) == ('eth1', '100', net, False)
    assert (record['VLAN_master_of'], host.get('PIF', eth1, 'VLAN_slave_of')) == (vlan, [vlan])
    assert host.error('VLAN.create', eth1, '100', network(host)) == ['PIF_VLAN_EXISTS', 'eth1']
    assert host.error('VLAN.create', eth1, '101', net) == ['NETWORK_ALREADY_CONNECTED', host.sim.coordinator, tagged]
    assert host.error('VLAN.create', tagged, '5', network(host)) == ['PIF_IS_VLAN', tagged]
    assert host.error('VLAN.create', eth1, '4095', network(host)) == ['VLAN_TAG_INVALID', '4095']
    assert host.error('network.destroy', net) == ['NETWORK_CONTAINS_PIF', tagged]
    host.call('VLAN.destroy', vlan)
    host.call('network.destroy', net)


def test_a_vlan_on_every_host():
    pool = Host('--topology', 'pool')
    try:
        made = pool.call('pool.create_VLAN_from_PIF', pif(pool, 'eth1'), network(pool), '7')
        assert {pool.get('PIF', ref, 'host') for ref in made} == set(pool.call('host.get_all'))
    finally:
        pool.close()


def test_the_management_interface_stays_up(host):
    eth0, eth1 = pif(host, 'eth0'), pif(host, 'eth1')
    for call in ('PIF.unplug', 'PIF.forget'):
        assert host.error(call, eth0) == ['PIF_IS_MANAGEMENT_INTERFACE', eth0]
    host.call('PIF.set_disallow_unplug', eth1, True)
    assert host.error('PIF.unplug', eth1) == ['PIF_DOES_NOT_ALLOW_UNPLUG', eth1]
    host.call('PIF.set_disallow_unplug', eth1, False)
    host.call('PIF.unplug', eth1)
    assert host.get('PIF', eth1, 'currently_attached') is False


def test_addresses_of_a_pif(host):
    eth1 = pif(host, 'eth1')
    assert host.error('PIF.reconfigure_ip', eth1, 'Static', '', '', '', '') == ['INVALID_IP_ADDRESS_SPECIFIED', 'IP']
    host.call('PIF.reconfigure_ip', eth1, 'Static', '10.0.0.2', '255.255.255.0', '', '10.0.0.1,::1')
    assert (host.get('PIF', eth1, 'IP'), host.get('PIF', eth1, 'DNS')) == ('10.0.0.2', '10.0.0.1')
    eth0 = pif(host, 'eth0')
    assert host.error('PIF.reconfigure_ip', eth0, 'None', '', '', '', '') == ['PIF_IS_MANAGEMENT_INTERFACE', eth0]


def test_a_card_that_was_forgotten_is_found_again(host):
    eth1 = pif(host, 'eth1')
    address = host.get('PIF', eth1, 'MAC')
    host.call('PIF.forget', eth1)
    assert host.error('PIF.introduce', host.sim.coordinator, '52:54:00:00:00:99', 'eth1') == [
        'COULD_NOT_FIND_NETWORK_INTERFACE_WITH_SPECIFIED_DEVICE_NAME_AND_MAC_ADDRESS', 'eth1', '52:54:00:00:00:99']
    host.call('PIF.scan', host.sim.coordinator)
    assert host.get('PIF', pif(host, 'eth1'), 'MAC') == address
    assert host.get('PIF', pif(host, 'eth1'), 'network') == host.network(1)


def test_a_bond_takes_over_what_its_members_had(host):
    eth0, eth1, net = pif(host, 'eth0'), pif(host, 'eth1'), network(host)
    address = host.get('PIF', eth0, 'IP')
    vlan = host.call('VLAN.create', eth1, '9', network(host))
    bond = host.call('Bond.create', net, [eth0, eth1], '', 'lacp', {})
    record = host.call('Bond.get_record', bond)
    master = host.call('PIF.get_record', record['master'])
    assert (master['device'], master['management'], master['IP'], master['network']) == ('bond0', True, address, net)
    assert sorted(record['slaves']) == sorted([eth0, eth1])
    assert record['properties']['lacp-time'] == 'slow'
    assert host.get('VLAN', vlan, 'tagged_PIF') == record['master']
    assert host.error('Bond.create', network(host), [eth0], '', 'balance-slb', {}) == ['PIF_ALREADY_BONDED', eth0]
    host.call('Bond.destroy', bond)
    assert (host.get('PIF', eth0, 'IP'), host.get('PIF', eth0, 'management')) == (address, True)
    assert host.error('PIF.get_record', record['master']) == ['HANDLE_INVALID', 'PIF', record['master']]


def test_a_tunnel_needs_an_interface_with_an_address(host):
    eth0, eth1, net = pif(host, 'eth0'), pif(host, 'eth1'), network(host)
    assert host.error('tunnel.create', eth1, network(host)) == ['TRANSPORT_PIF_NOT_CONFIGURED', eth1]
    tunnel = host.call('tunnel.create', eth0, net)
    access = host.get('tunnel', tunnel, 'access_PIF')
    assert host.get('PIF', access, 'currently_attached') is True
    assert host.error('tunnel.create', access, network(host)) == ['IS_TUNNEL_ACCESS_PIF', access]
    host.call('tunnel.destroy', tunnel)
    host.call('network.destroy', net)
