# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Argument specs that carry their constraints, so that they can be put together without losing any."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.common.parameters import env_fallback


@dataclass(frozen=True)
class ArgumentSpec:
    """Options of a module and the rules between them, in the words of AnsibleModule."""

    options: dict = field(default_factory=dict)
    mutually_exclusive: tuple = ()
    required_together: tuple = ()
    required_one_of: tuple = ()
    required_if: tuple = ()
    required_by: dict = field(default_factory=dict)

    def merge(self, *others: ArgumentSpec) -> ArgumentSpec:
        """All options and all rules of several specs."""
        merged: ArgumentSpec = self
        for other in others:
            merged = ArgumentSpec(
                {**merged.options, **other.options},
                merged.mutually_exclusive + other.mutually_exclusive,
                merged.required_together + other.required_together,
                merged.required_one_of + other.required_one_of,
                merged.required_if + other.required_if,
                {**merged.required_by, **other.required_by},
            )
        return merged

    def as_arguments(self) -> dict[str, Any]:
        """Keyword arguments of AnsibleModule."""
        return {
            'argument_spec': self.options,
            'mutually_exclusive': list(self.mutually_exclusive),
            'required_together': list(self.required_together),
            'required_one_of': list(self.required_one_of),
            'required_if': list(self.required_if),
            'required_by': self.required_by,
        }


def _from_environment(*names: str) -> dict:
    return {'fallback': (env_fallback, list(names))}


CONNECTION = ArgumentSpec(
    {
        'hostname': {
            'type': 'str',
            'required': True,
            'aliases': ['host', 'pool'],
            **_from_environment('XENSERVER_HOST'),
        },
        'username': {
            'type': 'str',
            'aliases': ['user', 'admin'],
            'default': 'root',
            **_from_environment('XENSERVER_USER'),
        },
        'password': {
            'type': 'str',
            'aliases': ['pass', 'pwd'],
            'no_log': True,
            **_from_environment('XENSERVER_PASSWORD'),
        },
        'session': {'type': 'str', 'no_log': True, **_from_environment('XENSERVER_SESSION')},
        'validate_certs': {'type': 'bool', 'default': True, **_from_environment('XENSERVER_VALIDATE_CERTS')},
        'ca_path': {'type': 'path', **_from_environment('XENSERVER_CA_PATH')},
        'fingerprint': {'type': 'list', 'elements': 'str', **_from_environment('XENSERVER_FINGERPRINT')},
        'api_timeout': {'type': 'float', 'default': 60.0, **_from_environment('XENSERVER_API_TIMEOUT')},
        'task_timeout': {'type': 'float', 'default': 3600.0},
        'on_failure': {'type': 'str', 'choices': ['undo', 'keep'], 'default': 'undo'},
    },
    required_one_of=(('password', 'session'),),
)
"""How to reach a host, and what to do when a run fails (doc fragment: connection)."""


def state(*choices: str) -> ArgumentSpec:
    """The option ``state``; the first choice is the default."""
    return ArgumentSpec({'state': {'type': 'str', 'choices': list(choices), 'default': choices[0]}})
