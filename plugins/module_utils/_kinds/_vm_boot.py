# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a VM boots: paravirtualized with a kernel from dom0 or from its disk, or as hardware VM."""

from __future__ import annotations

from .._errors import ParameterError
from .._plan import Desired

BOOT_FIELDS = ('HVM_boot_policy', 'HVM_boot_params', 'PV_bootloader', 'PV_args', 'PV_kernel', 'PV_ramdisk')
PV = {
    'HVM_boot_policy': '',
    'HVM_boot_params': {},
    'PV_bootloader': '',
    'PV_args': '',
    'PV_kernel': '',
    'PV_ramdisk': '',
}


def boot_fields(desired: Desired) -> dict:
    """The boot fields of a VM record for ``boot_mode``.

    pv_kernel: kernel and ramdisk are files in dom0; pv_grub: the kernel is in the image; hvm: CD first, then disk.
    """
    mode = desired.get('boot_mode', 'hvm')
    if mode == 'pv_kernel':
        if not desired.get('kernel'):
            raise ParameterError(
                'kernel is required with boot_mode: pv_kernel', hint='Give the path of a kernel in dom0.'
            )
        return {
            **PV,
            'PV_args': desired.get('kernel_args', 'root=/dev/xvda1'),
            'PV_kernel': desired.get('kernel'),
            'PV_ramdisk': desired.get('ramdisk', ''),
        }
    if mode == 'pv_grub':
        return {**PV, 'PV_bootloader': 'pygrub', 'PV_args': desired.get('kernel_args', '')}
    return {**PV, 'HVM_boot_policy': 'BIOS order', 'HVM_boot_params': {'order': 'dc'}}


def is_paravirtualized(desired: Desired) -> bool:
    return desired.get('boot_mode', 'hvm') != 'hvm'
