# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """How to reach a XenServer or XCP-ng pool."""

    DOCUMENTATION = r"""
options:
  hostname:
    description:
      - Name or address of the coordinator of the pool, or of a host without a pool.
      - C(host:port) and a URL are accepted too. The connection is encrypted unless C(http://) is spelled out.
      - When the host is not the coordinator, the module goes on at the one that it names, under the same rules for certificates.
      - If the value is not specified in the task, the value of environment variable E(XENSERVER_HOST) will be used instead.
    type: str
    required: true
    aliases: [host, pool]
  username:
    description:
      - Account to log in with.
      - If the value is not specified in the task, the value of environment variable E(XENSERVER_USER) will be used instead.
    type: str
    default: root
    aliases: [user, admin]
  password:
    description:
      - Password of the account. Required unless O(session) is given.
      - If the value is not specified in the task, the value of environment variable E(XENSERVER_PASSWORD) will be used instead.
    type: str
    aliases: [pass, pwd]
  session:
    description:
      - Reference of a session that is open already. It is used instead of a login, and is not logged out.
      - If the value is not specified in the task, the value of environment variable E(XENSERVER_SESSION) will be used instead.
    type: str
  validate_certs:
    description:
      - Whether the certificate of the host must be signed by a known authority and match its name.
      - O(fingerprint) takes the place of this check.
      - If the value is not specified in the task, the value of environment variable E(XENSERVER_VALIDATE_CERTS) will be used instead.
    type: bool
    default: true
  ca_path:
    description:
      - File or folder with the certificates, in PEM form, of the authorities to trust instead of those of the machine.
      - If the value is not specified in the task, the value of environment variable E(XENSERVER_CA_PATH) will be used instead.
    type: path
  fingerprint:
    description:
      - SHA-256 fingerprints of the certificates to accept, with or without colons. Nothing is sent to a host that shows another one.
      - Each host of a pool has a certificate of its own. List several when the module may be pointed at a host that is not the coordinator.
      - If the value is not specified in the task, the value of environment variable E(XENSERVER_FINGERPRINT) will be used instead.
    type: list
    elements: str
  api_timeout:
    description:
      - Seconds within which the host must answer a single call. A login has at most 10.
      - If the value is not specified in the task, the value of environment variable E(XENSERVER_API_TIMEOUT) will be used instead.
    type: float
    default: 60.0
  task_timeout:
    description:
      - Seconds within which a long operation of the host (copy, start, transfer of a disk) must end. Then it is cancelled.
    type: float
    default: 3600.0
  on_failure:
    description:
      - What happens with the things that a run has made when it fails or is interrupted.
      - V(undo) takes them away again, V(keep) leaves them for a look.
    type: str
    choices: [undo, keep]
    default: undo
requirements:
  - python >= 3.9
  - XenAPI
"""
