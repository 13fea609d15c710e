# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a method's name and its parameters to an answer, with every check in the order in which a host makes them:

number of parameters, their types from left to right, the session, the permission, and then the operation itself.
"""

from __future__ import annotations

import sys
import traceback

from xapisim.accessors import implementation, read_record
from xapisim.context import Call
from xapisim.datamodel import MISSING
from xapisim.errors import XapiError, internal_error

# A host that is not the coordinator answers these itself; for anything else the client has to go to the coordinator.
_LOCAL = ('session.slave_login', 'session.slave_local_login', 'session.slave_local_login_with_password',
          'session.local_logout',
          'host.is_in_emergency_mode', 'host.local_management_reconfigure', 'host.emergency_ha_disable')


class Dispatcher:
    """Answers calls. One for a simulator."""

    def __init__(self, sim):
        self.sim, self._functions = sim, {}
        self._string = sim.schema.types['string']

    def answer(self, host, method, params, origin):
        """(result, the fault's rule); XapiError is the call's error, Dropped its end without an answer."""
        with self.sim.lock:
            session = self._session_of(method, params)
            arguments = params if session is None else params[1:]
            entry = self.sim.journal.begin(method, arguments, session, host)
            rule = self.sim.faults.match(method, arguments) if self.sim.faults.rules else {}
            try:
                if rule:
                    self.sim.faults.before(rule, session)
                result = self._run(host, method, params, origin)
            except XapiError as error:
                self.sim.journal.fail(entry, error.description)
                raise
            except Exception as error:
                self.sim.journal.fail(entry, [type(error).__name__])
                raise
            self.sim.journal.succeed(entry, result)
            return result, rule

    def _session_of(self, method, params):
        """The session among the parameters, for the journal."""
        message = self.sim.schema.by_name.get(method[6:] if method.startswith('Async.') else method)
        takes = message.session if message else not method.startswith('system.')
        return params[0] if takes and params and isinstance(params[0], str) else None

    def _run(self, host, method, params, origin):
        if method.startswith('system.'):
            return self._system(method, params)
        background = method.startswith('Async.')
        name = method[6:] if background else method
        message = self.sim.schema.by_name.get(name)
        if message is None:
            return self._unknown(name, params)
        if host != self.sim.coordinator and message.full not in _LOCAL:
            raise XapiError('HOST_IS_SLAVE', self.sim.listeners[self.sim.coordinator].address)
        if background and not message.asynchronous:
            raise XapiError('Fault', 'No async mode for this operation (rpc: %s)' % name)
        session, arguments = self._read(message, name, params)
        if session is not None:
            self.sim.sessions.check(session)
            if message.pool_internal:
                raise internal_error('Internal API "%s" call attempted with non-pool (external) session' % message.full)
            self._authorize(message, session, arguments)
        if message.removed:
            raise XapiError('MESSAGE_REMOVED')
        call = Call(self.sim, host, message.full, session, origin=origin)
        return self._start(call, message, arguments) if background else self._now(call, message, arguments)

    # ------------------------------------------------------------ checks

    def _read(self, message, name, params):
        """The session, or None, and the arguments as native values."""
        takes = 1 if message.session else 0
        got, most = len(params) - takes, len(message.params)
        if got < message.required or (got > most and message.required == most):
            raise XapiError('MESSAGE_PARAMETER_COUNT_MISMATCH', name, message.required, got)
        session = self._string.read(params[0]) if takes else None
        values = [kind.read(value) for (unused, kind, unused), value in zip(message.params, params[takes:])]
        values += [default for unused, unused, default in message.params[len(values):] if default is not MISSING]
        if message.kind == 'create':
            values[0] = read_record(self.sim.schema.classes[message.cls], values[0])
        return session, values

    def _authorize(self, message, session, arguments):
        keyed = message.name.startswith(('add_to_', 'remove_from_')) and len(arguments) > 1
        key = arguments[1] if keyed and isinstance(arguments[1], str) else None
        self.sim.rbac.check(session, message.permission, key)

    def _unknown(self, name, params):
        """A host takes an unknown method for an extension: that needs a session, and the right to call extensions."""
        if params:
            session = self._string.read(params[0])
            self.sim.sessions.check(session)
            self.sim.rbac.check(session, 'host.call_extension')
        raise XapiError('MESSAGE_METHOD_UNKNOWN', name)

    # ------------------------------------------------------------ doing it

    def _now(self, call, message, arguments):
        try:
            return self._call(call, message, arguments)
        finally:
            call.finish()

    def _start(self, call, message, arguments):
        task = self.sim.tasks.create('Async.' + message.full, session=call.session, host=call.host)
        call = Call(self.sim, call.host, message.full, call.session, task, call.origin)
        self.sim.tasks.start(call, lambda: self._call(call, message, arguments))
        return task

    def _call(self, call, message, arguments):
        function = self.function(message)
        if function is None:
            raise XapiError('NOT_IMPLEMENTED', message.full)
        try:
            result = function(call, *arguments)
        except XapiError:
            raise
        except Exception as error:   # a fault of the simulator: told as a host would, and the log has the rest
            traceback.print_exc(file=sys.stderr)
            raise internal_error('%s: %s' % (type(error).__name__, error)) from error
        return '' if result is None and message.result is None else result

    def function(self, message):
        if message.full not in self._functions:
            self._functions[message.full] = implementation(self.sim.schema, message)
        return self._functions[message.full]

    def _system(self, method, params):
        if method == 'system.listMethods':
            return self.methods()
        if method.startswith('system.isAlive:') and params:
            return params[0]
        raise XapiError('MESSAGE_METHOD_UNKNOWN', method)

    def methods(self):
        names = [message.full for table in self.sim.schema.classes.values() for message in table.messages.values()]
        twins = ['Async.' + name for name in names if self.sim.schema.by_name[name].asynchronous]
        return sorted(names + twins)
