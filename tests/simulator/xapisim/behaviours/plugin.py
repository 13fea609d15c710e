# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""host.call_plugin: plug-ins are described by the seed, function by function."""

from __future__ import annotations

from xapisim.errors import XapiError, internal_error
from xapisim.registry import message


@message('host.call_plugin')
def call_plugin(call, host, plugin, function, arguments):
    call.db.require('host', host)
    functions = call.sim.plugins.get(plugin)
    if functions is None:
        raise XapiError('XENAPI_MISSING_PLUGIN', plugin)
    does = functions.get(function, functions.get('*'))
    if does is None:
        raise XapiError('UNKNOWN_XENAPI_PLUGIN_FUNCTION', function)
    return _run(does, function, arguments)


def _run(does, function, arguments):
    """What a described function answers: the plug-in library of dom0 turns exceptions into failures."""
    if 'raises' in does:
        raise XapiError('XENAPI_PLUGIN_FAILURE', function, *does['raises'])
    if does.get('exit'):
        raise XapiError('XENAPI_PLUGIN_FAILURE', 'non-zero exit', does.get('stdout', ''), does.get('stderr', ''))
    if 'exit' in does:
        if 'stdout' in does and not does['stdout'].lstrip().startswith('<'):
            raise XapiError('XENAPI_PLUGIN_FAILURE', 'failed to parse plugin output', does['stdout'],
                            'expected root element line 1')
        return does.get('stdout', '')
    if 'answers' in does:
        kind = type(does['answers']).__name__
        raise internal_error("XMLRPC.RunTimeTypeError(\"unbox: Element=%s should contain 'string'\", _)" % kind)
    if does['returns'].startswith('the arguments'):
        return repr(sorted(arguments.items()))
    return does['returns']


@message('host.has_extension', 'pool.has_extension')
def has_extension(call, owner, name):
    """A host without extensions."""
    call.db.require(call.method.split('.')[0], owner)
    return False


@message('host.call_extension')
def call_extension(call, host, name):
    call.db.require('host', host)
    raise XapiError('MESSAGE_METHOD_UNKNOWN', name)
