# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conversations recorded with a real host, played against the simulator."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from ansible_collections.xapi.xen.tests.support.simulator import PROGRAM
from ansible_collections.xapi.xen.tests.support.tools import ROOT, require_shared

FLOOR = 0.97   # of the lines of each scenario
SCENARIOS = sorted(path.stem for path in ROOT.parent.glob('shared/xapi/transcripts/*.jsonl'))


def play(scenario, folder):
    """The outcome of each line. One process for each scenario, so that workers share them."""
    path = folder / 'report.json'
    subprocess.run([sys.executable, str(require_shared('xapi', 'replay.py')), '--start', str(PROGRAM), '--only', scenario,
                    '--summary', '--json', str(path)], check=False, timeout=600, stdout=subprocess.DEVNULL)
    return json.loads(path.read_text(encoding='utf-8'))[scenario]


def test_there_are_scenarios():
    require_shared('xapi', 'transcripts')
    assert SCENARIOS


@pytest.mark.parametrize('scenario', SCENARIOS)
def test_scenario_is_answered_as_a_real_host_does(scenario, tmp_path):
    outcomes = play(scenario, tmp_path)
    different = [outcome for outcome in outcomes if outcome['kind'] is not None]
    assert len(outcomes) - len(different) >= FLOOR * len(outcomes), [(o['kind'], o['call'], o['params']) for o in different[:5]]
