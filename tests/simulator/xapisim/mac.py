# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ethernet addresses: what is one, and how a VM's seed and a device number make one."""

from __future__ import annotations

import hashlib
import re

_ADDRESS = re.compile(r'[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}\Z')


def is_valid(address):
    return bool(_ADDRESS.match(address))


def generate(seed, device):
    """The same seed and device always give the same address, locally administered and unicast."""
    digest = seed.encode()
    for unused in range(device * 2 + 1):
        digest = _hash(digest)
    second = _hash(digest)
    octets = [digest[0] & 0xfe | 0x02, digest[1], digest[2], digest[3], second[1], second[2]]
    return ':'.join('%02x' % octet for octet in octets)


def _hash(data):
    return hashlib.md5(data, usedforsecurity=False).digest()
