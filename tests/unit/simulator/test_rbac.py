# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles, and accounts of an external directory."""

from __future__ import annotations

import json

import pytest

from ansible_collections.xapi.xen.tests.support.simulator import Failure, start_simulator

ROLES = ('read-only', 'vm-operator', 'vm-admin', 'vm-power-admin', 'pool-operator', 'pool-admin')
ACCOUNTS = {role: {'password': 'pw-' + role, 'subject_identifier': 'u-' + role, 'subject_information': {
    'subject-name': role, 'subject-gecos': 'Mr ' + role}} for role in (*ROLES, 'nobody')}


@pytest.fixture(scope='module')
def directory(tmp_path_factory):
    """A pool whose directory has an account for each role, and one for nobody."""
    with start_simulator() as small:
        session = small.login()
        # xmlrpc.client marshals dates as objects, which a seed writes as a map with one key.
        seed = {cls: dump(getattr(session, cls).get_all_records())
                for cls in ('host', 'pool', 'host_metrics', 'VM', 'network', 'SR')}
    seed['$directory'] = ACCOUNTS
    path = tmp_path_factory.mktemp('seed') / 'seed.json'
    path.write_text(json.dumps(seed))
    with start_simulator(seed=path) as simulator:
        root = simulator.login()
        root.pool.enable_external_auth(root.pool.get_all()[0], {}, 'local', 'PAM')
        for role in ROLES:
            subject = root.subject.create({'subject_identifier': 'u-' + role, 'other_config': {}})
            root.subject.add_to_roles(subject, root.role.get_by_name_label(role)[0])
        yield simulator
        assert simulator.errors() == ''


def dump(records):
    return json.loads(json.dumps(records, default=lambda date: {'$dateTime': date.value}))


def refused(function, *args):
    with pytest.raises(Failure) as caught:
        function(*args)
    return [caught.value.code, *caught.value.params]


# method, arguments that are no objects, the least role that may
RULES = [('VM.start', ['x', False, False], 'vm-operator'), ('VM.clone', ['x', 'n'], 'vm-admin'),
         ('VM.snapshot', ['x', 'n'], 'vm-power-admin'), ('SR.destroy', ['x'], 'pool-operator'),
         ('subject.destroy', ['x'], 'pool-admin'), ('VM.get_record', ['x'], 'read-only'),
         ('VM.add_to_other_config', ['x', 'k', 'v'], 'vm-admin'), ('VM.add_to_other_config', ['x', 'folder', 'v'],
                                                                   'vm-operator'),
         ('VM.add_to_other_config', ['x', 'XenCenter.CustomFields.y', 'v'], 'vm-operator'),
         ('VM.add_to_other_config', ['x', 'pci', 'v'], 'pool-admin'), ('secret.get_value', ['x'], 'pool-operator')]


@pytest.mark.parametrize('role', ROLES)
def test_each_role_may_what_it_may(directory, role):
    session = directory.login(role, 'pw-' + role)
    for method, arguments, least in RULES:
        code = refused(session.call, method, session.ref, *arguments)[0]
        allowed = ROLES.index(role) >= ROLES.index(least)
        assert code == ('HANDLE_INVALID' if allowed else 'RBAC_PERMISSION_DENIED'), (method, arguments)
    session.session.logout()


def test_the_error_names_who_may(directory):
    session = directory.login('read-only', 'pw-read-only')
    assert refused(session.VM.add_to_other_config, 'x', 'XenCenter.CustomFields.y', 'v') == [
        'RBAC_PERMISSION_DENIED', 'vm.add_to_other_config/key:xencenter.customfields.*',
        'No permission in user session. (Roles with this permission: '
        'vm-power-admin, vm-admin, vm-operator, pool-admin, pool-operator)']
    assert refused(session.no.such) == ['RBAC_PERMISSION_DENIED', 'host.call_extension', 'no session in context']


def test_who_has_no_role_does_not_log_in(directory):
    root = directory.login()
    assert refused(directory.login, 'nobody', 'pw-nobody')[0] == 'SESSION_AUTHORIZATION_FAILED'
    subject = root.subject.create({'subject_identifier': 'u-nobody', 'other_config': {}})
    assert root.subject.get_other_config(subject)['subject-displayname'] == 'Mr nobody'
    assert refused(directory.login, 'nobody', 'pw-nobody') == [
        'RBAC_PERMISSION_DENIED', 'nobody', 'Subject nobody (identifier u-nobody) has no roles in this pool']
    root.subject.destroy(subject)


def test_tasks_of_others_are_not_ones_own(directory):
    root, reader = directory.login(), directory.login('read-only', 'pw-read-only')
    task = root.task.create('private', '')
    assert refused(reader.task.destroy, task)[:2] == ['RBAC_PERMISSION_DENIED', 'task.destroy/any']
    reader.task.cancel(reader.task.create('own', ''))


def test_sessions_end_with_their_subject(directory):
    root = directory.login()
    session = directory.login('vm-admin', 'pw-vm-admin')
    assert session.session.get_rbac_permissions(session.ref)[0] == 'vm-admin'
    root.session.logout_subject_identifier('u-vm-admin')
    assert refused(session.VM.get_all)[0] == 'SESSION_INVALID'


def test_wrong_passwords_and_unknown_users(directory):
    assert refused(directory.login, 'vm-admin', 'no') == ['SESSION_AUTHENTICATION_FAILED', 'vm-admin',
                                                          'Authentication failure']
    assert refused(directory.login, 'stranger', 'no') == [
        'SESSION_AUTHENTICATION_FAILED', 'stranger', 'User not known to the underlying authentication module']


def test_the_roles_of_a_pool_without_a_seed(simulator, session):
    permissions = {role: set(session.role.get_permissions_name_label(session.role.get_by_name_label(role)[0]))
                   for role in ROLES}
    for less, more in zip(ROLES, ROLES[1:]):
        assert permissions[less] < permissions[more]
    assert 'vm.start' in permissions['vm-operator'] - permissions['read-only']
