# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every failure that this collection reports, and what the codes of XAPI mean in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Iterable, Optional


class XenError(Exception):
    """A failure with a machine-readable code; the edge turns it into ``fail_json(msg, code, details, hint)``."""

    code = 'ERROR'

    def __init__(self, message: str, *, details: Iterable[str] = (), hint: str = '') -> None:
        super().__init__(message)
        self.message = message
        self.details = [str(item) for item in details]
        self.hint = hint
        self.left_behind: list[str] = []
        self.completed = False
        self.made: Any = None
        """A call that was given up and came to its end all the same: its effect and its result are there to be taken back."""


class ParameterError(XenError):
    """A module option whose value can't be used."""

    code = 'INVALID_OPTION'


class NotFoundError(XenError):
    code = 'NOT_FOUND'


class AmbiguousError(XenError):
    """Several objects fit; ``details`` lists them."""

    code = 'AMBIGUOUS'


class PowerCycleRequired(XenError):
    """A change needs a halted VM, and nobody allowed to halt it."""

    code = 'POWER_CYCLE_REQUIRED'


class MissingLibraryError(XenError):
    code = 'MISSING_LIBRARY'


class ConnectionFailed(XenError):
    """The host could not be reached, or went away before it was asked anything."""

    code = 'CONNECTION_FAILED'


class CertificateRejected(ConnectionFailed):
    code = 'CERTIFICATE_REJECTED'


class FateUnknown(ConnectionFailed):
    """A call that changes things was sent and no answer came: it may or may not have happened."""

    code = 'FATE_UNKNOWN'


class DeadlineExceeded(XenError):
    code = 'TIMEOUT'


class TransferFailed(XenError):
    """Disk data did not arrive whole."""

    code = 'TRANSFER_FAILED'


class Interrupted(XenError):
    """The run was told to stop (SIGTERM, SIGINT, SIGHUP)."""

    code = 'INTERRUPTED'


@dataclass(frozen=True)
class Explanation:
    """What an XAPI error code means: cause (``{0}`` is its first parameter) and remedy.

    ``transient``: the call had no effect and may be sent again.
    """

    cause: str
    hint: str = ''
    transient: bool = False


