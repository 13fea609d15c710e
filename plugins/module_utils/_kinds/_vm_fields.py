# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a VM that are plain fields of its record."""

from __future__ import annotations

from .._fields import Field

FIELDS = (
    Field('name', 'name_label'),
    Field('description', 'name_description'),
    Field('tags', 'tags', 'set'),
    Field('platform', 'platform', 'map'),
    Field('other_config', 'other_config', 'map'),
    Field('xenstore_data', 'xenstore_data', 'map'),
)
