# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulator for clients that no one here wrote: what it refuses them, a real host must refuse as well."""

from __future__ import annotations

from typing import Iterator

import pytest

from ansible_collections.xapi.xen.tests.support.simulator import Simulator, start_simulator


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with start_simulator() as started:
        yield started
        assert started.errors() == ''


@pytest.fixture
def refused(simulator):
    """refused(): the calls that failed, with their errors."""
    def find() -> list[tuple]:
        return [(entry['method'], *entry['error']) for entry in simulator.journal() if 'error' in entry]
    return find
