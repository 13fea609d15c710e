# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation tells users to run, as files to run: every module's EXAMPLES, and the playbooks of README.md.

    python tests/support/examples.py FOLDER

writes FOLDER/examples.yml, a list of tasks, FOLDER/readme-1.yml and so on, and the images that the examples read.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
ORDER = ('xen_sr', 'xen_image', 'xen_vdi', 'xen_vm', 'xen_vbd', 'xen_vif')
"""Examples of later modules use what those of earlier ones leave; modules that are not listed come last."""
IMAGE = b'xapi.xen ' * 20000 + bytes(1 << 20)


def main(folder: str) -> None:
    write(Path(folder), 'examples', [moved(task, folder) for path in module_files() for task in examples(path)])
    for number, playbook in enumerate(readme_playbooks(), 1):
        Path(folder, f'readme-{number}.yml').write_text(playbook)


def write(folder: Path, name: str, tasks: list[dict]) -> None:
    folder.joinpath(f'{name}.yml').write_text(json.dumps(tasks, indent=1))  # JSON is YAML too


def module_files() -> list[Path]:
    def place(path: Path) -> tuple[int, str]:
        return ORDER.index(path.stem) if path.stem in ORDER else len(ORDER), path.stem

    return sorted(ROOT.glob('plugins/modules/xen_*.py'), key=place)


def examples(path: Path) -> list[dict]:
    """The tasks of a module's EXAMPLES; the module is read, not imported."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and [name.id for name in node.targets if isinstance(name, ast.Name)] == ['EXAMPLES']:
            return yaml.safe_load(ast.literal_eval(node.value))
    sys.exit(f'{path.name} has no EXAMPLES')


def moved(task: dict, folder: str) -> dict:
    """The task with its files in ``folder``, so that nobody's own are touched; an image that it reads is put there."""
    for module, options in task.items():
        if not module.startswith('xapi.xen.') or not isinstance(options, dict):
            continue
        for option in {'src', 'dest'} & set(options):
            options[option] = folder + options[option]
            Path(options[option]).parent.mkdir(parents=True, exist_ok=True)
        if 'src' in options:
            Path(options['src']).write_bytes(IMAGE)
    return task


def readme_playbooks() -> list[str]:
    """The YAML blocks of README.md that are whole playbooks, as printed."""
    blocks = re.findall(r'^```yaml\n(.*?)^```$', (ROOT / 'README.md').read_text(), re.M | re.S)
    found = [block for block in blocks if block.startswith('- name:') and 'hosts' in yaml.safe_load(block)[0]]
    return found or sys.exit('README.md has no playbook')


if __name__ == '__main__':
    main(*sys.argv[1:])
