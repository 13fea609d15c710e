# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""xen_vm_info: one VM or all, in a number of calls that does not depend on how many there are."""

from __future__ import annotations

import pytest

from ansible_collections.xapi.xen.plugins.module_utils._errors import CertificateRejected, XenError
from ansible_collections.xapi.xen.plugins.module_utils._kinds._vm import look
from ansible_collections.xapi.xen.plugins.module_utils._reconcile import Mode, inquire
from ansible_collections.xapi.xen.tests.unit.plugins.drive import ETH0, Driver, Process, validated

MOST_CALLS = 6


def inform(xen, **options):
    xen.simulator.clear_journal()
    found, api = inquire(look, validated('xen_vm_info', {**xen.connection, **options}), Mode(clock=xen.clock))
    assert xen.simulator.writes() == []
    assert api['calls'] == len(xen.simulator.methods())
    xen.assert_nothing_open()
    return found, api['calls']


def make(xen, name, **options):
    return xen.run('xen_vm', name=name, memory='128MiB', vcpus=1, **options).object


def test_all_vms_without_templates_and_control_domain(xen):
    made = [make(xen, name) for name in ('b', 'a', 'c')]
    xen.run('xen_vm', uuid=made[2]['uuid'], name='a')
    found, _calls = inform(xen)
    assert [vm['name'] for vm in found] == ['a', 'a', 'b']
    assert {vm['uuid'] for vm in found} == {vm['uuid'] for vm in made}


@pytest.mark.parametrize('count', [1, 8])
def test_calls_do_not_depend_on_the_number_of_vms_and_devices(xen, count):
    for number in range(count):
        make(
            xen,
            f'vm{number}',
            disks=[{'size': '1GiB'} for unused in range(number)],
            networks=[{'network': ETH0, 'device': str(at)} for at in range(number)],
        )
    found, calls = inform(xen)
    assert [len(vm['disks']) for vm in found] == [len(vm['networks']) for vm in found] == list(range(count))
    assert calls <= MOST_CALLS


def test_one_vm_is_shown_as_its_module_shows_it(xen):
    made = make(
        xen, 'web', disks=[{'size': '1GiB'}], networks=[{'network': ETH0}], power_state='running', wait_for='address'
    )
    make(xen, 'other')
    assert made['addresses']
    for options in ({'name': 'web'}, {'uuid': made['uuid']}, {'uuid': made['uuid'].upper()}):
        found, calls = inform(xen, **options)
        assert found == [made]
        assert calls <= MOST_CALLS


@pytest.mark.parametrize(
    'options', [{'name': 'none'}, {'uuid': '00000000-0000-0000-0000-000000000000'}, {'name': 'Debian Bookworm 12'}]
)
def test_what_is_no_vm_is_not_found(xen, options):
    assert inform(xen, **options)[0] == []


def test_wrong_password_is_an_error(xen):
    with pytest.raises(XenError) as failure:
        inform(xen, password='wrong')
    assert failure.value.code == 'SESSION_AUTHENTICATION_FAILED'


def test_untrusted_certificate_is_an_error(simulators):
    with pytest.raises(CertificateRejected):
        inform(Driver(simulators(tls=True)))


def test_module_reports_what_was_found_and_what_it_cost(xen, tmp_path):
    make(xen, 'web')
    result = Process(xen.simulator, 'xen_vm_info', tmp_path).result()
    assert [vm['name'] for vm in result['vms']] == ['web']
    assert not result['changed']
    assert result['api']['calls'] <= MOST_CALLS
