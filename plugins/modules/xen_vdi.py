#!/usr/bin/python
# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: xen_vdi
short_description: Create, grow and remove virtual disks of XenServer and XCP-ng
version_added: 0.1.0
author: xapi.xen contributors (@xapi-xen)
description:
  - Creates a virtual disk image (VDI), grows it, changes what is said about it, or removes it.
  - A disk is never made smaller, and one that a running VM uses is never removed.
extends_documentation_fragment:
  - xapi.xen.attributes
  - xapi.xen.attributes.action_group
  - xapi.xen.connection
options:
  name:
    description:
      - Name of the VDI, unique within its SR. Snapshots and hidden parts of chains are never meant.
      - With O(uuid), the name that the VDI shall have.
    type: str
  uuid:
    description: Uuid of a VDI that exists.
    type: str
  sr:
    description: Name or uuid of the SR. Without it the default SR of the pool is meant.
    type: str
  size:
    description:
      - Size in bytes, or with a unit such as V(10GiB). Required for a new VDI.
      - A larger size grows the VDI. The SR may round up.
    type: str
  type:
    description: Type of a new VDI.
    type: str
    choices: [user, system, ephemeral, suspend, crashdump, ha_statefile, metadata, redo_log, rrd, pvs_cache, cbt_metadata]
  sharable:
    description: Whether several VMs may use it at the same time.
    type: bool
  read_only:
    description: Whether it can only be read.
    type: bool
  sm_config:
    description: Keys and values for the storage manager, for a new VDI.
    type: dict
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
    description: Whether the object shall be there.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Create a disk on the default SR
  xapi.xen.xen_vdi:
    name: data
    size: 10GiB

- name: Grow it and say what it is for
  xapi.xen.xen_vdi:
    name: data
    size: 20GiB
    description: Database of the shop
    tags: [database]

- name: Remove it
  xapi.xen.xen_vdi:
    name: data
    state: absent
"""

RETURN = r"""
vdi:
  description: The VDI, empty when it is absent.
  returned: success
  type: dict
  contains:
    uuid: {description: Its uuid., type: str, sample: 6a2a0b4e-0d5c-4f0c-9d0a-8f1f6f0f1a11}
    name: {description: Its name., type: str, sample: data}
    description: {description: Free text., type: str, sample: ""}
    size: {description: Bytes that a VM sees., type: int, sample: 10737418240}
    used: {description: Bytes that it takes on the SR., type: int, sample: 0}
    sr: {description: Name of its SR., type: str, sample: Local storage}
    sr_uuid: {description: Uuid of its SR., type: str, sample: 286f3eeb-a131-509d-8f3b-418181e266df}
    type: {description: Type of the VDI., type: str, sample: user}
    sharable: {description: Whether several VMs may write to it., type: bool, sample: false}
    read_only: {description: Whether it can only be read., type: bool, sample: false}
    attached: {description: Whether a running VM uses it., type: bool, sample: false}
    location: {description: How the SR calls it., type: str, sample: 6a2a0b4e-0d5c-4f0c-9d0a-8f1f6f0f1a11}
    tags: {description: Its tags., type: list, elements: str}
    other_config: {description: Additional keys and values., type: dict}
    sm_config: {description: Keys and values of the storage manager., type: dict}
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
from ansible_collections.xapi.xen.plugins.module_utils._kinds._vdi import VDI
from ansible_collections.xapi.xen.plugins.module_utils._module import run

SPEC = CONNECTION.merge(
    state('present', 'absent'),
    ArgumentSpec(
        {
            'name': {'type': 'str'},
            'uuid': {'type': 'str'},
            'sr': {'type': 'str'},
            'size': {'type': 'str'},
            'type': {
                'type': 'str',
                'choices': [
                    'user',
                    'system',
                    'ephemeral',
                    'suspend',
                    'crashdump',
                    'ha_statefile',
                    'metadata',
                    'redo_log',
                    'rrd',
                    'pvs_cache',
                    'cbt_metadata',
                ],
            },
            'sharable': {'type': 'bool'},
            'read_only': {'type': 'bool'},
            'sm_config': {'type': 'dict'},
            'description': {'type': 'str'},
            'tags': {'type': 'list', 'elements': 'str'},
            'other_config': {'type': 'dict'},
        },
        required_one_of=(('name', 'uuid'),),
        mutually_exclusive=(('uuid', 'sr'),),
    ),
)


def main() -> None:
    run(VDI, SPEC)


if __name__ == '__main__':
    main()
