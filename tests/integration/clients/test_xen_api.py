# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""npm's xen-api, on which Xen Orchestra stands: it keeps every object in a cache that events alone keep true."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import urllib.parse
from pathlib import Path

import pytest

from ansible_collections.xapi.xen.tests.support.simulator import start_simulator
from ansible_collections.xapi.xen.tests.support.tools import require_client, require_tool

SCRIPT = Path(__file__).with_name('watch.mjs')
TIMEOUT = 90
# The client asks every class for its records, and expects this answer from those that are gone.
RETIRED = 'MESSAGE_REMOVED'


def run_script(simulator, transport: str, **environment: str) -> subprocess.CompletedProcess:
    command = [require_tool('node'), str(SCRIPT), str(require_client('xen-api')), simulator.url, simulator.username, simulator.password,
               transport]
    return subprocess.run(command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=TIMEOUT, check=False)


def watch(*arguments, **environment: str) -> dict:
    """What the script told, by step."""
    done = run_script(*arguments, **environment)
    assert (done.returncode, done.stderr) == (0, '')
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    return {step['step']: step['value'] for step in steps}


@pytest.mark.parametrize('transport', ['auto', 'xml-rpc'])
def test_connects_lists_and_watches(simulator, refused, transport):
    session = simulator.login()
    expected = {name: len(getattr(session, name).get_all()) for name in ('VM', 'SR', 'network', 'host')}
    told = watch(simulator, transport)

    assert told['pool']['records'] == 1
    assert told['cached'] == expected
    assert told['states'] == ['Halted', 'Running', 'Halted']
    assert told['barrier'] == 'yes'
    assert told['refused'] == ['VM_BAD_POWER_STATE', 'running', 'halted']
    assert told['round trip'] is True
    assert told['destroyed'] is True
    assert {call[1] for call in refused()} == {RETIRED}
    session.session.logout()
    assert simulator.leaks() == {}


def test_trusts_the_certificate_that_it_is_given(tmp_path):
    certificate = tmp_path / 'simulator.pem'
    with start_simulator(tls=True) as simulator:
        stranger = run_script(simulator, 'auto', NODE_EXTRA_CA_CERTS='')
        address = urllib.parse.urlsplit(simulator.url)
        certificate.write_text(ssl.get_server_certificate((address.hostname, address.port)))
        told = watch(simulator, 'auto', NODE_EXTRA_CA_CERTS=str(certificate))

    assert stranger.returncode != 0
    assert 'DEPTH_ZERO_SELF_SIGNED_CERT' in stranger.stderr
    assert told['round trip'] is True
