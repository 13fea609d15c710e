# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import string

import pytest

from ansible_collections.xapi.xen.plugins.module_utils import _errors
from ansible_collections.xapi.xen.plugins.module_utils._errors import EXPLANATIONS, ApiError, XenError
from ansible_collections.xapi.xen.tests.support.tools import require_shared


def test_the_code_and_the_parameters_of_the_host_are_kept():
    error = ApiError(
        'VM.start', ['VM_BAD_POWER_STATE', 'OpaqueRef:1', 'halted', 'running'], {'OpaqueRef:1': 'VM "web"'}.get
    )
    assert (error.code, error.params, error.method) == (
        'VM_BAD_POWER_STATE',
        ['OpaqueRef:1', 'halted', 'running'],
        'VM.start',
    )


def test_objects_are_called_by_their_names():
    label = {'OpaqueRef:1': 'VM "web"'}
    error = ApiError(
        'VM.start', ['VM_BAD_POWER_STATE', 'OpaqueRef:1', 'halted', 'running'], lambda text: label.get(text, text)
    )
    assert (
        error.message == 'VM.start failed with VM_BAD_POWER_STATE: VM "web" is running, but this needs it to be halted'
    )
    assert error.details == ['VM "web"', 'halted', 'running']


def test_a_code_that_nobody_explains_shows_its_parameters():
    error = ApiError('VM.start', ['NEW_IN_2030', 'a', 'b'])
    assert (error.code, error.message, error.hint, error.transient) == (
        'NEW_IN_2030',
        'VM.start failed with NEW_IN_2030: a, b',
        '',
        False,
    )


@pytest.mark.parametrize(
    'failure', [['HANDLE_INVALID'], ['HANDLE_INVALID', 'VM'], ['HANDLE_INVALID', 'VM', 'ref', 'more', 'still']]
)
def test_fewer_or_more_parameters_than_expected_do_no_harm(failure):
    assert ApiError('x', failure).message.startswith('x failed with HANDLE_INVALID: the ')


def test_braces_in_parameters_are_just_text():
    assert '{0} {x}' in ApiError('x', ['INTERNAL_ERROR', '{0} {x}']).message


def test_an_empty_failure_is_an_internal_error():
    assert ApiError('x', []).code == 'INTERNAL_ERROR'


def test_what_had_no_effect_may_be_sent_again():
    assert {code for code in EXPLANATIONS if ApiError('x', [code]).transient} == {
        'HOST_STILL_BOOTING',
        'TOO_MANY_PENDING_TASKS',
        'TOO_BUSY',
    }


def test_every_explained_code_is_one_of_xapi_and_takes_no_more_parameters_than_it_has():
    # Hosts send these although their data model does not list them, or not with the parameters that come with them.
    exempt = (
        'SR_BACKEND_FAILURE_',
        'INTERNAL_ERROR',
        'SESSION_AUTHENTICATION_FAILED',
        'VM_IS_SNAPSHOT',
        'VDI_IO_ERROR',
    )
    known = json.loads(require_shared('xapi', 'datamodel.json').read_text())['errors']
    for code, explanation in EXPLANATIONS.items():
        if code.startswith(exempt):
            continue
        assert code in known, code
        used = [int(name) for _text, name, _spec, _conversion in string.Formatter().parse(explanation.cause) if name]
        assert max(used, default=-1) < len(known[code]['params'] if isinstance(known[code], dict) else known[code]), (
            code
        )


def test_every_class_has_a_code_of_its_own():
    classes = [
        value
        for value in vars(_errors).values()
        if isinstance(value, type) and issubclass(value, XenError) and value is not ApiError
    ]
    assert len({cls.code for cls in classes}) == len(classes)
