# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetch the XenAPI clients that no one here wrote, for the tests that run them against the simulator.

community.general comes out of the `ansible` package of the Python index, for Ansible Galaxy need not be reachable;
xen-api comes from npm.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ANSIBLE = 'ansible==12.3.0'
XEN_API = 'xen-api@4.7.6'
COLLECTION = 'ansible_collections/community/general/'
SYSTEM_AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt'
TIMEOUT = 240


def clients_folder() -> Path:
    """Outside the clone, so that neither Ansible nor node takes it for a part of the collection."""
    cache = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    return Path(os.environ.get('CI_WORK') or Path(cache, 'xapi-xen')) / 'clients'


def fetch_community_general(folder: Path) -> None:
    """folder/ansible_collections/community/general"""
    with tempfile.TemporaryDirectory() as download:
        subprocess.run([sys.executable, '-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary', ':all:',
                        '--python-version', '3.11', '--dest', download, ANSIBLE], check=True, timeout=TIMEOUT)
        wheel, = Path(download).glob('*.whl')
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder, [name for name in archive.namelist() if name.startswith(COLLECTION)])


def fetch_xen_api(folder: Path) -> None:
    """folder/node_modules/xen-api"""
    command = ['npm', 'install', '--silent', '--no-audit', '--no-fund', '--prefix', str(folder), XEN_API]
    # Node brings its own list of certificate authorities and must be told of the machine's.
    environment = {'NODE_EXTRA_CA_CERTS': SYSTEM_AUTHORITIES, **os.environ}
    subprocess.run(command, check=True, env=environment, timeout=TIMEOUT)


def fetch_once(folder: Path, version: str, fetch) -> None:
    """A version that is there is kept; a fetch that breaks off leaves nothing that looks complete."""
    mark = folder / '.version'
    if mark.exists() and mark.read_text() == version:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    fetch(folder)
    mark.write_text(version)


def main() -> None:
    folder = clients_folder()
    fetch_once(folder / 'community.general', ANSIBLE, fetch_community_general)
    if shutil.which('npm'):
        fetch_once(folder / 'xen-api', XEN_API, fetch_xen_api)
    else:
        print('npm is not installed: xen-api is not fetched (apt-get install npm)', file=sys.stderr)
    print(f'clients: {folder}')


if __name__ == '__main__':
    main()
