# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP as a host speaks it: connections, requests and answers; what a path means is in routes.py.

Written by hand on sockets: the standard library's server spends more time on headers than a call takes.
"""

from __future__ import annotations

import socket
import socketserver
import ssl
import time
import urllib.parse

from xapisim import routes
from xapisim.faults import Dropped

REASONS = {200: 'OK', 302: 'Found', 400: 'Bad Request', 401: 'Unauthorised', 403: 'Forbidden', 404: 'Not Found',
           405: 'Method Not Allowed', 500: 'Internal Server Error', 501: 'Method Not Implemented'}
LONGEST_LINE = 65536


class Ended(ConnectionError):
    """The client has gone, or sent less than it announced."""


class Request:
    """One request and the means to answer it."""

    def __init__(self, connection, method, target, headers):
        self.connection, self.method, self.target, self.headers = connection, method, target, headers
        self.sim, self.host = connection.server.sim, connection.server.host
        path, unused, query = target.partition('?')
        self.path = urllib.parse.unquote(path)
        self.query = {key: values[0] for key,
                      values in urllib.parse.parse_qs(query, keep_blank_values=True).items()} if query else {}
        self.keep_alive = headers.get('connection', '').lower() != 'close'
        self.answered, self.truncate = False, None
        self._left = int(headers['content-length']) if headers.get('content-length', '').isdigit() else None
        self._chunked = 'chunked' in headers.get('transfer-encoding', '').lower()
        if headers.get('expect', '').lower() == '100-continue':
            self._send(b'HTTP/1.1 100 Continue\r\n\r\n')

    # ------------------------------------------------------------ the body

    def read(self, length):
        """At most so many bytes of the body; b'' at its end. Ended when the client breaks off."""
        if self._chunked and not self._left:
            self._left = self._next_chunk()
        if self._left is None and self.method != 'PUT':
            return b''
        wanted = length if self._left is None else min(length, self._left)
        data = self.connection.rfile.read1(wanted) if wanted else b''
        if self._left is None:
            self.keep_alive = False   # such a body ends where the connection does
            return data
        if wanted and not data:
            raise Ended()
        self._left -= len(data)
        if self._chunked and not self._left:
            self._line()
        return data

    def _next_chunk(self):
        size = int(self._line().split(b';')[0], 16)
        if not size:
            while self._line():
                pass
            self._chunked = False
        return size

    def _line(self):
        line = self.connection.rfile.readline(LONGEST_LINE)
        if not line.endswith(b'\n'):
            raise Ended()
        return line.rstrip(b'\r\n')

    def body(self):
        parts = []
        data = self.read(1 << 20)
        while data:
            parts.append(data)
            data = self.read(1 << 20)
        return parts[0] if len(parts) == 1 else b''.join(parts)

    # ------------------------------------------------------------ the answer

    def start(self, status, headers=()):
        """The head of an answer whose body follows by write(), if headers announce one."""
        self.answered = True
        names = {name.lower() for name, unused in headers}
        if 'content-length' not in names:
            self.keep_alive = False
        lines = ['HTTP/1.1 %d %s' % (status, REASONS.get(status, 'Status')), 'cache-control: no-cache, no-store',
                 'connection: ' + ('keep-alive' if self.keep_alive else 'close')]
        lines += ['%s: %s' % header for header in headers]
        self._send(('\r\n'.join(lines) + '\r\n\r\n').encode('latin-1'))

    def write(self, data):
        if self.truncate is not None:
            data, self.truncate = data[:self.truncate], max(0, self.truncate - len(data))
        self._send(data)

    def respond(self, status, body=b'', kind='text/html', headers=()):
        """A whole answer."""
        head = [('content-length', str(len(body)))] + ([('content-type', kind)] if kind else []) + list(headers)
        if self.truncate is not None:
            self.keep_alive = False
        self.start(status, head)
        if self.method != 'HEAD':
            self.write(body)

    def refuse(self, status, text=''):
        """The page that goes with an error."""
        reason = REASONS[status]
        page = '<html><body><h1>HTTP %d %s</h1>%s</body></html>' % (status, reason, text)
        self.keep_alive = False
        self.respond(status, page.encode(), headers=[('www-authenticate', 'basic realm="XenServer"')] if status == 401
                     else ())

    def flush(self):
        self.connection.wfile.flush()

    def _send(self, data):
        self.connection.wfile.write(data)


class Connection(socketserver.StreamRequestHandler):
    """A client's connection: requests one after the other."""

    server: Listener
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def setup(self):
        self.ready = True
        if self.server.tls:
            try:
                self.request = self.server.tls.wrap_socket(self.request, server_side=True)
            except (OSError, ssl.SSLError):   # a client that does not trust the certificate, or speaks plain HTTP
                self.ready = False
        super().setup()

    def handle(self):
        try:
            while self.ready and self._one():
                pass
        except (OSError, Dropped, ValueError):
            pass   # the client went away, was sent away by a fault, or does not speak HTTP

    def _one(self):
        request = self._head()
        if request is None:
            return False
        latency = self.server.sim.options.latency
        if latency and not request.path.startswith('/simulator/'):
            time.sleep(latency / 1000.0)
        routes.answer(request)
        self.wfile.flush()
        if request.keep_alive:
            while request.read(1 << 16):
                pass
        return request.keep_alive

    def _head(self):
        words = self.rfile.readline(LONGEST_LINE).split()
        if len(words) != 3:
            return None
        headers = {}
        line = self.rfile.readline(LONGEST_LINE)
        while line not in (b'\r\n', b'\n', b''):
            name, unused, value = line.decode('latin-1').partition(':')
            headers[name.strip().lower()] = value.strip()
            line = self.rfile.readline(LONGEST_LINE)
        request = Request(self, words[0].decode('latin-1'), words[1].decode('latin-1'), headers)
        if words[2] == b'HTTP/1.0':
            request.keep_alive = headers.get('connection', '').lower() == 'keep-alive'
        self.wfile.flush()
        return request

    def finish(self):
        try:
            super().finish()
        except (OSError, ValueError):
            pass


class Listener(socketserver.ThreadingTCPServer):
    """The port that one host answers on."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, sim, host, port, tls=None):
        self.sim, self.host, self.tls = sim, host, tls
        self._open = set()
        super().__init__(('127.0.0.1', port), Connection)

    @property
    def address(self):
        """Host and port, as HOST_IS_SLAVE names it: on loopback the port is what tells hosts apart."""
        return '127.0.0.1:%d' % self.server_address[1]

    @property
    def url(self):
        return '%s://%s' % ('https' if self.tls else 'http', self.address)

    def process_request(self, request, client_address):
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address):
        """Whatever goes wrong within an answer is reported where it happens; a lost client is no news."""

    def close(self):
        """Stop, and let go of clients that wait."""
        self.shutdown()
        self.server_close()
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass   # gone already
