# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""IP addresses as calls take them; the errors name the parameter."""

from __future__ import annotations

import ipaddress

from xapisim.errors import XapiError

_FAMILIES = {4: (ipaddress.IPv4Address, ipaddress.IPv4Interface), 6: (ipaddress.IPv6Address, ipaddress.IPv6Interface)}


def is_address(version, text):
    return _parses(_FAMILIES[version][0], text)


def is_cidr(version, text):
    """An address with the length of its prefix."""
    return text.partition('/')[2].isdigit() and _parses(_FAMILIES[version][1], text)


def _parses(kind, text):
    try:
        kind(text)
    except ValueError:
        return False
    return True


def require_address(version, name, text):
    if not is_address(version, text):
        raise XapiError('INVALID_IP_ADDRESS_SPECIFIED', name)


def require_address_or_cidr(version, name, text):
    if not is_address(version, text) and not is_cidr(version, text):
        raise XapiError('INVALID_IP_ADDRESS_SPECIFIED', name)


def require_cidr(version, name, text):
    if not is_cidr(version, text):
        raise XapiError('INVALID_CIDR_ADDRESS_SPECIFIED', name)


def only(version, addresses):
    """Those of a list with commas that are of one family."""
    return [part for part in addresses.split(',') if is_address(version, part)]
