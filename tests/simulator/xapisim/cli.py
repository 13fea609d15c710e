# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: start, say where, serve, stop."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import threading

from xapisim import tls
from xapisim.context import Simulator
from xapisim.dispatch import Dispatcher
from xapisim.http import Listener


def parser():
    made = argparse.ArgumentParser(prog='simulator', description='A XenAPI server on loopback, without a hypervisor.')
    made.add_argument('--port', type=int, default=0, help='port of the coordinator; 0 (the default) takes a free one')
    made.add_argument('--tls', action='store_true',
                      help='serve https, with a certificate made at start unless one is given')
    made.add_argument('--cert', metavar='FILE', help='certificate for --tls, in PEM')
    made.add_argument('--key', metavar='FILE', help='its private key, in PEM')
    made.add_argument('--seed', metavar='FILE', help='start from the pool in this file instead of a topology')
    made.add_argument('--topology', choices=('small', 'pool'), default='small', help='small: one host; pool: three')
    made.add_argument('--state', metavar='DIR',
                      help="keep the disks' data here instead of a folder that goes at the end")
    made.add_argument('--clock', choices=('real', 'ticks'), default='real',
                      help='ticks: time moves by POST /simulator/clock only')
    made.add_argument('--guests', choices=('tools', 'none', 'marked'),
                      help='which VMs have guest tools: all, none, or those marked')
    made.add_argument('--username', default='root', help='name of the local superuser')
    made.add_argument('--password', default='password', help='and the password')
    made.add_argument('--latency', type=float, default=0, metavar='MS',
                      help='milliseconds that every request takes more')
    made.add_argument('--linger', type=float, default=2.0, metavar='SECONDS',
                      help='how long a host keeps a disk after a transfer')
    made.add_argument('--ready-file', metavar='FILE',
                      help='write the line that tells the address here as well, when it is true')
    made.add_argument('--stop-with-parent', action='store_true', help='stop when the standard input closes')
    return made


def check(made, arguments):
    """The options; ends with the reason when they do not go together."""
    options = made.parse_args(arguments)
    if (options.cert or options.key) and not options.tls:
        made.error('--cert and --key go with --tls')
    if bool(options.cert) != bool(options.key):
        made.error('--cert needs --key, and --key needs --cert')
    if options.seed and not os.path.isfile(options.seed):
        made.error('--seed: there is no file ' + options.seed)
    if options.state and not os.path.isdir(options.state):
        made.error('--state: there is no folder ' + options.state)
    return options


class Server:
    """A simulator and the ports of its hosts."""

    def __init__(self, options):
        self.sim = Simulator(options)
        self.sim.dispatcher = Dispatcher(self.sim)
        context, self.fingerprint = None, None
        if options.tls:
            context, self.fingerprint = tls.context(options.cert, options.key)
        for host in self._hosts():
            port = options.port if host == self.sim.coordinator else 0
            self.sim.listeners[host] = Listener(self.sim, host, port, context)

    def _hosts(self):
        first = self.sim.coordinator
        return [first] + [host for host in self.sim.db.refs('host') if host != first]

    def start(self):
        for listener in self.sim.listeners.values():
            threading.Thread(target=listener.serve_forever, args=(0.1,), name=listener.url, daemon=True).start()

    def ready(self):
        coordinator = self.sim.listeners[self.sim.coordinator]
        return {'url': coordinator.url, 'username': self.sim.options.username, 'password': self.sim.options.password,
                'fingerprint': self.fingerprint, 'pid': os.getpid()}

    def stop(self):
        self.sim.clock.stop()
        for listener in self.sim.listeners.values():
            listener.close()
        with self.sim.lock:
            self.sim.storage.close()


def main(arguments=None):
    options = check(parser(), arguments)
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    server = Server(options)
    server.start()
    announce(server.ready(), options.ready_file)
    if options.stop_with_parent:
        threading.Thread(target=_await_end_of_input, args=(done,), daemon=True).start()
    done.wait()
    server.stop()
    return 0


def announce(ready, path):
    """One line on the standard output, and a file that is whole whenever it is there."""
    line = json.dumps(ready)
    if path:
        folder = os.path.dirname(os.path.abspath(path))
        handle, temporary = tempfile.mkstemp(dir=folder, prefix='.ready-')
        with os.fdopen(handle, 'w') as output:
            output.write(line + '\n')
        os.replace(temporary, path)
    print(line, flush=True)


def _await_end_of_input(done):
    while os.read(sys.stdin.fileno(), 4096):   # unbuffered: the interpreter could not end amid a buffer's read
        pass
    done.set()
