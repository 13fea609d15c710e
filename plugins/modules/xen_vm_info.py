#!/usr/bin/python
# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: xen_vm_info
short_description: Tell what VMs a pool of XenServer or XCP-ng has
version_added: 0.1.0
author: xapi.xen contributors (@xapi-xen)
description:
  - Returns one VM, those of a name, or all VMs of the pool, with their disks, networks and addresses.
  - Templates, snapshots and the control domain are left out. The number of calls does not depend on the number of VMs.
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
    description: Only VMs with this name.
    type: str
  uuid:
    description: Only the VM with this uuid.
    type: str
"""

EXAMPLES = r"""
- name: Read all VMs
  xapi.xen.xen_vm_info:
  register: pool

- name: Show the addresses of those that run
  ansible.builtin.debug:
    msg: "{{ item.name }} {{ item.addresses | join(' ') }}"
  loop: "{{ pool.vms | selectattr('power_state', 'eq', 'running') }}"
  loop_control:
    label: "{{ item.name }}"
"""

RETURN = r"""
vms:
  description: The VMs, ordered by name.
  returned: success
  type: list
  elements: dict
  contains:
    uuid: {description: Its uuid., type: str, sample: 9f1c1a70-6f2f-4ea9-9a62-4b1c9d1f7e11}
    name: {description: Its name., type: str, sample: web01}
    description: {description: Free text., type: str, sample: ""}
    power_state: {description: "C(running), C(halted), C(suspended) or C(paused).", type: str, sample: running}
    memory: {description: Most memory in bytes., type: int, sample: 2147483648}
    vcpus: {description: Number of virtual CPUs., type: int, sample: 2}
    domain_type: {description: "How it is virtualized (C(hvm), C(pv), …).", type: str, sample: hvm}
    host: {description: Name of the host it runs on. Empty when it does not run., type: str, sample: xcp-host1}
    disks: {description: "Its drives as in M(xapi.xen.xen_vbd), with name, size, sr and owner.", type: list, elements: dict}
    networks: {description: "Its interfaces as RV(ignore:vif) of M(xapi.xen.xen_vif), with C(addresses).", type: list, elements: dict}
    addresses: {description: "Addresses that the guest reports, without link-local ones.", type: list, elements: str, sample: [192.0.2.10]}
    tags: {description: Its tags., type: list, elements: str}
    platform: {description: Platform keys and values., type: dict}
    other_config: {description: Additional keys and values., type: dict}
    xenstore_data: {description: Keys and values of its XenStore., type: dict}
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
from ansible_collections.xapi.xen.plugins.module_utils._kinds._vm import look
from ansible_collections.xapi.xen.plugins.module_utils._module import run_info

SPEC = CONNECTION.merge(
    ArgumentSpec({'name': {'type': 'str'}, 'uuid': {'type': 'str'}}, mutually_exclusive=(('name', 'uuid'),)),
)


def main() -> None:
    run_info(look, 'vms', SPEC)


if __name__ == '__main__':
    main()
