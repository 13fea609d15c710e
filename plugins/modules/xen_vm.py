#!/usr/bin/python
# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: xen_vm
short_description: Create, change, run and remove VMs of XenServer and XCP-ng
version_added: 0.1.0
author: xapi.xen contributors (@xapi-xen)
description:
  - Creates a VM from a template or from nothing, with its disks and networks.
  - Brings it into the wanted power state and waits for its guest.
  - A VM that exists is changed to what the options say. An option that is left out is not touched.
  - A running VM is never shut down unless O(allow_power_cycle) or O(power_state) says so.
extends_documentation_fragment:
  - xapi.xen.attributes
  - xapi.xen.attributes.action_group
  - xapi.xen.connection
  - xapi.xen.vm
  - xapi.xen.vm.source
  - xapi.xen.vm.hardware
  - xapi.xen.vm.devices
options:
  name:
    description:
      - Name of the VM. Templates, snapshots and the control domain are never meant.
      - With O(uuid) or O(external_id), the name that the VM shall have.
    type: str
  uuid:
    description: Uuid of a VM that exists.
    type: str
  boot_mode:
    description:
      - V(hvm) is a hardware VM that boots from CD, then disk. V(pv_grub) is a paravirtualized VM with its kernel in the image,
        V(pv_kernel) one whose O(kernel) and O(ramdisk) are files in dom0.
      - Without it, a bare VM is V(hvm), and one from a template boots as the template says.
    type: str
    choices: [hvm, pv_grub, pv_kernel]
  kernel:
    description: Path of the kernel in dom0, for O(boot_mode=pv_kernel).
    type: str
  ramdisk:
    description: Path of the initial RAM disk in dom0, for O(boot_mode=pv_kernel).
    type: str
  kernel_args:
    description: Arguments of the kernel of a paravirtualized VM. Without it, C(root=/dev/xvda1) for O(boot_mode=pv_kernel).
    type: str
  platform:
    description: Platform keys and values. Only the listed keys are managed, and a key without a value (null) is removed.
    type: dict
  xenstore_data:
    description: Keys and values for the XenStore of the VM. Only the listed keys are managed, and a key without a value (null) is removed.
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
  power_state:
    description: The power state to bring the VM into. Without it, a new VM stays halted, and others stay as they are.
    type: str
    choices: [running, halted, suspended, paused]
  wait_for:
    description: What to wait for before the task ends. V(address) needs guest tools in the VM.
    type: str
    choices: [none, running, address]
    default: none
  wait_timeout:
    description: Seconds to wait for it.
    type: float
    default: 300.0
  shutdown_timeout:
    description: Seconds that a guest has to shut down when it is asked to.
    type: float
    default: 120.0
  allow_power_cycle:
    description: Whether a running VM may be shut down, and started again, for a change that needs it.
    type: bool
    default: false
  force:
    description: Whether a VM may be switched off when its guest does not shut down, and be removed while it runs.
    type: bool
    default: false
  unplug_retries:
    description: How often unplugging a disk is tried again, a second apart, while the guest holds on to it.
    type: int
    default: 10
  destroy_disks:
    description:
      - Which disks are removed together with the VM. V(owned) are those that were made with it, as C(xe vm-uninstall) sees it.
      - A disk that another VM has too always stays.
    type: str
    choices: [owned, all, none]
    default: owned
  state:
    description: Whether the object shall be there.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Run a VM from a template, with a second disk and two networks, and wait for its address
  xapi.xen.xen_vm:
    name: web01
    template: Debian Bookworm 12
    memory: 2GiB
    vcpus: 2
    disks:
      - userdevice: 0
        size: 10GiB
      - name: web01-data
        size: 20GiB
    networks:
      - device: 0
        network: Pool-wide network associated with eth0
      - device: 1
        network: Pool-wide network associated with eth1
    power_state: running
    wait_for: address
  register: web01

- name: Give it more memory, with the downtime that this needs
  xapi.xen.xen_vm:
    name: web01
    memory: 4GiB
    allow_power_cycle: true

- name: Let its memory float between two sizes, and give it half of a CPU more weight, without downtime
  xapi.xen.xen_vm:
    name: web01
    memory_dynamic_min: 3GiB
    memory_dynamic_max: 4GiB
    vcpu_weight: 384

- name: Make a VM from nothing
  xapi.xen.xen_vm:
    name: blank
    memory: 512MiB
    vcpus: 1
    boot_mode: hvm
    disks:
      - userdevice: 0
        size: 1GiB

