# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tunnels: a private network between hosts, carried by PIFs that have addresses."""

from __future__ import annotations

from xapisim import mac
from xapisim.behaviours import pif as pifs
from xapisim.behaviours.network import require_managed as require_managed_network
from xapisim.datamodel.types import NULL
from xapisim.errors import XapiError
from xapisim.registry import message
from xapisim.vlan_tags import UNTAGGED


@message('tunnel.create')
def create(call, transport, network, protocol):
    require_managed_network(call, network)
    host = call.db.get('PIF', transport, 'host')
    pifs.require_no_other_on_network(call, host, network)
    pifs.require_managed(call, transport)
    _require_can_carry(call, transport)
    if any(row['software_version'].get('network_backend') != 'openvswitch' for unused, row in call.db.rows('host')):
        raise XapiError('OPENVSWITCH_NOT_ACTIVE')
    row = call.db.require('PIF', transport)
    access = call.db.create('PIF', {
        'device': _free_name(call, host), 'network': network, 'host': host, 'MAC': mac.generate(call.sim.new_uuid(), 0), 'MTU': -1,
        'VLAN': UNTAGGED, 'metrics': row['metrics'], 'physical': False, 'currently_attached': False, 'IPv6': [''],
        'primary_address_type': row['primary_address_type']})
    tunnel = call.db.create('tunnel', {'access_PIF': access, 'transport_PIF': transport, 'protocol': protocol})
    pifs.plug(call, access)
    return tunnel


def _require_can_carry(call, pif):
    row = call.db.require('PIF', pif)
    if row['bond_slave_of'] != NULL:
        raise XapiError('CANNOT_ADD_TUNNEL_TO_BOND_SLAVE', pif)
    if row['tunnel_access_PIF_of']:
        raise XapiError('IS_TUNNEL_ACCESS_PIF', pif)


def _free_name(call, host):
    taken = {call.db.get('PIF', pif, 'device') for pif in call.db.get('host', host, 'PIFs')}
    number = 0
    while 'tunnel%d' % number in taken:
        number += 1
    return 'tunnel%d' % number


@message('tunnel.destroy')
def destroy(call, tunnel):
    access = call.db.get('tunnel', tunnel, 'access_PIF')
    pifs.unplug(call, access)
    call.db.destroy('PIF', access)
    call.db.destroy('tunnel', tunnel)
