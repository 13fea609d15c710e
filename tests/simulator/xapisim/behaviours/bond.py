# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bonds: several PIFs of a host that work as one."""

from __future__ import annotations

from xapisim import mac, ocaml
from xapisim.behaviours import pif as pifs
from xapisim.behaviours.network import require_managed as require_managed_network
from xapisim.datamodel.types import NULL
from xapisim.errors import XapiError
from xapisim.registry import message
from xapisim.vlan_tags import UNTAGGED

ADDRESS_FIELDS = ('ip_configuration_mode', 'IP', 'netmask', 'gateway', 'DNS')
NO_ADDRESS = {'ip_configuration_mode': 'None', 'IP': '', 'netmask': '', 'gateway': '', 'DNS': ''}
# mode -> property -> (default, what it may be)
PROPERTIES = {'lacp': {
    'hashing_algorithm': ('tcpudp_ports', ('src_mac', 'tcpudp_ports')), 'lacp-time': ('slow', ('fast', 'slow')),
    'lacp-aggregation-key': (None, None), 'lacp-fallback-ab': ('true', ('true', 'false'))}}


# ---------------------------------------------------------------- creating

@message('Bond.create')
def create(call, network, members, address, mode, properties):
    require_managed_network(call, network)
    if not members:
        raise XapiError('PIF_BOND_NEEDS_MORE_MEMBERS')
    host = call.db.get('PIF', members[0], 'host')
    pifs.require_no_other_on_network(call, host, network)
    if address and not mac.is_valid(address):
        raise XapiError('MAC_INVALID', address)
    properties = _complete(mode, properties)
    members = list(dict.fromkeys(members))
    for member in members:
        _require_bondable(call, member)
    _require_alike(call, members)
    return _make(call, network, members, address, mode, properties)


def _complete(mode, properties):
    """The properties with the defaults of the mode."""
    known = PROPERTIES.get(mode, {})
    for name, value in properties.items():
        if name not in known or not _is_allowed(known[name][1], value):
            raise XapiError('INVALID_VALUE', 'properties', '%s = %s' % (name, value))
    return {**{name: default for name, (default, unused) in known.items() if default is not None}, **properties}


def _is_allowed(allowed, value):
    if allowed is not None:
        return value in allowed
    try:
        ocaml.int_of_string(value)
    except ValueError:
        return False
    return True


def _require_bondable(call, pif):
    pifs.require_managed(call, pif)
    row = call.db.require('PIF', pif)
    if call.db.exists('Bond', row['bond_slave_of']):
        raise XapiError('PIF_ALREADY_BONDED', pif)
    if row['VLAN_master_of'] != NULL:
        raise XapiError('PIF_VLAN_EXISTS', row['device_name'] or row['device'])
    if row['tunnel_access_PIF_of']:
        raise XapiError('IS_TUNNEL_ACCESS_PIF', pif)
    if row['management'] and call.db.get('pool', call.sim.pool, 'ha_enabled'):
        raise XapiError('HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE')


def _require_alike(call, members):
    rows = [call.db.require('PIF', member) for member in members]
    for row, member in zip(rows, members):
        if row['primary_address_type'] != rows[0]['primary_address_type']:
            raise XapiError('PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE', member)
    if len({row['host'] for row in rows}) != 1:
        raise XapiError('PIF_CANNOT_BOND_CROSS_HOST')
    if any(row['properties'] != rows[0]['properties'] for row in rows):
        raise XapiError('INCOMPATIBLE_PIF_PROPERTIES')
    if sum(row['ip_configuration_mode'] != 'None' for row in rows) > 1:
        raise XapiError('PIF_BOND_MORE_THAN_ONE_IP')


def _primary(call, members):
    """The member that management goes over, else one with an address, else the first."""
    def rank(member):
        row = call.db.require('PIF', member)
        return not row['management'], row['ip_configuration_mode'] == 'None'
    return min(members, key=rank)


def _make(call, network, members, address, mode, properties):
    primary = _primary(call, members)
    row = call.db.require('PIF', primary)
    master = call.db.create('PIF', {
        'device': _free_name(call, row['host']), 'network': network, 'host': row['host'], 'MAC': address or row['MAC'], 'MTU': row['MTU'],
        'VLAN': UNTAGGED, 'physical': False, 'currently_attached': True, 'properties': row['properties'],
        'primary_address_type': row['primary_address_type'], 'metrics': call.db.create('PIF_metrics')})
    bond = call.db.create('Bond', {'master': master, 'mode': mode, 'properties': properties, 'primary_slave': primary,
                                   'links_up': len(members), 'auto_update_mac': not address})
    _move_users(call, members, network, master)
    for member in members:
        call.db.set('PIF', member, bond_slave_of=bond, currently_attached=False)
    _move_address(call, primary, master)
    return bond


def _free_name(call, host):
    taken = {call.db.get('PIF', pif, 'device') for pif in call.db.get('host', host, 'PIFs')}
    number = 0
    while 'bond%d' % number in taken:
        number += 1
    return 'bond%d' % number


def _move_users(call, members, network, master):
    """What stood on the members stands on the bond: VLANs, and the VIFs of their networks."""
    host = call.db.get('PIF', master, 'host')
    for member in members:
        row = call.db.require('PIF', member)
        for vlan in row['VLAN_slave_of']:
            call.db.set('VLAN', vlan, tagged_PIF=master)
            call.db.set('PIF', call.db.get('VLAN', vlan, 'untagged_PIF'), device=call.db.get('PIF', master, 'device'))
        for vif in list(call.db.get('network', row['network'], 'VIFs')):
            if call.db.get('VM', call.db.get('VIF', vif, 'VM'), 'resident_on') in (host, NULL):
                call.db.set('VIF', vif, network=network)


def _move_address(call, source, target):
    row = call.db.require('PIF', source)
    call.db.set('PIF', target, management=row['management'], **{name: row[name] for name in ADDRESS_FIELDS})
    call.db.set('PIF', source, management=False, **NO_ADDRESS)


# ---------------------------------------------------------------- changing and destroying

@message('Bond.destroy')
def destroy(call, bond):
    row = call.db.require('Bond', bond)
    master, primary = row['master'], row['primary_slave']
    if call.db.get('PIF', master, 'management') and call.db.get('pool', call.sim.pool, 'ha_enabled'):
        raise XapiError('HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE')
    network = call.db.get('PIF', primary, 'network')
    _move_users(call, [master], network, primary)
    _move_address(call, master, primary)
    for slave in list(row['slaves']):
        call.db.set('PIF', slave, bond_slave_of=NULL, currently_attached=True)
    call.db.destroy('PIF_metrics', call.db.get('PIF', master, 'metrics'))
    call.db.destroy('Bond', bond)
    call.db.destroy('PIF', master)


@message('Bond.set_mode')
def set_mode(call, bond, value):
    call.db.set('Bond', bond, mode=value, properties=_complete(value, {}))


@message('Bond.set_property')
def set_property(call, bond, name, value):
    row = call.db.require('Bond', bond)
    _complete(row['mode'], {name: value})
    call.db.set('Bond', bond, properties={**row['properties'], name: value})
