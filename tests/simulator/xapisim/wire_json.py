# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON-RPC on the wire, versions 1.0 and 2.0. Integers are numbers here, and dates strings."""

from __future__ import annotations

import json

from xapisim.wire_xml import Malformed


def read_call(body):
    """(method, parameters, (version, id)); Malformed for anything else."""
    try:
        call = json.loads(body)
        method, params = call['method'], call.get('params', [])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Malformed(str(error)) from error
    if not isinstance(method, str):
        raise Malformed('the method is not a string')
    if not isinstance(params, list):
        params = [params]
    return method, params, ('2.0' if call.get('jsonrpc') == '2.0' else '1.0', call.get('id'))


def success(value, call):
    version, number = call
    if version == '2.0':
        return _dump({'jsonrpc': '2.0', 'result': value, 'id': number})
    return _dump({'result': value, 'error': None, 'id': number})


def failure(description, call):
    version, number = call
    if version == '2.0':
        error = {'code': 1, 'message': description[0], 'data': description[1:]}
        return _dump({'jsonrpc': '2.0', 'error': error, 'id': number})
    return _dump({'result': None, 'error': description, 'id': number})


def _dump(answer):
    return json.dumps(answer, ensure_ascii=False, separators=(',', ':')).encode()
