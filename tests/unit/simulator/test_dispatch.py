# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is checked before an operation begins, and in which order."""

from __future__ import annotations

import json

import pytest

from ansible_collections.xapi.xen.tests.support.simulator import Failure, Session

NOBODY = 'OpaqueRef:00000000-0000-0000-0000-000000000000'


def refused(function, *args):
    with pytest.raises(Failure) as caught:
        function(*args)
    return [caught.value.code, *caught.value.params]


@pytest.fixture
def template(session):
    return session.VM.get_by_name_label('Debian Bookworm 12')[0]


def test_the_number_of_parameters_comes_first(simulator, session):
    anonymous = Session(simulator)
    assert refused(anonymous.call, 'VM.start', NOBODY, 1) == ['MESSAGE_PARAMETER_COUNT_MISMATCH', 'VM.start', '3', '1']
    assert refused(anonymous.call, 'VM.get_all') == ['MESSAGE_PARAMETER_COUNT_MISMATCH', 'VM.get_all', '0', '-1']
    assert refused(session.VM.snapshot, NOBODY) == ['MESSAGE_PARAMETER_COUNT_MISMATCH', 'VM.snapshot', '2', '1']


def test_types_come_before_the_session_from_left_to_right(simulator):
    anonymous = Session(simulator)
    assert refused(anonymous.call, 'VM.start', NOBODY, 'x', 'yes', 7) == [
        'INTERNAL_ERROR', "Failure(\"Expected bool, got 'S(yes)'\")"]
    assert refused(anonymous.call, 'VM.start', NOBODY, 'x', False, False) == ['SESSION_INVALID', NOBODY]


@pytest.mark.parametrize('sent, told', [
    (5, "Expected string, got 'I(5)'"), (1.5, "Expected string, got 'F(1.5)'"), (None, "Expected string, got 'N'"),
    ([True, 'a'], "Expected string, got '[B(true);S(a)]'"), ({'k': 1}, "Expected string, got '{k:I(1)}'")])
def test_a_wrong_type_is_told_as_the_server_reads_it(session, template, sent, told):
    assert refused(session.VM.set_name_label, template, sent) == ['INTERNAL_ERROR', f'Failure("{told}")']


@pytest.mark.parametrize('sent, stored', [(7, '7'), ('-3', '-3'), ('0x1F', '31'), ('0b101', '5'), ('1_000', '1000')])
def test_integers_come_as_numbers_and_as_texts(session, template, sent, stored):
    session.VM.set_user_version(template, sent)
    assert session.VM.get_user_version(template) == stored


@pytest.mark.parametrize('sent', ['', ' 1', '1.0', '0x', '9223372036854775808'])
def test_what_is_no_integer_is_refused(session, template, sent):
    assert refused(session.VM.set_user_version, template, sent) == ['INTERNAL_ERROR', 'Failure("Int64.of_string")']


def test_enums_are_matched_in_any_case_and_stored_in_theirs(session, template):
    session.VM.set_actions_after_shutdown(template, 'RESTART')
    assert session.VM.get_actions_after_shutdown(template) == 'restart'
    assert refused(session.VM.set_actions_after_shutdown, template,
                   'explode') == ['INTERNAL_ERROR', 'Failure("Unknown tag/contents")']


def test_unknown_methods_need_a_session_too(simulator, session):
    assert refused(Session(simulator).call, 'VM.levitate', NOBODY) == ['SESSION_INVALID', NOBODY]
    assert refused(session.VM.levitate) == ['MESSAGE_METHOD_UNKNOWN', 'VM.levitate']
    assert refused(session.VM.set_power_state, 'x', 'Running') == ['MESSAGE_METHOD_UNKNOWN', 'VM.set_power_state']
    assert refused(session.Async.VM.get_all) == ['Fault', 'No async mode for this operation (rpc: VM.get_all)']
    assert refused(session.VMPP.get_all) == ['MESSAGE_REMOVED']


def test_names_may_have_an_underscore_for_the_point(session):
    assert session.VM_get_all() == session.VM.get_all()


def test_references_belong_to_a_class(session):
    host = session.host.get_all()[0]
    assert refused(session.VM.get_record, host) == ['HANDLE_INVALID', 'VM', host]
    assert refused(session.SR.get_by_uuid, 'x') == ['UUID_INVALID', 'SR', 'x']


def test_maps_and_sets_have_their_own_writers(session, template):
    session.VM.add_to_xenstore_data(template, 'k', 'v')
    assert refused(session.VM.add_to_xenstore_data, template, 'k', 'w') == ['MAP_DUPLICATE_KEY', 'VM', 'xenstore_data',
                                                                            template, 'k']
    assert refused(session.VM.add_to_xenstore_data, template, '', 'w') == ['INTERNAL_ERROR', 'Db_exn.Empty_key_in_map']
    session.VM.remove_from_xenstore_data(template, 'k')
    session.VM.remove_from_xenstore_data(template, 'k')
    assert session.VM.get_xenstore_data(template) == {}
    session.VM.add_tags(template, 't')
    session.VM.add_tags(template, 't')
    assert session.VM.get_tags(template) == ['t']
    session.VM.remove_tags(template, 't')
    assert session.VM.get_tags(template) == []


def test_a_constructor_names_the_first_field_that_is_missing(session):
    assert refused(session.network.create,
                   {}) == ['INTERNAL_ERROR', 'Server_helpers.Dispatcher_FieldNotFound("other_config")']
    made = session.network.create({'name_label': 'n', 'other_config': {}, 'uuid': 'mine', 'unknown': 1})
    assert session.network.get_uuid(made) != 'mine'
    session.network.destroy(made)


def test_texts_come_back_as_they_went(session, template):
    text = 'ünïcode ☃ <>&"\'\n\ttail '
    session.VM.set_name_description(template, text)
    assert session.VM.get_name_description(template) == text


def test_json_rpc_has_two_versions_and_numbers(simulator, session):
    def ask(**call):
        status, headers, body = simulator.request('POST', '/jsonrpc', json.dumps(call))
        assert (status, headers['content-type']) == (200, 'application/json')
        return json.loads(body)

    host = session.host.get_all()[0]
    answer = ask(jsonrpc='2.0', method='host.get_API_version_major', params=[session.ref, host], id='i')
    assert answer == {'jsonrpc': '2.0', 'result': 2, 'id': 'i'}
    assert ask(method='VM.get_all', params=[NOBODY], id=1) == {'result': None, 'error': ['SESSION_INVALID', NOBODY],
                                                               'id': 1}
    assert ask(jsonrpc='2.0', method='VM.get_all', id=1)['error'] == {
        'code': 1, 'message': 'MESSAGE_PARAMETER_COUNT_MISMATCH', 'data': ['VM.get_all', '0', '-1']}


@pytest.mark.parametrize('path, body', [('/', ''), ('/', '<methodCall/>'), ('/', 'text'), ('/jsonrpc', 'text'),
                                        ('/jsonrpc', '[]'),
                                        ('/RPC2', '{"method": "x"}')])
def test_what_is_no_call_is_a_page_with_500(simulator, path, body):
    status, headers, unused = simulator.request('POST', path, body)
    assert (status, headers['content-type']) == (500, 'text/html')


def test_system_methods(simulator):
    anonymous = Session(simulator)
    assert anonymous.call('system.isAlive:x', 'echo') == 'echo'
    call = '<methodCall><methodName>system.listMethods</methodName><params/></methodCall>'
    status, unused, body = simulator.request('POST', '/', call)
    assert status == 200 and b'Async.VM.start' in body and b'Status' not in body
