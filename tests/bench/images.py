# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Image data into a VDI: xen_image beside `curl -T` of the same file to the same handler."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import time
import urllib.parse
from pathlib import Path

from modules import Modules
from simulator import start_simulator
from table import NONE, show

MIB = 1 << 20
SR = 'Local storage'
# name, one MiB of data in how many, whether the rest are holes of the file instead of zeros in it
IMAGES = (('dense', 1, False), ('a tenth is data, the rest zeros', 10, False), ('a tenth is data, the rest holes', 10, True))
HEAD = ['image', 'client', 'seconds', 'MiB/s', 'sent MiB', 'peak MiB', "of curl's rate"]


@dataclasses.dataclass
class Transfer:
    seconds: float       # of the whole command
    handler: float       # from the head of the request to the end of the data
    sent: int
    peak: float | None = None


def bench(modules: Modules, megabytes: int, rounds: int) -> None:
    table = []
    with start_simulator(linger=0) as simulator:
        for label, every, holes in IMAGES:
            path = modules.folder / 'image.raw'
            write_image(path, megabytes, every, holes)
            table += compare(modules, simulator, path, label, rounds)
    notes = [f'best of {rounds}, after one that does not count',
             'MiB/s: of the image, while the handler is busy; seconds: of the whole command']
    show(f'{megabytes} MiB of image into a new VDI', HEAD, table, notes)


def write_image(path: Path, megabytes: int, every: int, holes: bool) -> None:
    """Random data in every so many MiB."""
    block, zeros = os.urandom(16 * MIB), bytes(MIB)
    with open(path, 'wb') as image:
        image.truncate(megabytes * MIB)
        for place in range(megabytes):
            start = place % 16 * MIB
            if place % every == 0:
                image.write(block[start:start + MIB])
            elif holes:
                image.seek(MIB, os.SEEK_CUR)
            else:
                image.write(zeros)


def compare(modules: Modules, simulator, path: Path, label: str, rounds: int) -> list[list[str]]:
    """The clients in turn, so that what else the machine does meets both."""
    curl, ours, theirs = shutil.which('curl'), [], []
    while len(ours) <= rounds:   # the first brings the file into memory
        ours.append(by_module(modules, simulator, path))
        if curl:
            theirs.append(by_curl(curl, simulator, path))
    return rows(label, path.stat().st_size / MIB, best(ours[1:]), best(theirs[1:]) if curl else None)


def rows(label: str, size: float, ours: Transfer, theirs: Transfer | None) -> list[list[str]]:
    if theirs is None:
        return [cells(label, 'xen_image', ours, size, NONE)]
    return [cells(label, 'xen_image', ours, size, f'{theirs.handler / ours.handler:.2f}'), cells('', 'curl -T', theirs, size, NONE)]


def best(transfers: list[Transfer]) -> Transfer:
    return min(transfers, key=lambda transfer: transfer.handler)


def cells(label: str, client: str, transfer: Transfer, size: float, rate: str) -> list[str]:
    return [label, client, f'{transfer.seconds:.2f}', f'{size / transfer.handler:.0f}', f'{transfer.sent / MIB:.0f}',
            f'{transfer.peak:.0f}' if transfer.peak else NONE, rate]


def by_module(modules: Modules, simulator, path: Path) -> Transfer:
    options = {'name': path.stem, 'sr': SR}
    run = modules.run(simulator, 'xapi.xen.xen_image', src=str(path), **options)
    transfer = Transfer(run.seconds, handler_seconds(simulator), run.result['api']['bytes'], run.peak)
    modules.run(simulator, 'xapi.xen.xen_image', state='absent', **options)
    return transfer


def by_curl(curl: str, simulator, path: Path) -> Transfer:
    session = simulator.login()
    vdi = session.VDI.create({
        'name_label': path.stem, 'name_description': '', 'SR': session.SR.get_by_name_label(SR)[0],
        'virtual_size': str(path.stat().st_size), 'type': 'user', 'sharable': False, 'read_only': False, 'other_config': {}})
    task = session.task.create('import', '')
    query = urllib.parse.urlencode({'session_id': session.ref, 'vdi': vdi, 'task_id': task, 'format': 'raw'})
    simulator.clear_journal()
    start = time.perf_counter()
    subprocess.run([curl, '--silent', '--show-error', '--fail', '--upload-file', str(path), f'{simulator.url}/import_raw_vdi?{query}'],
                   stdout=subprocess.DEVNULL, check=True)
    transfer = Transfer(time.perf_counter() - start, handler_seconds(simulator), path.stat().st_size)
    if session.task.get_status(task) != 'success':
        raise RuntimeError(f'curl: {session.task.get_error_info(task)}')
    session.task.destroy(task)
    session.VDI.destroy(vdi)
    session.session.logout()
    return transfer


def handler_seconds(simulator) -> float:
    entry, = (entry for entry in simulator.journal() if entry['method'] == 'PUT /import_raw_vdi')
    return entry['seconds']
