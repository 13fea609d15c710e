# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A XenAPI server without a hypervisor: ``python tests/simulator``."""

from __future__ import annotations

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from xapisim.cli import main

if __name__ == '__main__':
    sys.exit(main())
