# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The integration targets by ansible-playbook: each on a simulator of its own, or all on a real pool.

A real pool is named as for ansible-test, in tests/integration/integration_config.yml:
xen_hostname, xen_username, xen_password, xen_validate_certs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest
import yaml

from ansible_collections.xapi.xen.tests.support.simulator import Simulator, start_simulator

HERE = Path(__file__).resolve().parent
CONFIG = HERE / 'integration_config.yml'
TARGETS = sorted(path.parent.parent.name for path in HERE.glob('targets/*/tasks/main.yml'))
TIMEOUT = 600


@pytest.fixture
def simulator() -> Iterator[Simulator | None]:
    """A fresh simulator, or None when a real pool was named."""
    if 'xen_hostname' in read_config():
        yield None
        return
    with start_simulator() as started:
        yield started


def read_config() -> dict:
    return yaml.safe_load(CONFIG.read_text()) or {} if CONFIG.exists() else {}


def variables(simulator: Simulator | None) -> dict:
    if simulator is None:
        return read_config()
    return {
        'xen_simulator': True,
        'xen_hostname': simulator.url,
        'xen_username': simulator.username,
        'xen_password': simulator.password,
        'xen_validate_certs': False,
    }


def write_playbook(folder: Path, target: str, facts: dict) -> Path:
    """The play that ansible-test would write; JSON is YAML too."""
    folder.joinpath('vars.json').write_text(json.dumps(facts))
    folder.joinpath('inventory.yml').write_text(json.dumps({'all': {'hosts': {'testhost': {
        'ansible_connection': 'local',
        'ansible_python_interpreter': '{{ ansible_playbook_python }}',
    }}}}))
    folder.joinpath('ansible.cfg').write_text('')  # a user's own settings change no test
    playbook = folder / f'{target}.yml'
    playbook.write_text(json.dumps([{'hosts': 'testhost', 'gather_facts': False, 'roles': [target]}]))
    return playbook


def run_playbook(playbook: Path, collections_path: str) -> subprocess.CompletedProcess:
    folder = playbook.parent
    environment = dict(
        os.environ,
        ANSIBLE_COLLECTIONS_PATH=collections_path,
        ANSIBLE_ROLES_PATH=str(HERE / 'targets'),
        ANSIBLE_CONFIG=str(folder / 'ansible.cfg'),
        ANSIBLE_LOCAL_TEMP=str(folder / 'tmp'),
        ANSIBLE_NOCOLOR='1',
        PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ['PATH']]),
    )
    command = [sys.executable, '-m', 'ansible', 'playbook', '-v', '-i', str(folder / 'inventory.yml'),
               '-e', f'@{folder / "vars.json"}', str(playbook)]
    return subprocess.run(command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, text=True, timeout=TIMEOUT,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)


@pytest.mark.parametrize('target', [name for name in TARGETS if not name.startswith('setup_')])
def test_target(target, simulator, collections_path, tmp_path):
    result = run_playbook(write_playbook(tmp_path, target, variables(simulator)), collections_path)
    if result.returncode:
        pytest.fail(result.stdout, pytrace=False)
    if simulator is not None:
        assert simulator.leaks() == {}, 'the target or a module left something behind'
        assert simulator.errors() == ''
