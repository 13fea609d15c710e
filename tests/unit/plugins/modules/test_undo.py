# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run made is taken away again when it fails or is interrupted, wherever that happens."""

from __future__ import annotations

import signal

import pytest

from ansible_collections.xapi.xen.tests.unit.plugins.drive import ETH0, ETH1, NFS, Driver, Process, wait_until

DEVICES = {
    'disks': [{'userdevice': '0', 'size': '9GiB'}, {'name': 'data', 'size': '1GiB', 'sr': NFS}, {'vdi': 'kept'}],
    'networks': [{'device': '0', 'network': ETH0}, {'device': '1', 'network': ETH1}],
    'power_state': 'running',
    'wait_for': 'address',
}
SPECS = {
    'bare': {'name': 'web', 'memory': '1GiB', 'vcpus': 2, **DEVICES},
    'template': {'name': 'web', 'template': 'Debian Bookworm 12', 'memory': '1GiB', 'vcpus': 2, **DEVICES},
}
DEVICE_CALLS = ['VDI.create', 'VBD.create'] * 2 + ['VBD.create', 'VIF.create', 'VIF.create', 'Async.VM.start']
CALLS = {
    'bare': ['VM.create', *DEVICE_CALLS],
    'template': [
        'VM.clone',
        'VM.remove_from_other_config',
        'VM.provision',
        'VM.set_memory_limits',
        'VM.set_VCPUs_max',
        'VM.set_VCPUs_at_startup',
        *DEVICE_CALLS,
    ],
}
STEPS = [(spec, number) for spec in SPECS for number in range(len(CALLS[spec]))]
PROBLEM = ['HOST_OFFLINE', 'OpaqueRef:x']


def name_of(step):
    spec, number = step
    return f'{spec}-{number}-{CALLS[spec][number]}'


@pytest.fixture
def pool(xen):
    """A pool with a disk that was there before, and how everything stood then."""
    xen.run('xen_vdi', name='kept', size='1GiB')
    return xen


def inventory(simulator):
    """All objects that a VM is made of, with the fields that users set."""
    session = simulator.login()
    try:
        found = {
            cls: session.call(f'{cls}.get_all_records', session.ref)
            for cls in ('VM', 'VDI', 'VBD', 'VIF', 'VM_metrics')
        }
    finally:
        session.session.logout()
    fields = ('uuid', 'name_label', 'name_description', 'other_config', 'VBDs', 'power_state', 'tags', 'is_a_template')
    return {
        cls: {ref: {field: record.get(field) for field in fields} for ref, record in records.items()}
        for cls, records in found.items()
    }


def fault_at(simulator, spec, number, **what):
    """A fault at the step: at the call of that name which so many others of the name precede."""
    method = CALLS[spec][number]
    simulator.fault(method=method, skip=CALLS[spec][:number].count(method), count=1, **what)


@pytest.mark.parametrize('spec', SPECS)
def test_these_are_the_steps_of_a_creation(pool, spec):
    pool.run('xen_vm', **SPECS[spec])
    assert [method for method in pool.simulator.writes() if method != 'task.destroy'] == CALLS[spec]


@pytest.mark.parametrize('step', STEPS, ids=name_of)
def test_a_failure_at_any_step_leaves_everything_as_it_was(pool, step):
    before = inventory(pool.simulator)
    fault_at(pool.simulator, *step, error=PROBLEM)
    error = pool.fail('xen_vm', **SPECS[step[0]])
    assert (error.code, error.left_behind) == ('HOST_OFFLINE', [])
    pool.simulator.clear_faults()
    assert inventory(pool.simulator) == before


