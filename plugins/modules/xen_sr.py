#!/usr/bin/python
# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: xen_sr
short_description: Find, create, introduce, change, scan, probe and remove storage repositories of XenServer and XCP-ng
version_added: 0.1.0
author: xapi.xen contributors (@xapi-xen)
description:
  - Finds a storage repository (SR) by its uuid, its name or a rule, and describes it.
  - Creates it, introduces one that another pool left behind, says how the hosts reach it (their PBDs), makes it the default of the pool,
    scans it, forgets it, or destroys it.
  - An SR that holds disks is never destroyed, and one whose disks a VM uses is never unplugged.
extends_documentation_fragment:
  - xapi.xen.attributes
  - xapi.xen.attributes.action_group
  - xapi.xen.connection
options:
  name:
    description:
      - Name of the SR.
      - With O(uuid), the name that the SR shall have.
    type: str
  uuid:
    description:
      - Uuid of the SR.
      - If no SR of the pool has it and O(type) is given, the SR is introduced with all that it holds, under O(name). Nothing is erased.
    type: str
  match:
    description:
      - A rule that one SR must fit.
      - V(default-sr:true) is the default SR of the pool, V(other-config:KEY=VALUE) the one with that entry in its C(other_config),
        V(local) one that is not shared, V(iso) a library of ISO images.
    type: str
  type:
    description:
      - Type of the storage, such as V(ext), V(lvm), V(nfs), V(lvmoiscsi), V(smb) or V(iso). It never changes.
      - An SR with O(name) that does not exist is created only if this is given. Creating erases what is on a local device.
    type: str
  content_type:
    description:
      - What the SR holds. It never changes.
      - V(iso) for O(type=iso), else V(user), when it is left out for a new SR.
    type: str
  shared:
    description:
      - Whether all hosts of the pool use the SR together.
      - When it is left out for a new SR, storage that hosts reach through the network or a SAN is shared, other storage is not.
    type: bool
  device_config:
    description:
      - How the hosts reach the storage, in the words of its storage manager, for example C(server) and C(serverpath) for V(nfs),
        C(device) for V(ext), C(location) for V(iso).
      - Only the listed keys are compared. A key without a value (null) is removed.
      - A change unplugs the SR from the host and plugs it again.
      - Hosts that shall reach the SR and do not know it yet are told, and it is plugged there unless O(plugged=false).
    type: dict
  device_secrets:
    description:
      - Keys of O(device_config) that nobody shall see, such as C(password) or C(chappassword).
      - They are not logged, and the host keeps them as secrets.
      - They are used when an SR is created or introduced, or when O(device_config) changes. They are not compared.
    type: dict
  hosts:
    description:
      - The hosts that O(device_config) and O(plugged) are about. Other hosts are left as they are.
      - An SR that is not shared is found by O(name) or O(match) only if one of these hosts knows it, so that of several that are named
        C(Local storage) the one of a host can be meant.
      - Without it these are all hosts of the pool for an SR that is shared, else the host that knows it or, for a new SR, the only host.
    type: list
    elements: dict
    suboptions:
      host:
        description: Name or uuid of the host.
        type: str
        required: true
      plugged:
        description: Whether the SR is plugged on this host, if that differs from O(plugged).
        type: bool
      device_config:
        description: Keys that differ on this host from O(device_config).
        type: dict
  plugged:
    description:
      - Whether the SR is plugged on the hosts.
      - When it is left out, it is plugged where this task says how to reach it, and stays as it is elsewhere.
    type: bool
  physical_size:
    description: Size of a new SR in bytes, or with a unit such as V(100GiB), for the few types that ask for it.
    type: str
  sm_config:
    description: Keys and values for the storage manager. Only the listed keys are managed.
    type: dict
  default:
    description: Whether it is the default SR of the pool.
    type: bool
  scan:
    description:
      - Whether to scan the SR for disks that came or went without the host being told. A scan that meets a disk in flux is tried 4 times.
      - It begins after every scan that somebody else has begun. Scanning alone is no change.
    type: bool
    default: false
  probe:
    description:
      - Only look what is there behind O(device_config) of O(type), also in check mode. Nothing is changed.
      - While a key of O(device_config) is missing, most storage managers tell the choices for it (exports, targets, LUNs).
      - The first of O(hosts) looks, else the coordinator of the pool.
    type: bool
  description:
    description: Free text.
    type: str
  tags:
    description: The tags that the object shall have, all of them. An empty list removes every tag.
    type: list
    elements: str
  other_config:
    description:
      - Additional keys and values. Only the listed keys are managed.
      - A key without a value (null) is removed. An empty map removes all keys but those that the host and this collection keep.
    type: dict
  state:
    description:
      - V(present) finds, creates or changes it.
      - V(forgotten) takes it from the pool and leaves all that it holds, to be introduced again by its uuid.
      - V(absent) destroys it. It must be empty.
    type: str
    choices: [present, absent, forgotten]
    default: present
"""

EXAMPLES = r"""
- name: Find the default SR of the pool
  xapi.xen.xen_sr:
    match: default-sr:true
  register: default_sr

- name: Scan an SR after files were put there from dom0
  xapi.xen.xen_sr:
    name: Local storage
    scan: true

- name: Tag an SR
  xapi.xen.xen_sr:
    name: NFS storage
    tags: [gold]

- name: Look which SRs there are behind an export
  xapi.xen.xen_sr:
    probe: true
    type: nfs
    device_config:
      server: 192.168.1.30
      serverpath: /export/shop
  register: behind

