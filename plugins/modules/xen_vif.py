#!/usr/bin/python
# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: xen_vif
short_description: Connect VMs of XenServer and XCP-ng to networks
version_added: 0.1.0
author: xapi.xen contributors (@xapi-xen)
description:
  - Connects a VM to a network by a virtual interface (VIF), moves it to another network, changes its limits, plugs, unplugs and removes it.
extends_documentation_fragment:
  - xapi.xen.attributes
  - xapi.xen.attributes.action_group
  - xapi.xen.connection
options:
  vm:
    description: Name or uuid of the VM. Templates, snapshots and the control domain are never meant.
    type: str
  uuid:
    description: Uuid of a VIF that exists. One that is made anew (O(recreate)) has another.
    type: str
  device:
    description: Device number on the VM. Without it, the VIF with O(mac) is meant, and a new one gets the first free number.
    type: str
  network:
    description:
      - Name, uuid or bridge of the network. Required for a new VIF.
      - A name or a bridge that several networks have is refused.
    type: str
  mac:
    description:
      - MAC address. Without it, the host makes one up for a new VIF, and a VIF that is there keeps its own.
      - One that another VM has on the same network is refused.
    type: str
  mtu:
    description: Largest packet in bytes. Without it, a new VIF has that of the network.
    type: int
  rate_limit:
    description: Most data to send, in kilobytes per second (C(kbps) as XAPI means it). V(0) removes the limit.
    type: int
  locking_mode:
    description: What traffic is let through.
    type: str
    choices: [network_default, locked, unlocked, disabled]
  ipv4_allowed:
    description: The IPv4 addresses that a locked VIF may use, all of them.
    type: list
    elements: str
  ipv6_allowed:
    description: The IPv6 addresses that a locked VIF may use, all of them.
    type: list
    elements: str
  ipv4:
    description:
      - IPv4 address that the guest shall give to the interface. The guest tools do it, so they must run and be able to.
    type: dict
    suboptions:
      mode:
        description: V(static) sets the address; V(none) leaves it to the guest, mostly by DHCP.
        type: str
        choices: [static, none]
        required: true
      address:
        description: Address with the length of its network, for example V(192.0.2.10/24). Required with V(static).
        type: str
      gateway:
        description: Address of the gateway. Without it, the one that is set stays. An empty one removes it.
        type: str
  ipv6:
    description:
      - IPv6 address that the guest shall give to the interface. The guest tools do it, so they must run and be able to.
    type: dict
    suboptions:
      mode:
        description: V(static) sets the address; V(none) leaves it to the guest, mostly by DHCP.
        type: str
        choices: [static, none]
        required: true
      address:
        description: Address with the length of its network, for example V(2001:db8::10/64). Required with V(static).
        type: str
      gateway:
        description: Address of the gateway. Without it, the one that is set stays. An empty one removes it.
        type: str
  recreate:
    description:
      - Whether a VIF may be unplugged, destroyed and made anew where XenAPI can not change it. That is O(mac), O(mtu) and O(device).
      - Without it, such a change is refused.
    type: bool
    default: false
  plugged:
    description:
      - Whether the device shall be plugged into the running VM.
      - Without it, a new device of a running VM is plugged, and others stay as they are.
    type: bool
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
- name: Connect a VM to a second network
  xapi.xen.xen_vif:
    vm: web01
    device: 1
    network: Pool-wide network associated with eth1

- name: Limit it to 10 MB/s and to one address
  xapi.xen.xen_vif:
    vm: web01
    device: 1
    rate_limit: 10240
    locking_mode: locked
    ipv4_allowed: [192.0.2.10]

- name: Give it a MAC address of its own, and jumbo frames; XenAPI can not change these in place
  xapi.xen.xen_vif:
    vm: web01
    device: 1
    mac: 02:00:00:5e:00:02
    mtu: 9000
    recreate: true

- name: Have the guest use a static address, one that the lock lets through
  xapi.xen.xen_vif:
    vm: web01
    device: 1
    ipv4:
      mode: static
      address: 192.0.2.10/24
      gateway: 192.0.2.1

- name: Disconnect it
  xapi.xen.xen_vif:
    vm: web01
    device: 1
    state: absent
"""

RETURN = r"""
vif:
  description: The VIF, empty when it is absent.
  returned: success
  type: dict
  contains:
    uuid: {description: Its uuid., type: str, sample: 4c8e5c39-91a2-4b5c-8f0e-2d8f6a3b7c11}
    vm: {description: Name of the VM., type: str, sample: web01}
    device: {description: Device number., type: str, sample: "1"}
    mac: {description: MAC address., type: str, sample: "0a:1b:2c:3d:4e:5f"}
    mtu: {description: Largest packet in bytes., type: int, sample: 1500}
    network: {description: Name of the network., type: str, sample: Pool-wide network associated with eth1}
    network_uuid: {description: Uuid of the network., type: str, sample: 5d1847b1-8546-50b7-8aeb-b06139b0d814}
    bridge: {description: Bridge of the network., type: str, sample: xenbr1}
    plugged: {description: Whether it is plugged into the running VM., type: bool, sample: true}
    rate_limit: {description: "Most data to send in kilobytes per second, 0 for no limit.", type: int, sample: 10240}
    locking_mode: {description: What traffic is let through., type: str, sample: network_default}
    ipv4_allowed: {description: Addresses that it may use when it is locked., type: list, elements: str}
    ipv6_allowed: {description: Addresses that it may use when it is locked., type: list, elements: str}
    ipv4:
      description: Address that the guest tools were told to set.
      type: dict
      contains:
        mode: {description: V(static) or V(none)., type: str, sample: static}
        address: {description: Address with the length of its network., type: str, sample: 192.0.2.10/24}
        gateway: {description: Address of the gateway., type: str, sample: 192.0.2.1}
    ipv6:
      description: Address that the guest tools were told to set.
      type: dict
      contains:
        mode: {description: V(static) or V(none)., type: str, sample: static}
        address: {description: Address with the length of its network., type: str, sample: "2001:db8::10/64"}
        gateway: {description: Address of the gateway., type: str, sample: "2001:db8::1"}
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
from ansible_collections.xapi.xen.plugins.module_utils._kinds._vif import VIF
from ansible_collections.xapi.xen.plugins.module_utils._module import run

ADDRESSES = {
    'mode': {'type': 'str', 'choices': ['static', 'none'], 'required': True},
    'address': {'type': 'str'},
    'gateway': {'type': 'str'},
}
SPEC = CONNECTION.merge(
    state('present', 'absent'),
    ArgumentSpec(
        {
            'vm': {'type': 'str'},
            'uuid': {'type': 'str'},
            'device': {'type': 'str'},
            'network': {'type': 'str'},
            'mac': {'type': 'str'},
            'mtu': {'type': 'int'},
            'rate_limit': {'type': 'int'},
            'locking_mode': {'type': 'str', 'choices': ['network_default', 'locked', 'unlocked', 'disabled']},
            'ipv4_allowed': {'type': 'list', 'elements': 'str'},
            'ipv6_allowed': {'type': 'list', 'elements': 'str'},
            'ipv4': {'type': 'dict', 'options': ADDRESSES},
            'ipv6': {'type': 'dict', 'options': ADDRESSES},
            'recreate': {'type': 'bool', 'default': False},
            'plugged': {'type': 'bool'},
            'other_config': {'type': 'dict'},
        },
        required_one_of=(('vm', 'uuid'), ('uuid', 'device', 'mac')),
        mutually_exclusive=(('vm', 'uuid'),),
    ),
)


def main() -> None:
    run(VIF, SPEC)


if __name__ == '__main__':
    main()
