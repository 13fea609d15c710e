# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start a simulator, tell it what a test needs, ask it what happened.

    with start_simulator(topology='pool', tls=True) as simulator:
        session = simulator.login()
        session.VM.get_all()
        assert simulator.writes() == []
"""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import subprocess
import sys
import tempfile
import urllib.parse
import xmlrpc.client
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[1] / 'simulator'
PASSWORD = 'simulated'


class Failure(Exception):
    """The error that a call was answered with: code and parameters."""

    def __init__(self, description):
        super().__init__(*description)
        self.code, self.params = description[0], description[1:]


class Session:
    """A session on a simulator: session.VM.get_all() is VM.get_all(session)."""

    def __init__(self, simulator, ref=None):
        self.simulator, self.ref = simulator, ref

    def call(self, method, *params):
        """The call as it is, without a session of its own."""
        answer = self.simulator.xmlrpc(method, params)
        if answer['Status'] == 'Success':
            return answer['Value']
        raise Failure(answer['ErrorDescription'])

    def __getattr__(self, name):
        return _Method(self, name)


class _Method:
    def __init__(self, session, name):
        self._session, self._name = session, name

    def __getattr__(self, name):
        return _Method(self._session, f'{self._name}.{name}')

    def __call__(self, *params):
        return self._session.call(self._name, self._session.ref, *params)


class Simulator:
    """A running simulator: url, username, password, fingerprint, pid, and its control."""

    def __init__(self, process, errors):
        self.process, self._errors = process, errors
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f'the simulator did not start: {self.errors()}')
        ready = json.loads(line)
        self.url, self.username, self.password = ready['url'], ready['username'], ready['password']
        self.fingerprint, self.pid = ready['fingerprint'], ready['pid']

    # ------------------------------------------------------------ HTTP

    def connect(self, timeout=30, url=None):
        """An HTTP connection that checks nothing but that there is a server."""
        parts = urllib.parse.urlsplit(url or self.url)
        if parts.scheme == 'http':
            return http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
        return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=timeout,
                                           context=ssl._create_unverified_context())

    def request(self, method, path, body=None, headers=None, url=None):
        """(status, headers, body) of one request on a connection of its own."""
        with contextlib.closing(self.connect(url=url)) as link:
            link.request(method, path, body, headers or {})
            response = link.getresponse()
            return response.status, response.headers, response.read()

    def xmlrpc(self, method, params, url=None):
        """The answer to a call, with its Status."""
        body = xmlrpc.client.dumps(tuple(params), method, allow_none=True).encode()
        status, unused, data = self.request('POST', '/', body, {'Content-Type': 'text/xml'}, url)
        if status != 200:
            raise RuntimeError(f'HTTP {status}')
        return xmlrpc.client.loads(data)[0][0]

    def login(self, username=None, password=None, originator='test'):
        anonymous = Session(self)
        return Session(self, anonymous.call('session.login_with_password', username or self.username,
                                            password or self.password,
                                            '1.0', originator))

    # ------------------------------------------------------------ control

    def control(self, method, action, told=None):
        """`GET journal`, `POST faults`...: what stands under /simulator/."""
        body = None if told is None else json.dumps(told).encode()
        status, unused, data = self.request(method, f'/simulator/{action}', body)
        answer = json.loads(data)
        if status != 200:
            raise ValueError(answer.get('error'))
        return answer

    def journal(self):
        return self.control('GET', 'journal')

    def clear_journal(self):
        return self.control('DELETE', 'journal')

    def methods(self):
        return [entry['method'] for entry in self.journal()]

    def writes(self):
        """The calls that change something, logging in and out apart."""
        return [entry['method'] for entry in self.journal() if entry['kind'] == 'write']

    def fault(self, **rule):
        return self.control('POST', 'faults', rule)

    def clear_faults(self):
        return self.control('DELETE', 'faults')

    def advance(self, seconds):
        return self.control('POST', 'clock', {'advance': seconds})

    def leaks(self):
        return self.control('GET', 'leaks')

    def reset(self):
        return self.control('POST', 'reset')

    # ------------------------------------------------------------ the end

    def errors(self):
        """What it wrote on its standard error: nothing, unless it has a fault."""
        self._errors.seek(0)
        return self._errors.read()

    def stop(self):
        """End it; its exit status."""
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            stream.close()
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def start_simulator(python=sys.executable, **options):
    """A simulator in a process of its own: start_simulator(topology='pool', tls=True, latency=10)."""
    options.setdefault('password', PASSWORD)
    command = [python, str(PROGRAM), '--stop-with-parent']
    for name, value in options.items():
        flag = '--' + name.replace('_', '-')
        if value is True:
            command.append(flag)
        elif value is not None and value is not False:
            command += [flag, str(value)]
    # Open as long as the simulator runs: a pipe that nobody reads would fill.
    errors = tempfile.TemporaryFile('w+')  # noqa: SIM115
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
    return Simulator(process, errors)
