# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.xapi.xen.plugins.module_utils._errors import ParameterError
from ansible_collections.xapi.xen.plugins.module_utils._units import format_size, parse_size


@pytest.mark.parametrize(
    'text, size',
    [
        (0, 0),
        (512, 512),
        ('512', 512),
        (' 10 GiB ', 10 << 30),
        ('10gib', 10 << 30),
        ('1G', 1 << 30),
        ('1GB', 10**9),
        ('1.5TiB', 3 << 39),
        ('512 MiB', 512 << 20),
        ('3k', 3072),
        ('7b', 7),
        ('8TB', 8 * 10**12),
        ('1048576TiB', 1 << 60),
    ],
)
def test_sizes_are_read(text, size):
    assert parse_size('size', text) == size


def test_large_numbers_keep_every_byte():
    assert parse_size('size', str((1 << 60) + 1)) == (1 << 60) + 1


@pytest.mark.parametrize('text', ['', 'GiB', '10XB', '-1', '1e3', '0x10', '10 Gi B', 'ten', '1,5GiB', 'inf', 'nan'])
def test_what_is_no_size_is_refused_with_the_option(text):
    with pytest.raises(ParameterError) as caught:
        parse_size('memory', text)
    assert caught.value.message == f'memory: "{text}" is no size' and '10GiB' in caught.value.hint


def test_a_part_of_a_byte_is_refused():
    with pytest.raises(ParameterError, match=r'size: "0[.]3KiB" is not a whole number of bytes'):
        parse_size('size', '0.3KiB')


@pytest.mark.parametrize(
    'size, text',
    [
        (0, '0 bytes'),
        (1023, '1023 bytes'),
        (1024, '1 KiB'),
        (3 << 29, '1.5 GiB'),
        (10 << 30, '10 GiB'),
        (100 << 40, '100 TiB'),
        (1 << 20, '1 MiB'),
    ],
)
def test_sizes_are_shown(size, text):
    assert format_size(size) == text


@pytest.mark.parametrize('size', [1, 1 << 10, 5 << 20, 10 << 30, 7 << 40])
def test_what_is_shown_can_be_read(size):
    assert parse_size('size', format_size(size).replace(' bytes', '')) == size
