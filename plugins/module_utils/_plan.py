# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan: which calls turn what is there into what is wanted. Pure: nothing here talks to a host."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Optional, Union

from ._fields import Field, same


@dataclass(frozen=True)
class Slot:
    """Stands for the reference of an object that an earlier step of the plan makes, or that a check run only predicts."""

    name: str
    cls: str = ''

    def __str__(self) -> str:
        return f'<{self.name}>'


Ref = Union[str, Slot]


@dataclass(frozen=True)
class Retry:
    """Which answers of a call mean "once more" and which mean "done already".

    ``count`` repetitions, the first after ``delay`` seconds, each pause ``factor`` times the one before.
    """

    codes: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    count: int = 10
    delay: float = 1.0
    factor: float = 1.0

    def pause(self, number: int) -> float:
        """Seconds after attempt ``number`` (from 1)."""
        return self.delay * self.factor ** (number - 1)


@dataclass(frozen=True)
class Step:
    """One call, or (with ``perform``) one piece of work that is more than a call.

    ``makes`` receives the reference in the answer; ``undo`` takes the step back when a later one fails. ``changes`` False marks
    waiting and looking. ``task`` runs the call through ``Async.``.
    """

    method: str
    args: tuple = ()
    about: str = ''
    makes: Optional[Slot] = None
    undo: Optional[Step] = None
    task: bool = False
    retry: Retry = Retry()
    perform: Optional[Callable[[Any], Any]] = None
    changes: bool = True
    needs_halted: bool = False

    def describe(self) -> dict:
        return {'call': self.method, 'about': self.about}


@dataclass
class Plan:
    """Ordered steps, and the same as a difference: what the user's options are before and after.

    ``parts``: the keys of ``after`` that stand for a list (disks, networks), each with what an item shows of which nothing is known;
    the first key of it numbers the items.
    """

    steps: list[Step] = field(default_factory=list)
    before: dict = field(default_factory=dict)
    after: dict = field(default_factory=dict)
    parts: dict[str, dict] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        return any(step.changes for step in self.steps)

    def add(self, *steps: Step) -> Plan:
        self.steps.extend(steps)
        return self

    def note(self, key: str, before: Any, after: Any) -> Plan:
        """Record a change of one option; None means that it is not there."""
        if before is not None:
            self.before[key] = before
        if after is not None:
            self.after[key] = after
        return self

    def take(self, child: Plan, key: str, number: str, blank: dict) -> Plan:
        """Append the plan of a part (a disk, a network) under ``key`` and ``number``."""
        self.steps.extend(child.steps)
        self.parts[key] = blank
        if child.before:
            self.before.setdefault(key, {})[number] = child.before
        if child.after:
            self.after.setdefault(key, {})[number] = child.after
        return self

    def predict(self, before: dict) -> dict:
        """The result after the plan, from the one before it, as far as it can be told without carrying it out."""
        result = {**before, **self.after}
        for key, blank in self.parts.items():
            numbered_by = next(iter(blank))
            items = {item[numbered_by]: item for item in before.get(key, ())}
            for number, after in self.after.get(key, {}).items():
                items[number] = {**items.get(number, {**blank, numbered_by: number}), **after}
            result[key] = [items[number] for number in sorted(items, key=int)]
        return result


@dataclass
class Observed:
    """What is there: the reference, the XenAPI record, and what hangs on it (by class)."""

    ref: Ref
    record: dict
    related: dict = field(default_factory=dict)


@dataclass
class Desired:
    """What is wanted: the options that were given (sizes in bytes, names resolved in ``scope``), or nothing at all."""

    values: dict
    scope: dict = field(default_factory=dict)
    absent: bool = False

    def get(self, option: str, default: Any = None) -> Any:
        value = self.values.get(option)
        return default if value is None else value


@dataclass(frozen=True)
class Kind:
    """A class of objects as data and plain functions.

    Only two of them read from the host: ``locate(run, params)`` gives the reference (None: not there) and what is wanted,
    ``observe(run, ref)`` what is there. ``create(desired)``, ``update(observed, desired)`` and ``destroy(observed, desired)``
    give plans, ``to_result(observed)`` the returned object. A plan that creates binds the new reference to ``Slot(name)``.
    ``blank`` is what a check run returns of a new object where its plan says nothing; what only the host can give (uuids) is not there.
    """

    name: str
    cls: str
    fields: tuple[Field, ...]
    locate: Callable[[Any, dict], tuple[Optional[str], Desired]]
    observe: Callable[[Any, str], Observed]
    create: Callable[[Desired], Plan]
    update: Callable[[Observed, Desired], Plan]
    destroy: Callable[[Observed, Desired], Plan]
    to_result: Callable[[Observed], dict]
    blank: dict = field(default_factory=dict)


def plan(kind: Kind, observed: Optional[Observed], desired: Desired) -> Plan:
    """The one decision: nothing, create, update or destroy."""
    if desired.absent:
        return kind.destroy(observed, desired) if observed else Plan()
    return kind.update(observed, desired) if observed else kind.create(desired)


def field_changes(fields: tuple[Field, ...], cls: str, observed: Observed, desired: Desired) -> Plan:
    """Setter calls for every field whose option was given and differs from the record."""
    changes = Plan()
    for item in fields:
        wanted = desired.get(item.option)
        if wanted is None or item.create_only:
            continue
        current = item.read(observed.record)
        if not same(item, current, wanted):
            changes.add(*_setter_steps(item, cls, observed, current, wanted)).note(
                item.option, current, item.merged(current, wanted)
            )
    return changes


def _setter_steps(item: Field, cls: str, observed: Observed, current: Any, wanted: Any) -> list[Step]:
    if item.kind == 'map' and wanted:
        return [
            step
            for key in sorted(wanted)
            if current.get(key) != wanted[key]
            for step in _key_steps(item, cls, observed.ref, key, current.get(key), wanted[key])
        ]
    value = item.merged(current, wanted)
    undo = Step(f'{cls}.set_{item.field}', (observed.ref, current), f'put back {item.option}')
    return [
        Step(
            f'{cls}.set_{item.field}',
            (observed.ref, value),
            f'set {item.option}',
            undo=undo,
            needs_halted=item.needs_halted,
        )
    ]


def _key_steps(item: Field, cls: str, ref: Ref, key: str, current: Optional[str], wanted: Optional[str]) -> list[Step]:
    """One key of a map: the other keys belong to somebody else, who may be writing them right now."""
    steps = []
    add, remove = f'{cls}.add_to_{item.field}', f'{cls}.remove_from_{item.field}'
    if current is not None:
        steps.append(
            Step(
                remove,
                (ref, key),
                f'remove {key} from {item.option}',
                undo=Step(add, (ref, key, current), f'put back {key}'),
            )
        )
    if wanted is not None:
        steps.append(
            Step(
                add,
                (ref, key, wanted),
                f'set {key} in {item.option}',
                undo=Step(remove, (ref, key), f'remove {key} again'),
            )
        )
    return steps
