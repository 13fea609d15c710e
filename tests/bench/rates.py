# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast the simulator is: calls of one client, a large answer, and its start."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import xmlrpc.client
from pathlib import Path
from typing import Callable

from simulator import start_simulator
from table import show

REFERENCE = Path(__file__).with_name('reference_server.py')
VMS = 1000
HEAD = ['what', 'simulator', 'wanted', 'reference', 'ratio', 'the reference']


def bench(rounds: int, calls: int) -> None:
    rows = [start_up(rounds)]
    with start_simulator() as simulator, reference_server() as reference:
        rows.append(call_rate(simulator, reference, rounds, calls))
        rows.append(large_answer(simulator, rounds))
    show('The simulator', HEAD, rows, [f'best of {rounds}; the figures that are wanted hold for a machine that does nothing else'])


@contextlib.contextmanager
def reference_server():
    process = subprocess.Popen([sys.executable, str(REFERENCE)], stdout=subprocess.PIPE, text=True)
    try:
        yield f'http://127.0.0.1:{int(process.stdout.readline())}'
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def call_rate(simulator, reference: str, rounds: int, calls: int) -> list[str]:
    session = simulator.login()
    vm = session.VM.get_all()[0]
    ours = least(rounds, lambda: call_often(simulator.url, session.ref, vm, calls))
    theirs = least(rounds, lambda: call_often(reference, session.ref, vm, calls))
    return ['XML-RPC calls/s, one client', f'{calls / ours:.0f}', '> 1500', f'{calls / theirs:.0f}', f'{theirs / ours:.2f}',
            "Python's SimpleXMLRPCServer, which does nothing"]


def call_often(url: str, session: str, vm: str, calls: int) -> None:
    with xmlrpc.client.ServerProxy(url) as server:
        while calls:
            calls -= 1
            server.VM.get_power_state(session, vm)


def large_answer(simulator, rounds: int) -> list[str]:
    session = simulator.login()
    template, = session.VM.get_by_name_label('Other install media')
    for number in range(VMS - len(session.VM.get_all())):
        session.VM.clone(template, f'vm {number}')
    by_json = least(rounds, lambda: all_by_json(simulator, session.ref))
    by_xml = least(rounds, session.VM.get_all_records)
    return [f'seconds for {VMS} VMs by JSON-RPC', f'{by_json:.3f}', '< 0.3', f'{by_xml:.3f}', f'{by_xml / by_json:.1f}',
            'the same by XML-RPC']


def all_by_json(simulator, session: str) -> None:
    body = json.dumps({'jsonrpc': '2.0', 'id': 1, 'method': 'VM.get_all_records', 'params': [session]})
    data = simulator.request('POST', '/jsonrpc', body, {'Content-Type': 'application/json'})[2]
    if len(json.loads(data)['result']) != VMS:
        raise RuntimeError(f'these are not {VMS} VMs')


def start_up(rounds: int) -> list[str]:
    ours = min(started() for number in range(rounds))
    theirs = least(rounds, lambda: subprocess.run([sys.executable, '-c', ''], check=True))
    return ['seconds to start', f'{ours:.2f}', '< 1', f'{theirs:.2f}', f'{ours / theirs:.1f}', 'Python without a program']


def started() -> float:
    start = time.perf_counter()
    with start_simulator():
        return time.perf_counter() - start


def least(rounds: int, work: Callable) -> float:
    return min(timed(work) for number in range(rounds))


def timed(work: Callable) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
