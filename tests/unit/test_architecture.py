# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may import whom, so that each concern keeps one home."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from ansible_collections.xapi.xen.tests.support import sources

# A file imports only from layers that stand before its own.
LAYERS = ['_errors', '_units', '_images', '_wait', '_connect', '_session', '_refs', '_tasks', '_transfer',
          '_fields', '_plan', '_kinds', '_reconcile', '_argspec', '_module']

# The one layer that may import this.
SOLE_IMPORTERS = {
    'XenAPI': '_session',
    'requests': '_transfer',
    'ansible.module_utils.basic': '_module',
}

UTILS = [path for path in sources.files('plugins/module_utils', '.py') if path != sources.MODULE_UTILS / '__init__.py']
MODULES = sources.files('plugins/modules', '.py')
PLUGINS = sources.files('plugins', '.py')
SIMULATOR = sources.files('tests/simulator', '.py')


def name_of(path: Path) -> str:
    return str(path.relative_to(sources.ROOT))


def imported_names(text: str, tmp_path: Path) -> list[str]:
    path = tmp_path / 'example.py'
    path.write_text(text)
    return list(sources.imports(path))


def test_imports_are_read_from_every_form(tmp_path):
    text = 'import a.b\nfrom c import d\nfrom . import e\ndef f():\n    from ..g import h\n'
    assert imported_names(text, tmp_path) == ['a.b', 'c.d', '.e', '..g.h']


@pytest.mark.parametrize('path', UTILS, ids=name_of)
def test_layer_imports_only_from_layers_before_it(path):
    own = sources.layer(path)
    assert own in LAYERS, f'{own} has no place among the layers'
    later = sources.own_layers(path) - set(LAYERS[:LAYERS.index(own)])
    assert not later, f'{own} stands before {sorted(later)}'


@pytest.mark.parametrize('package, layer', SOLE_IMPORTERS.items())
def test_package_has_one_importer(package, layer):
    importers = {sources.layer(path) for path in UTILS if sources.imports_package(path, package)}
    assert importers <= {layer}
    assert not [name_of(path) for path in MODULES if sources.imports_package(path, package)]


def sleeps(path: Path) -> bool:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    calls = [node for node in nodes if isinstance(node, ast.Attribute) and node.attr == 'sleep']
    return any(getattr(call.value, 'id', '') == 'time' for call in calls) or 'time.sleep' in sources.imports(path)


def test_only_wait_sleeps():
    assert [name_of(path) for path in PLUGINS if sleeps(path)] == ['plugins/module_utils/_wait.py']


def test_only_the_module_edge_exits_or_fails():
    exits = ('exit_json', 'fail_json', 'fail_json_aws')
    found = {sources.layer(path) for path in UTILS for node in ast.walk(ast.parse(path.read_text()))
             if isinstance(node, ast.Attribute) and node.attr in exits}
    assert found <= {'_module'}


@pytest.mark.parametrize('path', PLUGINS, ids=name_of)
def test_plugin_imports_nothing_of_the_simulator(path):
    assert not [name for name in sources.imports(path) if 'xapisim' in name or 'simulator' in name or '.tests' in name]


def test_simulator_imports_nothing_of_the_plugins():
    foreign = ('ansible', 'ansible_collections', 'XenAPI', 'requests', 'yaml')
    assert not [name_of(path) for path in SIMULATOR for package in foreign if sources.imports_package(path, package)]


@pytest.mark.parametrize('path', MODULES, ids=name_of)
def test_module_takes_only_what_module_utils_offer(path):
    allowed = ('__future__.', 'typing.', '..module_utils.', 'ansible_collections.xapi.xen.plugins.module_utils.')
    assert not [name for name in sources.imports(path) if not name.startswith(allowed)]
