# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was made since the start and has nobody who owns it: what a test should not leave behind."""

from __future__ import annotations

_CLASSES = ('session', 'task', 'VM', 'VDI', 'VBD', 'VIF', 'SR', 'PBD', 'network', 'secret', 'VM_metrics',
            'VM_guest_metrics', 'console')
_OWNED = {'VBD': 'VM', 'VIF': 'VM', 'console': 'VM', 'PBD': 'SR'}


def find(sim):
    """{class: [{ref, uuid, name_label, why}]} of new objects that nothing else explains."""
    found = {}
    for cls in _CLASSES:
        fresh = [ref for ref in sim.db.refs(cls) if ref not in sim.baseline[cls]]
        leaks = [_describe(sim, cls, ref, why) for ref, why in ((ref, _why(sim, cls, ref)) for ref in fresh) if why]
        if leaks:
            found[cls] = leaks
    return found


def _why(sim, cls, ref):
    """Why the object counts as left behind; None when it belongs to something that is there."""
    row = sim.db.require(cls, ref)
    if cls in _OWNED:
        owner = _OWNED[cls]
        return None if sim.db.exists(owner, row[owner]) else 'its %s is gone' % owner
    if cls == 'VDI':
        return None if row['VBDs'] or not row['managed'] or _suspended(sim, ref) else 'no VBD uses it'
    if cls in ('VM_metrics', 'VM_guest_metrics'):
        field = 'metrics' if cls == 'VM_metrics' else 'guest_metrics'
        return None if sim.db.find('VM', **{field: ref}) else 'its VM is gone'
    return 'made since the start'


def _suspended(sim, vdi):
    return bool(sim.db.find('VM', suspend_VDI=vdi))


def _describe(sim, cls, ref, why):
    row = sim.db.require(cls, ref)
    shown = {'ref': ref, 'uuid': row.get('uuid'), 'why': why}
    if 'name_label' in row:
        shown['name_label'] = row['name_label']
    return shown
