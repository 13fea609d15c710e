# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VLANs: a tag on one PIF makes another."""

from __future__ import annotations

import contextlib

from xapisim.behaviours import pif as pifs
from xapisim.behaviours.network import require_managed as require_managed_network
from xapisim.datamodel.types import NULL
from xapisim.errors import XapiError
from xapisim.registry import message
from xapisim.vlan_tags import UNTAGGED, require_tag

# All of them have it: nothing is sent under the address of a VLAN's interface.
MAC = 'fe:ff:ff:ff:ff:ff'


@message('VLAN.create')
def create(call, tagged, tag, network):
    require_managed_network(call, network)
    host = call.db.get('PIF', tagged, 'host')
    pifs.require_no_other_on_network(call, host, network)
    pifs.require_managed(call, tagged)
    _require_taggable(call, tagged)
    require_tag(tag)
    row = call.db.require('PIF', tagged)
    if any(call.db.get('VLAN', vlan, 'tag') == tag for vlan in row['VLAN_slave_of']):
        raise XapiError('PIF_VLAN_EXISTS', row['device'])
    if any(call.db.get('VIF', vif, 'trunks') for vif in call.db.get('network', network, 'VIFs')):
        raise XapiError('NETWORK_INCOMPATIBLE_WITH_TRUNKS', network)
    return _make(call, row, tagged, tag, network)


def _require_taggable(call, pif):
    row = call.db.require('PIF', pif)
    if row['tunnel_access_PIF_of']:
        raise XapiError('IS_TUNNEL_ACCESS_PIF', pif)
    if row['VLAN_master_of'] != NULL:
        raise XapiError('PIF_IS_VLAN', pif)
    if row['bond_slave_of'] != NULL:
        raise XapiError('CANNOT_ADD_VLAN_TO_BOND_SLAVE', pif)


def _make(call, row, tagged, tag, network):
    untagged = call.db.create('PIF', {
        'device': row['device'], 'device_name': row['device'], 'network': network, 'host': row['host'], 'MAC': MAC, 'MTU': row['MTU'],
        'VLAN': tag, 'metrics': row['metrics'], 'physical': False, 'currently_attached': True, 'IPv6': [''],
        'primary_address_type': row['primary_address_type']})
    vlan = call.db.create('VLAN', {'tagged_PIF': tagged, 'untagged_PIF': untagged, 'tag': tag})
    call.db.set('PIF', untagged, VLAN_master_of=vlan)
    return vlan


@message('VLAN.pool_introduce')
def pool_introduce(call, tagged, untagged, tag, other_config):
    """The record of a VLAN that is there; both interfaces share their metrics."""
    vlan = call.db.create('VLAN', {'tagged_PIF': tagged, 'untagged_PIF': untagged, 'tag': tag, 'other_config': other_config})
    call.db.set('PIF', untagged, VLAN_master_of=vlan, metrics=call.db.get('PIF', tagged, 'metrics'))
    return vlan


@message('VLAN.destroy')
def destroy(call, vlan):
    untagged = call.db.get('VLAN', vlan, 'untagged_PIF')
    if call.db.exists('PIF', untagged):
        pifs.require_not_bonded(call, untagged)
        pifs.require_unprotected(call, untagged)
        pifs.unplug(call, untagged)
        call.db.destroy('PIF', untagged)
    call.db.destroy('VLAN', vlan)


@message('PIF.create_VLAN')
def create_on_device(call, device, network, host, tag):
    for pif in call.db.get('host', host, 'PIFs'):
        row = call.db.require('PIF', pif)
        if row['device'] == device and row['VLAN'] == UNTAGGED:
            return call.db.get('VLAN', create(call, pif, tag, network), 'untagged_PIF')
    raise XapiError('INVALID_VALUE', 'device', device)


@message('PIF.destroy')
def destroy_pif(call, pif):
    if call.db.get('PIF', pif, 'VLAN') < 0:
        raise XapiError('PIF_IS_PHYSICAL')
    destroy(call, call.db.get('PIF', pif, 'VLAN_master_of'))


@message('pool.create_VLAN_from_PIF')
def create_from_pif(call, pif, network, tag):
    """On the interface of every host that is on the same network; all or none."""
    siblings = call.db.get('network', call.db.get('PIF', pif, 'network'), 'PIFs')
    return _everywhere(call, [sibling for sibling in siblings if _is_live(call, sibling)], tag, network)


@message('pool.create_VLAN')
def create_on_every_host(call, device, network, tag):
    tagged = [pif for pif, row in call.db.rows('PIF') if row['device'] == device and row['VLAN'] == UNTAGGED]
    if not tagged:
        raise XapiError('INVALID_VALUE', 'device', device)
    return _everywhere(call, tagged, tag, network)


def _is_live(call, pif):
    metrics = call.db.get('host', call.db.get('PIF', pif, 'host'), 'metrics')
    return call.db.get('host_metrics', metrics, 'live')


def _everywhere(call, tagged, tag, network):
    made = []
    try:
        for pif in tagged:
            made.append(create(call, pif, tag, network))
    except XapiError:
        for vlan in made:
            with contextlib.suppress(XapiError):
                destroy(call, vlan)
        raise
    return [call.db.get('VLAN', vlan, 'untagged_PIF') for vlan in made]
