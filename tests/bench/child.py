# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a module as Ansible does, in a process of its own, and note the most memory it took: child.py MODULE ARGUMENTS REPORT."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path


def main() -> None:
    module, arguments, report = sys.argv[1:]
    sys.argv[1:] = [arguments]
    try:
        runpy.run_module(module, run_name='__main__', alter_sys=True)
    finally:   # a module ends by SystemExit
        peak, = re.findall(r'VmHWM:\s+(\d+) kB', Path('/proc/self/status').read_text())
        Path(report).write_text(peak)


if __name__ == '__main__':
    main()
