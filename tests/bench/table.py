# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables for a terminal: words to the left, figures to the right."""

from __future__ import annotations

NONE = '-'


def show(title: str, head: list[str], rows: list[list[str]], notes: list[str] = ()) -> None:
    print(f'\n{title}')
    widths = [max(map(len, column)) for column in zip(head, *rows)]
    for row in (head, ['-' * width for width in widths], *rows):
        print('  ' + '  '.join(_aligned(cell, width) for cell, width in zip(row, widths)).rstrip())
    for note in notes:
        print(f'  {note}')
    print(end='', flush=True)


def _aligned(cell: str, width: int) -> str:
    return cell.rjust(width) if cell == NONE or cell[:1].isdigit() or cell.startswith(('<', '>')) else cell.ljust(width)


def ratio(reference: float, ours: float) -> str:
    """How many times less ours is."""
    return f'{reference / ours:.1f}x' if ours else NONE