- name: Copy it with disks of its own, known to another system as asset-17
  xapi.xen.xen_vm:
    name: blank-copy
    external_id: asset-17
    source_vm: blank
    clone: full

- name: Rename the copy
  xapi.xen.xen_vm:
    name: shop
    external_id: asset-17

- name: Remove the copy
  xapi.xen.xen_vm:
    external_id: asset-17
    state: absent

- name: Start it first of all, on a host if that has room, and let nobody remove it
  xapi.xen.xen_vm:
    name: blank
    affinity: xcp-host1
    ha_restart_priority: restart
    order: 0
    start_delay: 30
    blocked_operations:
      destroy: Ask the owner first.
    params:
      user_version: 2

- name: Let it be removed again
  xapi.xen.xen_vm:
    name: blank
    blocked_operations: {}

- name: Remove it with its disk
  xapi.xen.xen_vm:
    name: blank
    state: absent
"""

RETURN = r"""
vm:
  description: The VM, empty when it is absent.
  returned: success
  type: dict
  contains:
    uuid: {description: Its uuid., type: str, sample: 9f1c1a70-6f2f-4ea9-9a62-4b1c9d1f7e11}
    name: {description: Its name., type: str, sample: web01}
    description: {description: Free text., type: str, sample: ""}
    power_state: {description: "C(running), C(halted), C(suspended) or C(paused).", type: str, sample: running}
    memory: {description: Most memory in bytes., type: int, sample: 2147483648}
    memory_static_min: {description: Least memory that it can be given without a restart., type: int, sample: 536870912}
    memory_static_max: {description: Most memory that it can be given without a restart., type: int, sample: 2147483648}
    memory_dynamic_min: {description: Least memory that the host leaves it., type: int, sample: 2147483648}
    memory_dynamic_max: {description: Most memory that the host gives it., type: int, sample: 2147483648}
    vcpus: {description: Number of virtual CPUs., type: int, sample: 2}
    vcpus_max: {description: Most virtual CPUs that it can be given without a restart., type: int, sample: 4}
    vcpu_params: {description: "Its share of the CPUs (C(weight), C(cap), C(mask)).", type: dict}
    domain_type: {description: "How it is virtualized (C(hvm), C(pv), …).", type: str, sample: hvm}
    host: {description: Name of the host it runs on. Empty when it does not run., type: str, sample: xcp-host1}
    disks: {description: "Its drives as in M(xapi.xen.xen_vbd), with name, size, sr and owner.", type: list, elements: dict}
    networks: {description: "Its interfaces as RV(ignore:vif) of M(xapi.xen.xen_vif), with C(addresses).", type: list, elements: dict}
    addresses: {description: "Addresses that the guest reports, without link-local ones.", type: list, elements: str, sample: [192.0.2.10]}
    tags: {description: Its tags., type: list, elements: str}
    affinity: {description: Name of the host that it prefers., type: str, sample: ""}
    ha_restart_priority: {description: What high availability does for it., type: str, sample: restart}
    order: {description: Its place in the order of starts., type: int, sample: 0}
    start_delay: {description: Seconds to wait after its start., type: int, sample: 0}
    shutdown_delay: {description: Seconds to wait after its shutdown., type: int, sample: 0}
    actions_after_shutdown: {description: What happens when its guest shuts down., type: str, sample: destroy}
    actions_after_reboot: {description: What happens when its guest restarts., type: str, sample: restart}
    actions_after_crash: {description: What happens when its guest crashes., type: str, sample: restart}
    blocked_operations: {description: Operations that are blocked., type: dict}
    boot_params: {description: "How a hardware VM boots (C(order), C(firmware)).", type: dict}
    has_vendor_device: {description: Whether Windows finds its drivers by itself., type: bool, sample: false}
    platform: {description: Platform keys and values., type: dict}
    other_config: {description: Additional keys and values., type: dict}
    xenstore_data: {description: Keys and values of its XenStore., type: dict}
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
from ansible_collections.xapi.xen.plugins.module_utils._kinds._vm import VM
from ansible_collections.xapi.xen.plugins.module_utils._module import run

