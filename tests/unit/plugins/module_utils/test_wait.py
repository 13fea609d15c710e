# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.xapi.xen.plugins.module_utils._errors import DeadlineExceeded, Interrupted
from ansible_collections.xapi.xen.plugins.module_utils._wait import Clock, Deadline, Interruption, attempts, poll


class SteppedClock(Clock):
    """Time that only sleeping moves."""

    def __init__(self):
        super().__init__()
        self.time, self.slept = 100.0, []

    def now(self):
        return self.time

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.time += seconds


def test_a_deadline_counts_down_and_passes():
    clock = SteppedClock()
    deadline = Deadline(10, 'the thing', clock)
    assert (deadline.remaining(), deadline.remaining(4), deadline.passed) == (10, 4, False)
    deadline.check('half')
    clock.sleep(12)
    assert (deadline.remaining(), deadline.passed) == (0.0, True)
    with pytest.raises(DeadlineExceeded, match='the thing did not happen within 10 seconds; last seen: half') as caught:
        deadline.check('half')
    assert caught.value.details == ['half'] and caught.value.code == 'TIMEOUT'


def test_a_deadline_may_be_never():
    clock = SteppedClock()
    deadline = Deadline(None, 'x', clock)
    clock.sleep(1e9)
    deadline.check()
    assert not deadline.passed and deadline.remaining(30) == 30


def test_polling_gives_the_first_answer():
    clock, answers = SteppedClock(), iter([None, None, 0])
    assert poll(lambda: next(answers), Deadline(10, 'x', clock), interval=2) == 0
    assert clock.slept == [2, 2]


def test_polling_ends_at_the_deadline_and_asks_once_more_there():
    clock, asked = SteppedClock(), []
    with pytest.raises(DeadlineExceeded):
        poll(lambda: asked.append(clock.now()), Deadline(5, 'x', clock), interval=2)
    assert clock.slept == [2, 2, 1] and asked == [100, 102, 104, 105]


def test_attempts_pause_between_each_other_only():
    clock = SteppedClock()
    assert list(attempts(3, lambda number: number * 10, clock)) == [1, 2, 3] and clock.slept == [10, 20]
    assert list(attempts(1, lambda number: 1, clock)) == [1] and clock.slept == [10, 20]


def test_an_interruption_waits_for_a_place_where_nothing_is_lost():
    interruption = Interruption()
    interruption.request('SIGTERM')
    with pytest.raises(Interrupted, match='interrupted by SIGTERM'):
        with interruption.allowed():
            raise AssertionError('it must not come so far')


def test_an_interruption_takes_effect_at_once_where_it_is_allowed():
    interruption, reached = Interruption(), []
    with pytest.raises(Interrupted):
        with interruption.allowed():
            reached.append(1)
            interruption.request('SIGINT')
            reached.append(2)
    assert reached == [1]


def test_an_interruption_comes_once_so_that_the_clean_up_can_end():
    interruption = Interruption()
    interruption.request('SIGTERM')
    with pytest.raises(Interrupted):
        with interruption.allowed():
            pass
    with interruption.allowed():
        interruption.request('SIGTERM')
    assert interruption.requested == 'SIGTERM'


def test_an_inner_place_ends_without_ending_the_outer():
    interruption = Interruption()
    with pytest.raises(Interrupted):
        with interruption.allowed():
            with interruption.allowed():
                pass
            interruption.request('SIGHUP')
    interruption = Interruption()
    with interruption.allowed():
        pass
    interruption.request('SIGTERM')  # outside: kept


def test_real_sleep_is_interruptible_and_never_negative():
    clock = Clock()
    clock.sleep(-5)
    clock.interruption.request('SIGTERM')
    with pytest.raises(Interrupted):
        clock.sleep(60)
