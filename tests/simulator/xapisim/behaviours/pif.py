# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PIFs: the network interfaces of hosts, those of hardware and those that are made of others."""

from __future__ import annotations

from xapisim import addresses, mac
from xapisim.datamodel.types import NULL
from xapisim.errors import XapiError
from xapisim.registry import message, on_startup
from xapisim.vlan_tags import UNTAGGED

PROPERTIES = {'gro': ('on', 'off')}
DEFAULT_PROPERTIES = {'gro': 'on'}


@on_startup
def find_hardware(sim):
    """The network cards of each host: what introduce and scan can find."""
    sim.network_cards = {host: {} for host in sim.db.refs('host')}
    for unused, row in sim.db.rows('PIF'):
        if row['physical']:
            sim.network_cards.setdefault(row['host'], {})[row['device']] = row['MAC']


# ---------------------------------------------------------------- what stands against something

def require_managed(call, pif):
    if not call.db.get('PIF', pif, 'managed'):
        raise XapiError('PIF_UNMANAGED', pif)


def require_not_management(call, pif):
    if call.db.get('PIF', pif, 'management'):
        raise XapiError('PIF_IS_MANAGEMENT_INTERFACE', pif)


def require_not_bonded(call, pif):
    row = call.db.require('PIF', pif)
    if call.db.exists('Bond', row['bond_slave_of']) or row['bond_master_of']:
        raise XapiError('PIF_ALREADY_BONDED', pif)


def require_no_other_on_network(call, host, network):
    """A host has at most one interface on a network."""
    for pif in call.db.get('network', network, 'PIFs'):
        if call.db.get('PIF', pif, 'host') == host:
            raise XapiError('NETWORK_ALREADY_CONNECTED', host, pif)


def require_unprotected(call, pif):
    """With HA or a redo log, an interface that is up stays as it is."""
    if not call.db.get('PIF', pif, 'currently_attached'):
        return
    if call.db.get('pool', call.sim.pool, 'ha_enabled'):
        raise XapiError('HA_IS_ENABLED')
    if call.db.get('pool', call.sim.pool, 'redo_log_enabled'):
        raise XapiError('REDO_LOG_IS_ENABLED')


def _require_without_others(call, pif):
    row = call.db.require('PIF', pif)
    if row['VLAN_slave_of'] or row['VLAN'] != UNTAGGED:
        raise XapiError('PIF_VLAN_STILL_EXISTS', pif)
    if row['tunnel_transport_PIF_of'] or row['tunnel_access_PIF_of']:
        raise XapiError('PIF_TUNNEL_STILL_EXISTS', pif)


def _require_no_vifs(call, pif):
    row = call.db.require('PIF', pif)
    for vif in call.db.get('network', row['network'], 'VIFs'):
        vm = call.db.require('VM', call.db.get('VIF', vif, 'VM'))
        alive = vm['power_state'] in ('Running', 'Paused') and vm['resident_on'] == row['host']
        if call.db.get('VIF', vif, 'currently_attached') and alive:
            raise XapiError('VIF_IN_USE', row['network'], vif)


# ---------------------------------------------------------------- up and down

@message('PIF.plug')
def plug(call, pif):
    require_managed(call, pif)
    row = call.db.require('PIF', pif)
    if row['bond_slave_of'] != NULL:
        raise XapiError('CANNOT_PLUG_BOND_SLAVE', pif)
    for tunnel in row['tunnel_access_PIF_of']:
        _plug_transport(call, call.db.get('tunnel', tunnel, 'transport_PIF'))
    call.db.set('PIF', pif, currently_attached=True)


def _plug_transport(call, transport):
    """A tunnel is up when what carries it is, and has an address."""
    if call.db.get('PIF', transport, 'ip_configuration_mode') == 'None':
        raise XapiError('TRANSPORT_PIF_NOT_CONFIGURED', transport)
    plug(call, transport)


@message('PIF.unplug')
def unplug(call, pif):
    require_managed(call, pif)
    require_unprotected(call, pif)
    require_not_management(call, pif)
    _require_no_vifs(call, pif)
    if call.db.get('PIF', pif, 'disallow_unplug'):
        raise XapiError('PIF_DOES_NOT_ALLOW_UNPLUG', pif)
    row = call.db.require('PIF', pif)
    for tunnel in row['tunnel_transport_PIF_of']:
        unplug(call, call.db.get('tunnel', tunnel, 'access_PIF'))
    if row['bond_slave_of'] == NULL:
        call.db.set('PIF', pif, currently_attached=False)


@message('PIF.set_disallow_unplug')
def set_disallow_unplug(call, pif, value):
    call.db.set('PIF', pif, disallow_unplug=value)


# ---------------------------------------------------------------- addresses

@message('PIF.reconfigure_ip')
def reconfigure_ip(call, pif, mode, ip, netmask, gateway, dns):
    require_managed(call, pif)
    row = call.db.require('PIF', pif)
    if not (mode == 'Static' and (row['ip_configuration_mode'], row['IP'], row['netmask'], row['gateway']) == (mode, ip, netmask, gateway)):
        require_unprotected(call, pif)
    for name, value in (('IP', ip), ('netmask', netmask), ('gateway', gateway)):
        if value or (mode == 'Static' and name != 'gateway'):
            addresses.require_address(4, name, value)
    if row['management'] and mode == 'None' and row['primary_address_type'] == 'IPv4':
        raise XapiError('PIF_IS_MANAGEMENT_INTERFACE', pif)
    servers = addresses.only(4, dns) + addresses.only(6, row['DNS'])
    call.db.set('PIF', pif, ip_configuration_mode=mode, IP=ip, netmask=netmask, gateway=gateway, DNS=','.join(servers))


