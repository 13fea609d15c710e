# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VMs: what is legal in which state, and what a change of state changes."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from xapisim import lifecycle_vm

from ansible_collections.xapi.xen.tests.support.in_process import Failure, Host

NULL = 'OpaqueRef:NULL'
DATAMODEL = Path(__file__).resolve().parents[4] / 'shared' / 'xapi' / 'datamodel.json'


@pytest.fixture(scope='module')
def host():
    host = Host()
    yield host
    host.close()


@pytest.fixture(scope='module')
def bare():
    """A pool whose guests have no tools."""
    host = Host('--guests', 'none')
    yield host
    host.close()


@pytest.fixture
def vm(host):
    vm = host.vm()
    host.vbd(vm, host.vdi(), '0')
    host.vif(vm)
    return vm


def state(host, vm):
    return host.get('VM', vm, 'power_state')


# ---------------------------------------------------------------- the table

def test_every_operation_of_the_data_model_is_in_the_table(host):
    assert sorted(lifecycle_vm.LEGAL_STATES) == sorted(host.sim.schema.types['enum vm_operations'].values)


def test_the_table_agrees_with_the_facts():
    if not DATAMODEL.exists():
        if os.environ.get('CI') == 'true':
            pytest.fail('no data model at %s' % DATAMODEL)
        pytest.skip('no data model at %s' % DATAMODEL)
    facts = json.loads(DATAMODEL.read_text(encoding='utf-8'))
    assert sorted(lifecycle_vm.LEGAL_STATES) == sorted(facts['enums']['vm_operations'])


@pytest.mark.parametrize('method, arguments, expected', [
    ('unpause', (), 'paused'), ('suspend', (), 'running'), ('clean_shutdown', (), 'running'),
    ('resume', (False, False), 'suspended'),
    ('hard_shutdown', (), 'paused, suspended, running'), ('hard_reboot', (), 'paused, running'),
    ('checkpoint', ('c',), 'paused, suspended, running'), ('set_VCPUs_number_live', ('1',), 'running')])
def test_what_a_halted_vm_refuses(host, vm, method, arguments, expected):
    assert host.error('VM.' + method, vm, *arguments) == ['VM_BAD_POWER_STATE', vm, expected, 'halted']


@pytest.mark.parametrize('method, arguments, expected', [
    ('start', (False, False), 'halted'), ('destroy', (), 'halted, suspended'), ('clone', ('c',), 'halted'),
    ('set_VCPUs_max', ('2',), 'halted'), ('set_memory', ('536870912',), 'halted'),
    ('set_is_a_template', (True,), 'halted')])
def test_what_a_running_vm_refuses(host, vm, method, arguments, expected):
    host.start(vm)
    assert host.error('VM.' + method, vm, *arguments) == ['VM_BAD_POWER_STATE', vm, expected, 'running']


def test_allowed_operations_are_those_that_are_not_refused(host, vm):
    """Every operation, in every state, is advertised if and only if asking for it is not refused."""
    for change in (None, ('start', True, False), ('unpause',), ('pause',), ('unpause',), ('suspend',)):
        if change:
            host.call('VM.' + change[0], vm, *change[1:])
            with host.sim.lock:
                while state_moves(host, vm):
                    assert host.sim.changed.wait(5)
        advertised = set(host.get('VM', vm, 'allowed_operations'))
        for op in set(lifecycle_vm.LEGAL_STATES) - lifecycle_vm.UNADVERTISED:
            try:
                host.call('VM.assert_operation_valid', vm, op)
                assert op in advertised
            except Failure:
                assert op not in advertised


def state_moves(host, vm):
    """A running guest is not settled before its tools have spoken."""
    row = host.sim.db.require('VM', vm)
    return row['power_state'] == 'Running' and 'suspend' not in row['allowed_operations']


# ---------------------------------------------------------------- guests

@pytest.mark.parametrize('method, arguments', [
    ('suspend', ()), ('clean_shutdown', ()), ('clean_reboot', ()), ('checkpoint', ('c',)),
    ('set_VCPUs_number_live', ('1',))])
def test_a_guest_without_tools_cannot_take_part(bare, method, arguments):
    vm = bare.vm()
    bare.call('VM.start', vm, False, False)
    assert bare.error('VM.' + method, vm, *arguments) == ['VM_LACKS_FEATURE', vm]
    bare.call('VM.shutdown', vm)
    assert state(bare, vm) == 'Halted'


def test_a_guest_tells_of_itself_a_moment_after_its_start(host, vm):
    assert host.get('VM', vm, 'guest_metrics') == NULL
    host.start(vm)
    metrics = host.get('VM', vm, 'guest_metrics')
    with host.sim.lock:
        while not host.sim.db.get('VM_guest_metrics', metrics, 'networks'):
            assert host.sim.changed.wait(5), 'no address'
    record = host.call('VM_guest_metrics.get_record', metrics)
    address = record['networks']['0/ip']
    assert record['networks'] == {'0/ip': address, '0/ipv4/0': address, '0/ipv6/0': record['networks']['0/ipv6/0']}
    assert record['PV_drivers_detected'] and record['PV_drivers_version']['major'] and record['os_version']['name']


def test_a_guest_keeps_its_address_when_it_starts_again(host, vm):
    found = []
    for unused in range(2):
        host.start(vm)
        metrics = host.get('VM', vm, 'guest_metrics')
        with host.sim.lock:
            while not host.sim.db.get('VM_guest_metrics', metrics, 'networks'):
                assert host.sim.changed.wait(5), 'no address'
        found.append(host.get('VM_guest_metrics', metrics, 'networks')['0/ip'])
        host.call('VM.hard_shutdown', vm)
    assert found[0] == found[1]


