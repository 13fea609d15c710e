# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the collection beside other clients, and the simulator beside the simplest server: python tests/bench [--quick] [SECTION...]

Every figure has its reference in the same run: on a busy machine the ratios say more than the seconds.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'support'))

import images
import rates
import vms
from modules import Modules

SECTIONS = ('simulator', 'images', 'vms')


def main() -> None:
    parser = argparse.ArgumentParser(prog='make bench', description=__doc__.splitlines()[0])
    parser.add_argument('--quick', action='store_true', help='fewer rounds and smaller images: less than a minute')
    parser.add_argument('sections', nargs='*', metavar='SECTION', help='%s; all of them when none is named' % ', '.join(SECTIONS))
    options = parser.parse_args()
    unknown = set(options.sections) - set(SECTIONS)
    if unknown:
        parser.error(f'no such section: {", ".join(sorted(unknown))}')
    start = time.perf_counter()
    with Modules() as modules:
        for section in options.sections or SECTIONS:
            measure(section, modules, options.quick)
    print(f'\nmeasured in {time.perf_counter() - start:.0f} s')


def measure(section: str, modules: Modules, quick: bool) -> None:
    if section == 'simulator':
        rates.bench(rounds=2 if quick else 5, calls=1000 if quick else 3000)
    elif section == 'images':
        images.bench(modules, megabytes=128 if quick else 1024, rounds=2 if quick else 5)
    else:
        vms.bench(modules, rounds=1 if quick else 3)


if __name__ == '__main__':
    main()
