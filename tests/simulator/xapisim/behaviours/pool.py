# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pool as a whole."""

from __future__ import annotations

import ipaddress

from xapisim import registry
from xapisim.behaviours import host as hosts
from xapisim.errors import XapiError, internal_error
from xapisim.registry import message

registry.stores('pool.set_igmp_snooping_enabled', 'pool.set_local_auth_max_threads', 'pool.set_ext_auth_max_threads',
                'pool.set_ext_auth_cache_enabled', 'pool.set_ext_auth_cache_size', 'pool.set_ext_auth_cache_expiry',
                'pool.set_update_sync_enabled', 'pool.add_to_guest_agent_config', 'pool.remove_from_guest_agent_config')


# ---------------------------------------------------------------- members

@message('pool.eject')
def eject(call, host):
    call.db.require('host', host)
    if host == call.sim.coordinator:
        raise internal_error('Xapi_pool.Cannot_eject_master')
    if hosts.guests(call, host):
        raise XapiError('OPERATION_NOT_ALLOWED', 'Host to be ejected must have no resident VMs')
    raise XapiError('NOT_IMPLEMENTED', 'pool.eject')


@message('pool.designate_new_master')
def designate_new_master(call, host):
    """A pool of the simulator keeps its coordinator: the ports of the hosts stand for it."""
    call.db.require('host', host)
    if host != call.sim.coordinator:
        raise XapiError('NOT_IMPLEMENTED', 'pool.designate_new_master')


@message('pool.recover_slaves')
def recover_slaves(call):
    """None was lost."""
    return []


@message('pool.is_slave')
def is_slave(call, host):
    call.db.require('host', host)
    return call.host != call.sim.coordinator


@message('pool.sync_database', 'pool.certificate_sync', 'pool.deconfigure_wlb')
def accepted(call):
    """Nothing that a client could see follows from these."""


# ---------------------------------------------------------------- settings

@message('pool.set_vswitch_controller')
def set_vswitch_controller(call, address):
    if address:
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise XapiError('INVALID_IP_ADDRESS_SPECIFIED', 'address') from None
    call.db.set('pool', call.sim.pool, vswitch_controller=address)


@message('pool.set_repositories')
def set_repositories(call, pool, repositories):
    for repository in repositories:
        call.db.require('Repository', repository)
    call.db.set('pool', pool, repositories=repositories)


@message('pool.set_https_only')
def set_https_only(call, pool, value):
    call.db.require('pool', pool)
    for host in call.db.refs('host'):
        call.db.set('host', host, https_only=value)


@message('pool.enable_external_auth')
def enable_external_auth(call, pool, config, service, kind):
    call.db.require('pool', pool)
    for host in call.db.refs('host'):
        hosts.enable_external_auth(call, host, config, service, kind)


@message('pool.disable_external_auth')
def disable_external_auth(call, pool, config):
    call.db.require('pool', pool)
    for host in call.db.refs('host'):
        hosts.disable_external_auth(call, host, config)


@message('pool.detect_nonhomogeneous_external_auth')
def detect_nonhomogeneous_external_auth(call, pool):
    kinds = {(row['external_auth_type'], row['external_auth_service_name']) for unused, row in call.db.rows('host')}
    if len(kinds) > 1:
        raise XapiError('POOL_AUTH_ALREADY_ENABLED', call.sim.coordinator)


# ---------------------------------------------------------------- high availability: off, and every failure survived

@message('pool.set_ha_host_failures_to_tolerate')
def set_ha_host_failures_to_tolerate(call, pool, value):
    if value < 0:
        raise XapiError('INVALID_VALUE', 'ha_host_failures_to_tolerate', value)
    call.db.set('pool', pool, ha_host_failures_to_tolerate=value)


@message('pool.ha_compute_max_host_failures_to_tolerate')
def ha_compute_max_host_failures_to_tolerate(call):
    return call.db.count('host')


@message('pool.ha_compute_hypothetical_max_host_failures_to_tolerate')
def ha_compute_hypothetical_max_host_failures_to_tolerate(call, configuration):
    return call.db.count('host')


@message('pool.ha_failover_plan_exists')
def ha_failover_plan_exists(call, failures):
    return failures <= call.db.count('host')


@message('pool.disable_ha')
def disable_ha(call):
    if not call.db.get('pool', call.sim.pool, 'ha_enabled'):
        raise XapiError('HA_NOT_ENABLED')
    call.db.set('pool', call.sim.pool, ha_enabled=False)


@message('pool.retrieve_wlb_configuration', 'pool.retrieve_wlb_recommendations')
def retrieve_wlb(call):
    raise XapiError('WLB_NOT_INITIALIZED')


@message('pool.get_license_state')
def get_license_state(call, pool):
    call.db.require('pool', pool)
    return {'edition': call.db.get('host', call.sim.coordinator, 'edition'), 'expiry': 'never'}
