# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The xenserver_guest modules of community.general, unmodified: they were written against real hosts and know nothing of us."""

from __future__ import annotations

import pytest

from ansible_collections.xapi.xen.tests.integration.clients.playbook import Playbook
from ansible_collections.xapi.xen.tests.support.tools import require_client

GUEST, INFO, POWER = (f'community.general.xenserver_guest{suffix}' for suffix in ('', '_info', '_powerstate'))
GIB = 1 << 30
TEMPLATE = 'Debian Bookworm 12'
ETH0, ETH1 = 'Pool-wide network associated with eth0', 'Pool-wide network associated with eth1'
MAC = 'aa:bb:dd:aa:00:14'


@pytest.fixture
def play(simulator, tmp_path):
    """play(task, ...): the results of the tasks."""
    playbook = Playbook(simulator, tmp_path, require_client('community.general'), (GUEST, INFO, POWER))
    return lambda *tasks: playbook.run(list(tasks))


def guest(name='web', **options) -> dict:
    return {GUEST: {'name': name, **options}}


def info(name='web') -> dict:
    return {INFO: {'name': name}}


def power(state, **options) -> dict:
    return {POWER: {'name': 'web', 'state': state, **options}}


def deploy(**options) -> dict:
    """A VM of two disks and two networks."""
    return guest(**{'template': TEMPLATE, 'disks': [{'size_gb': 4, 'sr': 'Local storage'}, {'name': 'data', 'size': '2gb'}],
                    'networks': [{'name': ETH0, 'mac': MAC}, {'name': ETH1}], 'hardware': {'num_cpus': 2, 'memory_mb': 1024}, **options})


def remove(name='web') -> dict:
    return guest(name, state='absent', force=True)


def test_deploys_describes_and_removes_a_vm(play, simulator, refused):
    made, again, described, removed, gone = play(
        deploy(state='poweredon', wait_for_ip_address=True, folder='/shop', home_server='xcp-host1', cdrom={'type': 'none'}),
        deploy(state='poweredon'), info(), remove(), remove())

    assert (made['changed'], again['changed'], described['changed'], removed['changed'], gone['changed']) == (
        True, False, False, True, False)
    vm = described['instance']
    assert again['instance'] == vm
    assert (vm['state'], vm['folder'], vm['home_server'], vm['cdrom']) == ('poweredon', '/shop', 'xcp-host1', {'type': 'none'})
    assert vm['hardware'] == {'num_cpus': 2, 'num_cpu_cores_per_socket': 1, 'memory_mb': 1024}
    assert [(disk['name'], disk['size'], disk['os_device']) for disk in vm['disks']] == [
        ('web-0', 4 * GIB, 'xvda'), ('data', 2 * GIB, 'xvdb')]
    assert [(nic['name'], nic['vif_device'], nic['mtu']) for nic in vm['networks']] == [(ETH0, '0', '1500'), (ETH1, '1', '1500')]
    assert vm['networks'][0]['mac'] == MAC
    assert made['instance']['networks'][0]['ip']
    assert refused() == []
    assert simulator.leaks() == {}


