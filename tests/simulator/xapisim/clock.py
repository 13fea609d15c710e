# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pool's time: the machine's, or one that only tests move forward.

What the pool does by itself (guests that boot, disks that are slow, garbage collection) runs on this clock.
The time-outs of clients' calls, such as that of event.from, are always real: the client waits for real.
"""

from __future__ import annotations

import heapq
import itertools
import sys
import threading
import time
import traceback


class Clock:
    """Later work in the order of time; all of it holds the lock that `changed` belongs to."""

    def __init__(self, changed, ticks=False):
        self.changed, self.ticks = changed, ticks
        self._now = float(int(time.time()))
        self._later, self._order = [], itertools.count()
        self._wake = threading.Condition()
        self._stopped = False
        if not ticks:
            threading.Thread(target=self._run, name='clock', daemon=True).start()

    def now(self):
        return self._now if self.ticks else time.time()

    def run_later(self, seconds, function):
        """Call the function when so many seconds have passed."""
        with self._wake:
            heapq.heappush(self._later, (self.now() + seconds, next(self._order), function))
            self._wake.notify()

    def sleep(self, seconds):
        """Wait without the lock, which the caller holds; others go on meanwhile."""
        until = self.now() + seconds
        self.run_later(seconds, lambda: None)
        while self.now() < until and not self._stopped:
            self.changed.wait(None if self.ticks else max(0.0, until - self.now()))

    def advance(self, seconds):
        """Move a stepped clock; what becomes due runs in order, each at its own time."""
        until = self._now + seconds
        while self._later and self._later[0][0] <= until:
            due, unused, function = heapq.heappop(self._later)
            self._now = max(self._now, due)
            self._call(function)
            self._let_sleepers_run()
        self._now = until
        with self.changed:
            self.changed.notify_all()

    def _let_sleepers_run(self):
        """Threads that slept until now go first: what they start may be due within the same step."""
        for unused in range(5):
            time.sleep(0.001)

    def reset(self):
        with self._wake:
            self._later = []

    def stop(self):
        self._stopped = True
        with self._wake:
            self._wake.notify()

    def _run(self):
        while not self._stopped:
            with self._wake:
                wait = self._later[0][0] - time.time() if self._later else None
                if wait is None or wait > 0:
                    self._wake.wait(wait)
                    continue
                function = heapq.heappop(self._later)[2]
            self._call(function)

    def _call(self, function):
        with self.changed:
            try:
                function()
            except Exception:   # a fault of the simulator must be seen, and must not stop time
                traceback.print_exc(file=sys.stderr)
            self.changed.notify_all()
