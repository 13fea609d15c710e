# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a VM with two disks and two networks, by xen_vm and by community.general's xenserver_guest."""

from __future__ import annotations

from modules import Modules, Run, middle
from simulator import start_simulator
from table import NONE, ratio, show

LATENCIES = (0, 10, 50)
TEMPLATE = 'Debian Bookworm 12'
NETWORKS = ('Pool-wide network associated with eth0', 'Pool-wide network associated with eth1')
DEPLOY, READ, AGAIN, REMOVE = 'deploy and power on', 'read', 'deploy again: no change', 'remove, halted'
OURS = {'template': TEMPLATE, 'memory': '1GiB', 'vcpus': 2, 'power_state': 'running',
        'disks': [{'userdevice': 0, 'size': '12GiB'}, {'userdevice': 1, 'size': '2GiB'}],
        'networks': [{'device': place, 'network': name} for place, name in enumerate(NETWORKS)]}
THEIRS = {'template': TEMPLATE, 'hardware': {'memory_mb': 1024, 'num_cpus': 2}, 'state': 'poweredon',
          'disks': [{'size_gb': 12}, {'size_gb': 2}], 'networks': [{'name': name} for name in NETWORKS]}
WORK = {
    'xapi.xen': {DEPLOY: ('xapi.xen.xen_vm', OURS), READ: ('xapi.xen.xen_vm_info', {}), AGAIN: ('xapi.xen.xen_vm', OURS),
                 REMOVE: ('xapi.xen.xen_vm', {'state': 'absent'})},
    'community.general': {
        DEPLOY: ('community.general.xenserver_guest', THEIRS), READ: ('community.general.xenserver_guest_info', {}),
        # With `poweredon` it does not look at the configuration of a VM that is there.
        AGAIN: ('community.general.xenserver_guest', {**THEIRS, 'state': 'present'}),
        REMOVE: ('community.general.xenserver_guest', {'state': 'absent'})},
}
HEAD = ['ms per call', 'work', 'calls', 'seconds', 'MiB', "reference's calls", 'seconds', 'MiB', 'calls', 'seconds', 'MiB']


def bench(modules: Modules, rounds: int) -> None:
    rows = []
    for latency in LATENCIES:
        ours = life(modules, 'xapi.xen', latency, rounds)
        theirs = life(modules, 'community.general', latency, rounds) if modules.has_foreign else {}
        rows += [row(latency, name, run, theirs.get(name)) for name, run in ours.items()]
    notes = ["seconds: a module's whole process, which is what a task costs beside Ansible itself; 3.0x: a third of the reference's"]
    if not modules.has_foreign:
        notes.append(f'no reference: {modules.foreign} does not exist (make clients)')
    show(f'A VM with 2 disks and 2 networks: xen_vm beside xenserver_guest (median of {rounds})', HEAD, rows, notes)


def life(modules: Modules, collection: str, latency: int, rounds: int) -> dict[str, Run]:
    """The work in its order, on a simulator of its own, as often as wanted."""
    runs: dict[str, list[Run]] = {name: [] for name in WORK[collection]}
    with start_simulator(latency=latency) as simulator:
        for number in range(rounds):
            for name, (module, options) in WORK[collection].items():
                if name == REMOVE:
                    halt(simulator, f'vm{number}')
                run = modules.run(simulator, module, name=f'vm{number}', **options)
                expect_changed(name, run)
                runs[name].append(run)
        if simulator.leaks():
            raise RuntimeError(f'{collection} left behind {simulator.leaks()}')
    return {name: middle(each) for name, each in runs.items()}


def expect_changed(name: str, run: Run) -> None:
    """Figures of a run that did not do the work would be worth nothing."""
    if run.result['changed'] != (name in (DEPLOY, REMOVE)):
        raise RuntimeError(f'{name}: changed is {run.result["changed"]}')


def halt(simulator, name: str) -> None:
    session = simulator.login()
    session.VM.hard_shutdown(session.VM.get_by_name_label(name)[0])
    session.session.logout()


def row(latency: int, name: str, ours: Run, theirs: Run | None) -> list[str]:
    cells = [str(latency), name, *figures(ours)]
    if theirs is None:
        return cells + [NONE] * 6
    return cells + [*figures(theirs), ratio(theirs.calls, ours.calls), ratio(theirs.seconds, ours.seconds), ratio(theirs.peak, ours.peak)]


def figures(run: Run) -> list[str]:
    return [str(run.calls), f'{run.seconds:.2f}', f'{run.peak:.0f}']
