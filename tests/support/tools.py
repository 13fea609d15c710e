# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tools that some tests need and that pip does not bring.

Where one is absent its tests are skipped on a user's machine, and fail in CI.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from ansible_collections.xapi.xen.tests.support.fetch_clients import clients_folder

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {'mke2fs': 'e2fsprogs', 'debugfs': 'e2fsprogs', 'qemu-img': 'qemu-utils', 'node': 'nodejs'}
# mke2fs and its like live where an ordinary user's PATH does not look.
ADMIN_PATH = os.pathsep.join(['/usr/local/sbin', '/usr/sbin', '/sbin'])


def in_ci() -> bool:
    return os.environ.get('CI', '').lower() not in ('', '0', 'false')


def find_tool(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path=ADMIN_PATH)


def require_tool(name: str) -> str:
    """The path of a program, or the test ends here."""
    path = find_tool(name)
    return path or missing(f'{name} is not installed (apt-get install {PACKAGES.get(name, name)})')


def require_shared(*parts: str) -> Path:
    """A file of the recordings of real hosts, which stand in a folder `shared` next to the clone."""
    path = ROOT.parent.joinpath('shared', *parts)
    return path if path.exists() else missing(f'{path} does not exist')


def require_client(name: str) -> Path:
    """A client that no one here wrote, fetched by `make clients`: `community.general` or `xen-api`."""
    path = clients_folder() / name
    return path if (path / '.version').exists() else missing(f'{path} does not exist (make clients)')


def missing(reason: str) -> Path | str:
    if in_ci():
        pytest.fail(f'CI must not skip this: {reason}', pytrace=False)
    pytest.skip(reason)
