# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests: what runs inside a VM tells the pool of itself a moment after the start, when it has PV tools.

`tools`: every guest has them. `none`: no guest has. `marked`: those whose xenstore_data holds MARK have.
"""

from __future__ import annotations

from xapisim import lifecycle
from xapisim.datamodel.types import NULL
from xapisim.lifecycle_vm import RUNNING
from xapisim.registry import on_startup

MARK = 'vm-data/oracle-tools'
# Seconds after the start of a domain until the tools and then the addresses are known. Marked guests are there at once.
MOMENTS = {'tools': (0.15, 0.3), 'marked': (0.0, 0.0)}

DRIVERS = {'major': '8', 'minor': '4', 'micro': '0', 'build': '1'}
SYSTEM = {'name': 'Debian GNU/Linux 12 (bookworm)', 'distro': 'debian', 'major': '12', 'minor': '0',
          'uname': '6.1.0-26-amd64'}
FEATURES = {'feature-suspend': '1', 'feature-shutdown': '1', 'feature-poweroff': '1', 'feature-reboot': '1',
            'feature-vcpu-hotplug': '1', 'feature-balloon': '1', 'feature-static-ip-setting': '1'}
FIRST_HOST_PART, LAST_HOST_PART = 100, 250


@on_startup
def open_leases(sim):
    """Addresses by network and MAC: a guest that starts again has its old address."""
    sim.leases = {}


def has_tools(sim, vm):
    if sim.guests == 'marked':
        return MARK in sim.db.get('VM', vm, 'xenstore_data')
    return sim.guests == 'tools'


def forget(db, vm):
    """What an earlier domain told is no longer true."""
    metrics = db.get('VM', vm, 'guest_metrics')
    if metrics != NULL:
        db.set('VM', vm, guest_metrics=NULL)
    if db.exists('VM_guest_metrics', metrics):
        db.destroy('VM_guest_metrics', metrics)


def boot(sim, vm):
    """A domain has begun to run, or waits paused to: there is a record, and the rest follows if it runs."""
    record = sim.db.require('VM', vm)
    if not sim.db.exists('VM_guest_metrics', record['guest_metrics']):
        sim.db.set('VM', vm, guest_metrics=sim.db.create('VM_guest_metrics', unheard_of(sim)))
    if record['power_state'] == RUNNING and has_tools(sim, vm):
        domid, (tools, addresses) = record['domid'], MOMENTS[sim.guests]
        sim.run_later(tools, lambda: report_tools(sim, vm, domid))
        sim.run_later(addresses, lambda: report_addresses(sim, vm, domid))


def unheard_of(sim):
    return {'last_updated': sim.now(), 'live': True,
            'can_use_hotplug_vbd': 'unspecified', 'can_use_hotplug_vif': 'unspecified'}


def moved(sim, vm):
    """After a migration the guest is the same one: what it told stays, what it had not told yet comes."""
    metrics = sim.db.get('VM', vm, 'guest_metrics')
    if not sim.db.exists('VM_guest_metrics', metrics) or not sim.db.get('VM_guest_metrics', metrics, 'networks'):
        boot(sim, vm)


def runs(sim, vm, domid):
    """The metrics of a VM whose domain is still the one that will report, or None."""
    if not sim.db.exists('VM', vm):
        return None
    record = sim.db.require('VM', vm)
    if record['power_state'] != RUNNING or record['domid'] != domid:
        return None
    return record['guest_metrics'] if sim.db.exists('VM_guest_metrics', record['guest_metrics']) else None


def report_tools(sim, vm, domid):
    metrics = runs(sim, vm, domid)
    if not metrics:
        return
    sim.db.set('VM_guest_metrics', metrics, PV_drivers_version=dict(DRIVERS), PV_drivers_detected=True,
               PV_drivers_up_to_date=True, os_version=dict(SYSTEM), other=dict(FEATURES), live=True,
               can_use_hotplug_vbd='yes', can_use_hotplug_vif='yes', last_updated=sim.now())
    refresh(sim, vm)


def refresh(sim, vm):
    sim.refresh_allowed('VM', vm)
    record = sim.db.require('VM', vm)
    for cls in ('VBD', 'VIF'):
        for device in record[cls + 's']:
            lifecycle.refresh(sim, cls, device)


def report_addresses(sim, vm, domid):
    metrics = runs(sim, vm, domid)
    if metrics:
        sim.db.set('VM_guest_metrics', metrics, networks=networks(sim, vm), last_updated=sim.now())


def interfaces_changed(sim, vm):
    """A running guest that has told its addresses tells them again when an interface comes or goes."""
    record = sim.db.require('VM', vm)
    metrics = runs(sim, vm, record['domid'])
    if metrics and has_tools(sim, vm):
        domid = record['domid']
        sim.run_later(MOMENTS[sim.guests][0], lambda: report_addresses(sim, vm, domid))


# ---------------------------------------------------------------- addresses

def networks(sim, vm):
    """The map of a guest agent: device/ip, device/ipv4/n, device/ipv6/n of every plugged interface."""
    found = {}
    for vif in sim.db.get('VM', vm, 'VIFs'):
        row = sim.db.require('VIF', vif)
        if not row['currently_attached']:
            continue
        lease = address(sim, row)
        ipv4 = configured(row, 'ipv4') or [lease[0]]
        found[row['device'] + '/ip'] = ipv4[0]
        for version, addresses in (('ipv4', ipv4), ('ipv6', configured(row, 'ipv6') or [lease[1]])):
            found.update(('%s/%s/%d' % (row['device'], version, n), text) for n, text in enumerate(addresses))
    return found


def configured(vif, version):
    """Static addresses of the VIF, without their prefix lengths."""
    if vif[version + '_configuration_mode'] != 'Static':
        return []
    return [text.split('/')[0] for text in vif[version + '_addresses']]


def address(sim, vif):
    """(IPv4, IPv6) of an interface: each network hands out its own, one after the other, and remembers them by MAC."""
    leases = sim.leases.setdefault(vif['network'], {})
    if vif['MAC'] not in leases:
        third = 1 + sorted(sim.db.refs('network'), key=lambda ref: rank(sim.db, ref)).index(vif['network'])
        block, place = divmod(len(leases), LAST_HOST_PART - FIRST_HOST_PART + 1)
        first_two = '192.168' if block == 0 else '10.%d' % (block % 256)
        ipv4 = '%s.%d.%d' % (first_two, third % 256, FIRST_HOST_PART + place)
        leases[vif['MAC']] = (ipv4, 'fe80::%x' % (len(leases) + 1))
    return leases[vif['MAC']]


def rank(db, network):
    """Physical networks come first: the first of them is the one that the hosts are on."""
    return (not db.get('network', network, 'PIFs'), db.get('network', network, 'bridge'))
