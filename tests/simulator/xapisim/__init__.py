# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The XenAPI simulator: tables of the data model first, behaviour only where the tables end."""
