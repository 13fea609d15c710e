# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory and vCPUs of a VM: at creation, changed alone, live, and refused."""

from __future__ import annotations

import pytest

from ansible_collections.xapi.xen.tests.unit.plugins.drive import ETH0

MIB = 1 << 20
SMALL = {'name': 'web', 'memory': '256MiB', 'vcpus': 1}
RUNNING = {**SMALL, 'networks': [{'network': ETH0}], 'power_state': 'running', 'wait_for': 'address'}
TEMPLATE = {'name': 'web', 'template': 'Other install media'}
LIMITS = ('memory_static_min', 'memory_dynamic_min', 'memory_dynamic_max', 'memory_static_max')


def calls_of(outcome):
    return [action['call'] for action in outcome.actions]


def limits_of(outcome):
    return [outcome.object[name] // MIB for name in LIMITS]


def test_one_value_is_all_limits_but_the_least(xen):
    made = xen.change('xen_vm', **SMALL)
    assert limits_of(made) == [0, 256, 256, 256] and made.object['vcpu_params'] == {}
    grown = xen.change('xen_vm', name='web', memory='512MiB')
    assert calls_of(grown) == ['VM.set_memory_limits'] and limits_of(grown) == [0, 512, 512, 512]
    assert grown.after == {**dict.fromkeys(('memory', *LIMITS[1:]), 512 * MIB)}


def test_ranges_at_creation(xen):
    ranges = {'memory_static_min': '128MiB', 'memory_dynamic_min': '256MiB', 'memory_static_max': '1GiB'}
    made = xen.change('xen_vm', name='web', vcpus=1, **ranges)
    assert limits_of(made) == [128, 256, 1024, 1024]
    assert limits_of(xen.change('xen_vm', name='web', memory_dynamic_max='512MiB')) == [128, 256, 512, 1024]


def test_memory_between_the_static_limits_changes_live(xen):
    xen.run('xen_vm', **RUNNING, memory_static_max='1GiB')
    more = xen.change('xen_vm', name='web', memory_dynamic_min='512MiB', memory_dynamic_max='1GiB')
    assert calls_of(more) == ['VM.set_memory_dynamic_range'] and limits_of(more) == [0, 512, 1024, 1024]
    assert more.object['power_state'] == 'running'
    for option in ('memory_static_max', 'memory_static_min'):
        value = '2GiB' if option.endswith('max') else '64MiB'
        assert xen.fail('xen_vm', name='web', **{option: value}).code == 'POWER_CYCLE_REQUIRED'
    xen.run('xen_vm', name='web', power_state='paused')
    assert xen.fail('xen_vm', name='web', memory_dynamic_min='256MiB').code == 'POWER_CYCLE_REQUIRED'


def test_vcpus_of_a_running_vm_change_live_up_to_their_maximum(xen):
    xen.run('xen_vm', **RUNNING, vcpus_max=4)
    more = xen.change('xen_vm', name='web', vcpus=3)
    assert calls_of(more) == ['VM.set_VCPUs_at_startup', 'VM.set_VCPUs_number_live']
    assert (more.object['vcpus'], more.object['vcpus_max']) == (3, 4)
    assert xen.fail('xen_vm', name='web', vcpus=5).code == 'POWER_CYCLE_REQUIRED'
    assert xen.fail('xen_vm', name='web', vcpus_max=8).code == 'POWER_CYCLE_REQUIRED'


def test_vcpus_of_a_guest_without_tools_need_a_power_cycle(xen):
    xen.run('xen_vm', **SMALL, vcpus_max=4, xenstore_data={'vm-data/tools': '0'}, power_state='halted')
    xen.run('xen_vm', name='web', power_state='paused')
    assert xen.fail('xen_vm', name='web', vcpus=2).code == 'POWER_CYCLE_REQUIRED'


@pytest.mark.parametrize('base', [SMALL, TEMPLATE], ids=['bare', 'template'])
def test_vcpus_and_their_maximum_go_up_and_down(xen, base):
    made = xen.change('xen_vm', **{**base, 'vcpus': 2}, vcpus_max=4, cores_per_socket=2)
    assert (made.object['vcpus'], made.object['vcpus_max']) == (2, 4)
    assert made.object['platform']['cores-per-socket'] == '2'
    up = xen.change('xen_vm', name='web', vcpus=6, vcpus_max=8)
    assert calls_of(up) == ['VM.set_VCPUs_max', 'VM.set_VCPUs_at_startup']
    down = xen.change('xen_vm', name='web', vcpus=1, vcpus_max=2)
    assert calls_of(down) == ['VM.set_VCPUs_at_startup', 'VM.set_VCPUs_max']
    assert xen.change('xen_vm', name='web', vcpus=4).object['vcpus_max'] == 4
    assert xen.change('xen_vm', name='web', vcpus=1).object['vcpus_max'] == 4


@pytest.mark.parametrize('base', [SMALL, TEMPLATE], ids=['bare', 'template'])
def test_weight_cap_and_mask(xen, base):
    made = xen.change('xen_vm', **base, vcpu_weight=2)
    assert made.object['vcpu_params'] == {'weight': '2', 'cap': '0'}
    assert xen.change('xen_vm', name='web', vcpu_cap=80).object['vcpu_params'] == {'weight': '2', 'cap': '80'}
    changed = xen.change('xen_vm', name='web', vcpu_weight=512, vcpu_mask='3,0-2,^1')
    assert changed.object['vcpu_params'] == {'weight': '512', 'cap': '80', 'mask': '0,2,3'}
    assert xen.change('xen_vm', name='web', vcpu_mask='').object['vcpu_params'] == {'weight': '512', 'cap': '80'}


@pytest.mark.parametrize(
    'options, message, hint',
    [
        ({'memory': '0'}, 'memory: a VM needs some', '1GiB'),
        ({'memory': '-1'}, 'memory: "-1" is no size', '10GiB'),
        ({'memory_dynamic_min': '1GiB'}, 'memory: memory_dynamic_min (1 GiB) is more than', 'memory_static_min, memory_dyn'),
        ({'memory_static_min': '1GiB'}, 'memory: memory_static_min (1 GiB) is more than', 'must rise in this order'),
        ({'vcpus': 0}, 'vcpus: 0 of at most', 'from 1 to vcpus_max'),
        ({'vcpus': 4, 'vcpus_max': 2}, 'vcpus: 4 of at most 2 vCPUs', 'from 1 to vcpus_max'),
        ({'cores_per_socket': 2}, 'cores_per_socket: 1 vCPUs', 'must be a multiple'),
        ({'cores_per_socket': 0}, 'cores_per_socket: 1 vCPUs', 'must be a multiple'),
        ({'vcpu_weight': 0}, 'vcpu_weight: 0 is out of range', '1 to 65535'),
        ({'vcpu_cap': -1}, 'vcpu_cap: -1 is out of range', '0 to'),
        ({'vcpu_mask': '2-1'}, 'vcpu_mask: "2-1" is no set of CPUs', '0-3,^2,6'),
        ({'vcpu_mask': 'asd'}, 'vcpu_mask: "asd" is no set of CPUs', '0-3,^2,6'),
        ({'vcpu_mask': '1,^1'}, 'vcpu_mask: "1,^1" leaves no CPU', '0-3,^2,6'),
    ],
)
def test_bad_values_are_refused_with_what_is_allowed(xen, options, message, hint):
    error = xen.fail('xen_vm', **{**SMALL, **options})
    assert error.code == 'INVALID_OPTION' and error.message.startswith(message) and hint in error.hint
    assert xen.simulator.writes() == []


def test_less_memory_than_the_template_needs_is_refused(xen):
    error = xen.fail('xen_vm', name='web', template='Debian Bookworm 12', memory='16MiB')
    assert error.message.startswith('memory: memory_static_min (')
    xen.change('xen_vm', name='web', template='Debian Bookworm 12', memory='64MiB', memory_static_min='64MiB')


def test_a_change_of_hardware_is_taken_back_when_a_later_step_fails(xen):
    before = xen.run('xen_vm', **SMALL, vcpus_max=4).object
    xen.simulator.fault(method='VM.add_to_VCPUs_params', error=['INTERNAL_ERROR', 'x'])
    xen.simulator.fault(method='Async.VM.start', error=['INTERNAL_ERROR', 'x'])
    xen.fail('xen_vm', name='web', memory='512MiB', vcpus=2, power_state='running')
    assert xen.settled('xen_vm', name='web').object == before


def test_boot_mode_leaves_a_boot_order_that_is_there_or_given(xen):
    spec = {**SMALL, 'boot_mode': 'hvm'}
    assert xen.change('xen_vm', **spec, boot_order='n').object['boot_params'] == {'order': 'n'}
    xen.settled('xen_vm', **spec)
    assert xen.change('xen_vm', **spec, boot_order='cd').object['boot_params'] == {'order': 'cd'}
    xen.change('xen_vm', **{**spec, 'boot_mode': 'pv_grub'})
    back = xen.change('xen_vm', **spec, boot_order='d')
    assert back.object['boot_params'] == {'order': 'd'} and back.object['domain_type'] == 'hvm'


@pytest.mark.parametrize('base', [SMALL, TEMPLATE], ids=['bare', 'template'])
def test_firmware_and_what_goes_with_it(xen, base):
    made = xen.change('xen_vm', **base, firmware='uefi', secure_boot=True, viridian=True, device_model='qemu-upstream-uefi')
    platform = made.object['platform']
    assert made.object['boot_params']['firmware'] == 'uefi' and made.object['boot_params']['order']
    assert (platform['secureboot'], platform['viridian'], platform['device-model']) == (
        'true',
        'true',
        'qemu-upstream-uefi',
    )
    back = xen.change('xen_vm', name='web', firmware='bios', secure_boot=False, viridian=False, device_model='')
    assert back.object['boot_params']['firmware'] == 'bios' and 'device-model' not in back.object['platform']
    error = xen.fail('xen_vm', name='web', firmware='bios', secure_boot=True)
    assert error.message == 'secure_boot: it needs firmware: uefi' and error.code == 'INVALID_OPTION'
