# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulators for the tests of the plugins: one process for each way to start it, as it was at the start for each test."""

from __future__ import annotations

import os

import pytest

from ansible_collections.xapi.xen.tests.support.simulator import start_simulator
from ansible_collections.xapi.xen.tests.unit.plugins.drive import Driver


@pytest.fixture(autouse=True)
def no_connection_from_the_environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith('XENSERVER_')]:
        monkeypatch.delenv(name)


@pytest.fixture(scope='session')
def simulators():
    """Simulators by their options; a disk is free as soon as a transfer has ended."""
    started = {}

    def get(**options):
        key = tuple(sorted(options.items()))
        if key not in started:
            started[key] = start_simulator(linger=0, **options)
        started[key].reset()
        return started[key]

    yield get
    errors = [simulator.errors() for simulator in started.values()]
    for simulator in started.values():
        simulator.stop()
    assert ''.join(errors) == ''


@pytest.fixture
def simulator(simulators):
    return simulators()


@pytest.fixture
def xen(simulator):
    """The driver of modules on a fresh pool of one host."""
    return Driver(simulator)
