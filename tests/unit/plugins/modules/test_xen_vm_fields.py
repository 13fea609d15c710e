# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields of a VM: each set at creation, changed alone, and left."""

from __future__ import annotations

import pytest

from ansible_collections.xapi.xen.tests.unit.plugins.drive import LOCAL, NFS

SMALL = {'name': 'web', 'memory': '256MiB', 'vcpus': 1}
HOST = 'xcp-host1'
FIELDS = [
    ('affinity', HOST, '', 'affinity'),
    ('ha_restart_priority', 'restart', 'best-effort', 'ha_restart_priority'),
    ('order', 3, 0, 'order'),
    ('start_delay', 5, 7, 'start_delay'),
    ('shutdown_delay', 5, 7, 'shutdown_delay'),
    ('actions_after_shutdown', 'restart', 'destroy', 'actions_after_shutdown'),
    ('actions_after_reboot', 'destroy', 'restart', 'actions_after_reboot'),
    ('actions_after_crash', 'preserve', 'rename_restart', 'actions_after_crash'),
    ('has_vendor_device', True, False, 'has_vendor_device'),
    ('blocked_operations', {'clone': 'no'}, {'clone': 'never', 'destroy': None}, 'blocked_operations'),
]


def calls_of(outcome):
    return [action['call'] for action in outcome.actions]


@pytest.mark.parametrize('base', [SMALL, {'name': 'web', 'template': 'Other install media'}], ids=['bare', 'template'])
@pytest.mark.parametrize('option, first, second, shown', FIELDS, ids=[field[0] for field in FIELDS])
def test_field_at_creation_and_alone(xen, base, option, first, second, shown):
    made = xen.change('xen_vm', **base, **{option: first})
    assert made.object[shown] == first and made.after[option] == first
    alone = xen.change('xen_vm', name='web', **{option: second})
    expected = {'clone': 'never'} if isinstance(second, dict) else second
    assert alone.object[shown] == expected
    assert (alone.before[option], alone.after[option]) == (first, expected)
    assert all(option in call for call in calls_of(alone))
    xen.settled('xen_vm', name='web')


def test_folder_and_boot_order_are_keys_that_leave_the_others(xen):
    made = xen.change('xen_vm', **SMALL, folder='/web', boot_order='n', other_config={'a': '1'})
    assert made.object['other_config']['folder'] == '/web' and made.object['other_config']['a'] == '1'
    assert made.object['boot_params'] == {'order': 'n'}
    moved = xen.change('xen_vm', name='web', folder='/shop', boot_order='dc')
    assert moved.object['boot_params'] == {'order': 'dc'} and moved.object['other_config']['a'] == '1'
    cleared = xen.change('xen_vm', name='web', folder='/old', other_config={})
    assert 'a' not in cleared.object['other_config'] and cleared.object['other_config']['folder'] == '/old'
    assert 'folder' not in xen.change('xen_vm', name='web', folder='').object['other_config']


def test_truth_values_and_numbers_in_maps_are_text(xen):
    made = xen.change('xen_vm', **SMALL, platform={'viridian': True, 'device_id': 2})
    assert made.object['platform']['viridian'] == 'true' and made.object['platform']['device_id'] == '2'


def test_what_blocks_a_start_waits_for_the_start_and_lets_go_first(xen):
    made = xen.change(
        'xen_vm', **SMALL, power_state='running', blocked_operations={'clean_shutdown': 'no', 'hard_shutdown': 'no'}
    )
    assert calls_of(made)[-3:] == ['VM.start', 'VM.add_to_blocked_operations', 'VM.add_to_blocked_operations']
    assert xen.fail('xen_vm', name='web', power_state='halted', force=True).code == 'OPERATION_BLOCKED'
    freed = xen.change('xen_vm', name='web', power_state='halted', force=True, blocked_operations={})
    assert calls_of(freed)[0] == 'VM.set_blocked_operations'


@pytest.mark.parametrize(
    'first, second',
    [
        ({'user_version': 2}, {'user_version': '3'}),
        ({'PV_args': 'quiet'}, {'PV_args': ''}),
        ({'HVM_shadow_multiplier': 1.5}, {'HVM_shadow_multiplier': '2'}),
        ({'actions_after_softreboot': 'preserve'}, {'actions_after_softreboot': 'Destroy'}),
        ({'suspend_SR': LOCAL}, {'suspend_SR': ''}),
        ({'suspend_SR': LOCAL}, {'suspend_SR': NFS}),
        ({'NVRAM': {'a': 'b'}}, {'NVRAM': {'a': None}}),
    ],
)
@pytest.mark.parametrize('base', [SMALL, {'name': 'web', 'template': 'Other install media'}], ids=['bare', 'template'])
def test_other_fields(xen, base, first, second):
    made = xen.change('xen_vm', **base, params=first)
    name = next(iter(first))
    assert f'params.{name}' in made.after
    alone = xen.change('xen_vm', name='web', params=second)
    assert all(call.endswith(name) for call in calls_of(alone)) and f'params.{name}' in alone.before


@pytest.mark.parametrize(
    'options, message, hint',
    [
        ({'order': -1}, 'order: -1 is negative', '0 or more'),
        ({'boot_order': 'x'}, 'boot_order: "x"', 'c (disk)'),
        ({'boot_order': 'cc'}, 'boot_order: "cc"', 'at most once'),
        ({'blocked_operations': {'fly': 'no'}}, 'blocked_operations: fly', 'There are: start,'),
        ({'params': {'user_version': 'x'}}, 'params.user_version: "x" does not fit', 'of type int'),
        ({'params': {'user_version': True}}, 'params.user_version: "True" does not fit', 'of type int'),
        ({'params': {'PV_args': {}}}, 'params.PV_args: "{}" does not fit', 'of type string'),
        ({'params': {'NVRAM': 'x'}}, 'params.NVRAM: "x" does not fit', 'of type map'),
        ({'params': {'domain_type': 'x'}}, 'params.domain_type: "x" does not fit', 'one of hvm, pv'),
        (
            {'params': {'power_state': 'Running'}},
            'params.power_state: a VM has no such field',
            'There are: HVM_boot_policy',
        ),
        ({'params': {'name_label': 'x'}}, 'params.name_label: this field has an option', 'Use name.'),
    ],
)
def test_bad_values_are_refused_with_what_is_allowed(xen, options, message, hint):
    error = xen.fail('xen_vm', **SMALL, **options)
    assert error.code == 'INVALID_OPTION' and error.message.startswith(message) and hint in error.hint
    assert xen.simulator.writes() == []


@pytest.mark.parametrize('options', [{'affinity': 'nowhere'}, {'params': {'suspend_SR': 'nowhere'}}])
def test_what_does_not_exist_is_named(xen, options):
    error = xen.fail('xen_vm', **SMALL, **options)
    assert error.code == 'NOT_FOUND' and '"nowhere"' in error.message


def test_vendor_device_of_a_running_vm_needs_a_power_cycle(xen):
    xen.run('xen_vm', **SMALL, has_vendor_device=False, power_state='running')
    assert xen.fail('xen_vm', name='web', has_vendor_device=True).code == 'POWER_CYCLE_REQUIRED'


def test_no_more_calls_for_many_fields_than_for_none(xen):
    spec = {**SMALL, **{option: first for option, first, unused, unused_too in FIELDS}, 'params': {'suspend_SR': LOCAL}}
    xen.run('xen_vm', **spec)
    xen.settled('xen_vm', **spec)
    assert xen.calls_counted() <= 6
