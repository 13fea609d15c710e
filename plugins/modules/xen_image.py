#!/usr/bin/python
# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: xen_image
short_description: Import disk images into XenServer and XCP-ng, and export them
version_added: 0.1.0
author: xapi.xen contributors (@xapi-xen)
description:
  - Writes a raw disk image from a file or an http(s) URL into a new VDI, or the content of a VDI into a file.
  - Data are streamed, nothing is copied to the controller first, and memory stays flat whatever the size.
  - What is zero is not sent to an SR whose new disks read as zeros.
  - The verdict of the host decides. A VDI whose data did not arrive whole is removed.
  - When the run was killed before it could do so, the VDI is marked, never taken for a disk, and made again by the next run.
extends_documentation_fragment:
  - xapi.xen.attributes
  - xapi.xen.attributes.action_group
  - xapi.xen.connection
options:
  name:
    description: Name of the VDI, unique within its SR.
    type: str
  vdi:
    description: Uuid or name of a VDI that exists.
    type: str
  sr:
    description: Name or uuid of the SR. Without it the default SR of the pool is meant.
    type: str
  src:
    description: Path of the image on the machine that runs the module.
    type: path
  url:
    description: Address of the image. The server must say how large it is.
    type: str
  checksum:
    description:
      - Digest of the image as V(ALGORITHM:DIGEST), for example C(sha256:…). It is compared while the image is sent.
      - It is kept with the VDI, and another image under the same name is refused.
    type: str
  image_type:
    description:
      - V(raw) writes the bytes of the image to the disk as they are.
      - V(auto) looks at the content first, and refuses what would not be a disk (qcow2, VHD, VMDK, compressed files).
    type: str
    choices: [auto, raw]
    default: auto
  size:
    description: Size of the VDI in bytes, or with a unit such as V(10GiB). Without it, that of the image.
    type: str
  dest:
    description: Path of the file to write, for O(state=exported). It appears when it is whole.
    type: path
  force:
    description: Whether a file at O(dest) is written again.
    type: bool
    default: false
  description:
    description: Free text.
    type: str
  tags:
    description: The tags that the object shall have, all of them. An empty list removes every tag.
    type: list
    elements: str
  other_config:
    description:
      - Additional keys and values. Only the listed keys are managed.
      - A key without a value (null) is removed. An empty map removes all keys but those that the host and this collection keep.
    type: dict
  state:
    description:
      - V(present) imports the image unless the VDI is there, V(absent) removes the VDI.
      - V(exported) writes the VDI to O(dest) unless that file is there.
    type: str
    choices: [present, absent, exported]
    default: present
"""

EXAMPLES = r"""
- name: Import an image
  xapi.xen.xen_image:
    name: debian-12
    src: /var/tmp/debian-12.raw

- name: Write it to a file again
  xapi.xen.xen_image:
    vdi: debian-12
    dest: /var/tmp/debian-12-copy.raw
    state: exported

- name: Remove it
  xapi.xen.xen_image:
    name: debian-12
    state: absent
"""

RETURN = r"""
image:
  description: The image, empty when it is absent.
  returned: success
  type: dict
  contains:
    name: {description: Its name., type: str, sample: debian-12}
    size: {description: Bytes that a VM sees., type: int, sample: 2147483648}
    checksum: {description: Digest that was compared on import. Null when there was none., type: str, sample: null}
    complete: {description: Whether all data arrived., type: bool, sample: true}
    vdis: {description: "Its VDIs as RV(ignore:vdi) of M(xapi.xen.xen_vdi).", type: list, elements: dict}
created:
  description: Whether this run made the object, or would make it in check mode.
  returned: success
  type: bool
  sample: true
actions:
  description: The calls that were made, or would be made in check mode, in order.
  returned: success
  type: list
  elements: dict
  contains:
    call:
      description: Message of XenAPI.
      type: str
      sample: VDI.create
    about:
      description: What it is for.
      type: str
      sample: create VDI "data" (10 GiB) on SR "Local storage"
api:
  description: What the run cost.
  returned: success
  type: dict
  contains:
    calls:
      description: Calls to the host, login and logout included.
      type: int
      sample: 6
    retries:
      description: Calls that were repeated.
      type: int
      sample: 0
    seconds:
      description: Time spent waiting for answers.
      type: float
      sample: 0.04
    bytes:
      description: Disk data sent or received.
      type: int
      sample: 0
code:
  description: What went wrong, an error code of XAPI or one of this collection.
  returned: failure
  type: str
  sample: SR_BACKEND_FAILURE_44
details:
  description: Parameters of the error.
  returned: failure
  type: list
  elements: str
hint:
  description: What can be done about it.
  returned: failure
  type: str
left_behind:
  description: What could not be taken back.
  returned: failure
  type: list
  elements: str
"""

from ansible_collections.xapi.xen.plugins.module_utils._argspec import CONNECTION, ArgumentSpec, state
from ansible_collections.xapi.xen.plugins.module_utils._kinds._image import IMAGE
from ansible_collections.xapi.xen.plugins.module_utils._module import run

SPEC = CONNECTION.merge(
    state('present', 'absent', 'exported'),
    ArgumentSpec(
        {
            'name': {'type': 'str'},
            'vdi': {'type': 'str'},
            'sr': {'type': 'str'},
            'src': {'type': 'path'},
            'url': {'type': 'str'},
            'checksum': {'type': 'str'},
            'image_type': {'type': 'str', 'choices': ['auto', 'raw'], 'default': 'auto'},
            'size': {'type': 'str'},
            'dest': {'type': 'path'},
            'force': {'type': 'bool', 'default': False},
            'description': {'type': 'str'},
            'tags': {'type': 'list', 'elements': 'str'},
            'other_config': {'type': 'dict'},
        },
        required_one_of=(('name', 'vdi'),),
        mutually_exclusive=(('name', 'vdi'), ('src', 'url')),
        required_if=(('state', 'exported', ('dest',)),),
    ),
)


def main() -> None:
    run(IMAGE, SPEC)


if __name__ == '__main__':
    main()
