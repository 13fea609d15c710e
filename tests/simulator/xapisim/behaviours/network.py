# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks: bridges that VIFs and PIFs meet on."""

from __future__ import annotations

from xapisim.errors import XapiError
from xapisim.registry import constructor, destructor, message, on_startup

RESERVED_PREFIXES = ('xen', 'xapi', 'vif', 'tap', 'eth')
LONGEST_BRIDGE = 15
DEFAULT_MTU = 1500
INTERNAL = 'is_host_internal_management_network'


@on_startup
def count_bridges(sim):
    """Names of bridges that xapi chooses are numbered, and none comes twice."""
    sim.next_bridge = 0


@constructor('network')
def create(call, record):
    bridges = [row['bridge'] for unused, row in call.db.rows('network')]
    bridge = _wanted_bridge(record['bridge'], bridges) if record['bridge'] else _next_bridge(call.sim, bridges)
    mtu = record['MTU'] if record['MTU'] > 0 else DEFAULT_MTU
    return call.db.create('network', {**record, 'bridge': bridge, 'MTU': mtu})


def _wanted_bridge(bridge, bridges):
    if len(bridge) > LONGEST_BRIDGE or bridge.startswith(RESERVED_PREFIXES):
        raise XapiError('INVALID_VALUE', 'bridge', bridge)
    if bridge in bridges:
        raise XapiError('BRIDGE_NAME_EXISTS', bridge)
    return bridge


def _next_bridge(sim, bridges):
    while True:
        name, sim.next_bridge = 'xapi%d' % sim.next_bridge, sim.next_bridge + 1
        if name not in bridges:
            return name


@message('network.pool_introduce')
def pool_introduce(call, name_label, name_description, mtu, other_config, bridge, managed, purpose):
    return call.db.create('network', {'name_label': name_label, 'name_description': name_description, 'MTU': mtu, 'bridge': bridge,
                                      'other_config': other_config, 'managed': managed, 'purpose': purpose})


@destructor('network')
def destroy(call, network):
    row = call.db.require('network', network)
    connected = [vif for vif in row['VIFs'] if call.db.get('VIF', vif, 'currently_attached') or call.db.get('VIF', vif, 'reserved')]
    if connected:
        raise XapiError('NETWORK_CONTAINS_VIF', *connected)
    if row['PIFs']:
        raise XapiError('NETWORK_CONTAINS_PIF', *row['PIFs'])
    if row['other_config'].get(INTERNAL) == 'true':
        raise XapiError('CANNOT_DESTROY_SYSTEM_NETWORK', network)
    for vif in row['VIFs']:
        call.db.destroy('VIF', vif)
    call.db.destroy('network', network)


@message('network.set_default_locking_mode')
def set_default_locking_mode(call, network, value):
    for vif in call.db.get('network', network, 'VIFs'):
        if call.db.get('VIF', vif, 'currently_attached'):
            raise XapiError('VIF_IN_USE', network, vif)
    call.db.set('network', network, default_locking_mode=value)


@message('network.add_purpose')
def add_purpose(call, network, value):
    require_managed(call, network)
    current = call.db.get('network', network, 'purpose')
    if value in current:
        return
    excluded = 'insecure_nbd' if value == 'nbd' else 'nbd'
    if any(excluded in row['purpose'] for unused, row in call.db.rows('network')):
        raise XapiError('NETWORK_INCOMPATIBLE_PURPOSES', value, excluded)
    call.db.set('network', network, purpose=[value] + current)


@message('network.remove_purpose')
def remove_purpose(call, network, value):
    call.db.set('network', network, purpose=[item for item in call.db.get('network', network, 'purpose') if item != value])


def require_managed(call, network):
    if not call.db.get('network', network, 'managed'):
        raise XapiError('NETWORK_UNMANAGED', network)


@message('network.attach')
def attach(call, network, host):
    """Brings the network up on a host: its interfaces there, if it has any."""
    call.db.require('host', host)
    for pif in call.db.get('network', network, 'PIFs'):
        if call.db.get('PIF', pif, 'host') == host:
            call.db.set('PIF', pif, currently_attached=True)
