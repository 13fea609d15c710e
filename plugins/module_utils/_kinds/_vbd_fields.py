# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fields of a VBD: what an option sets, what a new one needs. Pure."""

from __future__ import annotations

from .._fields import Field
from .._plan import Slot

FIELDS = (
    Field('type', 'type', 'enum'),
    Field('mode', 'mode', 'enum', needs_halted=True),
    Field('bootable', 'bootable', 'bool'),
    Field('unpluggable', 'unpluggable', 'bool'),
    Field('qos_algorithm_type', 'qos_algorithm_type'),
    Field('qos_algorithm_params', 'qos_algorithm_params', 'map'),
    Field('other_config', 'other_config', 'map'),
)
SLOT = Slot('vbd', 'VBD')
NEW = {
    'type': 'Disk',
    'mode': 'RW',
    'bootable': False,
    'unpluggable': True,
    'empty': False,
    'other_config': {},
    'qos_algorithm_type': '',
    'qos_algorithm_params': {},
    'device': '',
    'currently_attached': False,
}
"""What VBD.create needs and no option gives."""
BLANK = {
    'userdevice': '',
    'vm': '',
    'device': '',
    'type': 'Disk',
    'mode': 'RW',
    'bootable': False,
    'empty': False,
    'unpluggable': True,
    'plugged': False,
    'vdi': None,
    'qos_algorithm_type': '',
    'qos_algorithm_params': {},
    'other_config': {},
}
"""What a check run shows of a new VBD of which nothing is said."""


def is_cd(kind: str) -> bool:
    return kind.lower() == 'cd'
