# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one loop: locate and observe, plan, apply unless it is a check, observe again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Optional

from ._connect import Target, TlsPolicy, normalize_fingerprint
from ._errors import ApiError, FateUnknown, ParameterError, XenError
from ._plan import Kind, Plan, Slot, Step, plan
from ._refs import Records
from ._session import Credentials, XenSession
from ._tasks import run_task
from ._wait import Clock, Deadline, attempts


@dataclass(frozen=True)
class Mode:
    """How to run: ``check`` predicts and changes nothing."""

    check: bool = False
    clock: Clock = field(default_factory=Clock)


@dataclass
class Outcome:
    """What the edge reports. ``object`` is the result of the kind, predicted in check mode; ``created`` whether it is new."""

    changed: bool
    object: dict
    before: dict
    after: dict
    actions: list[dict]
    created: bool = False
    warnings: list[str] = field(default_factory=list)
    api: dict = field(default_factory=dict)


class Run:
    """What one run knows: the session, the records read, the references of what was made."""

    def __init__(self, session: XenSession, params: dict, mode: Mode) -> None:
        self.session, self.params, self.mode = session, params, mode
        self.records = Records(session)
        self.bindings: dict[Slot, Any] = {}
        self.existing: frozenset[str] = frozenset()
        self.warnings: list[str] = []

    def deadline(self, what: str, option: str = 'task_timeout') -> Deadline:
        """A deadline of as many seconds as the option says."""
        return Deadline(self.params.get(option), what, self.mode.clock)

    def resolve(self, value: Any) -> Any:
        """The value with every slot replaced by the reference it stands for."""
        if isinstance(value, Slot):
            return self.bindings[value]
        if isinstance(value, dict):
            return {key: self.resolve(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.resolve(item) for item in value]
        return value

    @property
    def made(self) -> list[tuple[str, str]]:
        """Class and reference of everything that this run has made."""
        return [(slot.cls, ref) for slot, ref in self.bindings.items() if slot.cls and isinstance(ref, str)]

    def perform(self, step: Step) -> Any:
        """One step at once, for work that consists of several calls."""
        return perform(self, step)

    def predict(self, cls: str, name: str, what: str) -> Optional[Slot]:
        """In check mode, a stand-in for an object that an earlier task would have made; None in a real run."""
        if not self.mode.check:
            return None
        self.warnings.append(
            f'{what}: the {cls} "{name}" does not exist; this check assumes that an earlier task makes it'
        )
        return Slot(f'{cls} {name}', cls)


def execute(kind: Kind, params: dict, mode: Mode) -> Outcome:
    """Bring the object that ``params`` describes into the wanted state; the whole of a module but its edge.

    ``params``: the options of the module with their defaults. Raises XenError; then nothing is left behind that this run made,
    unless ``on_failure`` is ``keep`` or the error lists it in ``left_behind``.
    """
    with open_session(params, mode.clock) as session:
        run = Run(session, params, mode)
        outcome = _reconcile(kind, run)
    outcome.api = session.statistics.as_dict()
    return outcome


def inquire(look: Callable[[Run, dict], list[dict]], params: dict, mode: Mode) -> tuple[list[dict], dict]:
    """What ``look`` finds, and what it cost; nothing is changed. Raises XenError."""
    with open_session(params, mode.clock) as session:
        found = look(Run(session, params, mode), params)
    return found, session.statistics.as_dict()


def open_session(params: dict, clock: Clock) -> XenSession:
    """A session as the connection options say; not logged in yet."""
    for option in ('hostname', 'username'):
        if not params.get(option):
            raise ParameterError(
                f'{option} is required', hint=f'Set {option}, or the environment variable that stands for it.'
            )
    pins = tuple(normalize_fingerprint(text) for text in params.get('fingerprint') or ())
    tls = TlsPolicy(params.get('validate_certs', True), params.get('ca_path'), pins)
    target = Target.parse(params['hostname'], tls, float(params.get('api_timeout') or 60))
    return XenSession(
        target, Credentials(params['username'], params.get('password') or '', params.get('session')), clock
    )


def _reconcile(kind: Kind, run: Run) -> Outcome:
    ref, desired = kind.locate(run, run.params)
    observed = kind.observe(run, ref) if ref else None
    run.existing = frozenset(run.session.labels)
    todo = plan(kind, observed, desired)
    before = kind.to_result(observed) if observed else {}
    outcome = Outcome(
        todo.changed,
        before,
        todo.before,
        todo.after,
        [step.describe() for step in todo.steps],
        created=observed is None and not desired.absent,
        warnings=run.warnings,
    )
    if run.mode.check:
        outcome.object = {} if desired.absent else todo.predict(before or kind.blank)
    elif todo.steps:
        outcome.object = _apply(kind, run, todo, ref, desired.absent)
    return outcome


def _apply(kind: Kind, run: Run, todo: Plan, ref: Optional[str], absent: bool) -> dict:
    """Carry the plan out and return the object as it is then. On any failure, take back what was done."""
    done: list[Step] = []
    try:
        for step in todo.steps:
            run.mode.clock.interruption.check()
            _perform(run, step, done)
        if absent:
            return {}
        run.records.forget()
        made = run.bindings.get(Slot(kind.name, kind.cls), ref)
        return kind.to_result(kind.observe(run, made)) if made else {}
    except BaseException as error:  # whatever it was: what was made is taken back
        if run.params.get('on_failure') != 'keep':
            _take_back(run, done, error)
        raise


def _perform(run: Run, step: Step, done: list[Step]) -> None:
    try:
        made = perform(run, step)
    except XenError as error:
        if error.completed:
            _bind(run, step, error.made, done)
        if isinstance(error, ApiError) and step.about:
            error.message = f'{step.about}: {error.message}'  # which of several disks, networks...
        if isinstance(error, FateUnknown):
            error.left_behind += _traces(run, step)
        raise
    _bind(run, step, made, done)


def _traces(run: Run, step: Step) -> list[str]:
    """What a call of unknown fate may have made: objects of its name that this run had not seen.

    They are told and never removed: somebody else may have made them in the meantime.
    """
    cls = step.makes.cls if step.makes else ''
    if cls not in ('VM', 'VDI'):
        return []
    last = step.args[-1]  # the record of a constructor, or the name that VM.clone takes
    refs = run.session.quietly(f'{cls}.get_by_name_label', last['name_label'] if isinstance(last, dict) else last) or []
    uuids = [run.session.quietly(f'{cls}.get_uuid', ref) for ref in refs if ref not in run.existing]
    return [f'{cls} {uuid}: {step.method} may have made it' for uuid in uuids if uuid]


def _bind(run: Run, step: Step, made: Any, done: list[Step]) -> None:
    if step.makes:
        run.bindings[step.makes] = made
    done.append(step)


def perform(run: Run, step: Step) -> Any:
    """One step; answers that mean "done already" are successes, those that mean "not yet" are repeated."""
    for attempt in attempts(step.retry.count + 1, step.retry.pause, run.mode.clock):
        try:
            return _once(run, step)
        except ApiError as error:
            if error.code in step.retry.done:
                return None
            if error.code not in step.retry.codes or attempt > step.retry.count:
                raise
            run.session.statistics.retries += 1
    return None


def _once(run: Run, step: Step) -> Any:
    if step.perform:
        return step.perform(run)
    args = tuple(run.resolve(step.args))
    if step.task:
        return run_task(run.session, step.method, args, run.deadline(step.about or step.method))
    return run.session.call(step.method, *args)


def _take_back(run: Run, done: list[Step], error: BaseException) -> None:
    """Undo in reverse order; one failure does not stop the others, and is told."""
    left = []
    if isinstance(error, XenError) and error.code == 'SESSION_INVALID':
        run.session.renew()
    for step in reversed(done):
        if step.undo is None:
            continue
        try:
            perform(run, step.undo)
        except XenError as failure:
            left.append(f'{step.about}: {failure.message}')
    if isinstance(error, XenError):
        error.left_behind += left
