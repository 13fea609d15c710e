# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting: deadlines, polling and back-off on a clock that tests can replace. The only place that sleeps."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import Callable, Iterator, Optional, TypeVar

from ._errors import DeadlineExceeded, Interrupted

T = TypeVar('T')


class Interruption:
    """A request to stop (a signal) that takes effect only where nothing can be lost by it.

    A call that makes an object must not be left between the answer of the host and the note of what was made. So request()
    raises Interrupted at once only inside allowed(); elsewhere it is kept until allowed() is entered next. It raises once: what
    follows is the clean-up.
    """

    def __init__(self) -> None:
        self.requested: Optional[str] = None
        self._allowed = False
        self._raised = False

    def request(self, reason: str) -> None:
        self.requested = self.requested or reason
        if self._allowed:
            self._raise_once()

    def check(self) -> None:
        """Raise Interrupted if a request is waiting."""
        with self.allowed():
            pass

    @contextmanager
    def allowed(self) -> Iterator[None]:
        outer, self._allowed = self._allowed, True
        try:
            if self.requested:
                self._raise_once()
            yield
        finally:
            self._allowed = outer

    def _raise_once(self) -> None:
        if not self._raised:
            self._raised = True
            raise Interrupted(f'interrupted by {self.requested}')


class Clock:
    """Real time; tests pass an object with the same methods."""

    def __init__(self) -> None:
        self.interruption = Interruption()

    def now(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        with self.interruption.allowed():
            time.sleep(max(0.0, seconds))


class Deadline:
    """A moment by which something must have happened; ``seconds`` None means never."""

    def __init__(self, seconds: Optional[float], what: str, clock: Clock) -> None:
        self.seconds, self.what, self.clock = seconds, what, clock
        self.end = None if seconds is None else clock.now() + seconds

    def remaining(self, most: float = 3600.0) -> float:
        """Seconds left, at most ``most``, never negative."""
        if self.end is None:
            return most
        return min(most, max(0.0, self.end - self.clock.now()))

    @property
    def passed(self) -> bool:
        return self.end is not None and self.clock.now() >= self.end

    def check(self, last_seen: str = '') -> None:
        """Raise DeadlineExceeded when the time is over; ``last_seen`` says how far things had come."""
        if self.passed:
            seen = f'; last seen: {last_seen}' if last_seen else ''
            raise DeadlineExceeded(
                f'{self.what} did not happen within {self.seconds:g} seconds{seen}',
                details=[last_seen] if last_seen else [],
            )


def poll(predicate: Callable[[], Optional[T]], deadline: Deadline, interval: float = 0.5) -> T:
    """The first answer of ``predicate`` that is not None, asked every ``interval`` seconds until the deadline."""
    while True:
        answer = predicate()
        if answer is not None:
            return answer
        deadline.check()
        deadline.clock.sleep(min(interval, deadline.remaining()))


def attempts(count: int, delay: Callable[[int], float], clock: Clock) -> Iterator[int]:
    """The numbers 1 to ``count``, with a pause of ``delay(number)`` seconds after each but the last."""
    for number in range(1, count + 1):
        yield number
        if number < count:
            clock.sleep(delay(number))
