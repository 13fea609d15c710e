#!/usr/bin/python
# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: xen_vdi
short_description: Create, copy, grow, move and remove virtual disks of XenServer and XCP-ng
version_added: 0.1.0
author: xapi.xen contributors (@xapi-xen)
description:
  - Creates a virtual disk image (VDI), empty or from another one, grows it, changes what is said about it, moves it to another SR, or
    removes it.
  - A disk is never made smaller, and one that a running VM uses is never removed.
extends_documentation_fragment:
  - xapi.xen.attributes
  - xapi.xen.attributes.action_group
  - xapi.xen.connection
options:
  name:
    description:
      - Name of the VDI, unique within its SR. Snapshots and hidden parts of chains are never meant.
      - With O(uuid) or O(external_id), the name that the VDI shall have.
    type: str
  uuid:
    description: Uuid of a VDI that exists.
    type: str
  external_id:
    description:
      - An identity of your own, which is kept with the VDI (in its other_config). A VDI is then found by it on any SR, so that another
        O(name) renames it and another O(sr) moves it.
      - A VDI that exists gets one when it is named by O(uuid).
    type: str
  sr:
    description:
      - Name or uuid of the SR. Without it the default SR of the pool is meant; for a VDI named by O(uuid) or O(external_id), the SR
        where it is; with O(clone_of), the SR of the source.
      - With O(uuid) or O(external_id), a VDI that is on another SR is moved. When a running VM uses it, this is done live, otherwise
        see O(allow_copy). Either way its uuid becomes another one, so that O(external_id) is the way to name a VDI that shall move.
    type: str
  allow_copy:
    description:
      - Whether a VDI that no running VM uses may be moved to O(sr) by copying it. The halted VMs that have it get the copy, and the
        original is destroyed. Its snapshots stay where they are.
    type: bool
    default: false
  clone_of:
    description:
      - Name or uuid of the VDI, or uuid of the snapshot, to make a new VDI from. A clone is on the same SR, and shares what it has in
        common with its source.
      - A VDI that exists is left as it is.
    type: str
  copy_of:
    description:
      - Name or uuid of the VDI, or uuid of the snapshot, to copy into a new VDI. No running VM may write to it meanwhile.
      - Clones and copies have the description, type, tags, O(other_config) and O(xenstore_data) of their source unless these are given,
        but never O(external_id) and other marks that are true of the source only.
      - A VDI that exists is left as it is. A copy that was cut off is made anew.
    type: str
  size:
    description:
      - Size in bytes, or with a unit such as V(10GiB). Required for a new VDI, unless it is a clone or a copy.
      - A larger size grows the VDI, which no running VM may use then. The SR may round up.
    type: str
  type:
    description: Type of a new VDI. XenAPI can not change it later.
    type: str
    choices: [user, system, ephemeral, suspend, crashdump, ha_statefile, metadata, redo_log, rrd, pvs_cache, cbt_metadata]
  sharable:
    description: Whether several VMs may use it at the same time. XenAPI can not change it later.
    type: bool
  read_only:
    description:
      - Whether it can only be read. XenAPI can not change it later.
      - Many SRs make every VDI writable; this is an error then, and the VDI is not kept.
    type: bool
  on_boot:
    description:
      - Whether the disk keeps what was written (V(persist)) or forgets it at every start of its VM (V(reset)).
      - Its VMs must be halted.
    type: str
    choices: [persist, reset]
  allow_caching:
    description: Whether the SR may keep parts of it in a cache on the host. Its VMs must be halted.
    type: bool
  cbt:
    description: Whether changed blocks are tracked, for incremental backups. Not with O(on_boot=reset), and not while the VDI moves live.
    type: bool
  sm_config:
    description:
      - Keys and values for the storage manager. Only the listed keys are managed.
      - A key without a value (null) is removed. An empty map removes all keys but those that storage managers keep for themselves.
    type: dict
  xenstore_data:
    description:
      - Keys and values that a VM with this disk finds in XenStore. Only the listed keys are managed.
      - A key without a value (null) is removed. An empty map removes all keys.
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

- name: Copy it to another SR, and keep what changes for backups
  xapi.xen.xen_vdi:
    name: data copy
    copy_of: data
    sr: NFS storage
    cbt: true

- name: Clone it, on its own SR
  xapi.xen.xen_vdi:
    name: data for tests
    clone_of: data

- name: Create a disk that may be renamed and moved later
  xapi.xen.xen_vdi:
    external_id: shop-database
    name: shop
    size: 10GiB
    sr: Local storage

- name: Rename it and move it to another SR
  xapi.xen.xen_vdi:
    external_id: shop-database
    name: store
    sr: NFS storage
    allow_copy: true

- name: Remove them
  xapi.xen.xen_vdi:
    name: "{{ item.name }}"
    sr: "{{ item.sr | default(omit) }}"
    state: absent
  loop:
    - {name: data}
    - {name: data copy, sr: NFS storage}
    - {name: data for tests}
    - {name: store, sr: NFS storage}
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
            'external_id': {'type': 'str'},
            'sr': {'type': 'str'},
            'allow_copy': {'type': 'bool', 'default': False},
            'clone_of': {'type': 'str'},
            'copy_of': {'type': 'str'},
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
            'on_boot': {'type': 'str', 'choices': ['persist', 'reset']},
            'allow_caching': {'type': 'bool'},
            'cbt': {'type': 'bool'},
            'sm_config': {'type': 'dict'},
            'xenstore_data': {'type': 'dict'},
            'description': {'type': 'str'},
            'tags': {'type': 'list', 'elements': 'str'},
            'other_config': {'type': 'dict'},
        },
        required_one_of=(('name', 'uuid', 'external_id'),),
        mutually_exclusive=(('clone_of', 'copy_of'),),
    ),
)


def main() -> None:
    run(VDI, SPEC)


if __name__ == '__main__':
    main()
