# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the paths of a host mean: XML-RPC, JSON-RPC, transfers, and the control of the simulator."""

from __future__ import annotations

import base64
import sys
import traceback
import urllib.parse
from typing import Any, Callable

from xapisim import control, wire_json, wire_xml
from xapisim.errors import XapiError
from xapisim.faults import Dropped

_handlers: dict[tuple[str, str], Callable[..., Any]] = {}
# Paths that a host serves to clients with a session, for which the simulator has nothing.
_KNOWN = {('GET', path) for path in (
    '/export', '/export_metadata', '/export_raw_vdi', '/host_backup', '/host_logs_download', '/vncsnapshot',
    '/pool/xmldbdump',
    '/system-status', '/rrd_updates', '/vm_rrd', '/host_rrd', '/sr_rrd', '/vm_rrds', '/host_rrds', '/blob',
    '/wlb_report',
    '/wlb_diagnostics', '/audit_log', '/services', '/console', '/updates')}
_ARCHIVES = ('/vm_rrd', '/host_rrd', '/sr_rrd')
_KNOWN |= {('PUT', path) for path in ('/import', '/import_metadata', '/import_raw_vdi', '/host_restore',
                                      '/pool_patch_upload', '/blob',
                                      '/pool/xmldbdump', '/bundle')} | {('CONNECT', '/console')}


def route(method, path):
    """The function(request) answers this path. It runs without the lock, and takes it for what it needs."""
    def register(function):
        _handlers[method, path] = function
        return function
    return register


def answer(request):
    """Answer a request, whatever it is."""
    try:
        _answer(request)
    except (OSError, Dropped):
        raise
    except Exception:   # a fault of the simulator: seen in its log, and as a host shows its own
        traceback.print_exc(file=sys.stderr)
        if not request.answered:
            request.refuse(500)


def _answer(request):
    if request.path.startswith('/simulator/'):
        control.answer(request)
    elif request.method == 'POST':
        (_json_rpc if request.path == '/jsonrpc' else _xml_rpc)(request)
    elif (request.method, request.path) in _handlers:
        _with_faults(request, _handlers[request.method, request.path])
    elif request.method == 'OPTIONS':
        request.respond(200, kind='', headers=[('access-control-allow-headers', 'X-Requested-With, Content-Type')])
    elif (request.method, request.path) in _KNOWN:
        _refuse_known(request)
    else:
        request.refuse(403 if request.method in ('GET', 'PUT', 'CONNECT') else 501)


def _refuse_known(request):
    if not session_of(request):
        request.refuse(401)
    elif request.path in _ARCHIVES:
        request.respond(404, kind='')   # no archive of that object
    else:
        request.refuse(501)


# ---------------------------------------------------------------- calls

def _xml_rpc(request):
    try:
        method, params = wire_xml.read_call(request.body())
    except wire_xml.Malformed:
        request.refuse(500)
        return
    try:
        result = _call(request, method, params)
        body = (wire_xml.bare if method == 'system.listMethods' else wire_xml.success)(result)
    except XapiError as error:
        body = wire_xml.failure(error.description)
    request.respond(200, body, 'text/xml')


def _json_rpc(request):
    try:
        method, params, call = wire_json.read_call(request.body())
    except wire_xml.Malformed:
        request.refuse(500)
        return
    try:
        body = wire_json.success(_call(request, method, params), call)
    except XapiError as error:
        body = wire_json.failure(error.description, call)
    request.respond(200, body, 'application/json', [('access-control-allow-origin', '*')])


def _call(request, method, params):
    result, rule = request.sim.dispatcher.answer(request.host, method, params, request.headers)
    if rule.get('drop') == 'after':
        raise Dropped()
    request.truncate = rule.get('truncate')
    return result


# ---------------------------------------------------------------- transfers

def _with_faults(request, handler):
    """Transfers stand in the journal, and rules reach them, by method and path: 'PUT /import_raw_vdi'."""
    sim, name = request.sim, '%s %s' % (request.method, request.path)
    with sim.lock:
        shown = {key: value for key, value in request.query.items() if key != 'session_id'}
        entry = sim.journal.begin(name, [shown], request.query.get('session_id'), request.host)
        rule = sim.faults.match(name, list(request.query.values()))
        request.truncate = rule.get('truncate')
        try:
            sim.faults.before(rule, request.query.get('session_id'))
        except XapiError as error:
            sim.journal.fail(entry, error.description)
            request.refuse(500, ' '.join(error.description))
            return
    handler(request)
    with sim.lock:
        sim.journal.succeed(entry, None)
    if rule.get('drop') == 'after':
        raise Dropped()


def session_of(request):
    """The session of a plain request - by parameter, cookie, or a password given with it - or None."""
    cookies = dict(part.strip().partition('=')[::2] for part in request.headers.get('cookie', '').split(';'))
    session = request.query.get('session_id') or urllib.parse.unquote(cookies.get('session_id', ''))
    with request.sim.lock:
        if session:
            return session if request.sim.sessions.is_valid(session) else None
        return _login(request)


def _login(request):
    scheme, unused, coded = request.headers.get('authorization', '').partition(' ')
    if scheme.lower() != 'basic':
        return None
    user, unused, password = base64.b64decode(coded).decode('utf-8', 'replace').partition(':')
    if request.sim.passwords.get(user) != password:
        return None
    return request.sim.sessions.open(request.host, user, 'HTTP')
