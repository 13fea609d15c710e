# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input for a VM with its disks and networks: the option and the remedy are named, nothing is changed."""

from __future__ import annotations

import pytest

from ansible_collections.xapi.xen.tests.unit.plugins.drive import ETH0, ISO, LOCAL, BadOptions

UUID = '00000000-0000-0000-0000-000000000000'
BARE = {'name': 'new', 'memory': '256MiB', 'vcpus': 1}
DISK = {'size': '1GiB'}


@pytest.fixture
def pool(xen):
    """A VM with a disk and a CD drive, two VMs and two networks of one name."""
    xen.run('xen_vm', name='web', memory='256MiB', vcpus=1, disks=[{'name': 'root', 'size': '2GiB'}])
    xen.run('xen_vbd', vm='web', type='CD', userdevice='3', vdi=ISO)
    session = xen.simulator.login()
    template = session.VM.get_by_name_label('Other install media')[0]
    for unused in range(2):
        session.VM.provision(session.VM.clone(template, 'twin'))
        record = {
            'name_label': 'lan',
            'name_description': '',
            'MTU': '1500',
            'other_config': {},
            'bridge': '',
            'managed': True,
            'tags': [],
        }
        session.network.create(record)
    session.session.logout()
    return xen


@pytest.mark.parametrize(
    'options, told',
    [
        ({}, 'one of the following is required: name, uuid'),
        ({**BARE, 'vcpus': 'many'}, 'unable to convert to int|cannot be converted to an int'),
        ({**BARE, 'boot_mode': 'uefi'}, 'value of boot_mode must be one of'),
        ({**BARE, 'power_state': 'on'}, 'value of power_state must be one of'),
        ({**BARE, 'disks': [{'mode': 'WO'}]}, 'value of mode must be one of: RW, RO, got: WO found in disks'),
        ({**BARE, 'disks': [{'capacity': 1}]}, 'disks.capacity. Supported parameters include'),
        ({**BARE, 'networks': [{'locking_mode': 'x'}]}, 'value of locking_mode must be one of: .* found in networks'),
    ],
)
def test_options_that_do_not_fit_are_refused_before_anything_is_asked(xen, options, told):
    with pytest.raises(BadOptions, match=told):
        xen.run('xen_vm', **options)
    assert xen.simulator.methods() == []


