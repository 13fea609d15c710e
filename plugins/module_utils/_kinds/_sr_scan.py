# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scanning an SR: one scan at a time, repeated while a disk is in flux."""

from __future__ import annotations

from typing import Any, Optional

from .._plan import Ref, Retry, Step
from .._wait import poll

SCAN_RETRY = Retry(codes=('SR_BACKEND_FAILURE_40',), count=3, delay=2.0, factor=2.0)
"""A scan fails while a VHD is in flux: four attempts, with 2, 4 and 8 seconds between them."""


def scan_step(sr: Ref) -> Step:
    return Step('SR.scan', (sr,), 'scan the SR', perform=lambda run: _scan(run, run.resolve(sr)), changes=False)


def _scan(run: Any, sr: str) -> None:
    """The host merges a scan with one that runs already, and that one may have looked before the files came that are to be found."""
    poll(lambda: _idle(run, sr), run.deadline('the end of another scan'))
    run.perform(Step('SR.scan', (sr,), 'scan the SR', task=True, retry=SCAN_RETRY))


def _idle(run: Any, sr: str) -> Optional[bool]:
    return None if 'scan' in run.session.call('SR.get_current_operations', sr).values() else True
