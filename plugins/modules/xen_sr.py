#!/usr/bin/python
# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: xen_sr
short_description: Find and scan storage repositories of XenServer and XCP-ng
version_added: 0.1.0
author: xapi.xen contributors (@xapi-xen)
description:
  - Finds a storage repository (SR) by its uuid, its name or a rule, describes it and scans it.
extends_documentation_fragment:
  - xapi.xen.attributes
  - xapi.xen.attributes.action_group
  - xapi.xen.connection
options:
  name:
    description: Name of the SR.
    type: str
  uuid:
    description: Uuid of the SR.
    type: str
  match:
    description:
      - A rule that one SR must fit.
      - V(default-sr:true) is the default SR of the pool, V(other-config:KEY=VALUE) the one with that entry in its C(other_config),
        V(local) one that is not shared, V(iso) a library of ISO images.
    type: str
  scan:
    description:
      - Whether to scan the SR for disks that came or went without the host being told. A scan that meets a disk in flux is tried 4 times.
      - Scanning alone is no change.
    type: bool
    default: false
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
    description: The SR must exist.
    type: str
    choices: [present]
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
"""

RETURN = r"""
sr:
  description: The SR.
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
    hosts: {description: "Hosts it is configured on, each with C(host) and C(plugged).", type: list, elements: dict}
    tags: {description: Its tags., type: list, elements: str}
    other_config: {description: Additional keys and values., type: dict}
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
    state('present'),
    ArgumentSpec(
        {
            'name': {'type': 'str'},
            'uuid': {'type': 'str'},
            'match': {'type': 'str'},
            'scan': {'type': 'bool', 'default': False},
            'description': {'type': 'str'},
            'tags': {'type': 'list', 'elements': 'str'},
            'other_config': {'type': 'dict'},
        },
        required_one_of=(('name', 'uuid', 'match'),),
        mutually_exclusive=(('name', 'uuid', 'match'),),
    ),
)


def main() -> None:
    run(SR, SPEC)


if __name__ == '__main__':
    main()
