# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions: who logs in, and for how long a session lives."""

from __future__ import annotations

from xapisim.datamodel.types import NULL
from xapisim.errors import XapiError

UNKNOWN = 'User not known to the underlying authentication module'
LIFETIME = 24 * 3600.0   # seconds without a call after which a session is forgotten


class Sessions:
    """Every session is a row of class session; here are its last use and its permissions."""

    def __init__(self, sim):
        self.sim = sim
        self._used = {}

    # ------------------------------------------------------------ logging in and out

    def login(self, call, user, password, originator):
        """Local accounts first, then those of the external authentication."""
        known = self.sim.passwords.get(user)
        if known is not None and known == password:
            return self.open(call.host, user, originator)
        if known is None and self._external(call.host):
            return self._login_subject(call, user, password, originator)
        raise XapiError('SESSION_AUTHENTICATION_FAILED', user, UNKNOWN if known is None else 'Authentication failure')

    def _external(self, host):
        return self.sim.db.get('host', host, 'external_auth_type') != ''

    def _login_subject(self, call, user, password, originator):
        account = self.sim.directory.get(user)
        if account is None:
            raise XapiError('SESSION_AUTHENTICATION_FAILED', user,
                            UNKNOWN)
        if account['password'] != password:
            raise XapiError('SESSION_AUTHENTICATION_FAILED', user, 'Authentication failure')
        identifier = account['subject_identifier']
        subjects = self.sim.db.find('subject', subject_identifier=identifier)
        if not subjects:
            raise self._unauthorized(call, user, identifier)
        permissions = self.sim.rbac.of_session(self.sim.db.get('subject', subjects[0], 'roles'))
        if not permissions:
            raise XapiError('RBAC_PERMISSION_DENIED', user, 'Subject %s (identifier %s) has no roles in this pool'
                            % (user, identifier))
        name = account['subject_information'].get('subject-name', user)
        return self.open(call.host, name, originator, is_local_superuser=False, subject=subjects[0],
                         auth_user_sid=identifier,
                         rbac_permissions=permissions)

    def _unauthorized(self, call, user, identifier):
        agent = call.origin.get('user-agent') or 'unknown'
        origin = 'HTTP request from Internet with User-Agent: %s' % agent
        return XapiError('SESSION_AUTHORIZATION_FAILED', user,
                         'Subject %s (identifier %s, from %s) has no access rights in this pool'
                         % (user, identifier, origin))

    def open(self, host, user, originator='', is_local_superuser=True, **fields):
        now = self.sim.now()
        session = self.sim.db.create('session', {
            'this_host': host, 'this_user': NULL, 'last_active': now, 'validation_time': now, 'auth_user_name': user,
            'originator': originator, 'is_local_superuser': is_local_superuser, **fields})
        self._used[session] = self.sim.clock.now()
        return session

    def close(self, session):
        """The session and what is kept for it."""
        self._used.pop(session, None)
        self.sim.events.forget(session)
        if self.sim.db.exists('session', session):
            self.sim.db.destroy('session', session)

    # ------------------------------------------------------------ using one

    def check(self, session):
        """SESSION_INVALID unless the session lives; its time starts anew."""
        used, now = self._used.get(session), self.sim.clock.now()
        if used is not None and now - used > LIFETIME:
            self.close(session)
            used = None
        if used is None:
            raise XapiError('SESSION_INVALID', session)
        self._used[session] = now
        if now - used >= 1:
            self.sim.db.set('session', session, last_active=self.sim.now())

    def is_valid(self, session):
        try:
            self.check(session)
        except XapiError:
            return False
        return True

    def all(self):
        return list(self._used)
