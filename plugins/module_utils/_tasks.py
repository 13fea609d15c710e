# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Long calls as tasks of the host: started with ``Async.``, woken by events, cancelled at the deadline, destroyed always."""

from __future__ import annotations

import xmlrpc.client
from typing import Any, Callable, Optional
from xml.parsers.expat import ExpatError

from ._errors import ApiError, DeadlineExceeded, XenError
from ._session import XenSession
from ._wait import Deadline

EVENT_WAIT = 30.0
"""Seconds one event.from may wait on the host; the socket time-out is longer by EVENT_GRACE."""
EVENT_GRACE = 15.0
CANCEL_WAIT = 10.0

Progress = Callable[[float], None]


def run_task(
    session: XenSession, method: str, args: tuple, deadline: Deadline, progress: Optional[Progress] = None
) -> Any:
    """Run ``Async.<method>`` and return what the call itself would return.

    Raises what the call would raise, or DeadlineExceeded after cancelling the task.
    """
    task = session.call(f'Async.{method}', *args)
    try:
        return wait_for_task(session, task, method, deadline, progress)
    finally:
        session.quietly('task.destroy', task)


def wait_for_task(
    session: XenSession, task: str, method: str, deadline: Deadline, progress: Optional[Progress] = None
) -> Any:
    """The decoded result of a task when it has ended; whoever made the task destroys it.

    When the deadline passes or the run is interrupted, the task is cancelled. If it could not be cancelled in time and succeeded
    after all, the error says so (``completed``, ``made``), so that it can be taken back.
    """
    try:
        record = _follow(session, task, deadline, progress)
    except (XenError, KeyboardInterrupt) as error:
        ended = _cancel(session, task)
        if isinstance(error, XenError) and ended and ended['status'] == 'success':
            error.completed, error.made = True, decode_result(ended['result'])
        raise
    return _verdict(session, method, record)


def _follow(session: XenSession, task: str, deadline: Deadline, progress: Optional[Progress]) -> dict:
    """The record of the task once it is no longer pending."""
    token = ''
    while True:
        wait = deadline.remaining(EVENT_WAIT)
        batch = session.call('event.from', [f'task/{task}'], token, wait, timeout=wait + EVENT_GRACE)
        token = batch['token']
        for event in batch['events']:
            record = event.get('snapshot')
            if event['operation'] == 'del' or record is None:
                raise ApiError('task', ['HANDLE_INVALID', 'task', task])
            if progress:
                progress(float(record['progress']))
            if record['status'] not in ('pending', 'cancelling'):
                return record
        deadline.check('the task is still pending')


def _cancel(session: XenSession, task: str) -> Optional[dict]:
    """Cancel and give the task a moment to end; its record when it has."""
    session.quietly('task.cancel', task)
    try:
        return _follow(session, task, Deadline(CANCEL_WAIT, 'cancelling', session.clock), None)
    except XenError:
        return None


def _verdict(session: XenSession, method: str, record: dict) -> Any:
    if record['status'] == 'success':
        return decode_result(record['result'])
    if record['status'] == 'cancelled':
        raise DeadlineExceeded(f'{method} was cancelled on the host')
    raise ApiError(
        method, record['error_info'] or ['INTERNAL_ERROR', 'the task failed without a reason'], session.label
    )


def decode_result(text: str) -> Any:
    """The value in an XML-RPC fragment such as ``<value>OpaqueRef:…</value>`` (task.result); empty means None."""
    if not text:
        return None
    try:
        values, _method = xmlrpc.client.loads(f'<params><param>{text}</param></params>')
        return values[0]
    except (ExpatError, xmlrpc.client.Error, IndexError):  # IndexError: text that holds no value at all
        return text
