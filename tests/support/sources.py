# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's own source files and what they import, read and never executed."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Iterator

ROOT = Path(__file__).resolve().parents[2]
MODULES = ROOT / 'plugins' / 'modules'
MODULE_UTILS = ROOT / 'plugins' / 'module_utils'


def files(folder: str, *suffixes: str) -> list[Path]:
    found = ROOT.joinpath(folder).rglob('*')
    return sorted(path for path in found if path.suffix in suffixes and 'output' not in path.relative_to(ROOT).parts)


def module_names() -> list[str]:
    return sorted(path.stem for path in MODULES.glob('*.py') if path.stem != '__init__')


def imports(path: Path) -> Iterator[str]:
    """Every imported name in full: `.b.c` for `from .b import c`, as many dots as the source has."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = '.' * node.level + (node.module or '')
            yield from (join(origin, alias.name) for alias in node.names)


def join(origin: str, name: str) -> str:
    return origin + name if origin.endswith('.') else f'{origin}.{name}'


def imports_package(path: Path, package: str) -> bool:
    return any(name == package or name.startswith(package + '.') for name in imports(path))


def own_layers(path: Path) -> set[str]:
    """The layers of module_utils (first part of a name below it) that a file of it imports, its own left out."""
    depth = len(path.relative_to(MODULE_UTILS).parts)
    absolute = 'ansible_collections.xapi.xen.plugins.module_utils.'
    found = set()
    for name in imports(path):
        if name.startswith('.' * depth) and not name.startswith('.' * (depth + 1)):
            found.add(name[depth:].split('.')[0])
        elif name.startswith(absolute):
            found.add(name[len(absolute):].split('.')[0])
    return found - {layer(path)}


def layer(path: Path) -> str:
    return path.relative_to(MODULE_UTILS).parts[0].removesuffix('.py')
