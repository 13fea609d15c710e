# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Role-based access: which roles have a permission, and whether a session has it.

The role records of the database are the truth; role_records() makes them from the tables for a pool that has none.
"""

from __future__ import annotations

from typing import Any

from xapisim.datamodel import ROLES
from xapisim.errors import XapiError

BASIC = 'A basic permission'
DESCRIPTIONS = {
    'pool-admin': 'The Pool Administrator role has full access to all features and settings, including accessing Dom0 '
                  'and managing subjects, roles and external authentication',
    'pool-operator': 'The Pool Operator role manages host- and pool-wide resources, including setting up storage, '
                     'creating resource pools and managing patches, high availability (HA) and workload '
                     'balancing (WLB)',
    'vm-power-admin': 'The VM Power Administrator role has full access to VM and template management and can choose '
                      'where to start VMs and use the dynamic memory control and VM snapshot features',
    'vm-admin': 'The VM Administrator role can manage VMs and templates',
    'vm-operator': 'The VM Operator role can use VMs and interact with VM consoles',
    'read-only': 'The Read-Only role can log in with basic read-only access',
    'client-cert': 'The Client Certificate role has access to functionality granted to those who authenticate using a '
                   'client certificate',
}
ORDER = ('vm-power-admin', 'vm-admin', 'vm-operator', 'read-only', 'client-cert', 'pool-admin', 'pool-operator')


def role_records(schema, new_ref, new_uuid):
    """{ref: record} of every permission and role, in the order in which errors name the roles."""
    records: dict[str, dict[str, Any]] = {}
    holders: dict[str, list[str]] = {name: [] for name in ORDER}
    for name, least, client_cert in _permissions(schema):
        ref = new_ref()
        records[ref] = _record(new_uuid(), name, BASIC, [], True)
        for role in ROLES[:ROLES.index(least) + 1]:
            holders[role].append(ref)
        if client_cert or least == 'read-only':
            holders['client-cert'].append(ref)
    for name in ORDER:
        records[new_ref()] = _record(new_uuid(), name, DESCRIPTIONS[name], holders[name], name == 'client-cert')
    return records


def _record(uuid, name, description, subroles, internal):
    return {'uuid': uuid, 'name_label': name, 'name_description': description, 'subroles': subroles,
            'is_internal': internal}


def _permissions(schema):
    """(permission, least role, whether clients with a certificate have it)."""
    for table in schema.classes.values():
        for message in table.messages.values():
            if message.role:
                yield message.permission, message.role, message.client_cert
    for name, least, *flags in schema.permissions:
        yield name, least, 'client-cert' in flags


class Rbac:
    """Answers from the role records as they are when the pool is loaded: nobody can change them."""

    def __init__(self, sim):
        self.sim = sim
        rows = dict(sim.db.rows('role'))
        self._names = {ref: row['name_label'] for ref, row in rows.items()}
        self._permissions = {ref: row['subroles'] for ref, row in rows.items() if row['subroles']}
        self._holders: dict[str, list[str]] = {}
        for role, subroles in self._permissions.items():
            for ref in subroles:
                self._holders.setdefault(self._names[ref], []).append(self._names[role])
        self._keyed: dict[str, list[str]] = {}
        for name in self._names.values():
            base, slash, key = name.partition('/key:')
            if slash:
                self._keyed.setdefault(base, []).append(key)

    def is_role(self, ref):
        return ref in self._permissions

    def permissions_of(self, roles):
        """Names of the permissions that any of the roles gives."""
        found: dict[str, bool] = {}
        for role in roles:
            found.update((self._names[ref], True) for ref in self._permissions.get(role, ()))
        return list(found)

    def of_session(self, roles):
        """What a session holds: the names of its roles among the permissions."""
        return [self._names[role] for role in roles if self.is_role(role)] + self.permissions_of(roles)

    def roles_with(self, permission):
        return self._holders.get(permission, [])

    def check(self, session, permission, key=None):
        """RBAC_PERMISSION_DENIED unless the session may; `key` is that of a map which keys have rules of their own."""
        row = self.sim.db.require('session', session)
        if row['is_local_superuser']:
            return
        if key is not None:
            permission = self._with_key(permission, key)
        if permission not in row['rbac_permissions']:
            raise self._denied(permission)

    def _with_key(self, permission, key):
        for rule in self._keyed.get(permission, ()):
            if rule == key.lower() or (rule.endswith('*') and key.lower().startswith(rule[:-1])):
                return '%s/key:%s' % (permission, rule)
        return permission

    def _denied(self, permission):
        if permission == 'host.call_extension':
            return XapiError('RBAC_PERMISSION_DENIED', permission, 'no session in context')
        roles = ', '.join(self.roles_with(permission))
        return XapiError('RBAC_PERMISSION_DENIED', permission,
                         'No permission in user session. (Roles with this permission: %s)' % roles)
