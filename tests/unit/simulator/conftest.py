# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulator for a file of tests, and a session for each test."""

from __future__ import annotations

import pytest

from ansible_collections.xapi.xen.tests.support.simulator import start_simulator


@pytest.fixture(scope='module')
def simulator():
    """One host, in a process of its own; the tests of a file share it, and it must have had no fault in the end."""
    with start_simulator() as running:
        yield running
        assert running.errors() == ''


@pytest.fixture
def session(simulator):
    opened = simulator.login()
    yield opened
    opened.session.logout()
