# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The edge to AnsibleModule: the only place that imports it, and the only place that exits or fails."""

from __future__ import annotations

import signal
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule

from ._argspec import ArgumentSpec
from ._errors import XenError
from ._plan import Kind
from ._reconcile import Mode, Outcome, Run, execute, inquire
from ._wait import Clock

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def run(kind: Kind, spec: ArgumentSpec) -> None:
    """A whole module: parse the options, bring the object into the wanted state, report."""
    module = AnsibleModule(supports_check_mode=True, **spec.as_arguments())
    clock = Clock()
    _listen(clock)
    try:
        outcome = execute(kind, module.params, Mode(check=module.check_mode, clock=clock))
    except XenError as error:
        module.fail_json(**_failure(error))
    for warning in outcome.warnings:
        module.warn(warning)
    module.exit_json(**_result(kind, outcome))


def run_info(look: Callable[[Run, dict], list[dict]], name: str, spec: ArgumentSpec) -> None:
    """A whole module that only reads: report what ``look`` finds under ``name``."""
    module = AnsibleModule(supports_check_mode=True, **spec.as_arguments())
    clock = Clock()
    _listen(clock)
    try:
        found, api = inquire(look, module.params, Mode(check=module.check_mode, clock=clock))
    except XenError as error:
        module.fail_json(**_failure(error))
    module.exit_json(changed=False, api=api, **{name: found})


def _listen(clock: Clock) -> None:
    """Turn the signals that end a job into an interruption: what was made is taken back and the session is logged out."""

    def interrupt(number: int, _frame: Any) -> None:
        clock.interruption.request(signal.Signals(number).name)

    for number in SIGNALS:
        signal.signal(number, interrupt)


def _failure(error: XenError) -> dict:
    """What fail_json reports: the message for people, the code and the details for machines."""
    message = ' '.join(part for part in (_sentence(error.message), error.hint) if part)
    if error.left_behind:
        message += f' Could not be taken back: {"; ".join(error.left_behind)}.'
    return {
        'msg': message,
        'code': error.code,
        'details': error.details,
        'hint': error.hint,
        'left_behind': error.left_behind,
    }


def _sentence(text: str) -> str:
    return text if text.endswith('.') else f'{text}.'


def _result(kind: Kind, outcome: Outcome) -> dict:
    return {
        'changed': outcome.changed,
        kind.name: outcome.object,
        'created': outcome.created,
        'actions': outcome.actions,
        'api': outcome.api,
        'diff': {'before': outcome.before, 'after': outcome.after},
    }
