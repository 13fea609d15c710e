# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles and the permissions that they are made of: both are records of class role."""

from __future__ import annotations

from xapisim.registry import message


@message('role.get_all_records_where')
def get_all_records_where(call, expression):
    """Roles are not in a host's database: it does not look at the expression."""
    return call.db.records('role')


@message('role.get_all_where')
def get_all_where(call, expression):
    return call.db.refs('role')


@message('role.get_permissions')
def get_permissions(call, ref):
    return call.db.get('role', ref, 'subroles')


@message('role.get_permissions_name_label')
def get_permissions_name_label(call, ref):
    call.db.require('role', ref)
    return call.sim.rbac.permissions_of([ref])


@message('role.get_by_permission')
def get_by_permission(call, permission):
    call.db.require('role', permission)
    return [ref for ref, row in call.db.rows('role') if permission in row['subroles']]


@message('role.get_by_permission_name_label')
def get_by_permission_name_label(call, label):
    found = call.db.find('role', name_label=label)
    return get_by_permission(call, found[0]) if found else []