ON_EXIT = ('destroy', 'restart')
ON_CRASH = (*ON_EXIT, 'coredump_and_destroy', 'coredump_and_restart', 'preserve', 'rename_restart')
DISK = {
    'userdevice': {'type': 'str'},
    'vdi': {'type': 'str'},
    'name': {'type': 'str'},
    'description': {'type': 'str'},
    'size': {'type': 'str'},
    'sr': {'type': 'str'},
    'mode': {'type': 'str', 'choices': ['RW', 'RO']},
    'bootable': {'type': 'bool'},
    'tags': {'type': 'list', 'elements': 'str'},
    'owner': {'type': 'bool'},
}
NETWORK = {
    'device': {'type': 'str'},
    'network': {'type': 'str'},
    'mac': {'type': 'str'},
    'mtu': {'type': 'int'},
    'rate_limit': {'type': 'int'},
    'locking_mode': {'type': 'str', 'choices': ['network_default', 'locked', 'unlocked', 'disabled']},
    'ipv4_allowed': {'type': 'list', 'elements': 'str'},
    'ipv6_allowed': {'type': 'list', 'elements': 'str'},
}
SPEC = CONNECTION.merge(
    state('present', 'absent'),
    ArgumentSpec(
        {
            'name': {'type': 'str'},
            'uuid': {'type': 'str'},
            'external_id': {'type': 'str'},
            'template': {'type': 'str'},
            'source_vm': {'type': 'str'},
            'source_snapshot': {'type': 'str'},
            'clone': {'type': 'str', 'choices': ['auto', 'fast', 'full'], 'default': 'auto'},
            'sr': {'type': 'str'},
            'memory': {'type': 'str'},
            'memory_static_min': {'type': 'str'},
            'memory_static_max': {'type': 'str'},
            'memory_dynamic_min': {'type': 'str'},
            'memory_dynamic_max': {'type': 'str'},
            'vcpus': {'type': 'int'},
            'vcpus_max': {'type': 'int'},
            'cores_per_socket': {'type': 'int'},
            'vcpu_weight': {'type': 'int'},
            'vcpu_cap': {'type': 'int'},
            'vcpu_mask': {'type': 'str'},
            'boot_mode': {'type': 'str', 'choices': ['hvm', 'pv_grub', 'pv_kernel']},
            'firmware': {'type': 'str', 'choices': ['bios', 'uefi']},
            'secure_boot': {'type': 'bool'},
            'viridian': {'type': 'bool'},
            'device_model': {'type': 'str'},
            'kernel': {'type': 'str'},
            'ramdisk': {'type': 'str'},
            'kernel_args': {'type': 'str'},
            'platform': {'type': 'dict'},
            'xenstore_data': {'type': 'dict'},
            'description': {'type': 'str'},
            'tags': {'type': 'list', 'elements': 'str'},
            'affinity': {'type': 'str'},
            'folder': {'type': 'str'},
            'ha_restart_priority': {'type': 'str', 'choices': ['restart', 'best-effort', '']},
            'order': {'type': 'int'},
            'start_delay': {'type': 'int'},
            'shutdown_delay': {'type': 'int'},
            'actions_after_shutdown': {'type': 'str', 'choices': list(ON_EXIT)},
            'actions_after_reboot': {'type': 'str', 'choices': list(ON_EXIT)},
            'actions_after_crash': {'type': 'str', 'choices': list(ON_CRASH)},
            'blocked_operations': {'type': 'dict'},
            'boot_order': {'type': 'str'},
            'has_vendor_device': {'type': 'bool'},
            'params': {'type': 'dict'},
            'other_config': {'type': 'dict'},
            'disks': {'type': 'list', 'elements': 'dict', 'options': DISK},
            'networks': {'type': 'list', 'elements': 'dict', 'options': NETWORK},
            'power_state': {'type': 'str', 'choices': ['running', 'halted', 'suspended', 'paused']},
            'wait_for': {'type': 'str', 'choices': ['none', 'running', 'address'], 'default': 'none'},
            'wait_timeout': {'type': 'float', 'default': 300.0},
            'shutdown_timeout': {'type': 'float', 'default': 120.0},
            'allow_power_cycle': {'type': 'bool', 'default': False},
            'force': {'type': 'bool', 'default': False},
            'unplug_retries': {'type': 'int', 'default': 10},
            'destroy_disks': {'type': 'str', 'choices': ['owned', 'all', 'none'], 'default': 'owned'},
        },
        mutually_exclusive=(('template', 'source_vm'), ('template', 'source_snapshot')),
        required_one_of=(('name', 'uuid', 'external_id'),),
    ),
)


def main() -> None:
    run(VM, SPEC)


if __name__ == '__main__':
    main()
