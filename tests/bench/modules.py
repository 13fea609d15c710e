# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules of this and of other collections, run against a simulator: calls, seconds and memory of each run."""

from __future__ import annotations

import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import fetch_clients

ROOT = Path(__file__).resolve().parents[2]
CHILD = Path(__file__).with_name('child.py')
TIMEOUT = 600


@dataclasses.dataclass
class Run:
    calls: int
    seconds: float
    peak: float        # MiB
    result: dict


class Modules:
    """Runs modules by their full name; a context that keeps its files in a folder of its own."""

    def __enter__(self) -> Modules:
        self._folder = tempfile.TemporaryDirectory(prefix='xapi-xen-bench-')
        self.folder = Path(self._folder.name)
        namespace = self.folder / 'ansible_collections' / 'xapi'
        namespace.mkdir(parents=True)
        (namespace / 'xen').symlink_to(ROOT, target_is_directory=True)
        self.foreign = fetch_clients.clients_folder() / 'community.general'
        self._environment = dict(os.environ, PYTHONPATH=f'{self.folder}{os.pathsep}{self.foreign}')
        return self

    def __exit__(self, *error) -> None:
        self._folder.cleanup()

    @property
    def has_foreign(self) -> bool:
        return (self.foreign / '.version').exists()

    def run(self, simulator, full_name: str, /, **options) -> Run:
        """One run, which must succeed; the journal holds its calls and no others afterwards."""
        namespace, collection, module = full_name.split('.')
        path = f'ansible_collections.{namespace}.{collection}.plugins.modules.{module}'
        connection = {'hostname': simulator.url, 'username': simulator.username, 'password': simulator.password, 'validate_certs': False}
        arguments, report = self.folder / 'arguments.json', self.folder / 'peak'
        arguments.write_text(json.dumps({'ANSIBLE_MODULE_ARGS': {**connection, **options}}))
        simulator.clear_journal()
        start = time.perf_counter()
        done = subprocess.run([sys.executable, str(CHILD), path, str(arguments), str(report)], env=self._environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        seconds = time.perf_counter() - start
        if done.returncode:
            raise RuntimeError(f'{full_name}: {done.stdout}{done.stderr}')
        calls = sum('.' in method for method in simulator.methods())   # transfers are no calls
        return Run(calls, seconds, int(report.read_text()) / 1024, json.loads(done.stdout.splitlines()[-1]))


def middle(runs: list[Run]) -> Run:
    """The median of the seconds; calls and memory are the largest that were seen."""
    return Run(max(run.calls for run in runs), statistics.median(run.seconds for run in runs), max(run.peak for run in runs),
               runs[-1].result)
