# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make `ansible_collections.xapi.xen` importable from a clone in any folder of any name."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder

ROOT = Path(__file__).resolve().parents[1]


def make_collection_tree() -> str:
    """A temporary collections path that holds this clone; ansible-playbook and ansible-doc see it too."""
    tree = tempfile.mkdtemp(prefix='xapi-xen-tree-')
    atexit.register(shutil.rmtree, tree, ignore_errors=True)
    namespace = Path(tree, 'ansible_collections', 'xapi')
    namespace.mkdir(parents=True)
    (namespace / 'xen').symlink_to(ROOT, target_is_directory=True)
    return tree


def install_collection_finder() -> None:
    # ansible-test brings a finder of its own, and a process can have only one.
    if any(isinstance(finder, _AnsibleCollectionFinder) for finder in sys.meta_path):
        return
    tree = make_collection_tree()
    os.environ['ANSIBLE_COLLECTIONS_PATH'] = tree
    _AnsibleCollectionFinder(paths=[tree])._install()


install_collection_finder()
# The simulator is a program beside the collection, not a part of it: its tests import it as it imports itself.
sys.path.insert(0, str(ROOT / 'tests' / 'simulator'))


@pytest.fixture(scope='session')
def collections_path() -> str:
    """For the commands that a test starts: ANSIBLE_COLLECTIONS_PATH with this clone as xapi.xen."""
    return os.environ['ANSIBLE_COLLECTIONS_PATH']
