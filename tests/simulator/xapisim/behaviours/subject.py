# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Subjects, their roles, and the directory that knows them."""

from __future__ import annotations

from xapisim.errors import XapiError
from xapisim.registry import constructor, destructor, message

_FLAGS = ('subject-is-group', 'subject-account-disabled', 'subject-account-expired', 'subject-account-locked',
          'subject-password-expired')


def _account(call, identifier):
    """The account with that identifier."""
    _require_directory(call)
    for account in call.sim.directory.values():
        if account['subject_identifier'] == identifier:
            return account
    raise XapiError('SUBJECT_CANNOT_BE_RESOLVED')


def _require_directory(call):
    if call.db.get('host', call.host, 'external_auth_type') == '':
        raise XapiError('AUTH_IS_DISABLED')


def _information(account):
    """What the directory says, completed as its library does."""
    told = account['subject_information']
    return {**told, 'subject-displayname': told.get('subject-gecos') or told['subject-name'],
            **dict.fromkeys(_FLAGS, 'false')}


@constructor('subject')
def create(call, record):
    """What the client says about the subject does not count: the directory is asked. It begins without a role."""
    identifier = record['subject_identifier']
    if call.db.find('subject', subject_identifier=identifier):
        raise XapiError('SUBJECT_ALREADY_EXISTS')
    information = _information(_account(call, identifier))
    return call.db.create('subject', {**record, 'other_config': information, 'roles': []})


@destructor('subject')
def destroy(call, ref):
    """The subject's sessions end with it."""
    identifier = call.db.get('subject', ref, 'subject_identifier')
    for session in call.db.find('session', auth_user_sid=identifier):
        call.sim.sessions.close(session)
    call.db.destroy('subject', ref)


@message('subject.add_to_roles')
def add_to_roles(call, ref, role):
    roles = call.db.get('subject', ref, 'roles')
    if role in roles:
        raise XapiError('ROLE_ALREADY_EXISTS')
    if not call.sim.rbac.is_role(role):
        raise XapiError('ROLE_NOT_FOUND')
    call.db.set('subject', ref, roles=roles + [role])


@message('subject.remove_from_roles')
def remove_from_roles(call, ref, role):
    roles = call.db.get('subject', ref, 'roles')
    if role not in roles:
        raise XapiError('ROLE_NOT_FOUND')
    call.db.set('subject', ref, roles=[item for item in roles if item != role])


@message('subject.get_permissions_name_label')
def get_permissions_name_label(call, ref):
    return call.sim.rbac.permissions_of(call.db.get('subject', ref, 'roles'))


@message('auth.get_subject_identifier')
def get_subject_identifier(call, name):
    _require_directory(call)
    if name not in call.sim.directory:
        raise XapiError('SUBJECT_CANNOT_BE_RESOLVED')
    return call.sim.directory[name]['subject_identifier']


@message('auth.get_subject_information_from_identifier')
def get_subject_information_from_identifier(call, identifier):
    return _information(_account(call, identifier))


@message('auth.get_group_membership')
def get_group_membership(call, identifier):
    """No account of the directory is a member of groups that could be subjects, but for its own."""
    return [_account(call, identifier)['subject_information'].get('subject-gid', '')]
