# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo: start a simulator, make a disk image with a filesystem, run playbooks/demo.yml, show that nothing is left.

IMAGE=path in the environment takes an image of one's own; arguments go to ansible-playbook.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).resolve().parent))

from simulator import Simulator, start_simulator  # beside this file, wherever the collection is

IMAGE_SIZE = 64 << 20
TOOL_FOLDERS = ('/usr/sbin', '/sbin', '/usr/local/sbin', '/opt/homebrew/opt/e2fsprogs/sbin')


def main() -> int:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix='xapi-xen-demo-') as folder:
        image = own_image() or make_image(Path(folder))
        with start_simulator() as simulator:
            print(f'Simulator: {simulator.url}   Image: {image}', flush=True)
            status = run_playbook(simulator, image, Path(folder))
            status = status or report(simulator)
    print(f'Demo: {"ok" if status == 0 else "FAILED"} in {time.monotonic() - started:.1f} seconds')
    return status


def own_image() -> Path | None:
    """IMAGE of the environment, relative to where the user stands."""
    if not os.environ.get('IMAGE'):
        return None
    path = Path(os.environ['IMAGE']).expanduser().resolve()
    if not path.is_file():
        sys.exit(f'IMAGE: {path} is no file. Give the path of a raw disk image.')
    return path


def make_image(folder: Path) -> Path:
    """An ext4 filesystem with files in it, made without any privileges."""
    content, image = folder / 'content', folder / 'demo.raw'
    (content / 'etc').mkdir(parents=True)
    (content / 'etc' / 'hostname').write_text('xapi-xen-demo\n')
    (content / 'payload').write_bytes(os.urandom(4 << 20))
    with image.open('wb') as file:
        file.truncate(IMAGE_SIZE)
    environment = {**os.environ, 'PATH': os.pathsep.join([os.environ.get('PATH', ''), *TOOL_FOLDERS])}
    try:
        subprocess.run(['mke2fs', '-q', '-t', 'ext4', '-L', 'demo', '-d', str(content), str(image)],
                       check=True, env=environment)
    except FileNotFoundError:
        sys.exit('mke2fs is missing: install e2fsprogs, or give an image of your own: make demo IMAGE=path')
    return image


def run_playbook(simulator: Simulator, image: Path, folder: Path) -> int:
    facts = {'demo_hostname': simulator.url, 'demo_username': simulator.username, 'demo_password': simulator.password,
             'demo_image': str(image), 'demo_export': str(folder / 'export.raw')}
    environment = {**os.environ, 'ANSIBLE_COLLECTIONS_PATH': collections_path(folder), 'ANSIBLE_LOCALHOST_WARNING': 'false',
                   'ANSIBLE_INVENTORY_UNPARSED_WARNING': 'false', 'ANSIBLE_STDOUT_CALLBACK': 'ansible.builtin.default',
                   'ANSIBLE_CALLBACK_RESULT_FORMAT': 'yaml', 'ANSIBLE_CONFIG': str(folder / 'ansible.cfg')}
    (folder / 'ansible.cfg').touch()  # a user's own settings change no demo
    command = [sys.executable, '-m', 'ansible', 'playbook', 'xapi.xen.demo', '-e', json.dumps(facts), *sys.argv[1:]]
    return subprocess.run(command, env=environment, check=False).returncode


def collections_path(folder: Path) -> str:
    """Where Ansible finds this collection: where it is installed, or a folder of links to a clone of any name."""
    if ROOT.parts[-3:] == ('ansible_collections', 'xapi', 'xen'):
        return str(ROOT.parents[2])
    namespace = folder / 'collections' / 'ansible_collections' / 'xapi'
    namespace.mkdir(parents=True)
    (namespace / 'xen').symlink_to(ROOT, target_is_directory=True)
    return str(folder / 'collections')


def report(simulator: Simulator) -> int:
    """What the simulator itself says: how many calls it took, and that nothing is left."""
    leaks = simulator.leaks()
    print(f'The simulator answered {len(simulator.journal())} calls; left behind: {leaks or "nothing"}')
    return 1 if leaks else 0


if __name__ == '__main__':
    sys.exit(main())
