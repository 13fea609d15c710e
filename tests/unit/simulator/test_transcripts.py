# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conversations recorded with a real host, played against the simulator."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from ansible_collections.xapi.xen.tests.support.simulator import PROGRAM
from ansible_collections.xapi.xen.tests.support.tools import require_shared

FLOOR = 0.97   # of the lines of each scenario


@pytest.fixture(scope='module')
def report(tmp_path_factory):
    """{scenario: [outcome of each line]}."""
    player, path = require_shared('xapi', 'replay.py'), tmp_path_factory.mktemp('replay') / 'report.json'
    subprocess.run([sys.executable, str(player), '--start', str(PROGRAM), '--summary', '--json', str(path)],
                   check=False, timeout=600,
                   stdout=subprocess.DEVNULL)
    return json.loads(path.read_text(encoding='utf-8'))


def test_all_scenarios_were_played(report):
    recorded = {path.stem for path in require_shared('xapi', 'transcripts').glob('*.jsonl')}
    assert set(report) == recorded


def test_every_scenario_is_answered_as_a_real_host_does(report):
    below = {}
    for scenario, outcomes in report.items():
        same = sum(outcome['kind'] is None for outcome in outcomes) / len(outcomes)
        if same < FLOOR:
            below[scenario] = [(o['kind'], o['call'], o['params']) for o in outcomes if o['kind']][:5]
    assert below == {}
