# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serve the files of a folder over HTTP, whole at /NAME and cut off half-way at /truncated/NAME.

Writes its address to a file when it listens, and stops when its standard input closes.
"""

from __future__ import annotations

import os
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(SimpleHTTPRequestHandler):
    def send_head(self):
        self.truncated = self.path.startswith('/truncated/')
        self.path = self.path.removeprefix('/truncated')
        return super().send_head()

    def copyfile(self, source, outputfile):
        if self.truncated:
            size = os.fstat(source.fileno()).st_size
            outputfile.write(source.read(size // 2))
            self.close_connection = True
        else:
            super().copyfile(source, outputfile)


def main(folder: str, ready: str) -> None:
    os.chdir(folder)
    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    partial = Path(f'{ready}.partial')
    partial.write_text(f'http://127.0.0.1:{server.server_port}')
    partial.replace(ready)
    sys.stdin.buffer.read()


if __name__ == '__main__':
    main(*sys.argv[1:])
