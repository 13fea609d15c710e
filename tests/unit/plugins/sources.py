# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images to import, and servers and connections that fail where a test wants it."""

from __future__ import annotations

import contextlib
import http.server
import random
import socket
import threading
import urllib.parse

MIB = 1 << 20


def image(path, size, data):
    """A sparse file with data of ``{offset: bytes}`` random bytes."""
    chance = random.Random(size)
    with open(path, 'wb') as output:
        for offset, count in data.items():
            output.seek(offset)
            for start in range(0, count, MIB):
                output.write(chance.randbytes(min(MIB, count - start)))
        output.truncate(size)
    return path


class SourceServer(http.server.ThreadingHTTPServer):
    """An image by HTTP: all of it, or the first ``sent`` bytes, and then what ``then`` says: wait or hang up."""

    daemon_threads = True

    def __init__(self, data, sent=None, then='hang up', length=True, status=200):
        super().__init__(('127.0.0.1', 0), SourceHandler)
        self.data, self.sent, self.then, self.length, self.status = data, sent, then, length, status
        self.url = f'http://127.0.0.1:{self.server_port}/image.raw'
        self.stalled, self.go_on = threading.Event(), threading.Event()

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_error):
        self.go_on.set()
        self.shutdown()
        self.server_close()


class SourceHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        self.send_response(server.status)
        if server.length:
            self.send_header('Content-Length', str(len(server.data)))
        self.end_headers()
        sent = len(server.data) if server.sent is None else server.sent
        with contextlib.suppress(OSError):
            self.wfile.write(server.data[:sent])
            self.wfile.flush()
            if sent < len(server.data) and server.then == 'wait':
                server.stalled.set()
                server.go_on.wait(30)
                self.wfile.write(server.data[sent:])

    def log_message(self, *_text):
        pass


class Proxy:
    """Stands before a simulator and cuts a transfer off when so many bytes have gone to it."""

    def __init__(self, simulator, cut_after):
        parts = urllib.parse.urlsplit(simulator.url)
        self.target, self.cut_after = (parts.hostname, parts.port), cut_after
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.url = f'http://127.0.0.1:{self.listener.getsockname()[1]}'

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_error):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                server = socket.create_connection(self.target)
                threading.Thread(target=self._forward, args=(client, server), daemon=True).start()
                threading.Thread(target=self._copy, args=(server, client, None), daemon=True).start()

    def _forward(self, client, server):
        head = client.recv(4, socket.MSG_PEEK)
        self._copy(client, server, self.cut_after if head.startswith(b'PUT') else None)

    def _copy(self, source, sink, most):
        count = 0
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                count += len(data)
                sink.sendall(data)
                if most is not None and count > most:
                    break
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
