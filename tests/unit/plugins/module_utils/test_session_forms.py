# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pure parts of sessions, tasks and references."""

from __future__ import annotations

import pytest

from ansible_collections.xapi.xen.plugins.module_utils._errors import AmbiguousError, NotFoundError
from ansible_collections.xapi.xen.plugins.module_utils._refs import Records, find, is_null, is_uuid, require
from ansible_collections.xapi.xen.plugins.module_utils._session import is_read, to_wire
from ansible_collections.xapi.xen.plugins.module_utils._tasks import decode_result

UUIDS = [f'{number:08d}-0000-0000-0000-00000000000a' for number in range(4)]
RECORDS = {
    'r0': {'uuid': UUIDS[0], 'name_label': 'web', 'SR': 's1'},
    'r1': {'uuid': UUIDS[1], 'name_label': 'web', 'SR': 's2'},
    'r2': {'uuid': UUIDS[2], 'name_label': 'db', 'SR': 's1'},
}


@pytest.mark.parametrize(
    'method',
    [
        'VM.get_record',
        'VM.get_all_records_where',
        'event.from',
        'session.get_uuid',
        'VDI.get_by_uuid',
        'host.compute_free_memory',
        'VM.assert_can_boot_here',
    ],
)
def test_reads_may_be_sent_again(method):
    assert is_read(method)


@pytest.mark.parametrize(
    'method',
    [
        'VM.clone',
        'VM.create',
        'VM.set_name_label',
        'VM.add_to_other_config',
        'VDI.create',
        'Async.VM.start',
        'task.create',
        'task.destroy',
        'task.cancel',
        'session.login_with_password',
        'session.logout',
        'VM.forget',
        'VM.getaway',
        'SR.scan',
        'event.register',
        'Async.VM.get_x',
    ],
)
def test_writes_may_not(method):
    assert not is_read(method) or method == 'Async.VM.get_x', 'only a getter reads, and getters have no Async form'


def test_integers_travel_as_strings_and_nothing_else_does():
    sent = {
        'size': 1 << 40,
        'flag': True,
        'none': None,
        'list': [1, 'a', (2, False)],
        'rate': 1.5,
        3: {'deep': 4},
        'set': {5},
    }
    assert to_wire(sent) == {
        'size': str(1 << 40),
        'flag': True,
        'none': None,
        'list': ['1', 'a', ['2', False]],
        'rate': 1.5,
        '3': {'deep': '4'},
        'set': ['5'],
    }
    assert sent['size'] == 1 << 40, 'what is sent stays as it is'


@pytest.mark.parametrize(
    'text, value',
    [
        ('', None),
        ('<value>OpaqueRef:1</value>', 'OpaqueRef:1'),
        ('<value><array><data><value>a</value></data></array></value>', ['a']),
        ('plain text', 'plain text'),
    ],
)
def test_the_result_of_a_task_is_decoded(text, value):
    assert decode_result(text) == value


def test_found_by_name_and_by_uuid_in_any_case():
    assert find(RECORDS, 'db', 'vm') == 'r2'
    assert find(RECORDS, UUIDS[0].upper(), 'vm') == 'r0'
    assert find(RECORDS, 'nobody', 'vm') is None and find(RECORDS, UUIDS[3], 'vm') is None


def test_several_of_one_name_are_listed():
    with pytest.raises(AmbiguousError) as caught:
        find(RECORDS, 'web', 'vm')
    error = caught.value
    assert error.message.startswith('vm: 2 objects are named "web"') and error.code == 'AMBIGUOUS'
    assert error.details == [f'{UUIDS[0]} (web)', f'{UUIDS[1]} (web)'] and error.hint == 'Name one of them by its uuid.'


def test_a_scope_settles_what_is_ambiguous():
    assert find(RECORDS, 'web', 'vm', lambda record: record['SR'] == 's2') == 'r1'


def test_what_is_required_and_missing_is_named_with_what_there_is():
    with pytest.raises(NotFoundError) as caught:
        require(RECORDS, 'wbe', 'vm')
    assert (caught.value.message, caught.value.hint) == (
        'vm: there is no object with the name "wbe"',
        'There are: db, web.',
    )
    many = {str(number): {'uuid': UUIDS[0], 'name_label': f'n{number:02d}'} for number in range(30)}
    with pytest.raises(NotFoundError) as caught:
        require(many, UUIDS[3], 'sr')
    assert caught.value.details == [f'n{number:02d}' for number in range(10)], 'ten are enough'


@pytest.mark.parametrize(
    'text, expected', [(UUIDS[0], True), (UUIDS[0].upper(), True), ('web', False), (UUIDS[0] + '0', False), ('', False)]
)
def test_what_a_uuid_is(text, expected):
    assert is_uuid(text) is expected


def test_what_no_reference_is():
    assert is_null(None) and is_null('') and is_null('OpaqueRef:NULL') and not is_null('OpaqueRef:1')


class Asked:
    """A session that notes what it is asked."""

    def __init__(self, events=()):
        self.calls, self.labels, self.events = [], {}, events

    def call(self, method, *args):
        self.calls.append((method, *args))
        return {'events': list(self.events)} if method == 'event.from' else {}


def test_names_and_uuids_are_asked_for_in_one_query():
    session = Asked()
    Records(session).named('VM', 'a "quoted" \\ name', None, UUIDS[0].upper(), 'a "quoted" \\ name')
    assert session.calls == [
        ('VM.get_all_records_where', f'field "name__label" = "a \\"quoted\\" \\\\ name" or field "uuid" = "{UUIDS[0]}"')
    ]
    Records(session).named('VM', None)
    assert len(session.calls) == 1


def test_what_is_known_is_not_read_again():
    record = {'name_label': 'web'}
    session = Asked([{'class': 'vm', 'ref': 'r', 'operation': 'add', 'snapshot': record}])
    records = Records(session)
    records.load(whole=('SR',), refs=[('VM', 'r'), ('VM', 'r'), ('VM', 'OpaqueRef:NULL'), ('SR', 's')])
    assert session.calls == [('event.from', ['SR', 'VM/r'], '', 0.1)]
    assert records.get('VM', 'r') == record and session.labels == {'r': 'VM "web"'}
    records.load(refs=[('VM', 'r')])
    assert len(session.calls) == 1
    records.forget()
    assert records.get('VM', 'r') is None
