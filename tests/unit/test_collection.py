# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for the collection as a whole, whatever is added to it."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

import pytest
import yaml

from ansible_collections.xapi.xen.tests.support import sources

ROOT = sources.ROOT
TARGETS = ROOT / 'tests' / 'integration' / 'targets'
OWN_FOLDERS = ('.ci', 'meta', 'plugins', 'roles', 'playbooks', 'tests', 'docs')
LONGEST_FILE = 400


def load(path: Path):
    return yaml.safe_load(path.read_text())


def own_files(*suffixes: str) -> list[Path]:
    return [path for folder in OWN_FOLDERS for path in sources.files(folder, *suffixes)]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_action_group_lists_every_module():
    assert load(ROOT / 'meta' / 'runtime.yml')['action_groups']['xen'] == sources.module_names()


@pytest.mark.parametrize('module', sources.module_names())
def test_module_has_a_unit_test(module):
    assert (ROOT / 'tests' / 'unit' / 'plugins' / 'modules' / f'test_{module}.py').is_file()


@pytest.mark.parametrize('module', sources.module_names())
def test_module_has_an_integration_target(module):
    tasks = sources.files(f'tests/integration/targets/{module}', '.yml')
    assert any(f'xapi.xen.{module}:' in path.read_text() for path in tasks), f'no target {module} that runs it'


@pytest.mark.parametrize('target', sorted(path.name for path in TARGETS.iterdir() if not path.name.startswith('setup_')))
def test_target_starts_the_simulator_for_ansible_test(target):
    assert 'setup_simulator' in load(TARGETS / target / 'meta' / 'main.yml')['dependencies']


@pytest.mark.parametrize('role', sorted(path.name for path in ROOT.joinpath('roles').glob('*') if path.is_dir()))
def test_role_declares_its_interface(role):
    options = load(ROOT / 'roles' / role / 'meta' / 'argument_specs.yml')['argument_specs']['main']['options']
    defaults = ROOT / 'roles' / role / 'defaults' / 'main.yml'
    undeclared = set(load(defaults) or {} if defaults.exists() else {}) - set(options)
    assert not {name for name in undeclared if not name.startswith('_')}


@pytest.mark.parametrize('path', own_files('.py', '.yml', '.yaml', '.sh', '.txt', '.table'), ids=name_of)
def test_file_names_its_licence(path):
    head = path.read_text()[:400]
    if not head:
        return  # ansible-test wants the __init__.py of plugins empty
    # REUSE-IgnoreStart
    assert 'SPDX-FileCopyrightText: xapi.xen contributors\n' in head
    assert 'SPDX-License-Identifier: GPL-3.0-or-later\n' in head
    # REUSE-IgnoreEnd


@pytest.mark.parametrize('path', own_files('.py'), ids=name_of)
def test_python_file_is_short_and_lazy_about_annotations(path):
    text = path.read_text()
    assert text.count('\n') <= LONGEST_FILE
    assert 'from __future__ import annotations\n' in text or not re.search(r'^(import|from|def|class) ', text, re.M)


def test_no_sanity_check_is_ignored():
    assert not list(ROOT.glob('tests/sanity/ignore-*.txt'))


def test_what_git_ignores_is_not_packed():
    packed_never = load(ROOT / 'galaxy.yml')['build_ignore'] + ['*.pyc', '__pycache__', 'tests/output']
    lines = ROOT.joinpath('.gitignore').read_text().splitlines()
    ignored = {line.rstrip('/') for line in lines if line and not line.startswith('#')}
    assert ignored - set(packed_never) == set()


def test_simulator_and_playbooks_are_packed():
    packed_never = load(ROOT / 'galaxy.yml')['build_ignore']
    for path in ('tests', 'tests/simulator/__main__.py', 'tests/support/demo.py', 'playbooks/demo.yml'):
        assert (ROOT / path).exists()
        assert not [pattern for pattern in packed_never if fnmatch.fnmatch(path, pattern)]


def test_module_utils_ship_nothing_but_python():
    """Ansible sends only Python files to the host where a module runs."""
    assert not [path for path in sources.MODULE_UTILS.rglob('*')
                if path.is_file() and path.suffix != '.py' and '__pycache__' not in path.parts]


def test_readme_lists_every_module():
    text = (ROOT / 'README.md').read_text()
    assert not [module for module in sources.module_names() if module not in text]


@pytest.mark.parametrize('command', ['demo', 'test', 'bench', 'venv', 'lint', 'sanity', 'docs', 'clean'])
def test_makefile_explains_its_targets(command):
    assert re.search(rf'^{command}:.* ## ', ROOT.joinpath('Makefile').read_text(), re.M)


def test_execution_environment_names_what_exists():
    """ansible-builder reads these files when it makes an image for AWX."""
    dependencies = load(ROOT / 'meta' / 'execution-environment.yml')['dependencies']
    for name in dependencies.values():
        assert (ROOT / name).is_file()


def test_requirements_name_what_the_plugins_import():
    named = set(re.findall(r'^([A-Za-z]+)', ROOT.joinpath('requirements.txt').read_text(), re.M))
    plugins = sources.files('plugins', '.py')
    for package in ('XenAPI', 'requests'):
        assert package in named or not any(sources.imports_package(path, package) for path in plugins)