- name: Create an SR there for all hosts of the pool
  xapi.xen.xen_sr:
    name: shop
    type: nfs
    device_config:
      server: 192.168.1.30
      serverpath: /export/shop
    description: Disks of the shop
  register: shop

- name: Unplug it from all hosts for maintenance of the server
  xapi.xen.xen_sr:
    name: shop
    plugged: false

- name: Take it from the pool with its disks kept
  xapi.xen.xen_sr:
    name: shop
    state: forgotten

- name: Introduce it again
  xapi.xen.xen_sr:
    uuid: "{{ shop.sr.uuid }}"
    name: shop
    type: nfs
    device_config:
      server: 192.168.1.30
      serverpath: /export/shop

- name: Destroy it
  xapi.xen.xen_sr:
    name: shop
    state: absent
"""

RETURN = r"""
sr:
  description: The SR, empty when it is gone. Of a probe, only C(probe).
  returned: success
  type: dict
  contains:
    uuid: {description: Its uuid., type: str, sample: 286f3eeb-a131-509d-8f3b-418181e266df}
    name: {description: Its name., type: str, sample: Local storage}
    description: {description: Free text., type: str, sample: ""}
    type: {description: Type of the storage., type: str, sample: ext}
    content_type: {description: What it holds (C(user) for disks or C(iso))., type: str, sample: user}
    shared: {description: Whether all hosts of the pool share it., type: bool, sample: false}
    default: {description: Whether it is the default SR of the pool., type: bool, sample: true}
    size: {description: Bytes in all., type: int, sample: 107374182400}
    used: {description: Bytes that are used., type: int, sample: 0}
    free: {description: Bytes that are free. Null when the SR does not say., type: int, sample: 107374182400}
    path: {description: Folder of its disks in dom0. Null when the SR keeps no files., type: str, sample: /var/run/sr-mount/286f3eeb}
    hosts:
      description: The hosts that know how to reach it.
      type: list
      elements: dict
      contains:
        host: {description: Name of the host., type: str, sample: xcp-host1}
        plugged: {description: Whether the SR is plugged there., type: bool, sample: true}
        device_config: {description: How it is reached. Passwords are left out., type: dict}
    tags: {description: Its tags., type: list, elements: str}
    other_config: {description: Additional keys and values., type: dict}
    sm_config: {description: Keys and values of the storage manager., type: dict}
    probe:
      description:
        - What O(probe=true) found, in the words of the storage manager. Of SRs, C(UUID).
        - While a key of O(device_config) is missing, the choices for it, such as C(Path), C(TargetIQN) or C(SCSIid).
      type: list
      elements: dict
      sample: [{UUID: 286f3eeb-a131-509d-8f3b-418181e266df}]
created:
  description: Whether this run made the object, or would make it in check mode.
  returned: success
  type: bool
  sample: true
actions:
  description: The calls that were made, or would be made in check mode, in order.
  returned: success
  type: list
  elements: dict
  contains:
    call:
      description: Message of XenAPI.
      type: str
      sample: VDI.create
    about:
      description: What it is for.
      type: str
      sample: create VDI "data" (10 GiB) on SR "Local storage"
api:
  description: What the run cost.
  returned: success
  type: dict
  contains:
    calls:
      description: Calls to the host, login and logout included.
      type: int
      sample: 6
    retries:
      description: Calls that were repeated.
      type: int
      sample: 0
    seconds:
      description: Time spent waiting for answers.
      type: float
      sample: 0.04
    bytes:
      description: Disk data sent or received.
      type: int
      sample: 0
code:
  description: What went wrong, an error code of XAPI or one of this collection.
  returned: failure
  type: str
  sample: SR_BACKEND_FAILURE_44
details:
  description: Parameters of the error.
  returned: failure
  type: list
  elements: str
hint:
  description: What can be done about it.
  returned: failure
  type: str
left_behind:
  description: What could not be taken back.
  returned: failure
  type: list
  elements: str
"""

from ansible_collections.xapi.xen.plugins.module_utils._argspec import CONNECTION, ArgumentSpec, state
from ansible_collections.xapi.xen.plugins.module_utils._kinds._sr import SR
from ansible_collections.xapi.xen.plugins.module_utils._module import run

SPEC = CONNECTION.merge(
    state('present', 'absent', 'forgotten'),
    ArgumentSpec(
        {
            'name': {'type': 'str'},
            'uuid': {'type': 'str'},
            'match': {'type': 'str'},
            'type': {'type': 'str'},
            'content_type': {'type': 'str'},
            'shared': {'type': 'bool'},
            'device_config': {'type': 'dict'},
            'device_secrets': {'type': 'dict', 'no_log': True},
            'hosts': {
                'type': 'list',
                'elements': 'dict',
                'options': {
                    'host': {'type': 'str', 'required': True},
                    'plugged': {'type': 'bool'},
                    'device_config': {'type': 'dict'},
                },
            },
            'plugged': {'type': 'bool'},
            'physical_size': {'type': 'str'},
            'sm_config': {'type': 'dict'},
            'default': {'type': 'bool'},
            'scan': {'type': 'bool', 'default': False},
            'probe': {'type': 'bool'},
            'description': {'type': 'str'},
            'tags': {'type': 'list', 'elements': 'str'},
            'other_config': {'type': 'dict'},
        },
        required_one_of=(('name', 'uuid', 'match', 'probe'),),
        mutually_exclusive=(('uuid', 'match'), ('name', 'match')),
        required_if=(('probe', True, ('type',)),),
    ),
)


def main() -> None:
    run(SR, SPEC)


if __name__ == '__main__':
    main()
