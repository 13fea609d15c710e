# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finding objects: by uuid or name within a scope, many at a time. Several matches are an error that lists them."""

from __future__ import annotations

import re
from typing import Callable, Iterable, Optional

from ._errors import AmbiguousError, NotFoundError
from ._session import NULL_REF, XenSession

UUID = re.compile(r'[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}')
EVENT_TIMEOUT = 0.1
"""Seconds for an event.from that reads: it answers at once when anything matches."""

Record = dict
Filter = Callable[[Record], bool]


def is_uuid(text: str) -> bool:
    return bool(UUID.fullmatch(text))


def is_null(ref: Optional[str]) -> bool:
    return not ref or ref == NULL_REF


class Records:
    """Records read in this run, by class and reference. Each object is read once, as many in one call as possible."""

    def __init__(self, session: XenSession) -> None:
        self.session = session
        self.tables: dict[str, dict[str, Record]] = {}

    def of(self, cls: str) -> dict[str, Record]:
        """Reference to record of every object of the class read so far."""
        return self.tables.setdefault(cls, {})

    def get(self, cls: str, ref: Optional[str]) -> Optional[Record]:
        return self.of(cls).get(ref or NULL_REF)

    def add(self, cls: str, ref: str, record: Record) -> None:
        self.of(cls)[ref] = record
        name = record.get('name_label') or record.get('userdevice') or record.get('device') or record.get('uuid', '')
        self.session.labels[ref] = f'{cls} "{name}"'

    def where(self, cls: str, expression: str) -> dict[str, Record]:
        """Every object that fits a query of get_all_records_where (field names in the database's form: name__label)."""
        found = self.session.call(f'{cls}.get_all_records_where', expression)
        for ref, record in found.items():
            self.add(cls, ref, record)
        return found

    def named(self, cls: str, *identities: Optional[str]) -> None:
        """Read every object of the class whose name or uuid is one of these, in one call."""
        wanted = [text for text in dict.fromkeys(identities) if text]
        terms = [
            f'field "uuid" = {_quote(text.lower())}' if is_uuid(text) else f'field "name__label" = {_quote(text)}'
            for text in wanted
        ]
        if terms:
            self.where(cls, ' or '.join(terms))

    def load(self, whole: Iterable[str] = (), refs: Iterable[tuple[str, str]] = ()) -> None:
        """Read whole classes and single objects ``(class, reference)`` that are not known yet, in one call.

        ``event.from`` without a token reports every matching object with its record (XenAPI event.from).
        """
        classes = {cls.lower(): cls for cls in whole}
        single = [
            (cls, ref)
            for cls, ref in refs
            if not is_null(ref) and ref not in self.of(cls) and cls.lower() not in classes
        ]
        if not classes and not single:
            return
        names = {cls.lower(): cls for cls, _ref in single}
        names.update(classes)
        subscriptions = sorted(classes.values()) + [f'{cls}/{ref}' for cls, ref in dict.fromkeys(single)]
        batch = self.session.call('event.from', subscriptions, '', EVENT_TIMEOUT)
        for event in batch['events']:
            if 'snapshot' in event and event['class'].lower() in names:
                self.add(names[event['class'].lower()], event['ref'], event['snapshot'])

    def forget(self) -> None:
        """Drop everything: the next reads see the present state."""
        self.tables.clear()


def find(records: dict[str, Record], identity: str, what: str, fits: Optional[Filter] = None) -> Optional[str]:
    """The reference of the object with that uuid or name among ``records``, None when there is none.

    ``fits`` narrows the scope. Raises AmbiguousError with the candidates when a name fits several.
    """
    field = 'uuid' if is_uuid(identity) else 'name_label'
    wanted = identity.lower() if field == 'uuid' else identity
    matches = [ref for ref, record in records.items() if record.get(field) == wanted and (fits is None or fits(record))]
    if len(matches) > 1:
        uuids = sorted(records[ref]['uuid'] for ref in matches)
        raise AmbiguousError(
            f'{what}: {len(matches)} objects are named "{identity}" ({", ".join(uuids)})',
            details=sorted(_candidate(records[ref]) for ref in matches),
            hint='Name one of them by its uuid.',
        )
    return matches[0] if matches else None


def require(records: dict[str, Record], identity: str, what: str, fits: Optional[Filter] = None) -> str:
    """Like find(), but raises NotFoundError, naming what exists in the scope."""
    ref = find(records, identity, what, fits)
    if ref is None:
        raise not_found(what, identity, [record for record in records.values() if fits is None or fits(record)])
    return ref


def not_found(what: str, identity: str, candidates: Iterable[Record] = ()) -> NotFoundError:
    """An error for ``what`` (the option) that did not fit; up to ten names that would are listed."""
    names = sorted({record.get('name_label', '') for record in candidates} - {''})[:10]
    hint = f'There are: {", ".join(names)}.' if names else 'Check its spelling, and that it belongs to this pool.'
    return NotFoundError(
        f'{what}: there is no object with the {"uuid" if is_uuid(identity) else "name"} "{identity}"',
        details=names,
        hint=hint,
    )


def _candidate(record: Record) -> str:
    return f'{record["uuid"]} ({record.get("name_label", "")})'


def _quote(text: str) -> str:
    escaped = text.replace('\\', '\\\\').replace('"', '\\"')
    return f'"{escaped}"'
