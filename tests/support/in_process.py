# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulator in the process of a test: its ports are real, and its inside can be looked at."""

from __future__ import annotations

import http.client
import urllib.parse
import xmlrpc.client
from typing import Any

GIB = 1 << 30


class Failure(Exception):
    """[code, parameters...] of a call that failed."""


class Host:
    """The coordinator of a pool, with a session of root."""

    def __init__(self, *arguments: str) -> None:
        from xapisim.cli import Server, parser   # the simulator's folder is put on the path by conftest.py

        self.server = Server(parser().parse_args(['--linger', '0', *arguments]))
        self.sim = self.server.sim
        self.server.start()
        self.url = self.server.ready()['url']
        self.session = self.open('root', 'password')

    def close(self) -> None:
        self.server.stop()

    def open(self, user: str, password: str) -> str:
        return self.ask('session.login_with_password', user, password)

    def ask(self, method: str, *params: Any) -> Any:
        with xmlrpc.client.ServerProxy(self.url, allow_none=False) as proxy:
            answer = getattr(proxy, method)(*params)
        if answer['Status'] != 'Success':
            raise Failure(answer['ErrorDescription'])
        return answer['Value']

    def call(self, method: str, *params: Any) -> Any:
        return self.ask(method, self.session, *params)

    def error(self, method: str, *params: Any) -> list[str]:
        """What the call fails with; it must."""
        try:
            value = self.call(method, *params)
        except Failure as failure:
            return failure.args[0]
        raise AssertionError('%s answered %r' % (method, value))

    def get(self, cls: str, ref: str, field: str) -> Any:
        return self.call('%s.get_%s' % (cls, field), ref)

    # ------------------------------------------------------------ things to work on

    def sr(self, label: str = 'Local storage') -> str:
        return self.call('SR.get_by_name_label', label)[0]

    def network(self, number: int = 0) -> str:
        records = self.call('network.get_all_records')
        return next(ref for ref, record in records.items() if record['bridge'] == 'xenbr%d' % number)

    def vm(self, label: str = 'vm') -> str:
        template = self.call('VM.get_by_name_label', 'Other install media')[0]
        vm = self.call('VM.clone', template, label)
        self.call('VM.provision', vm)
        return vm

    def vdi(self, size: int = GIB, sr: str = '', **fields: Any) -> str:
        return self.call('VDI.create', {
            'name_label': 'disk', 'name_description': '', 'SR': sr or self.sr(), 'virtual_size': str(size), 'type': 'user',
            'sharable': False, 'read_only': False, 'other_config': {}, **fields})

    def vbd(self, vm: str, vdi: str, userdevice: str = 'autodetect', **fields: Any) -> str:
        return self.call('VBD.create', {
            'VM': vm, 'VDI': vdi, 'userdevice': userdevice, 'bootable': False, 'mode': 'RW', 'type': 'Disk', 'empty': False,
            'other_config': {}, 'qos_algorithm_type': '', 'qos_algorithm_params': {}, **fields})

    def vif(self, vm: str, device: str = '0', **fields: Any) -> str:
        return self.call('VIF.create', {
            'VM': vm, 'network': self.network(), 'device': device, 'MAC': '', 'MTU': '1500', 'other_config': {},
            'qos_algorithm_type': '', 'qos_algorithm_params': {}, **fields})

    def start(self, vm: str) -> None:
        """Until the guest's tools have spoken."""
        self.call('VM.start', vm, False, False)
        with self.sim.lock:
            while 'suspend' not in self.sim.db.get('VM', vm, 'allowed_operations'):
                assert self.sim.changed.wait(5), 'the guest does not come up'

    # ------------------------------------------------------------ plain HTTP

    def connect(self, host: str = '') -> http.client.HTTPConnection:
        url = self.sim.listeners[host].url if host else self.url
        return http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=20)

    def target(self, path: str, **query: str) -> str:
        return path + '?' + urllib.parse.urlencode({'session_id': self.session, **query})

    def task(self) -> str:
        return self.call('task.create', 'transfer', '')

    def verdict(self, task: str) -> dict[str, Any]:
        """The record of a task once it has ended."""
        with self.sim.lock:
            while self.sim.db.get('task', task, 'status') == 'pending':
                assert self.sim.changed.wait(10), 'the task does not end'
        return self.call('task.get_record', task)