CASES = [
    # ---- the VM itself
    (
        {'name': 'new', 'vcpus': 1},
        'INVALID_OPTION',
        'memory is required for a new VM without a template. Give memory, for example 1GiB',
    ),
    (
        {'name': 'new', 'memory': '1GiB'},
        'INVALID_OPTION',
        'vcpus is required for a new VM without a template. Give vcpus, for example 1',
    ),
    ({**BARE, 'memory': 'lots'}, 'INVALID_OPTION', 'memory: "lots" is no size. Use bytes or a number with a unit'),
    ({'uuid': UUID}, 'NOT_FOUND', f'uuid: there is no object with the uuid "{UUID}"'),
    ({'name': 'new', 'template': 'Nonsense 1'}, 'NOT_FOUND', 'template: there is no object with the name "Nonsense 1"'),
    ({'name': 'new', 'template': 'web'}, 'NOT_FOUND', 'template: there is no object with the name "web"'),
    (
        {'name': 'twin', 'description': 'x'},
        'AMBIGUOUS',
        'name: 2 objects are named "twin"',
    ),
    (
        {'name': 'twin', 'state': 'absent'},
        'AMBIGUOUS',
        'name: 2 objects are named "twin"',
    ),
    (
        {**BARE, 'boot_mode': 'pv_kernel'},
        'INVALID_OPTION',
        'kernel is required with boot_mode: pv_kernel. Give the path of a kernel in dom0.',
    ),
    (
        {**BARE, 'wait_for': 'address'},
        'INVALID_OPTION',
        'wait_for: a VM that is halted has no address. Set power_state: running',
    ),
    # ---- its disks
    ({**BARE, 'disks': [{'size': 'big'}]}, 'INVALID_OPTION', 'disks[0].size: "big" is no size. Use bytes or a number'),
    (
        {**BARE, 'disks': [DISK, {'name': 'b'}]},
        'INVALID_OPTION',
        'disks[1].size is required for a new VDI. Give a size',
    ),
    (
        {**BARE, 'disks': [{'size': '999GiB'}]},
        'INVALID_OPTION',
        'disks[0].size: 999 GiB do not fit on SR "Local storage", which has',
    ),
    (
        {**BARE, 'disks': [{**DISK, 'sr': 'nowhere'}]},
        'NOT_FOUND',
        'disks[0].sr: there is no object with the name "nowhere". There are: ',
    ),
    ({**BARE, 'disks': [DISK, {'vdi': UUID}]}, 'NOT_FOUND', f'disks[1].vdi: there is no object with the uuid "{UUID}"'),
    (
        {**BARE, 'disks': [{**DISK, 'userdevice': 'a'}]},
        'INVALID_OPTION',
        'disks.userdevice: "a" is no device number. Use a number',
    ),
    (
        {**BARE, 'disks': [{**DISK, 'userdevice': '1'}, {**DISK, 'userdevice': '1'}]},
        'INVALID_OPTION',
        'disks: userdevice 1 is given more than once. Give each entry',
    ),
    (
        {'name': 'web', 'disks': [{**DISK, 'userdevice': '3'}]},
        'INVALID_OPTION',
        'disks[0].userdevice: device 3 is a CD drive. Choose another',
    ),
    (
        {'name': 'web', 'disks': [{'name': 'root', 'size': '1GiB'}]},
        'INVALID_OPTION',
        'disks[0].size: the VDI has 2 GiB, and a disk is never shrunk',
    ),
    (
        {'name': 'web', 'disks': [{'name': 'root', 'sr': 'NFS storage'}]},
        'INVALID_OPTION',
        'disks[0].sr: the disk is on SR "Local storage"',
    ),
    # ---- its networks
    (
        {**BARE, 'networks': [{'network': 'nowhere'}]},
        'NOT_FOUND',
        'networks[0].network: there is no object with the name "nowhere". There are: ',
    ),
    (
        {**BARE, 'networks': [{'network': 'lan'}]},
        'AMBIGUOUS',
        'networks[0].network: 2 objects are named "lan"',
    ),
    (
        {**BARE, 'networks': [{'device': '0'}]},
        'INVALID_OPTION',
        'networks[0].network is required for a new VIF. Give the name',
    ),
    (
        {**BARE, 'networks': [{'network': ETH0, 'mac': 'no'}]},
        'INVALID_OPTION',
        'networks[0].mac: "no" is no MAC address. Use six pairs',
    ),
    (
        {**BARE, 'networks': [{'network': ETH0, 'device': '0'}, {'network': ETH0, 'device': '0'}]},
        'INVALID_OPTION',
        'networks: device 0 is given more than once. Give each',
    ),
]


@pytest.mark.parametrize('options, code, told', CASES, ids=[told[:60] for _options, _code, told in CASES])
def test_bad_input_names_the_option_and_the_remedy(pool, options, code, told):
    for check in (True, False):
        error = pool.fail('xen_vm', check, **options)
        assert (error.code, f'{error.message}. {error.hint}'[: len(told)]) == (code, told)
        assert pool.simulator.writes() == []


def test_what_is_ambiguous_is_listed(pool):
    error = pool.fail('xen_vm', name='twin')
    assert error.hint == 'Name one of them by its uuid.'
    assert len(error.details) == 2 and all(detail.endswith(' (twin)') for detail in error.details)
    for module, options in (
        ('xen_vbd', {'vm': 'twin', 'vdi': 'root'}),
        ('xen_vif', {'vm': 'twin', 'device': '0', 'network': ETH0}),
    ):
        assert pool.fail(module, **options).details == error.details
        assert pool.simulator.writes() == []
    uuid = error.details[0].partition(' ')[0]
    assert pool.change('xen_vm', uuid=uuid, name='single', description='one').object['name'] == 'single'


def test_a_disk_that_an_earlier_task_would_make_is_predicted_in_check_mode_only(pool):
    spec = {**BARE, 'disks': [{'vdi': 'soon', 'sr': LOCAL}]}
    foretold = pool.check('xen_vm', **spec)
    assert foretold.changed and 'disks[0].vdi: the VDI "soon" does not exist' in foretold.warnings[0]
    assert pool.fail('xen_vm', **spec).message == 'disks[0].vdi: there is no object with the name "soon"'
    assert pool.simulator.writes() == []