@pytest.mark.parametrize('later', range(4), ids=['start', 'running', 'tools', 'address'])
@pytest.mark.parametrize('spec', SPECS)
def test_a_failure_while_waiting_leaves_everything_as_it_was(pool, spec, later):
    """For the task of the start, which succeeds all the same, or for the guest."""
    before = inventory(pool.simulator)
    pool.run('xen_vm', check=True, **SPECS[spec])
    looks = pool.simulator.methods().count('event.from')
    pool.simulator.fault(method='event.from', skip=looks + later, count=1, error=PROBLEM)
    error = pool.fail('xen_vm', **SPECS[spec])
    assert (error.code, error.left_behind) == (
        'HOST_OFFLINE',
        [],
    ) and 'Async.VM.hard_shutdown' in pool.simulator.methods()
    assert inventory(pool.simulator) == before


@pytest.mark.parametrize('spec', SPECS)
def test_a_failure_of_the_task_itself_leaves_everything_as_it_was(pool, spec):
    """The call is taken, and fails later: no host has so much memory."""
    before = inventory(pool.simulator)
    error = pool.fail('xen_vm', **{**SPECS[spec], 'memory': '100GiB'})
    assert (
        error.code in ('NO_HOSTS_AVAILABLE', 'HOST_NOT_ENOUGH_FREE_MEMORY')
        and 'memory' in f'{error.message} {error.hint}'
    )
    assert 'Async.VM.start' in pool.simulator.methods() and error.left_behind == []
    assert inventory(pool.simulator) == before


def test_keep_leaves_what_was_made_and_the_next_run_completes_it(pool):
    spec = {**SPECS['template'], 'on_failure': 'keep'}
    fault_at(pool.simulator, 'template', CALLS['template'].index('VIF.create'), error=PROBLEM)
    error = pool.fail('xen_vm', **spec)
    assert error.code == 'HOST_OFFLINE' and len(pool.simulator.leaks()['VM']) == 1
    pool.simulator.clear_faults()
    made = pool.change('xen_vm', **spec)
    assert not made.created and made.object['power_state'] == 'running' and made.object['addresses']
    assert [disk['name'] for disk in made.object['disks'] if disk['type'] == 'Disk'] == ['web-0', 'data', 'kept']


def test_one_thing_that_stays_does_not_keep_the_others(pool):
    fault_at(pool.simulator, 'bare', len(CALLS['bare']) - 1, error=PROBLEM)
    pool.simulator.fault(
        method='VDI.destroy', count=1, error=['SR_BACKEND_FAILURE_80', '', 'Failed to mark it hidden', '']
    )
    error = pool.fail('xen_vm', **SPECS['bare'])
    assert len(error.left_behind) == 1 and error.left_behind[0].startswith(
        'create VDI "data" (1 GiB) on SR "NFS storage": '
    )
    leaks = pool.simulator.leaks()
    assert set(leaks) == {'VDI'} and sorted(leak['name_label'] for leak in leaks['VDI']) == ['data', 'kept']


CHANGES = {
    'description': 'new',
    'tags': ['gold'],
    'other_config': {'a': '2', 'b': '1', 'c': None},
    'disks': [{'name': 'root', 'size': '1GiB', 'mode': 'RO'}, {'name': 'more', 'size': '1GiB'}],
    'networks': [{'device': '0', 'network': ETH1, 'rate_limit': 10}, {'device': '1', 'network': ETH0}],
}


def test_a_failure_in_the_middle_of_changes_puts_back_what_was_changed(xen):
    xen.run(
        'xen_vm',
        name='web',
        memory='256MiB',
        vcpus=1,
        description='old',
        other_config={'a': '1', 'c': '3'},
        disks=[{'name': 'root', 'size': '1GiB'}],
        networks=[{'device': '0', 'network': ETH0}],
    )
    before = inventory(xen.simulator)
    foretold = xen.check('xen_vm', name='web', **CHANGES)
    methods = [action['call'] for action in foretold.actions]
    assert len(methods) >= 10
    for number, method in enumerate(methods):
        xen.simulator.fault(method=f'*{method}', skip=methods[:number].count(method), count=1, error=PROBLEM)
        error = xen.fail('xen_vm', name='web', **CHANGES)
        assert (error.code, error.left_behind) == ('HOST_OFFLINE', []), method
        xen.simulator.clear_faults()
        assert inventory(xen.simulator) == before, method
    xen.change('xen_vm', name='web', **CHANGES)


