# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logging in and out."""

from __future__ import annotations

from xapisim.errors import XapiError
from xapisim.registry import message


@message('session.login_with_password')
def login_with_password(call, user, password, version, originator):
    return call.sim.sessions.login(call, user, password, originator)


@message('session.slave_local_login_with_password')
def slave_local_login_with_password(call, user, password):
    return call.sim.sessions.login(call, user, password, '')


@message('session.slave_login')
def slave_login(call, host, secret):
    """Nobody outside the pool knows its secret."""
    raise XapiError('SESSION_AUTHENTICATION_FAILED', host, 'Pool credentials invalid')


@message('session.slave_local_login')
def slave_local_login(call, secret):
    raise XapiError('SESSION_AUTHENTICATION_FAILED', '', 'Pool credentials invalid')


@message('session.logout')
def logout(call):
    call.sim.sessions.close(call.session)


@message('session.local_logout')
def local_logout(call):
    """Ends sessions of the emergency mode; those of the pool stay."""


@message('session.change_password')
def change_password(call, old, new):
    """The superuser need not know the old password."""
    name = call.db.get('session', call.session, 'auth_user_name')
    if name not in call.sim.passwords:
        raise XapiError('CHANGE_PASSWORD_REJECTED', 'Authentication failure')
    call.sim.passwords[name] = new


@message('session.get_all_subject_identifiers')
def get_all_subject_identifiers(call):
    """Of the sessions of external accounts."""
    found = {row['auth_user_sid'] for unused, row in call.db.rows('session') if row['auth_user_sid']}
    return sorted(found)


@message('session.logout_subject_identifier')
def logout_subject_identifier(call, identifier):
    for session in call.db.find('session', auth_user_sid=identifier):
        if session != call.session:
            call.sim.sessions.close(session)
