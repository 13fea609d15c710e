# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fields and options of a VIF: what they are, which values they can have. Pure."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Callable, Optional

from .._errors import ParameterError
from .._fields import Field
from .._plan import Slot
from ._scope import device_number

FIELDS = (
    Field('mtu', 'MTU', 'int', create_only=True),
    Field('locking_mode', 'locking_mode', 'enum'),
    Field('ipv4_allowed', 'ipv4_allowed', 'set'),
    Field('ipv6_allowed', 'ipv6_allowed', 'set'),
    Field('other_config', 'other_config', 'map'),
)
SLOT = Slot('vif', 'VIF')
NEW = {
    'MTU': 0,
    'MAC': '',
    'other_config': {},
    'qos_algorithm_type': '',
    'qos_algorithm_params': {},
    'locking_mode': 'network_default',
    'ipv4_allowed': [],
    'ipv6_allowed': [],
}
"""What VIF.create needs and no option gives; an empty MAC lets the host generate one, MTU 0 takes that of the network."""
NO_ADDRESSES = {'mode': 'none', 'address': '', 'gateway': ''}
BLANK = {
    'device': '',
    'vm': '',
    'mac': '',
    'mtu': 1500,
    'network': '',
    'bridge': '',
    'plugged': False,
    'rate_limit': 0,
    'locking_mode': 'network_default',
    'ipv4_allowed': [],
    'ipv6_allowed': [],
    'ipv4': NO_ADDRESSES,
    'ipv6': NO_ADDRESSES,
    'other_config': {},
}
"""What a check run shows of a new VIF of which nothing is said."""
MAC = re.compile(r'[0-9a-f]{2}(:[0-9a-f]{2}){5}')
MTU = range(68, 65536)
FAMILIES: dict[str, tuple[Callable, Callable]] = {
    'ipv4': (ipaddress.IPv4Address, ipaddress.IPv4Interface),
    'ipv6': (ipaddress.IPv6Address, ipaddress.IPv6Interface),
}


def values_of(params: dict, prefix: str = '') -> dict:
    """The options of a VIF as Desired.values; raises ParameterError for what no VIF can have."""
    values = {field.option: params.get(field.option) for field in FIELDS}
    values.update({option: params.get(option) for option in ('plugged', 'rate_limit')})
    if params.get('device') is not None:
        values['device'] = device_number(f'{prefix}device', params['device'])
    if params.get('mac'):
        values['mac'] = mac_address(f'{prefix}mac', params['mac'])
    if values['mtu'] is not None and values['mtu'] not in MTU:
        raise ParameterError(
            f'{prefix}mtu: {values["mtu"]} is no size of a packet', hint=f'Use {MTU[0]} to {MTU[-1]}; 1500 is common.'
        )
    if (values['rate_limit'] or 0) < 0:
        raise ParameterError(f'{prefix}rate_limit: it can not be negative', hint='0 removes the limit.')
    for family in FAMILIES:
        for text in params.get(f'{family}_allowed') or ():
            _require(family, f'{prefix}{family}_allowed', text, with_length=None)
        values[family] = static(family, f'{prefix}{family}', params.get(family))
    return values


def mac_address(option: str, text: str) -> str:
    mac = text.lower().replace('-', ':')
    if not MAC.fullmatch(mac):
        raise ParameterError(
            f'{option}: "{text}" is no MAC address',
            hint='Use six pairs of hexadecimal digits with colons between them.',
        )
    return mac


def static(family: str, option: str, wanted: Optional[dict]) -> Optional[dict]:
    """The addresses that a guest shall have: ``mode``, ``address``, ``gateway`` (None: as it is)."""
    if wanted is None:
        return None
    address, gateway = wanted.get('address'), wanted.get('gateway')
    if wanted['mode'] == 'none':
        if address or gateway:
            raise ParameterError(f'{option}: mode none has no address and no gateway', hint='Set mode: static.')
        return dict(NO_ADDRESSES)
    if not address:
        raise ParameterError(f'{option}.address is required when mode is static')
    _require(family, f'{option}.address', address, with_length=True)
    if gateway:
        _require(family, f'{option}.gateway', gateway, with_length=False)
    return {'mode': 'static', 'address': address, 'gateway': gateway}


def _require(family: str, option: str, text: str, with_length: Optional[bool]) -> None:
    """Raise ParameterError unless it is an address, with the length of its network or without, or (None) either."""
    length = text.partition('/')[2]
    good = with_length is None or with_length == bool(length)
    try:
        FAMILIES[family][bool(length)](text)
    except ValueError:
        good = False
    if good and (length.isdigit() or not length):
        return
    example = {'ipv4': '192.0.2.10', 'ipv6': '2001:db8::10'}[family]
    size = {'ipv4': '/24', 'ipv6': '/64'}[family]
    hint = f'Use an address such as {example}{size if with_length else ""}.'
    raise ParameterError(f'{option}: "{text}" is no {"IPv" + family[3]} address of that form', hint=hint)


def current_static(record: dict, family: str) -> dict[str, Any]:
    """The addresses that a VIF record gives to its guest; hosts before XenServer 7 have none."""
    if record.get(f'{family}_configuration_mode', 'None') != 'Static':
        return dict(NO_ADDRESSES)
    addresses = record[f'{family}_addresses']
    return {'mode': 'static', 'address': addresses[0] if addresses else '', 'gateway': record[f'{family}_gateway']}
