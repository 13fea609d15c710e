# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import itertools

import pytest

from ansible_collections.xapi.xen.plugins.module_utils._fields import Field, new_record, same
from ansible_collections.xapi.xen.plugins.module_utils._plan import (
    Desired,
    Kind,
    Observed,
    Plan,
    Slot,
    Step,
    field_changes,
    plan,
)

FIELDS = (
    Field('name', 'name_label'),
    Field('size', 'virtual_size', 'int'),
    Field('shared', 'sharable', 'bool'),
    Field('mode', 'mode', 'enum'),
    Field('tags', 'tags', 'set'),
    Field('config', 'other_config', 'map'),
    Field('kind', 'type', create_only=True),
)
RECORD = {
    'name_label': 'data',
    'virtual_size': '1024',
    'sharable': False,
    'mode': 'RW',
    'tags': ['b', 'a'],
    'other_config': {'k': '1', 'xapi.xen:mark': 'x', 'mac_seed': 's'},
    'type': 'user',
}
# Values that a user may ask for, None among them: the option is left out.
CHOICES = {
    'name': [None, 'data', 'other', ''],
    'size': [None, 1024, 2048],
    'shared': [None, False, True],
    'mode': [None, 'rw', 'RO'],
    'tags': [None, [], ['a', 'b', 'a'], ['c']],
    'config': [None, {}, {'k': '1'}, {'k': '2', 'n': '3'}, {'k': None, 'absent': None}],
    'kind': [None, 'system'],
}


def apply_setters(record, steps):
    """What a host makes of setter calls."""
    record = {**record, 'other_config': dict(record['other_config'])}
    for step in steps:
        message = step.method.partition('.')[2]
        if message.startswith('add_to_'):
            field, (_ref, key, value) = message[len('add_to_') :], step.args
            assert key not in record[field], 'MAP_DUPLICATE_KEY'
            record[field][key] = value
        elif message.startswith('remove_from_'):
            record[message[len('remove_from_') :]].pop(step.args[1], None)
        else:
            value = step.args[1]
            record[message[len('set_') :]] = (
                str(value) if isinstance(value, int) and not isinstance(value, bool) else value
            )
    return record


def all_wishes():
    for values in itertools.product(*CHOICES.values()):
        yield dict(zip(CHOICES, values))


def changes(record, wish):
    return field_changes(FIELDS, 'VDI', Observed('ref', record, {}), Desired(wish))


def test_a_plan_that_was_carried_out_leaves_nothing_to_do():
    """Whatever was asked for, and what the plan shows as its outcome is what is there then."""
    for wish in all_wishes():
        first = changes(RECORD, wish)
        record = apply_setters(RECORD, first.steps)
        assert changes(record, wish).steps == [], wish
        for option, value in first.after.items():
            field = next(field for field in FIELDS if field.option == option)
            assert field.read(record) == value, wish
        assert bool(first.steps) == (first.before != first.after) == first.changed


def test_undoing_the_steps_in_reverse_brings_everything_back():
    for wish in all_wishes():
        steps = changes(RECORD, wish).steps
        undone = apply_setters(apply_setters(RECORD, steps), [step.undo for step in reversed(steps)])
        assert {field.option: field.read(undone) for field in FIELDS} == {
            field.option: field.read(RECORD) for field in FIELDS
        }, wish


def test_an_option_left_out_is_not_looked_at():
    assert changes(RECORD, {}).steps == []


def test_keys_of_the_host_and_of_this_collection_survive_an_empty_map():
    record = apply_setters(RECORD, changes(RECORD, {'config': {}}).steps)
    assert record['other_config'] == {'xapi.xen:mark': 'x', 'mac_seed': 's'}


def test_only_the_listed_keys_of_a_map_are_called_for():
    calls = [
        (step.method, step.args[1:]) for step in changes(RECORD, {'config': {'k': '2', 'n': '3', 'gone': None}}).steps
    ]
    assert calls == [
        ('VDI.remove_from_other_config', ('k',)),
        ('VDI.add_to_other_config', ('k', '2')),
        ('VDI.add_to_other_config', ('n', '3')),
    ]


