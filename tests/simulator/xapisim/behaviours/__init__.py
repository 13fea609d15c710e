# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tables cannot say: one file a class, found and loaded by the registry."""
