# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks of other collections, run by ansible-playbook against a simulator, and what each of them returned."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from ansible_collections.xapi.xen.tests.support.simulator import Simulator

TIMEOUT = 180


class Playbook:
    """Runs lists of tasks as plays of their own: run([{MODULE: {OPTION: value}, 'check_mode': True}, ...])."""

    def __init__(self, simulator: Simulator, folder: Path, collections: Path, modules: tuple[str, ...]) -> None:
        self.folder, self.collections = folder, collections
        connection = {'hostname': simulator.url, 'username': simulator.username, 'password': simulator.password}
        self.defaults = {module: {**connection, 'validate_certs': False} for module in modules}

    def run(self, tasks: list[dict]) -> list[dict]:
        """The results in the order of the tasks; one that fails does not keep the others from running."""
        book, results = self.folder / 'play.yml', self.folder / 'results.json'
        results.unlink(missing_ok=True)
        book.write_text(json.dumps([self._play(tasks, results)]))   # JSON is YAML too
        done = subprocess.run([sys.executable, '-m', 'ansible', 'playbook', '-i', 'localhost,', str(book)], env=self._environment(),
                              cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=TIMEOUT, check=False)
        assert done.returncode == 0, done.stdout
        return json.loads(results.read_text())

    def _play(self, tasks: list[dict], results: Path) -> dict:
        named = [dict(task, register=f'result_{number}', ignore_errors=True) for number, task in enumerate(tasks)]
        everything = ', '.join(task['register'] for task in named)
        named.append({'ansible.builtin.copy': {'dest': str(results), 'content': '{{ [%s] | to_json }}' % everything, 'mode': '0600'}})
        return {'hosts': 'localhost', 'gather_facts': False, 'connection': 'local', 'module_defaults': self.defaults, 'tasks': named,
                'vars': {'ansible_python_interpreter': '{{ ansible_playbook_python }}'}}

    def _environment(self) -> dict:
        config = self.folder / 'ansible.cfg'
        config.write_text('')   # a user's own settings change no test
        return dict(os.environ, ANSIBLE_COLLECTIONS_PATH=str(self.collections), ANSIBLE_CONFIG=str(config),
                    ANSIBLE_LOCAL_TEMP=str(self.folder / 'tmp'), ANSIBLE_NOCOLOR='1')
