# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""DER, as far as a certificate needs it."""

from __future__ import annotations


def tagged(tag, *parts):
    body = b''.join(parts)
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, 'big')
    return bytes([tag, 0x80 | len(length)]) + length + body


def sequence(*parts):
    return tagged(0x30, *parts)


def integer(value):
    return tagged(0x02, value.to_bytes(value.bit_length() // 8 + 1, 'big'))


def boolean(value):
    return tagged(0x01, b'\xff' if value else b'\x00')


def octets(value):
    return tagged(0x04, value)


def bits(value, unused=0):
    return tagged(0x03, bytes([unused]), value)


def text(value):
    return tagged(0x0c, value.encode())


def utc_time(moment):
    """A time.struct_time of the years up to 2049."""
    return tagged(0x17, b'%02d%02d%02d%02d%02d%02dZ' % (
        moment.tm_year % 100, moment.tm_mon, moment.tm_mday, moment.tm_hour, moment.tm_min, moment.tm_sec))


def oid(dotted):
    first, second, *rest = map(int, dotted.split('.'))
    return tagged(0x06, bytes([40 * first + second]), *(_base128(number) for number in rest))


def _base128(number):
    digits = [number & 0x7f]
    while number > 0x7f:
        number >>= 7
        digits.append(0x80 | number & 0x7f)
    return bytes(reversed(digits))
