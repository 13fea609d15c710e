# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simplest XML-RPC server of the standard library that does not wait for acknowledgements: what the simulator's rate is held against.

It answers every call with the same string, in the form of XenAPI, and prints its port.
"""

from __future__ import annotations

from xmlrpc.server import SimpleXMLRPCRequestHandler, SimpleXMLRPCServer


class Handler(SimpleXMLRPCRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True
    wbufsize = -1
    rpc_paths = ()


class Server(SimpleXMLRPCServer):
    def _dispatch(self, method, params):
        return {'Status': 'Success', 'Value': 'Halted'}


if __name__ == '__main__':
    server = Server(('127.0.0.1', 0), Handler, logRequests=False)
    print(server.server_address[1], flush=True)
    server.serve_forever()