# ---------------------------------------------------------------- signals


@pytest.mark.parametrize('method', ['VM.clone', 'VDI.create', 'VBD.create', 'VIF.create', 'Async.VM.start'])
def test_a_signal_in_mid_creation_leaves_everything_as_it_was(simulators, tmp_path, method):
    simulator = simulators(latency=15)
    Driver(simulator).run('xen_vdi', name='kept', size='1GiB')
    before = inventory(simulator)
    simulator.clear_journal()
    process = Process(simulator, 'xen_vm', tmp_path, **SPECS['template'])
    try:
        wait_until(lambda: method in simulator.methods())
        process.signal(signal.SIGTERM)
        result = process.result()
    finally:
        process.end()
    assert (result['failed'], result['code'], result['left_behind']) == (True, 'INTERRUPTED', [])
    assert result['msg'].startswith('interrupted by SIGTERM.')
    assert simulator.methods()[-1] == 'session.logout'
    assert ('Async.VM.start' in simulator.methods()) == (method == 'Async.VM.start'), 'nothing more is begun'
    assert set(simulator.leaks()) == {'VDI'} and inventory(simulator) == before


def test_a_signal_while_waiting_for_the_guest(simulators, tmp_path):
    simulator = simulators(guests='none')
    process = Process(
        simulator, 'xen_vm', tmp_path, name='web', memory='256MiB', vcpus=1, power_state='running', wait_for='address'
    )
    try:
        wait_until(
            lambda: (
                simulator.methods()
                and simulator.methods()[-1] == 'event.from'
                and 'task.destroy' in simulator.methods()
            )
        )
        process.signal(signal.SIGTERM)
        assert process.result(timeout=10)['code'] == 'INTERRUPTED'
    finally:
        process.end()
    assert simulator.leaks() == {}


# ---------------------------------------------------------------- the edge


def test_the_module_reports_what_the_core_found(simulator, tmp_path):
    options = {'name': 'web', 'memory': '256MiB', 'vcpus': 1, 'disks': [{'name': 'root', 'size': '1GiB'}]}
    checked = Process(simulator, 'xen_vm', tmp_path, check=True, **options).result()
    assert checked['changed'] and simulator.writes() == []
    done = Process(simulator, 'xen_vm', tmp_path, **options).result()
    assert done['changed'] and done['created'] and done['vm']['name'] == 'web' and done['diff'] == checked['diff']
    assert (
        done['actions']
        == checked['actions']
        == [
            {'call': 'VM.create', 'about': 'create VM "web" (1 vCPU, 256 MiB)'},
            {'call': 'VDI.create', 'about': 'create VDI "root" (1 GiB) on SR "Local storage"'},
            {'call': 'VBD.create', 'about': 'attach VDI "root" as device 0'},
        ]
    )
    assert set(done['api']) == {'calls', 'retries', 'seconds', 'bytes'} and done['diff']['before'] == {}
    again = Process(simulator, 'xen_vm', tmp_path, **options).result()
    assert not again['changed'] and not again['created'] and again['diff'] == {'before': {}, 'after': {}}
    gone = Process(simulator, 'xen_vm', tmp_path, name='web', state='absent').result()
    assert gone['changed'] and gone['vm'] == {} and simulator.leaks() == {}


def test_the_module_reports_a_failure_for_people_and_for_machines(simulator, tmp_path):
    failed = Process(simulator, 'xen_vdi', tmp_path, name='data', size='1GiB', sr='nowhere').result()
    assert (failed['failed'], failed['code']) == (True, 'NOT_FOUND')
    assert failed['msg'].startswith('sr: there is no object with the name "nowhere". There are: ')
    assert failed['details'] and failed['hint'] and failed['left_behind'] == []
    assert simulator.password not in str({key: value for key, value in failed.items() if key != 'msg'})
