# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ansible-test runs to put pip into a new virtual environment, without its own download site.

It accepts any script stored as ~/.ansible/test/cache/get_pip_<version>.py and calls it with arguments for pip.
The pip wheel that every CPython carries installs the wanted version from the configured package index.
"""

from __future__ import annotations

import ensurepip
import runpy
import sys
from pathlib import Path

# Switches of the original script, unknown to pip itself.
FOREIGN = ('--no-setuptools', '--no-wheel')

bundled = next((Path(ensurepip.__file__).parent / '_bundled').glob('pip-*.whl'))
sys.path.insert(0, str(bundled))
sys.argv[1:] = ['install', '--upgrade'] + [argument for argument in sys.argv[1:] if argument not in FOREIGN]
runpy.run_module('pip', run_name='__main__', alter_sys=True)
