# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The VM that the module itself runs on (``vm: self``), and the node that a disk gets in its /dev."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import Any, Optional

from .._errors import NotFoundError, ParameterError
from .._plan import Ref, Step
from .._refs import find, is_uuid
from .._wait import Deadline, poll
from ._scope import is_virtual_machine

SELF = 'self'


@dataclass(frozen=True)
class Here:
    """Where this machine tells what it is; ``patience``: seconds for the kernel to make the node of a plugged disk."""

    uuid_file: str = '/sys/hypervisor/uuid'
    xenstore_read: str = 'xenstore-read'
    devices: str = '/dev'
    patience: float = 10.0


HERE = Here()


def require_this_vm(run: Any) -> str:
    """The VM that this process runs on, read with its record."""
    uuid = this_uuid(HERE)
    run.records.named('VM', uuid)
    ref = find(run.records.of('VM'), uuid, 'vm', is_virtual_machine)
    if ref is None:
        raise NotFoundError(
            f'vm: self is the VM with uuid {uuid} here, which is no VM of this pool',
            details=[uuid],
            hint='Set hostname to the pool that runs this VM, or name another VM.',
        )
    return ref


def this_uuid(here: Here) -> str:
    """The uuid of this VM: from the kernel, or else from XenStore, where ``vm`` is ``/vm/<uuid>``."""
    uuid = _from_kernel(here) or _from_xenstore(here)
    if not is_uuid(uuid):
        raise ParameterError(
            'vm: self is the VM that the task runs on, and this machine is none of a Xen host',
            hint='Run the task on a VM of the pool (delegate_to), or name the VM.',
        )
    return uuid


def _from_kernel(here: Here) -> str:
    try:
        with open(here.uuid_file, encoding='ascii') as file:
            return file.readline().strip()
    except (OSError, UnicodeDecodeError):
        return ''


def _from_xenstore(here: Here) -> str:
    domid = _xenstore(here, 'domid')
    return _xenstore(here, f'/local/domain/{domid}/vm')[len('/vm/') :] if domid else ''


def _xenstore(here: Here, key: str) -> str:
    """The value of a key in XenStore, empty when there is none or no XenStore at all."""
    try:
        # The core knows nothing of AnsibleModule, so its run_command is out of reach.
        answer = subprocess.run(  # pylint: disable=ansible-bad-function
            [here.xenstore_read, key], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return ''
    return answer.stdout.decode('ascii', 'replace').strip() if answer.returncode == 0 else ''


def remap(device: str, prefix: Optional[str]) -> str:
    """The name of a device with ``xvd`` replaced, for guests that call their disks otherwise."""
    return device.replace('xvd', prefix) if prefix else device


def wait_for_node(vbd: Ref, prefix: Optional[str]) -> Step:
    """Wait until the kernel of this VM shows the disk; the host says plugged a moment earlier."""
    here = HERE

    def perform(run: Any) -> None:
        node = os.path.join(here.devices, remap(run.session.call('VBD.get_device', run.resolve(vbd)), prefix))
        deadline = Deadline(here.patience, f'the appearance of {node} on this VM', run.mode.clock)
        poll(lambda: True if os.path.exists(node) else None, deadline, interval=1.0)

    return Step('VBD.get_device', (vbd,), 'wait for the device node on this VM', perform=perform, changes=False)
