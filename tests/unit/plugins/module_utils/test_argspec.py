# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible.module_utils.common.arg_spec import ModuleArgumentSpecValidator

from ansible_collections.xapi.xen.plugins.module_utils._argspec import CONNECTION, ArgumentSpec, state


def validate(spec, **options):
    return ModuleArgumentSpecValidator(**spec.as_arguments()).validate(options)


def test_merging_keeps_every_option_and_every_rule():
    first = ArgumentSpec(
        {'a': {}}, (('a', 'b'),), (('c', 'd'),), (('e', 'f'),), (('state', 'x', ('y',)),), {'g': ('h',)}
    )
    second = ArgumentSpec(
        {'b': {}}, (('i', 'j'),), (('k', 'l'),), (('m', 'n'),), (('state', 'z', ('y',)),), {'o': ('p',)}
    )
    assert first.merge(second, ArgumentSpec({'c': {}})).as_arguments() == {
        'argument_spec': {'a': {}, 'b': {}, 'c': {}},
        'mutually_exclusive': [('a', 'b'), ('i', 'j')],
        'required_together': [('c', 'd'), ('k', 'l')],
        'required_one_of': [('e', 'f'), ('m', 'n')],
        'required_if': [('state', 'x', ('y',)), ('state', 'z', ('y',))],
        'required_by': {'g': ('h',), 'o': ('p',)},
    }
    assert first.options == {'a': {}} and second.options == {'b': {}}, 'what is merged stays as it is'


def test_the_first_state_is_the_default():
    assert validate(state('present', 'absent')).validated_parameters == {'state': 'present'}


def test_connection_has_the_names_of_the_xenserver_modules_of_community_general():
    aliases = {name: set(option.get('aliases', ())) for name, option in CONNECTION.options.items()}
    assert (
        aliases['hostname'] == {'host', 'pool'}
        and aliases['username'] == {'user', 'admin'}
        and aliases['password'] == {'pass', 'pwd'}
    )
    result = validate(CONNECTION, host='h', admin='a', pwd='p')
    assert not result.error_messages
    assert [result.validated_parameters[name] for name in ('hostname', 'username', 'password', 'validate_certs')] == [
        'h',
        'a',
        'p',
        True,
    ]


def test_connection_comes_from_the_environment(monkeypatch):
    for name, value in {
        'HOST': 'h',
        'USER': 'u',
        'PASSWORD': 'p',
        'VALIDATE_CERTS': 'no',
        'CA_PATH': '/ca',
        'API_TIMEOUT': '3',
    }.items():
        monkeypatch.setenv(f'XENSERVER_{name}', value)
    found = validate(CONNECTION).validated_parameters
    assert (found['hostname'], found['username'], found['password']) == ('h', 'u', 'p')
    assert (found['validate_certs'], found['ca_path'], found['api_timeout']) == (False, '/ca', 3.0)
    assert validate(CONNECTION, hostname='mine').validated_parameters['hostname'] == 'mine'


@pytest.mark.parametrize(
    'options, told',
    [
        ({'password': 'p'}, 'missing required arguments: hostname'),
        ({'hostname': 'h'}, 'one of the following is required: password, session'),
    ],
)
def test_what_connection_needs(options, told):
    assert validate(CONNECTION, **options).error_messages == [told]


def test_secrets_are_not_logged():
    assert {name for name, option in CONNECTION.options.items() if option.get('no_log')} == {'password', 'session'}
