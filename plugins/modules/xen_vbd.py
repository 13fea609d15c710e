#!/usr/bin/python
# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: xen_vbd
short_description: Attach disks and CD drives to VMs of XenServer and XCP-ng
version_added: 0.1.0
author: xapi.xen contributors (@xapi-xen)
description:
  - Attaches a VDI to a VM by a virtual block device (VBD), plugs and unplugs it, changes the CD in a drive, or removes the VBD.
  - The VDI itself is never created or destroyed.
extends_documentation_fragment:
  - xapi.xen.attributes
  - xapi.xen.attributes.action_group
  - xapi.xen.connection
options:
  vm:
    description:
      - Name or uuid of the VM. Templates, snapshots and the control domain are never meant.
      - V(self) means the VM that the task runs on, for disks that are to be written there. A disk that is plugged into it is
        ready when the task ends; a node in C(/dev) that does not appear within 10 seconds is a failure.
    type: str
  uuid:
    description: Uuid of a VBD that exists. One that is made anew (O(recreate)) has another.
    type: str
  userdevice:
    description:
      - Device number on the VM. Without it, the VBD with O(vdi) is meant, or with O(type=CD) the CD drive, and a new one gets the
        first free number.
      - Number 3 is kept for the CD drive.
      - A VBD that is found by O(uuid) or O(vdi) at another number moves to this one.
    type: str
  vdi:
    description: Name or uuid of the VDI.
    type: str
  sr:
    description: Name or uuid of the SR in which the name O(vdi) is looked up.
    type: str
  type:
    description: What the VBD is. Without it, a new one is a disk.
    type: str
    choices: [Disk, CD, Floppy]
  mode:
    description:
      - Whether the VM can write to it. Without it, a new disk is V(RW) and a new CD drive V(RO).
      - XenAPI changes it only while the VM is halted, see O(recreate).
    type: str
    choices: [RW, RO]
  bootable:
    description: Whether the VM can boot from it.
    type: bool
  unpluggable:
    description: Whether the VM supports that it is unplugged.
    type: bool
  empty:
    description: Whether the CD shall be taken out of the drive.
    type: bool
  plugged:
    description:
      - Whether the device shall be plugged into the running VM.
      - Without it, a new disk of a running VM is plugged, and others stay as they are. A VM sees a new CD drive when it starts.
    type: bool
  unplug_retries:
    description: How often unplugging is tried again while the guest holds on to the device. V(0) tries once.
    type: int
    default: 10
  unplug_delay:
    description: Seconds between two tries to unplug.
    type: float
    default: 1.0
  device_prefix:
    description:
      - What the guest calls its disks where XAPI says C(xvd), for example V(sd). C(device) in the result is changed accordingly,
        and so is the node that is waited for with O(vm=self).
    type: str
  recreate:
    description:
      - Whether a VBD may be unplugged, destroyed and made anew where something can not change in place. That is another disk at the same
        number, O(mode) while the VM is not halted, and O(userdevice) or O(type) of a plugged one.
      - Without it, such a change is refused.
    type: bool
    default: false
  qos_algorithm_type:
    description: How the host limits or ranks the traffic of the disk, for example V(ionice). Empty for not at all.
    type: str
  qos_algorithm_params:
    description: Parameters of O(qos_algorithm_type). Only the listed keys are managed; an empty map removes all.
    type: dict
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
- name: Create the disk that is attached
  xapi.xen.xen_vdi:
    name: web01-logs
    size: 5GiB

- name: Attach it to a VM at the first free device number
  xapi.xen.xen_vbd:
    vm: web01
    vdi: web01-logs

- name: Give it the least share of what the storage can do, and tell its name as guests with sd disks see it
  xapi.xen.xen_vbd:
    vm: web01
    vdi: web01-logs
    qos_algorithm_type: ionice
    qos_algorithm_params:
      sched: be
      class: "7"
    device_prefix: sd

- name: Move it to another number, also while it is plugged
  xapi.xen.xen_vbd:
    vm: web01
    vdi: web01-logs
    userdevice: 7
    recreate: true

- name: Detach it; the disk stays
  xapi.xen.xen_vbd:
    vm: web01
    vdi: web01-logs
    state: absent

- name: Give the VM an empty CD drive
  xapi.xen.xen_vbd:
    vm: web01
    userdevice: 3
    type: CD
"""

RETURN = r"""
vbd:
  description: The VBD, empty when it is absent.
  returned: success
  type: dict
  contains:
    uuid: {description: Its uuid., type: str, sample: 0e4fa7a5-3d6c-45a1-9f86-0b3a4c8b7d11}
    vm: {description: Name of the VM., type: str, sample: web01}
    userdevice: {description: Device number., type: str, sample: "1"}
    device: {description: "Name of the device in the VM, changed by O(device_prefix). Empty until it has run.", type: str, sample: xvdb}
    type: {description: What it is., type: str, sample: Disk}
    mode: {description: Whether the VM can write to it., type: str, sample: RW}
    bootable: {description: Whether the VM can boot from it., type: bool, sample: false}
    empty: {description: Whether it is a drive without a CD., type: bool, sample: false}
    unpluggable: {description: Whether it may be unplugged., type: bool, sample: true}
    plugged: {description: Whether it is plugged into the running VM., type: bool, sample: true}
    vdi: {description: Name of the VDI. Null when there is none., type: str, sample: web01-logs}
    vdi_uuid: {description: Uuid of the VDI. Null when there is none., type: str, sample: 6a2a0b4e-0d5c-4f0c-9d0a-8f1f6f0f1a11}
    qos_algorithm_type: {description: How its traffic is limited or ranked., type: str, sample: ""}
    qos_algorithm_params: {description: Parameters of that., type: dict}
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
from ansible_collections.xapi.xen.plugins.module_utils._kinds._vbd import VBD
from ansible_collections.xapi.xen.plugins.module_utils._module import run

SPEC = CONNECTION.merge(
    state('present', 'absent'),
    ArgumentSpec(
        {
            'vm': {'type': 'str'},
            'uuid': {'type': 'str'},
            'userdevice': {'type': 'str'},
            'vdi': {'type': 'str'},
            'sr': {'type': 'str'},
            'type': {'type': 'str', 'choices': ['Disk', 'CD', 'Floppy']},
            'mode': {'type': 'str', 'choices': ['RW', 'RO']},
            'bootable': {'type': 'bool'},
            'unpluggable': {'type': 'bool'},
            'empty': {'type': 'bool'},
            'plugged': {'type': 'bool'},
            'unplug_retries': {'type': 'int', 'default': 10},
            'unplug_delay': {'type': 'float', 'default': 1.0},
            'device_prefix': {'type': 'str'},
            'recreate': {'type': 'bool', 'default': False},
            'qos_algorithm_type': {'type': 'str'},
            'qos_algorithm_params': {'type': 'dict'},
            'other_config': {'type': 'dict'},
        },
        required_one_of=(('vm', 'uuid'), ('uuid', 'userdevice', 'vdi', 'type')),
        mutually_exclusive=(('vm', 'uuid'), ('vdi', 'empty')),
        required_by={'sr': ('vdi',)},
    ),
)


def main() -> None:
    run(VBD, SPEC)


if __name__ == '__main__':
    main()