def test_an_interface_that_is_plugged_gets_an_address(host, vm):
    host.start(vm)
    host.call('VIF.plug', host.vif(vm, '1', network=host.network(1)))
    metrics = host.get('VM', vm, 'guest_metrics')
    with host.sim.lock:
        while '1/ip' not in host.sim.db.get('VM_guest_metrics', metrics, 'networks'):
            assert host.sim.changed.wait(5), 'no second address'


# ---------------------------------------------------------------- power

def test_start_attaches_and_shutdown_detaches(host, vm):
    host.start(vm)
    record = host.call('VM.get_record', vm)
    assert record['resident_on'] == host.sim.coordinator and int(record['domid']) > 0 and len(record['consoles']) == 1
    assert host.get('VBD', record['VBDs'][0], 'device') == 'xvda'
    assert host.get('VBD', record['VBDs'][0], 'currently_attached')
    assert host.get('VIF', record['VIFs'][0], 'currently_attached')
    host.call('VM.clean_shutdown', vm)
    record = host.call('VM.get_record', vm)
    assert (record['resident_on'], record['domid'], record['consoles']) == (NULL, '-1', [])
    assert not host.get('VBD', record['VBDs'][0], 'currently_attached')
    assert not host.get('VIF', record['VIFs'][0], 'currently_attached')


def test_a_suspended_vm_keeps_its_memory_and_disks_until_it_runs_again(host, vm):
    host.start(vm)
    domid = int(host.get('VM', vm, 'domid'))
    host.call('VM.suspend', vm)
    image = host.get('VM', vm, 'suspend_VDI')
    assert host.get('VDI', image, 'type') == 'suspend' and state(host, vm) == 'Suspended'
    assert host.get('VBD', host.get('VM', vm, 'VBDs')[0], 'currently_attached')
    host.call('VM.resume', vm, False, False)
    assert state(host, vm) == 'Running' and int(host.get('VM', vm, 'domid')) > domid
    assert host.get('VM', vm, 'suspend_VDI') == NULL
    assert host.error('VDI.get_uuid', image) == ['HANDLE_INVALID', 'VDI', image]


def test_a_suspended_vm_without_its_image_is_lost(host, vm):
    host.start(vm)
    host.call('VM.suspend', vm)
    host.call('VDI.destroy', host.get('VM', vm, 'suspend_VDI'))
    assert host.error('VM.resume', vm, False, False) == ['VM_HAS_NO_SUSPEND_VDI', 'VM', vm]
    assert state(host, vm) == 'Halted'


def test_a_reboot_is_another_domain_on_the_same_host(host, vm):
    host.start(vm)
    before = host.call('VM.get_record', vm)
    host.call('VM.hard_reboot', vm)
    after = host.call('VM.get_record', vm)
    assert int(after['domid']) > int(before['domid']) and after['resident_on'] == before['resident_on']
    assert after['consoles'] == before['consoles'] and after['guest_metrics'] != before['guest_metrics']


def test_power_state_reset_refuses_a_running_vm(host, vm):
    host.start(vm)
    assert host.error('VM.power_state_reset', vm) == ['DOMAIN_EXISTS', vm]
    host.call('VM.pause', vm)
    host.call('VM.power_state_reset', vm)
    assert state(host, vm) == 'Halted'


def test_blocked_operations_are_refused_with_the_text_of_who_blocked_them(host, vm):
    host.call('VM.add_to_blocked_operations', vm, 'start', 'maintenance')
    assert host.error('VM.start', vm, False, False) == ['OPERATION_BLOCKED', vm, 'maintenance']
    assert 'start' not in host.get('VM', vm, 'allowed_operations')
    host.call('VM.remove_from_blocked_operations', vm, 'start')
    assert 'start' in host.get('VM', vm, 'allowed_operations')


def test_what_happened_is_written_down(host, vm):
    host.start(vm)
    messages = host.call('message.get', 'VM', host.get('VM', vm, 'uuid'), '19700101T00:00:00Z')
    assert 'VM_STARTED' in {record['name'] for record in messages.values()}


# ---------------------------------------------------------------- side by side

def test_a_conflicting_operation_waits_and_is_seen(host, vm):
    """While a slow snapshot runs only another snapshot is allowed; starting waits for it."""
    host.vbd(vm, host.vdi(name_label='slow1-disk'), '1')
    task = host.call('Async.VM.snapshot', vm, 'slow')
    with host.sim.lock:
        while not host.sim.db.get('VM', vm, 'current_operations'):
            assert host.sim.changed.wait(5)
    assert host.get('VM', vm, 'current_operations') == {task: 'snapshot'}
    assert host.get('VM', vm, 'allowed_operations') == ['snapshot']
    host.call('VM.set_name_label', vm, 'not waited for')
    assert host.get('task', task, 'status') == 'pending'
    host.call('VM.start', vm, True, False)
    assert host.get('task', task, 'status') == 'success' and state(host, vm) == 'Paused'


def test_two_starts_at_once_start_it_once(host, vm):
    outcomes = []

    def start():
        try:
            outcomes.append(host.call('VM.start', vm, False, False))
        except Failure as failure:
            outcomes.append(failure.args[0][0])
    threads = [threading.Thread(target=start) for unused in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(outcomes) == ['', 'VM_BAD_POWER_STATE']
