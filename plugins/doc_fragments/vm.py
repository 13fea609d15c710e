# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options of a VM, by concern."""

    DOCUMENTATION = r"""
options:
  affinity:
    description: Name or uuid of the host that the VM runs on if there is room. An empty text removes it.
    type: str
  folder:
    description: The folder that XenCenter and Xen Orchestra show the VM in, such as V(/web/shop). An empty text removes it.
    type: str
  ha_restart_priority:
    description: What high availability does when the VM is gone. An empty text does nothing.
    type: str
    choices: [restart, best-effort, ""]
  order:
    description: The place of the VM in the order in which a vApp or high availability starts VMs. The lowest goes first.
    type: int
  start_delay:
    description: Seconds to wait after the start of the VM before the next one is started.
    type: int
  shutdown_delay:
    description: Seconds to wait after the shutdown of the VM before the next one is shut down.
    type: int
  actions_after_shutdown:
    description: What happens when the guest shuts itself down. V(destroy) halts the VM.
    type: str
    choices: [destroy, restart]
  actions_after_reboot:
    description: What happens when the guest restarts itself. V(destroy) halts the VM.
    type: str
    choices: [destroy, restart]
  actions_after_crash:
    description: What happens when the guest crashes. V(destroy) halts the VM.
    type: str
    choices: [destroy, restart, coredump_and_destroy, coredump_and_restart, preserve, rename_restart]
  blocked_operations:
    description:
      - Operations of XenAPI that are refused, such as C(destroy), each with the reason that is given. Only the listed keys are managed.
      - A key without a value (null) lets the operation again. An empty map lets all.
      - Operations are blocked after everything else in the task, and let before everything else.
    type: dict
  boot_order:
    description:
      - Where a hardware VM looks for a system, in this order. C(c) is a disk, C(d) the CD, C(n) the network.
      - A running VM does so at its next start.
    type: str
  firmware:
    description: What a hardware VM boots with. A running VM has it at its next start.
    type: str
    choices: [bios, uefi]
  secure_boot:
    description: Whether a VM with O(firmware=uefi) runs signed systems only. A running VM does so at its next start.
    type: bool
  viridian:
    description: Whether the VM sees the interface of Hyper-V, as Windows likes it. A running VM does so at its next start.
    type: bool
  device_model:
    description: Which devices are emulated, such as V(qemu-upstream-compat) or V(qemu-upstream-uefi). An empty text leaves it to the host.
    type: str
  has_vendor_device:
    description: Whether the VM has the device by which Windows finds its drivers. Changing it needs a halted VM.
    type: bool
  params:
    description:
      - Other fields of a VM, by their names in XenAPI. Values must fit the type of the field.
      - >-
        There are C(HVM_boot_policy), C(HVM_shadow_multiplier), C(NVRAM), C(PCI_bus), C(PV_args), C(PV_bootloader), C(PV_bootloader_args),
        C(PV_kernel), C(PV_legacy_args), C(PV_ramdisk), C(actions_after_softreboot), C(domain_type), C(hardware_platform_version),
        C(recommendations), C(user_version), and by the name or uuid of an object,
        C(appliance), C(groups), C(snapshot_schedule), C(suspend_SR).
    type: dict
"""

    DEVICES = r"""
options:
  disks:
    description:
      - Disks of the VM. Each is found by its O(disks[].userdevice), else by its O(disks[].vdi), else by its O(disks[].name).
      - Disks that are not listed stay as they are.
    type: list
    elements: dict
    suboptions:
      userdevice:
        description: Device number. Without it, a new disk gets the first free one. Number 3 is kept for the CD drive.
        type: str
      vdi:
        description: Name or uuid of a VDI that exists, to attach it.
        type: str
      name:
        description: Name of the VDI. Without it, a new one is named after the VM and the device number.
        type: str
      description:
        description: Free text.
        type: str
      size:
        description: Size in bytes, or with a unit such as V(10GiB). Required for a new disk. A disk can grow, and never shrinks.
        type: str
      sr:
        description: Name or uuid of the SR. Without it, the default SR of the pool is meant for a new disk.
        type: str
      mode:
        description: Whether the VM can write to the disk.
        type: str
        choices: [RW, RO]
      bootable:
        description: Whether the VM can boot from the disk.
        type: bool
      tags:
        description: The tags that the VDI shall have, all of them.
        type: list
        elements: str
      owner:
        description: Whether a newly attached disk is removed together with the VM. Without it, a new VDI is, and one that existed is not.
        type: bool
  networks:
    description:
      - Networks of the VM. Each is found by its O(networks[].device), else by its O(networks[].mac), else by its O(networks[].network).
      - Networks that are not listed stay as they are.
    type: list
    elements: dict
    suboptions:
      device:
        description: Device number. Without it, a new VIF gets the first free one.
        type: str
      network:
        description: Name, uuid or bridge of the network. Required for a new VIF.
        type: str
      mac:
        description: MAC address. Without it, the host makes one up for a new VIF.
        type: str
      mtu:
        description: Largest packet in bytes, for a new VIF. Without it, that of the network.
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
"""

    HARDWARE = r"""
options:
  memory:
    description:
      - Memory in bytes, or with a unit such as V(2GiB), fixed at this size. Required for a VM without O(template), unless
        O(memory_static_max) is given. Changing it needs a halted VM.
      - A template says how little is enough. O(memory_static_min) goes below that.
    type: str
  memory_static_min:
    description: Least memory that the VM can be given while it runs. Changing it needs a halted VM.
    type: str
  memory_static_max:
    description: Most memory that the VM can be given while it runs. Changing it needs a halted VM.
    type: str
  memory_dynamic_min:
    description: Least memory that the host leaves to the VM when it is short of memory. It can change while the VM runs.
    type: str
  memory_dynamic_max:
    description: Most memory that the host gives to the VM. It can change while the VM runs.
    type: str
  vcpus:
    description:
      - Number of virtual CPUs. Required without O(template).
      - Up to the most that it can have, it can change while the VM runs and has guest tools. Otherwise this needs a halted VM.
    type: int
  vcpus_max:
    description:
      - Most virtual CPUs that the VM can be given while it runs. Changing it needs a halted VM.
      - Without it, it becomes as many as O(vcpus) where it is less, and stays what it is otherwise.
    type: int
  cores_per_socket:
    description: How many virtual CPUs make up a socket. A running VM has it at its next start.
    type: int
  vcpu_weight:
    description:
      - Share of the CPUs relative to other VMs, V(256) being the usual one. A running VM has it at its next start.
      - Without O(vcpu_cap), a VM that has no cap gets the cap 0 (none), because hosts ignore a weight alone.
    type: int
  vcpu_cap:
    description: Most CPU time in percent of one CPU. V(0) sets no limit. A running VM has it at its next start.
    type: int
  vcpu_mask:
    description:
      - The CPUs of the host that the VM may use, such as V(2,3) or V(0-7,^4). An empty text lets it use all.
      - A running VM has it at its next start.
    type: str
"""

    SOURCE = r"""
options:
  external_id:
    description:
      - What another system calls the VM. It is kept in C(other_config), and finds the VM whatever its name is then.
      - A VM that has another one, or none, is never taken for it. To give it to a VM that exists, name that by O(uuid).
    type: str
  template:
    description:
      - Name or uuid of the template that a new VM is cloned from. Without it, the VM is made from a bare record.
      - Disks that the template only describes are made with the VM.
        List a disk with the same O(disks[].userdevice) to change its size or SR.
    type: str
  source_vm:
    description:
      - Name or uuid of a halted VM that a new VM is made from, with its disks and networks.
      - With O(source_snapshot), the VM whose snapshot is meant.
    type: str
  source_snapshot:
    description: Name or uuid of a snapshot of a VM that a new VM is made from, with its disks and networks.
    type: str
  clone:
    description:
      - How disks of the source become those of the new VM. V(fast) shares what they have in common, V(full) copies them.
      - V(auto) copies them only to another O(sr).
    type: str
    choices: [auto, fast, full]
    default: auto
  sr:
    description: Name or uuid of the SR for copied disks. Without it, each stays on the SR of its source.
    type: str
"""
