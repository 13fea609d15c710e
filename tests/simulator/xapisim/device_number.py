# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Positions of disks on a VM: a number ("3"), a Linux name ("xvdd", "hdd", "sdd") or "d3" mean (bus, disk, partition)."""

from __future__ import annotations

import re

from xapisim import ocaml

# bus -> the highest disk and partition that it has
LIMITS = {'xen': ((1 << 20) - 1, 15), 'scsi': (15, 15), 'floppy': (2, 0), 'ide': (19, 63)}
_NAMES = (('xvd', 'xen'), ('sd', 'scsi'), ('fd', 'floppy'), ('hd', 'ide'))
_LETTERS = re.compile(r'([a-z]*)([0-9]+)?\Z')
_NUMBERS = re.compile(r'([0-9]+)(?:p([0-9]+))?\Z')
_PREFIXES = {'xen': 'xvd', 'ide': 'xvd', 'scsi': 'sd', 'floppy': 'fd'}
HIGHEST = 254


def of_number(number, hvm):
    """The first four disks of an HVM guest are on its emulated IDE bus."""
    bus = 'ide' if hvm and number < 4 else 'xen'
    return (bus, number, 0) if 0 <= number <= LIMITS[bus][0] else None


def of_string(name, hvm):
    """The position that a userdevice names, or None."""
    try:
        found = of_number(ocaml.int_of_string(name), hvm)
    except ValueError:
        found = None
    return found or _of_linux_name(name)


def _of_linux_name(name):
    for prefix, bus in _NAMES:
        if name.startswith(prefix):
            match = _LETTERS.match(name[len(prefix):])
            return (bus, _from_letters(match[1]), int(match[2] or 0)) if match and match[1] else None
    match = _NUMBERS.match(name[1:]) if name.startswith('d') else None
    return ('xen', int(match[1]), int(match[2] or 0)) if match else None


def _from_letters(letters):
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord('a') + 1
    return number - 1


def _to_letters(number):
    text = ''
    while number >= 0:
        number, digit = divmod(number, 26)
        text = chr(ord('a') + digit) + text
        number -= 1
    return text


def linux_name(position):
    """The name under which a Linux guest sees the device."""
    bus, disk, partition = position
    return '%s%s%s' % (_PREFIXES[bus], _to_letters(disk), partition or '')


def interpretations(name):
    """Every position that a name may stand for: clashes are looked for among all of them."""
    return {position for position in (of_string(name, True), of_string(name, False)) if position}


def is_number(name):
    try:
        ocaml.int_of_string(name)
    except ValueError:
        return False
    return True
