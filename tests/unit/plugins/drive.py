# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run modules against a simulator as their edge does, and hold every run to what all modules promise."""

from __future__ import annotations

import copy
import importlib
import json
import os
import subprocess
import sys
import time

from ansible.module_utils.common.arg_spec import ModuleArgumentSpecValidator

from ansible_collections.xapi.xen.plugins.module_utils._errors import XenError
from ansible_collections.xapi.xen.plugins.module_utils._kinds import _vdi_fields as vdi_kind
from ansible_collections.xapi.xen.plugins.module_utils._plan import Kind
from ansible_collections.xapi.xen.plugins.module_utils._reconcile import Mode, execute, open_session
from ansible_collections.xapi.xen.plugins.module_utils._wait import Clock

MODULES = 'ansible_collections.xapi.xen.plugins.modules'
LOCAL, NFS = 'Local storage', 'NFS storage'
ETH0, ETH1 = 'Pool-wide network associated with eth0', 'Pool-wide network associated with eth1'
ISO = 'debian-12.iso'


class FastClock(Clock):
    """Real time, but for the pauses of the collection: they count in full and are over in a moment.

    The moment is long enough for a host to let go of a disk, on a busy machine too.
    """

    def __init__(self):
        super().__init__()
        self.slept = []

    def now(self):
        return time.monotonic() + sum(self.slept)

    def sleep(self, seconds):
        with self.interruption.allowed():
            self.slept.append(max(0.0, seconds))
            time.sleep(min(seconds, 0.05) if seconds > 0 else 0)


class BadOptions(Exception):
    """What AnsibleModule would refuse before the module begins."""


def module_of(name):
    return importlib.import_module(f'{MODULES}.{name}')


def kind_of(name):
    return next(value for value in vars(module_of(name)).values() if isinstance(value, Kind))


def validated(name, options):
    """The options as AnsibleModule gives them to the module: converted, with defaults, rules applied."""
    result = ModuleArgumentSpecValidator(**module_of(name).SPEC.as_arguments()).validate(copy.deepcopy(options))
    if result.error_messages:
        raise BadOptions('; '.join(result.error_messages))
    return result.validated_parameters


class Driver:
    """Modules with the connection options of one simulator."""

    def __init__(self, simulator, **connection):
        self.simulator = simulator
        self.connection = {'hostname': simulator.url, 'password': simulator.password, **connection}
        self.clock = FastClock()

    def run(self, module, /, check=False, **options):
        """One run, which leaves no session and no task behind, whatever its end."""
        self.clock = FastClock()
        params = validated(module, {**self.connection, **options})
        self.simulator.clear_journal()
        try:
            return execute(kind_of(module), params, Mode(check=check, clock=self.clock))
        finally:
            self.assert_nothing_open()

    def assert_nothing_open(self):
        leaks = self.simulator.leaks()
        assert 'session' not in leaks, leaks['session']
        assert 'task' not in leaks, leaks['task']

    def fail(self, module, /, check=False, **options):
        """The error of a run that must fail."""
        try:
            outcome = self.run(module, check, **options)
        except XenError as error:
            return error
        raise AssertionError(f'{module} succeeded: {outcome.actions}')

    def session(self, **connection):
        """A session of the collection; a context manager."""
        return open_session(validated('xen_sr', {**self.connection, **connection, 'match': 'iso'}), self.clock)

    @staticmethod
    def disk(session, name, size):
        """The record for VDI.create."""
        sr = session.call('SR.get_by_name_label', LOCAL)[0]
        return {**vdi_kind.NEW, 'name_label': name, 'SR': sr, 'virtual_size': size}

    # ------------------------------------------------------------ the rhythm

    def check(self, module, /, **options):
        """Check mode: nothing is changed."""
        outcome = self.run(module, check=True, **options)
        assert self.simulator.writes() == []
        return outcome

    def change(self, module, /, **options):
        """Check mode, the run that it foretold, and again without a change; the outcome of the run."""
        foretold = self.check(module, **options)
        done = self.run(module, **options)
        assert done.changed, done.actions
        assert self.calls_counted() == done.api['calls']
        assert (foretold.changed, foretold.actions, foretold.created) == (True, done.actions, done.created)
        assert (foretold.before, foretold.after) == (done.before, done.after)
        self.settled(module, **options)
        return done

    def settled(self, module, /, **options):
        """Nothing to change, neither in check mode nor in a run."""
        self.check(module, **options)
        outcome = self.run(module, **options)
        assert not outcome.changed, outcome.actions
        assert (outcome.before, outcome.after, outcome.actions, self.simulator.writes()) == ({}, {}, [], [])
        return outcome

    def calls_counted(self):
        """The calls in the journal, transfers of disk data apart."""
        return sum(' ' not in method for method in self.simulator.methods())


# ---------------------------------------------------------------- a module as Ansible runs it


class Process:
    """A module in a process of its own, with its options as Ansible gives them."""

    def __init__(self, simulator, module, tmp_path, /, check=False, **options):
        arguments = {
            'hostname': simulator.url,
            'password': simulator.password,
            '_ansible_check_mode': check,
            '_ansible_diff': True,
            **options,
        }
        path = tmp_path / 'arguments.json'
        path.write_text(json.dumps({'ANSIBLE_MODULE_ARGS': arguments}))
        self.process = subprocess.Popen(
            [sys.executable, '-m', f'{MODULES}.{module}', str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            env=environment(),
        )

    def result(self, timeout=30):
        """What it printed."""
        output, errors = self.process.communicate(timeout=timeout)
        assert output, errors
        return json.loads(output)

    def signal(self, number):
        self.process.send_signal(number)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def environment():
    """The variables of this process without those that stand for connection options, with the collection to be imported."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith('XENSERVER_')}
    return {**kept, 'PYTHONPATH': os.environ['ANSIBLE_COLLECTIONS_PATH']}


def wait_until(predicate, seconds=10.0):
    """Wait for what another process does."""
    end = time.monotonic() + seconds
    while not predicate():
        assert time.monotonic() < end, 'it did not happen'
        time.sleep(0.01)