EXPLANATIONS = {
    'SESSION_AUTHENTICATION_FAILED': Explanation(
        'the host did not accept the user name or the password of "{0}"',
        'Check username and password (or XENSERVER_USER and XENSERVER_PASSWORD).',
    ),
    'SESSION_INVALID': Explanation(
        'the session is not known to the host any more', 'Leave out session to log in with username and password.'
    ),
    'RBAC_PERMISSION_DENIED': Explanation(
        'the role of this user does not include {0}',
        'Use an account with a role that includes it, for example vm-admin.',
    ),
    'HOST_IS_SLAVE': Explanation(
        'the host is not the coordinator of its pool; the coordinator is {0}', 'Set hostname to the coordinator.'
    ),
    'HOST_STILL_BOOTING': Explanation('the toolstack of the host is still starting', transient=True),
    'TOO_MANY_PENDING_TASKS': Explanation(
        'the host has too many unfinished tasks', 'Run fewer jobs at a time against this pool.', transient=True
    ),
    'TOO_BUSY': Explanation('the host is too busy', transient=True),
    'HANDLE_INVALID': Explanation('the {0} {1} does not exist (any more)'),
    'UUID_INVALID': Explanation('there is no {0} with uuid {1}'),
    'VM_BAD_POWER_STATE': Explanation('{0} is {2}, but this needs it to be {1}'),
    'VM_IS_TEMPLATE': Explanation('{0} is a template'),
    'VM_IS_SNAPSHOT': Explanation('{0} is a snapshot'),
    'VM_MISSING_PV_DRIVERS': Explanation(
        '{0} runs without guest tools, so its devices can not be changed while it runs',
        'Install the guest tools, or set allow_power_cycle: true, or halt the VM first.',
    ),
    'VM_LACKS_FEATURE': Explanation(
        'the guest of {0} does not offer what this needs', 'Install the guest tools in the VM.'
    ),
    'OPERATION_BLOCKED': Explanation(
        'this operation is blocked on {0}: {1}', 'Remove the entry from blocked_operations of the VM.'
    ),
    'OPERATION_NOT_ALLOWED': Explanation('the host does not allow this now: {0}'),
    'OTHER_OPERATION_IN_PROGRESS': Explanation(
        'another operation is in progress on {1}', 'Wait until it has ended and run again.'
    ),
    'NO_HOSTS_AVAILABLE': Explanation(
        'no host of the pool can start the VM: not enough free memory, or its storage or networks are not everywhere',
        'Give the VM less memory, free memory on a host, or check that its SRs and networks are plugged.',
    ),
    'HOST_NOT_ENOUGH_FREE_MEMORY': Explanation(
        'the VM needs {0:size} of memory and the host has {1:size} free',
        'Give the VM less memory or free memory on the host.',
    ),
    'MEMORY_CONSTRAINT_VIOLATION': Explanation('the memory values do not fit together: {0}'),
    'MEMORY_CONSTRAINT_VIOLATION_ORDER': Explanation(
        'memory must satisfy static_min <= dynamic_min <= dynamic_max <= static_max'
    ),
    'DEVICE_ALREADY_EXISTS': Explanation(
        'the device number {0} is in use on this VM', 'Choose another device number, or leave it out.'
    ),
    'DEVICE_ALREADY_ATTACHED': Explanation('the device {0} is attached already'),
    'DEVICE_ALREADY_DETACHED': Explanation('the device {0} is detached already'),
    'DEVICE_DETACH_REJECTED': Explanation(
        'the guest did not give the device free', 'Unmount the disk in the guest, or raise unplug_retries.'
    ),
    'INVALID_DEVICE': Explanation('"{0}" is no device number', 'Use a number from 0 to 15.'),
    'MAC_INVALID': Explanation(
        '"{0}" is no MAC address', 'Use six pairs of hexadecimal digits with colons between them.'
    ),
    'VDI_IN_USE': Explanation('{0} is in use', 'Detach it from the VM that uses it.'),
    'VDI_READONLY': Explanation('{0} is read-only', 'Attach it with mode: RO.'),
    'VDI_MISSING': Explanation('the data of {1} are missing on its SR'),
    'VDI_TOO_LARGE': Explanation('the VDI is too large for its SR or format'),
    'VDI_CBT_ENABLED': Explanation('the changed blocks of {0} are tracked', 'Set cbt: false.'),
    'VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION': Explanation(
        'this can not be done with a disk that forgets at every start what was written', 'Set on_boot: persist.'
    ),
    'VDI_INCOMPATIBLE_TYPE': Explanation('{0} has the type {1}, with which this can not be done'),
    'VDI_NEEDS_VM_FOR_MIGRATE': Explanation('no running VM uses {0}'),
    'VDI_IO_ERROR': Explanation('data of the disk could not be read or written'),
    'VBD_CDS_MUST_BE_READONLY': Explanation('a CD drive must have mode: RO'),
    'VBD_NOT_REMOVABLE_MEDIA': Explanation('only a CD drive can be empty'),
    'VBD_NOT_UNPLUGGABLE': Explanation(
        '{0} is marked as one that is not unplugged', 'Set unpluggable: true, or halt the VM first.'
    ),
    'DISK_VBD_MUST_BE_READWRITE_FOR_HVM': Explanation(
        'a disk that is plugged into a running hardware VM must be writable',
        'Set mode: RW, or attach it as type: CD while the VM is halted.',
    ),
    'ADDRESS_VIOLATES_LOCKING_CONSTRAINT': Explanation(
        'the interface is locked and {0} is not among its allowed addresses', 'Add it to ipv4_allowed or ipv6_allowed.'
    ),
    'SR_HAS_NO_PBDS': Explanation('{0} is not attached to any host', 'Plug its PBDs.'),
    'SR_HAS_PBD': Explanation('{0} is still plugged on a host', 'Unplug it first: xen_sr with plugged: false.'),
    'SR_NOT_EMPTY': Explanation('the SR holds disks', 'Remove them first, or forget the SR, which keeps them.'),
    'SR_NOT_SHARABLE': Explanation('{0} is not shared and is plugged on {1} already', 'Set shared: true, or one host.'),
    'SR_OPERATION_NOT_SUPPORTED': Explanation('the storage manager of {0} can not do this'),
    'SR_UNKNOWN_DRIVER': Explanation('the pool has no storage manager for "{0}"'),
    'SR_UUID_EXISTS': Explanation('the pool knows an SR with uuid {0} already'),
    'SR_INDESTRUCTIBLE': Explanation('{0} must not be destroyed', 'Remove indestructible from its other_config first.'),
    'SR_IS_CACHE_SR': Explanation('{0} uses the SR as its cache', 'Disable the local storage cache of the host first.'),
    'PBD_EXISTS': Explanation('{1} knows {0} already'),
    'SR_BACKEND_FAILURE_40': Explanation('the SR could not be scanned: {1}', 'Scan it again when no disk is in flux.'),
    'SR_FULL': Explanation('the SR has no room: {0:size} are needed, at most {1:size} are free'),
    'SR_BACKEND_FAILURE_44': Explanation(
        'the SR has not enough free space', 'Free space on the SR or choose another one.'
    ),
    'SR_BACKEND_FAILURE_46': Explanation('the disk can not be used because it is attached elsewhere or damaged'),
    'SR_BACKEND_FAILURE_79': Explanation('the size is not one that disks of this SR can have: {1}'),
    'SR_BACKEND_FAILURE_109': Explanation(
        'the chain of snapshots of this disk is too long', 'Delete snapshots and wait until the SR has coalesced them.'
    ),
    'PROVISION_ONLY_ALLOWED_ON_TEMPLATE': Explanation('only a template can be provisioned'),
    'MESSAGE_METHOD_UNKNOWN': Explanation('the host does not know the call {0}', 'The host is older than this call.'),
    'IMPORT_ERROR': Explanation('the import failed'),
    'INTERNAL_ERROR': Explanation('the host reports an internal error: {0}'),
}


class ApiError(XenError):
    """A failure that XAPI reported; ``code`` and ``params`` are XAPI's own (``Failure.details``)."""

    def __init__(self, method: str, failure: Iterable[str], label: Optional[Callable[[str], str]] = None) -> None:
        self.code, *self.params = [str(item) for item in failure] or ['INTERNAL_ERROR']
        shown = [label(item) if label else item for item in self.params]
        explanation = EXPLANATIONS.get(self.code)
        cause = _fill(explanation.cause, shown) if explanation else ', '.join(shown)
        message = f'{method} failed with {self.code}' + (f': {cause}' if cause else '')
        super().__init__(message, details=shown, hint=explanation.hint if explanation else '')
        self.method = method

    @property
    def transient(self) -> bool:
        """Whether the call had no effect and may be repeated."""
        explanation = EXPLANATIONS.get(self.code)
        return bool(explanation and explanation.transient)


class _Parameter(str):
    """A parameter of an error; ``{0:size}`` shows its bytes in a unit that people read."""

    def __format__(self, spec: str) -> str:
        return f'{int(self) / (1 << 30):.1f} GiB' if spec == 'size' and self.isdigit() else str(self)


def _fill(cause: str, params: list[str]) -> str:
    """The cause with its parameters; a host may send fewer of them than expected."""
    return cause.format(*map(_Parameter, [*params, *['?'] * 5]))
