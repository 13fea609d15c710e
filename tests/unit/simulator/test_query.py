# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The expressions of get_all_records_where."""

from __future__ import annotations

import pytest

from ansible_collections.xapi.xen.tests.support.simulator import Failure

PARSER, LEXER = 'Xapi_database.Db_filter_parse.MenhirBasics.Error', 'Failure("lexing: empty token")'


def found(session, expression):
    return {row['name_label'] for row in session.SR.get_all_records_where(expression).values()}


@pytest.mark.parametrize('expression, names', [
    ('field "type" = "ext"', {'Local storage'}),
    ('field "name__label" = "NFS storage"', {'NFS storage'}),
    ('field "shared" = "true" and field "content_type" = "user"', {'NFS storage'}),
    ('field "type" = "ext" or field "type" = "nfs"', {'Local storage', 'NFS storage'}),
    ('not (field "type" = "udev") and not field "type" = "iso"', {'Local storage', 'NFS storage'}),
    ('(field "type" = "ext")and(true)', {'Local storage'}),
    ('field "type" = field "content_type"', {'ISO library'}),
    ('"a" = "b"', set()), ('false', set()), ('field "type" = "EXT"', set()),
    ('field "physical_size" = "107374182400" and field "sm_config" = "()" and field "type" = "nfs"', {'NFS storage'}),
])
def test_what_an_expression_finds(session, expression, names):
    assert found(session, expression) == names


def test_true_is_every_object(session):
    assert session.SR.get_all_records_where('true') == session.SR.get_all_records()


def test_the_reference_is_a_field(session):
    sr = session.SR.get_by_name_label('Local storage')[0]
    assert list(session.SR.get_all_records_where(f'field "_ref" = "{sr}"')) == [sr]


@pytest.mark.parametrize('expression, reason', [
    ('', PARSER), ('field', PARSER), ('true false', PARSER), ('field "type" =', PARSER), ('(true', PARSER),
    ('field "a" = true', PARSER),
    ('nonsense', LEXER), ("field 'type' = 'ext'", LEXER), ('field "a" != "b"', LEXER), ('TRUE', LEXER)])
def test_what_is_no_expression(session, expression, reason):
    with pytest.raises(Failure) as caught:
        session.SR.get_all_records_where(expression)
    assert [caught.value.code, *caught.value.params] == ['INVALID_VALUE', expression, reason]


def test_fields_have_their_names_of_the_database(session):
    with pytest.raises(Failure) as caught:
        session.SR.get_all_records_where('field "name_label" = "x"')
    assert [caught.value.code, *caught.value.params] == ['INTERNAL_ERROR', 'missing field', 'name_label', '']
