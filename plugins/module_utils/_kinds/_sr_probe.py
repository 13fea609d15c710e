# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is there behind a device, before an SR is made of it or introduced."""

from __future__ import annotations

from typing import Any, Optional
from xml.etree import ElementTree

from .._errors import ApiError

BACKEND_FAILURE = 'SR_BACKEND_FAILURE_'


def probe(run: Any, host: str, kind: str, device_config: dict, sm_config: dict) -> list[dict]:
    """What the storage manager finds: SRs, or what may be chosen for a key of device_config that is still missing.

    A storage manager that misses a key (the export of an NFS server, the IQN or the SCSI id of a target) fails, and lists the
    choices in the last parameter of its error.
    """
    try:
        text = run.session.call(
            'SR.probe', host, device_config, kind, sm_config, timeout=run.params.get('task_timeout')
        )
    except ApiError as error:
        choices = _items(error.params[-1]) if error.code.startswith(BACKEND_FAILURE) and error.params else None
        if choices is None:
            raise
        return choices
    return _items(text) or []


def _items(text: str) -> Optional[list[dict]]:
    """The elements below the root of an XML text as key and value; None when it is no XML."""
    try:
        root = ElementTree.fromstring(text.strip())
    except ElementTree.ParseError:
        return None
    return [{part.tag: (part.text or '').strip() for part in item} for item in root]
