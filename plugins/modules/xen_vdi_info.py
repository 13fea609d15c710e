#!/usr/bin/python
# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: xen_vdi_info
short_description: Tell what virtual disks a pool of XenServer or XCP-ng has
version_added: 0.1.0
author: xapi.xen contributors (@xapi-xen)
description:
  - Returns one VDI, those of a name, those of an SR, or all of the pool, with the VMs that have them.
  - Snapshots and hidden parts of chains are left out. The number of calls does not depend on the number of VDIs.
extends_documentation_fragment:
  - xapi.xen.attributes
  - xapi.xen.attributes.action_group
  - xapi.xen.connection
attributes:
  diff_mode:
    support: none
    details: Nothing is ever changed.
options:
  name:
    description: Only VDIs with this name.
    type: str
  uuid:
    description: Only the VDI with this uuid.
    type: str
  sr:
    description: Only VDIs of the SR with this name or uuid.
    type: str
"""

EXAMPLES = r"""
- name: Read all disks of an SR
  xapi.xen.xen_vdi_info:
    sr: Local storage
  register: storage

- name: Show those that no VM has
  ansible.builtin.debug:
    msg: "{{ item.name }} ({{ item.uuid }}) takes {{ item.used }} bytes"
  loop: "{{ storage.vdis | selectattr('vms', 'eq', []) }}"
  loop_control:
    label: "{{ item.name }}"
"""

RETURN = r"""
vdis:
  description: The VDIs, ordered by name.
  returned: success
  type: list
  elements: dict
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
    vms: {description: "Names of the VMs that have it, running or not.", type: list, elements: str, sample: [web01]}
    location: {description: How the SR calls it., type: str, sample: 6a2a0b4e-0d5c-4f0c-9d0a-8f1f6f0f1a11}
    tags: {description: Its tags., type: list, elements: str}
    other_config: {description: Additional keys and values., type: dict}
    sm_config: {description: Keys and values of the storage manager., type: dict}
    xenstore_data: {description: Keys and values that VMs find in XenStore., type: dict}
    on_boot: {description: "C(persist), or C(reset) when it forgets what was written.", type: str, sample: persist}
    allow_caching: {description: Whether it may be cached on the host., type: bool, sample: false}
    cbt: {description: Whether changed blocks are tracked., type: bool, sample: false}
    external_id: {description: The identity that the user gave. Null when there is none., type: str, sample: shop-database}
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
"""

from ansible_collections.xapi.xen.plugins.module_utils._argspec import CONNECTION, ArgumentSpec
from ansible_collections.xapi.xen.plugins.module_utils._kinds._vdi import look
from ansible_collections.xapi.xen.plugins.module_utils._module import run_info

SPEC = CONNECTION.merge(
    ArgumentSpec(
        {'name': {'type': 'str'}, 'uuid': {'type': 'str'}, 'sr': {'type': 'str'}},
        mutually_exclusive=(('name', 'uuid'),),
    ),
)


def main() -> None:
    run_info(look, 'vdis', SPEC)


if __name__ == '__main__':
    main()
