# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of the data model against the data model of a real host."""

from __future__ import annotations

import json

import pytest

from xapisim.datamodel import MISSING, Schema

from ansible_collections.xapi.xen.tests.support.tools import require_shared

DERIVED_OF_FIELDS = ('field_setter', 'field_add', 'field_remove')


@pytest.fixture(scope='module')
def schema():
    return Schema()


@pytest.fixture(scope='module')
def model():
    return json.loads(require_shared('xapi', 'datamodel.json').read_text(encoding='utf-8'))


def exposed(cls, message):
    """Whether clients can send it: a host keeps the writers of read-only fields to itself."""
    kind, unused, field = message['tag'].partition(':')
    if kind in DERIVED_OF_FIELDS:
        return cls['fields'][field]['qualifier'] == 'RW'
    return kind not in ('object_create', 'object_destroy') or cls['constructible']


def test_every_class_and_field_is_there(schema, model):
    assert set(schema.classes) == set(model['classes'])
    for name, cls in model['classes'].items():
        ours = {field.name: (field.type.spec, field.qualifier, field.internal)
                for field in schema.classes[name].fields.values()}
        assert ours == {field: (told['type'], told['qualifier'], told.get('internal', False)) for field,
                        told in cls['fields'].items()}


def test_defaults_are_those_of_the_model(schema, model):
    for name, cls in model['classes'].items():
        for field, told in cls['fields'].items():
            ours = schema.classes[name].fields[field].default
            expected = told.get('default', MISSING)
            assert ours == (expected['datetime'] if isinstance(expected, dict) and set(expected) == {'datetime'}
                            else expected)


def test_messages_are_those_that_clients_can_send(schema, model):
    for name, cls in model['classes'].items():
        expected = {message for message, told in cls['messages'].items() if exposed(cls, told)}
        # A host has this setter, for the rest of its pool; the model lists it as that of a read-only field.
        ours = set(schema.classes[name].messages) - ({'set_license_params'} if name == 'host' else set())
        assert ours == expected, name


def test_parameters_results_and_roles_are_those_of_the_model(schema, model):
    for name, cls in model['classes'].items():
        for message, told in cls['messages'].items():
            if not exposed(cls, told):
                continue
            ours = schema.classes[name].messages[message]
            params = [(param, kind.spec) for param, kind, unused in ours.params]
            assert params == [(p['name'], p['type']) for p in told['params']], ours.full
            assert (ours.result.spec if ours.result else None) == told.get('result'), ours.full
            assert (ours.role, ours.asynchronous, ours.removed) == (
                told['role'], bool(told.get('async')), told.get('state') == 'removed'), ours.full


def test_enums_relations_and_errors_are_those_of_the_model(schema, model):
    assert schema.enums == model['enums']
    assert schema.relations == [tuple(map(tuple, pair)) for pair in model['relations']]
    assert {code: len(params) for code, params in schema.errors.items()} == {
        code: len(params) for code, params in model['errors'].items()}