@message('PIF.reconfigure_ipv6')
def reconfigure_ipv6(call, pif, mode, ipv6, gateway, dns):
    require_managed(call, pif)
    row = call.db.require('PIF', pif)
    if not (mode == 'Static' and (row['ipv6_configuration_mode'], row['IPv6'], row['ipv6_gateway']) == (mode, [ipv6], gateway)):
        require_unprotected(call, pif)
    if gateway:
        addresses.require_address(6, 'gateway', gateway)
    if ipv6:
        addresses.require_cidr(6, 'IPv6', ipv6)
    if row['management'] and mode == 'None' and row['primary_address_type'] == 'IPv6':
        raise XapiError('PIF_IS_MANAGEMENT_INTERFACE', pif)
    servers = addresses.only(6, dns) + addresses.only(4, row['DNS'])
    call.db.set('PIF', pif, ipv6_configuration_mode=mode, IPv6=[ipv6], ipv6_gateway=gateway, DNS=','.join(servers))


@message('PIF.set_primary_address_type')
def set_primary_address_type(call, pif, primary_address_type):
    require_unprotected(call, pif)
    require_not_management(call, pif)
    call.db.set('PIF', pif, primary_address_type=primary_address_type)


@message('PIF.set_property')
def set_property(call, pif, name, value):
    row = call.db.require('PIF', pif)
    if value not in PROPERTIES.get(name, ()):
        raise XapiError('INVALID_VALUE', 'properties', '%s = %s' % (name, value))
    if not (row['physical'] or row['bond_master_of']) or row['bond_slave_of'] != NULL:
        raise XapiError('CANNOT_CHANGE_PIF_PROPERTIES', pif)
    properties = {**row['properties'], name: value}
    slaves = [slave for bond in row['bond_master_of'] for slave in call.db.get('Bond', bond, 'slaves')]
    for each in [pif] + slaves:
        call.db.set('PIF', each, properties=properties)


# ---------------------------------------------------------------- coming and going

@message('PIF.introduce')
def introduce(call, host, address, device, managed):
    cards = call.sim.network_cards.get(host, {})
    call.db.require('host', host)
    address = address.lower() or cards.get(device, '')
    if not mac.is_valid(address):
        raise XapiError('MAC_INVALID', address)
    if any(row['device'] == device and row['physical'] for row in _of_host(call, host)):
        raise XapiError('DUPLICATE_PIF_DEVICE_NAME', device)
    if cards.get(device) != address:
        raise XapiError('COULD_NOT_FIND_NETWORK_INTERFACE_WITH_SPECIFIED_DEVICE_NAME_AND_MAC_ADDRESS', device, address)
    return _make_physical(call, host, device, address, managed)


def _of_host(call, host):
    return [call.db.require('PIF', pif) for pif in call.db.get('host', host, 'PIFs')]


def _make_physical(call, host, device, address, managed=True):
    return call.db.create('PIF', {
        'device': device, 'device_name': device, 'network': _network_for(call, device), 'host': host, 'MAC': address, 'MTU': 1500,
        'VLAN': UNTAGGED, 'physical': True, 'currently_attached': False, 'managed': managed, 'properties': dict(DEFAULT_PROPERTIES),
        'metrics': call.db.create('PIF_metrics')})


def _network_for(call, device):
    """Interfaces with the same name on several hosts are on one network."""
    bridge = 'xenbr' + device[3:] if device.startswith('eth') else 'br' + device
    found = call.db.find('network', bridge=bridge)
    return found[0] if found else call.db.create('network', {
        'name_label': 'Pool-wide network associated with ' + device, 'bridge': bridge, 'MTU': 1500})


@message('PIF.forget')
def forget(call, pif):
    require_not_management(call, pif)
    require_not_bonded(call, pif)
    _require_without_others(call, pif)
    require_unprotected(call, pif)
    row = call.db.require('PIF', pif)
    if call.db.exists('PIF_metrics', row['metrics']):
        call.db.destroy('PIF_metrics', row['metrics'])
    call.db.destroy('PIF', pif)


@message('PIF.scan')
def scan(call, host):
    call.db.require('host', host)
    known = {row['device'] for row in _of_host(call, host) if row['physical']}
    for device, address in call.sim.network_cards.get(host, {}).items():
        if device not in known:
            _make_physical(call, host, device, address)


INTRODUCED = ('device', 'network', 'host', 'MAC', 'MTU', 'VLAN', 'physical', 'ip_configuration_mode', 'IP', 'netmask', 'gateway', 'DNS',
              'bond_slave_of', 'VLAN_master_of', 'management', 'other_config', 'disallow_unplug', 'ipv6_configuration_mode', 'IPv6',
              'ipv6_gateway', 'primary_address_type', 'managed', 'properties')


@message('PIF.db_introduce', 'PIF.pool_introduce')
def db_introduce(call, *values):
    """A record as it is told, of an interface that may or may not be there."""
    fields = dict(zip(INTRODUCED, values))
    return call.db.create('PIF', {**fields, 'device_name': fields['device'], 'currently_attached': False,
                                  'metrics': call.db.create('PIF_metrics')})


@message('PIF.db_forget')
def db_forget(call, pif):
    call.db.require('PIF', pif)
    call.db.destroy('PIF', pif)