def test_a_new_record_is_the_defaults_under_the_options():
    record = new_record(
        FIELDS,
        {'name': 'n', 'tags': ['b', 'a', 'b'], 'config': {'k': None, 'm': '1'}, 'shared': None},
        {'sharable': False, 'other_config': {'d': '0'}, 'mode': 'RW'},
    )
    assert record == {
        'sharable': False,
        'mode': 'RW',
        'name_label': 'n',
        'tags': ['a', 'b'],
        'other_config': {'d': '0', 'm': '1'},
    }


@pytest.mark.parametrize(
    'kind, current, wanted, equal',
    [
        ('enum', 'RW', 'rw', True),
        ('enum', 'RW', 'RO', False),
        ('string', 'a', 'A', False),
        ('int', 5, 5, True),
        ('bool', False, True, False),
        ('set', ['a', 'b'], ['b', 'a'], True),
        ('set', ['a'], [], False),
        ('map', {'a': '1', 'b': '2'}, {'a': '1'}, True),
        ('map', {'a': '1'}, {'a': None}, False),
        ('map', {}, {'a': None}, True),
        ('map', {'mac_seed': '1'}, {}, True),
    ],
)
def test_when_two_values_are_the_same(kind, current, wanted, equal):
    assert same(Field('option', 'field', kind), current, wanted) is equal


# ---------------------------------------------------------------- the plan


def kind():
    return Kind(
        'thing',
        'VDI',
        FIELDS,
        locate=None,
        observe=None,
        create=lambda desired: Plan([Step('create')]),
        update=lambda observed, desired: Plan([Step('update')]),
        destroy=lambda observed, desired: Plan([Step('destroy')]),
        to_result=dict,
    )


@pytest.mark.parametrize(
    'there, absent, method',
    [(False, False, ['create']), (True, False, ['update']), (True, True, ['destroy']), (False, True, [])],
)
def test_one_decision_between_nothing_create_update_and_destroy(there, absent, method):
    made = plan(kind(), Observed('ref', RECORD) if there else None, Desired({}, absent=absent))
    assert [step.method for step in made.steps] == method


def test_looking_and_waiting_are_no_change():
    assert not Plan([Step('SR.scan', changes=False)]).changed
    assert Plan([Step('event.from', changes=False), Step('VM.start')]).changed


def test_the_plan_of_a_part_is_shown_under_its_number():
    whole = Plan(before={'name': 'a'})
    whole.take(Plan([Step('one')], {'size': 1}, {'size': 2}), 'disks', '0', 'userdevice')
    whole.take(Plan([Step('two')], {}, {'size': 3}), 'disks', '1', 'userdevice').take(
        Plan(), 'disks', '2', 'userdevice'
    )
    assert [step.method for step in whole.steps] == ['one', 'two']
    assert (whole.before, whole.after) == (
        {'name': 'a', 'disks': {'0': {'size': 1}}},
        {'disks': {'0': {'size': 2}, '1': {'size': 3}}},
    )


def test_what_a_check_run_predicts_has_the_form_of_the_result():
    whole = Plan(after={'name': 'b'})
    whole.take(Plan([], {'size': 1}, {'size': 2}), 'disks', '10', {'userdevice': '', 'sr': ''})
    whole.take(Plan([], {}, {'size': 3}), 'disks', '2', {'userdevice': '', 'sr': ''})
    before = {'uuid': 'u', 'name': 'a', 'disks': [{'userdevice': '10', 'size': 1, 'sr': 's'}]}
    assert whole.predict(before) == {
        'uuid': 'u',
        'name': 'b',
        'disks': [{'userdevice': '2', 'size': 3, 'sr': ''}, {'userdevice': '10', 'size': 2, 'sr': 's'}],
    }
    assert before['name'] == 'a' and before['disks'][0]['size'] == 1


def test_a_slot_shows_what_it_stands_for():
    assert str(Slot('vdi 0', 'VDI')) == '<vdi 0>'
