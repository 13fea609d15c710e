# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The default templates of a pool, in the shape that those of a real one have."""

from __future__ import annotations

import re

MIB, GIB = 1024 ** 2, 1024 ** 3
LINUX, WINDOWS, BIOS, BARE = 'linux', 'windows', 'bios', 'bare'

# name, kind, memory in MiB, virtual CPUs, disk in GiB
TEMPLATES = (
    ('AlmaLinux 8', LINUX, 4096, 1, 10), ('AlmaLinux 9', LINUX, 4096, 1, 10), ('AlmaLinux 10', LINUX, 4096, 1, 10),
    ('CentOS Stream 9', BIOS, 4096, 1, 10), ('CentOS Stream 10', LINUX, 4096, 1, 10),
    ('Debian Bullseye 11', BIOS, 1024, 1, 10), ('Debian Bookworm 12', LINUX, 2048, 1, 10),
    ('Oracle Linux 8', LINUX, 4096, 2, 10),
    ('Red Hat Enterprise Linux 8', LINUX, 4096, 1, 10), ('Red Hat Enterprise Linux 9', LINUX, 4096, 1, 10),
    ('Red Hat Enterprise Linux 10', LINUX, 4096, 1, 10),
    ('Rocky Linux 8', LINUX, 4096, 1, 10), ('Rocky Linux 9', LINUX, 4096, 1, 15),
    ('SUSE Linux Enterprise 15 (64-bit)', LINUX, 2048, 1, 8),
    ('Ubuntu Jammy Jellyfish 22.04', LINUX, 2048, 1, 10), ('Ubuntu Noble Numbat 24.04', LINUX, 2048, 1, 10),
    ('Windows 10 (64-bit)', WINDOWS, 4096, 2, 32), ('Windows 11', WINDOWS, 8192, 2, 64),
    ('Windows Server 2016 (64-bit)', WINDOWS, 2048, 2, 32), ('Windows Server 2019 (64-bit)', WINDOWS, 2048, 2, 32),
    ('Windows Server 2022 (64-bit)', WINDOWS, 2048, 2, 32), ('Windows Server 2025', WINDOWS, 4096, 2, 64),
    ('Other install media', BARE, 256, 1, 0),
)
# How the labels of templates shorten the names of systems.
SHORT = {'almalinux': 'alma', 'centos-stream': 'centos', 'debian-bullseye': 'debian', 'debian-bookworm': 'debian',
         'oracle-linux': 'oel', 'red-hat-enterprise-linux': 'rhel', 'rocky-linux': 'rocky',
         'suse-linux-enterprise': 'sle',
         'ubuntu-jammy-jellyfish': 'ubuntu', 'ubuntu-noble-numbat': 'ubuntu', '64-bit': '64bit'}
_FROM_NETWORK = ('To use this template from the CLI, install your VM using vm-install, then set '
                 'other-config-install-repository to the path to your network repository, '
                 'e.g. http://<server>/<path> or nfs:server:/<path>')
_TOLD = {LINUX: _FROM_NETWORK, BIOS: _FROM_NETWORK, BARE: 'Template which allows VM installation from install media',
         WINDOWS: 'Clones of this template will automatically provision their storage when first booted and then '
                  'reconfigure themselves with the optimal settings for %s.'}
_COMMON = {'nx': 'true', 'acpi': '1', 'apic': 'true', 'pae': 'true', 'hpet': 'true'}
_SCREEN = {'vga': 'std', 'videoram': '8'}
_PLATFORMS = {
    LINUX: {**_COMMON, **_SCREEN, 'viridian': 'false', 'device_id': '0001', 'secureboot': 'auto'},
    BIOS: {**_COMMON, **_SCREEN, 'viridian': 'false', 'device_id': '0001', 'secureboot': 'false',
           'device-model': 'qemu-upstream-compat'},
    WINDOWS: {**_COMMON, **_SCREEN, 'viridian': 'true', 'viridian_time_ref_count': 'true',
              'viridian_reference_tsc': 'true',
              'viridian_apic_assist': 'true', 'viridian_crash_ctl': 'true', 'viridian_stimer': 'true',
              'device_id': '0002',
              'secureboot': 'auto', 'cores-per-socket': '2'},
    BARE: {**_COMMON, 'viridian': 'true', 'secureboot': 'false'},
}
_MOST_MEMORY = {LINUX: 1536 * GIB, BIOS: 1536 * GIB, WINDOWS: 1536 * GIB, BARE: 128 * GIB}


