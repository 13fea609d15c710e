# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a disk image is, by its first and last bytes. Pure."""

from __future__ import annotations

HEAD = 65536
"""Bytes from the beginning that sniff() needs (the ISO 9660 mark stands at 32769)."""
MAGIC = (
    (0, b'QFI\xfb', 'qcow2'),
    (0, b'conectix', 'vhd'),
    (0, b'vhdxfile', 'vhdx'),
    (0, b'KDMV', 'vmdk'),
    (0, b'# Disk DescriptorFile', 'vmdk'),
    (0, b'\x1f\x8b', 'gzip'),
    (0, b'\xfd7zXZ\x00', 'xz'),
    (0, b'\x28\xb5\x2f\xfd', 'zstd'),
    (0, b'BZh', 'bzip2'),
    (257, b'ustar', 'tar'),
    (32769, b'CD001', 'iso'),
)
READY = ('raw', 'iso')
"""What can be written to a disk as it is."""


def sniff(head: bytes) -> str:
    """The format of an image from its first HEAD bytes; what is no known format is C(raw), which has no mark of its own."""
    for offset, mark, name in MAGIC:
        if head[offset : offset + len(mark)] == mark:
            return name
    return 'raw'
