# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The error a XenAPI call answers with: a code and parameters, all of them strings."""

from __future__ import annotations


class XapiError(Exception):
    """Raised by behaviours; travels to the client as [code, parameters...]."""

    def __init__(self, code, *params):
        super().__init__(code, *params)
        self.code = code
        self.params = [_text(param) for param in params]

    @property
    def description(self):
        return [self.code] + self.params


def _text(param):
    if isinstance(param, bool):
        return 'true' if param else 'false'
    return str(param)


def internal_error(text):
    """What a client sees of an exception that the server does not map to a code."""
    return XapiError('INTERNAL_ERROR', text)


def failure(text):
    return internal_error('Failure("%s")' % text)


def handle_invalid(cls, ref):
    return XapiError('HANDLE_INVALID', cls, ref)