def records():
    """Fields of every template."""
    return [_record(*row) for row in TEMPLATES]


def _record(name, kind, memory, vcpus, disk):
    firmware = 'bios' if kind in (BIOS, BARE) else 'uefi'
    told = _TOLD[kind] % name if kind == WINDOWS else _TOLD[kind]
    return {'name_label': name, 'name_description': told, 'power_state': 'Halted', 'is_a_template': True,
            'is_default_template': True,
            'user_version': 1, 'version': 1, 'memory_static_max': memory * MIB, 'memory_dynamic_max': memory * MIB,
            'memory_dynamic_min': memory * MIB, 'memory_static_min': memory * MIB // 2, 'VCPUs_max': vcpus,
            'VCPUs_at_startup': vcpus,
            'actions_after_softreboot': 'soft_reboot', 'actions_after_shutdown': 'destroy',
            'actions_after_reboot': 'restart',
            'actions_after_crash': 'restart', 'HVM_boot_policy': 'BIOS order', 'HVM_shadow_multiplier': 1.0,
            'HVM_boot_params': {'firmware': firmware, 'order': 'cdn' if kind in (LINUX, BIOS) else 'cd'},
            'platform': _platform(name, kind), 'other_config': _other_config(kind, disk),
            'recommendations': _recommendations(kind),
            'generation_id': '0:0' if kind == WINDOWS else '', 'reference_label': _label(name),
            'domain_type': 'hvm'}


def _label(name):
    label = re.sub('[^a-z0-9.]+', '-', name.lower().replace('(', '').replace(')', ''))
    for long, short in SHORT.items():
        label = label.replace(long, short)
    return label


def _platform(name, kind):
    """What the hardware of a template is; desktops of Windows are slates, and 11 wants a TPM."""
    slate = {'acpi_laptop_slate': '1'} if name in ('Windows 10 (64-bit)', 'Windows 11') else {}
    return {**_PLATFORMS[kind], **slate, **({'vtpm': 'true'} if name == 'Windows 11' else {})}


def _other_config(kind, disk):
    """What a client reads to know which disks and which ways of installing go with the template."""
    told = {'default_template': 'true', 'install-methods': 'cdrom,nfs,http,ftp' if kind in (LINUX, BIOS) else 'cdrom'}
    if kind in (LINUX, BIOS):
        told['linux_template'] = 'true'
    if disk:
        told['disks'] = '<provision><disk size="%d" sr="" bootable="%s" type="system" device="0"/></provision>' % (
            disk * GIB, 'true' if kind in (LINUX, BIOS) else 'false')
    return told


def _recommendations(kind):
    limits = ['field="memory-static-max" max="%d"' % _MOST_MEMORY[kind]]
    limits += ['field="vcpus-min" min="2"'] if kind == WINDOWS else []
    limits += ['field="vcpus-max" max="64"', 'field="has-vendor-device" value="%s"'
               % ('true' if kind == WINDOWS else 'false')]
    limits += ['field="allow-network-sriov" value="1"'] if kind != BARE else []
    limits += ['field="supports-bios" value="yes"', 'field="supports-uefi" value="%s"'
               % ('no' if kind == BIOS else 'yes'),
               'field="supports-secure-boot" value="%s"' % ('no' if kind == BIOS else 'yes'),
               'property="number-of-vbds" max="255"', 'property="number-of-vifs" max="7"']
    return '<restrictions>%s</restrictions>' % ''.join('<restriction %s/>' % limit for limit in limits)