def test_reconfigures_a_halted_vm(play, simulator, refused):
    made, changed, again = play(
        deploy(), *2 * [guest(
            name_desc='shop', folder='/shop', hardware={'num_cpus': 4, 'num_cpu_cores_per_socket': 2, 'memory_mb': 2048},
            disks=[{'name': 'system', 'size_gb': 6}, {'name_desc': 'rows'}, {'size_gb': 1}],
            networks=[{'name': ETH1}, {'mac': 'aa:bb:dd:aa:00:15'}, {'name': ETH0}],
            cdrom={'type': 'iso', 'iso_name': 'guest-tools.iso'},
            custom_params=[{'key': 'HVM_boot_params', 'value': {'order': 'ndc'}}])], remove())[:3]

    assert (made['changed'], changed['changed'], again['changed']) == (True, True, False)
    vm = again['instance']
    assert vm['hardware'] == {'num_cpus': 4, 'num_cpu_cores_per_socket': 2, 'memory_mb': 2048}
    assert [(disk['name'], disk['name_desc'], disk['size'] // GIB) for disk in vm['disks']] == [
        ('system', '', 6), ('data', 'rows', 2), ('web-2', '', 1)]
    assert [(nic['name'], nic['mac']) for nic in vm['networks'][:2]] == [(ETH1, MAC), (ETH1, 'aa:bb:dd:aa:00:15')]
    assert vm['cdrom'] == {'type': 'iso', 'iso_name': 'guest-tools.iso'}
    assert refused() == []
    assert simulator.leaks() == {}


def test_reconfigures_a_running_vm(play, simulator, refused):
    """Disks and networks come while it runs; memory needs it halted, and force halts and starts it."""
    plugged, kept, forced = play(
        deploy(state='poweredon', wait_for_ip_address=True),
        guest(disks=[{}, {}, {'size_gb': 1}], networks=[{}, {'name': ETH0}, {'name': ETH1}]),
        guest(hardware={'memory_mb': 2048}),
        guest(hardware={'memory_mb': 2048}, force=True, wait_for_ip_address=True),
        remove())[1:4]

    assert plugged['changed']
    assert [disk['os_device'] for disk in plugged['instance']['disks']] == ['xvda', 'xvdb', 'xvdc']
    assert [nic['name'] for nic in plugged['instance']['networks']] == [ETH0, ETH0, ETH1]
    assert kept['failed']
    assert 'powered off' in kept['msg']
    assert forced['changed']
    assert (forced['instance']['state'], forced['instance']['hardware']['memory_mb']) == ('poweredon', 2048)
    assert refused() == []
    assert simulator.leaks() == {}


def test_takes_a_vm_through_its_power_states(play, simulator, refused):
    states = ['powered-on', 'suspended', 'powered-on', 'reboot-guest', 'restarted', 'shutdown-guest', 'powered-on', 'powered-off']
    waiting = {'wait_for_ip_address': True, 'state_change_timeout': 60}
    tasks = [power(state, **(waiting if state in ('powered-on', 'restarted', 'reboot-guest') else {'state_change_timeout': 60}))
             for state in states]
    results = play(deploy(), *tasks, power('powered-off'), remove())

    assert [result['changed'] for result in results] == [True] + [True] * len(states) + [False, True]
    assert [result['instance']['state'] for result in results[1:-1]] == [
        'poweredon', 'suspended', 'poweredon', 'poweredon', 'poweredon', 'poweredoff', 'poweredon', 'poweredoff', 'poweredoff']
    assert {'Async.VM.clean_shutdown', 'Async.VM.clean_reboot', 'VM.hard_reboot', 'VM.suspend', 'VM.resume'} <= set(simulator.methods())
    assert refused() == []
    assert simulator.leaks() == {}


def test_deploys_from_a_template_and_a_snapshot_of_its_own(play, simulator, refused):
    made, copied, cloned = play(
        deploy(name='golden', is_template=True), guest(template='golden'), guest('linked', template='golden', linked_clone=True))
    session = simulator.login()
    web, = session.VM.get_by_name_label('web')
    snapshot = session.VM.snapshot(web, 'before')
    restored, *removed = play(guest('restored', template='before', state='poweredon'), *map(remove, ('restored', 'web', 'linked')))

    assert made['instance']['is_template']
    for result in (copied, cloned, restored):
        vm = result['instance']
        assert (result['changed'], vm['is_template'], len(vm['networks'])) == (True, False, 2)
        assert [(disk['name'], disk['size']) for disk in vm['disks']] == [('golden-0', 4 * GIB), ('data', 2 * GIB)]
    assert [result['changed'] for result in removed] == [True] * 3
    assert session.VM.get_is_a_snapshot(snapshot)
    assert {'VM.copy', 'VM.clone', 'VM.set_is_a_template'} <= set(simulator.methods())
    assert refused() == []


def test_gives_a_guest_with_tools_a_static_address(play, simulator, refused):
    address = {'type': 'static', 'ip': '192.0.2.10/24', 'gateway': '192.0.2.1'}
    changed, again, back = play(
        deploy(state='poweredon', wait_for_ip_address=True), guest(networks=[address, {}]), guest(networks=[address, {}]),
        guest(networks=[{'type': 'none'}, {}]), remove())[1:4]

    assert (changed['changed'], again['changed'], back['changed']) == (True, False, True)
    nic = again['instance']['networks'][0]
    assert (again['instance']['customization_agent'], nic['prefix'], nic['netmask'], nic['gateway']) == (
        'native', '24', '255.255.255.0', '192.0.2.1')
    assert refused() == []


def test_tells_a_guest_without_tools_its_address_in_the_xenstore(play, refused):
    address = {'type': 'static', 'ip': '192.0.2.10/24', 'gateway': '192.0.2.1'}
    changed = play(deploy(), guest(networks=[address, {}]), remove())[1]

    assert changed['instance']['customization_agent'] == 'custom'
    told = changed['instance']['xenstore_data']
    assert {key: told[f'vm-data/networks/0/{key}'] for key in ('mac', 'type', 'ip', 'prefix')} == {
        'mac': MAC, 'type': 'static', 'ip': '192.0.2.10', 'prefix': '24'}
    assert refused() == []


def test_check_mode_changes_nothing(play, simulator):
    play(deploy())
    simulator.clear_journal()
    results = play(*({**task, 'check_mode': True} for task in (
        deploy(name='other'), guest(hardware={'memory_mb': 2048}), guest(disks=[{'size_gb': 8}, {}]), power('powered-on'), remove())))

    assert [result['changed'] for result in results] == [True] * len(results)
    assert simulator.writes() == []


def test_shows_the_refusals_of_a_host(play, simulator, refused):
    play(deploy(state='poweredon'))
    simulator.fault(method='VM.hard_shutdown', error=['OTHER_OPERATION_IN_PROGRESS', 'VM', '1', 'hard_shutdown', 'task'])
    full, held, unknown = play(
        deploy(name='large', disks=[{'size_tb': 100}]), remove(), {INFO: {'name': 'large disks'}})

    assert full['failed'] and held['failed'] and unknown['failed']
    assert 'SR_BACKEND_FAILURE_79' in full['msg']
    assert 'OTHER_OPERATION_IN_PROGRESS' in held['msg']
    assert 'not found' in unknown['msg']
    assert {call[:2] for call in refused()} == {
        ('VDI.create', 'SR_BACKEND_FAILURE_79'), ('VM.hard_shutdown', 'OTHER_OPERATION_IN_PROGRESS')}
