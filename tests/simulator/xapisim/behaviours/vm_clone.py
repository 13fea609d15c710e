# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VMs from VMs: clone, full copy, and the copying that snapshots share with them."""

from __future__ import annotations

from xapisim import vm_text
from xapisim.behaviours import vm as vms
from xapisim.behaviours import vm_disks, vm_domain, vm_power, vtpm
from xapisim.behaviours.vm_messages import tell
from xapisim.datamodel.types import EPOCH, NULL
from xapisim.errors import XapiError, handle_invalid
from xapisim.lifecycle_vm import HALTED, SUSPENDED
from xapisim.registry import message

CLONE, COPY, SNAPSHOT, CHECKPOINT = 'clone', 'copy', 'snapshot', 'checkpoint'
SNAPSHOTS = (SNAPSHOT, CHECKPOINT)
# Fields that a VM made from another does not take from it.
FRESH = {'is_default_template': False, 'suspend_VDI': NULL, 'resident_on': NULL, 'scheduled_to_be_resident_on': NULL,
         'domid': -1, 'domarch': '', 'transportable_snapshot_id': '', 'blobs': {}, 'blocked_operations': {},
         'allowed_operations': [], 'ha_always_run': False, 'protection_policy': NULL, 'snapshot_schedule': NULL,
         'is_snapshot_from_vmpp': False, 'is_vmss_snapshot': False, 'appliance': NULL, 'start_delay': 0,
         'shutdown_delay': 0, 'order': 0, 'suspend_SR': NULL, 'version': 0, 'requires_reboot': False,
         'pending_guidances': [], 'pending_guidances_recommended': [], 'pending_guidances_full': [],
         'recommended_guidances': []}
# What other objects' references fill, or what belongs to one VM alone.
NOT_COPIED = ('uuid', 'VBDs', 'VIFs', 'VUSBs', 'VGPUs', 'VTPMs', 'consoles', 'crash_dumps', 'snapshots', 'children',
              'attached_PCIs', 'groups', 'metrics', 'guest_metrics')


@message('VM.clone')
def clone(call, vm, new_name):
    with call.operation('VM', vm, 'clone'):
        new = duplicate(call, vm, new_name, CLONE, vm_disks.cloned)
        wake_snapshots_copy(call, vm, new)
    return new


@message('VM.copy')
def copy(call, vm, new_name, sr):
    with call.operation('VM', vm, 'copy'):
        target = sr if call.db.exists('SR', sr) else None
        if target and call.db.get('SR', target, 'content_type') == 'iso':
            raise XapiError('OPERATION_NOT_ALLOWED', "Cannot copy a VM's disks to an ISO SR")
        new = duplicate(call, vm, new_name, COPY, vm_disks.copied(target))
        wake_snapshots_copy(call, vm, new)
    return new


def wake_snapshots_copy(call, vm, new):
    """A copy of a checkpoint starts from its disks, not from its memory."""
    if call.db.get('VM', vm, 'is_a_snapshot'):
        vm_power.power_off(call, new)


@message('VM.csvm')
def csvm(call, vm):
    """Deprecated: a clone of a suspended VM."""
    image = call.db.get('VM', vm, 'suspend_VDI')
    if not call.db.exists('VDI', image):
        raise handle_invalid('VDI', image)
    with call.operation('VM', vm, 'csvm'):
        new = duplicate(call, vm, call.db.get('VM', vm, 'name_label') + '-cloned-suspended', CLONE, vm_disks.cloned)
    tell(call, 'VM_CLONED', vm, 'cloned (new uuid: %s)' % call.db.get('VM', new, 'uuid'))
    return new


# ---------------------------------------------------------------- the copying

def duplicate(call, vm, name, kind, how, ignore=(), info=None):
    """Disks first, then the records: what fails half-way leaves nothing."""
    db, record = call.db, call.db.record('VM', vm)
    vbds = [vbd for vbd in record['VBDs'] if kind not in SNAPSHOTS or db.get('VBD', vbd, 'VDI') not in ignore]
    disks = vm_disks.duplicate(call, vbds, how)
    new = None
    try:
        new = copy_record(call, vm, name, kind, info)
        copy_devices(call, record, new, disks, keep_macs=kind in SNAPSHOTS)
        image = record['suspend_VDI']
        if db.exists('VDI', image) and kind != SNAPSHOT:
            db.set('VM', new, suspend_VDI=how(call, image))
    except XapiError:
        if new:
            vms.forget(call, new)
        vm_disks.discard(call, disks)
        raise
    db.set('VM', new, current_operations={})
    vm_domain.reset(call.sim, new, db.get('VM', new, 'power_state'))
    return new


def copy_devices(call, record, new, disks, keep_macs):
    for vbd, vdi, unused in disks:
        vm_disks.copy_vbd(call, vbd, new, vdi, owned=True)
    for vif in record['VIFs']:
        vm_disks.copy_vif(call, vif, new, keep_mac=keep_macs)
    for tpm in record['VTPMs']:
        vtpm.copy(call, tpm, new)


def copy_record(call, vm, name, kind, info):
    db, record = call.db, call.db.record('VM', vm)
    snapshot = kind in SNAPSHOTS
    fields = {field: value for field, value in record.items() if field not in NOT_COPIED}
    fields.update(FRESH, name_label=name, power_state=new_state(record, kind), current_operations={call.task: kind},
                  other_config=new_other_config(call.sim, record, snapshot), is_a_snapshot=snapshot,
                  is_a_template=snapshot or record['is_a_template'], snapshot_of=vm if snapshot else NULL,
                  parent=record['parent'] if snapshot else NULL, snapshot_time=call.sim.now() if snapshot else EPOCH,
                  snapshot_info=snapshot_info(record, snapshot, info),
                  snapshot_metadata=vm_text.write(record) if snapshot else '',
                  generation_id=new_generation(call.sim, record), metrics=copy_metrics(db, record),
                  guest_metrics=copy_guest_metrics(db, record))
    new = db.create('VM', fields)
    if snapshot:
        db.set('VM', vm, parent=new)
    return new


def new_state(record, kind):
    """Memory is copied with a checkpoint, and with a suspended VM: nothing else is anything but halted."""
    state = record['power_state']
    if (kind == CHECKPOINT and state in ('Running', SUSPENDED)) or (kind in (CLONE, COPY) and state == SUSPENDED):
        return SUSPENDED
    return HALTED


def new_other_config(sim, record, snapshot):
    left_out = ('default_template', 'xensource_internal')
    other_config = {key: value for key, value in record['other_config'].items() if key not in left_out}
    if not snapshot:
        other_config['mac_seed'] = sim.new_uuid()
    if record['is_a_template']:
        other_config.setdefault('base_template_name', record['name_label'])
    return other_config


def snapshot_info(record, snapshot, info):
    if info is not None:
        return info
    if not snapshot:
        return {}
    return {'disk-snapshot-type': 'crash_consistent', 'power-state-at-snapshot': record['power_state']}


def new_generation(sim, record):
    """A guest that knows generations is told that it is another machine."""
    if record['generation_id'] == '':
        return ''
    return '%d:%d' % (sim.random.getrandbits(63), sim.random.getrandbits(63))


def copy_metrics(db, record):
    old = {'VCPUs_utilisation': {0: 0.0}}
    if db.exists('VM_metrics', record['metrics']):
        old = db.record('VM_metrics', record['metrics'])
    return db.create('VM_metrics', {name: value for name, value in old.items() if name != 'uuid'})


def copy_guest_metrics(db, record):
    if not db.exists('VM_guest_metrics', record['guest_metrics']):
        return NULL
    old = db.record('VM_guest_metrics', record['guest_metrics'])
    return db.create('VM_guest_metrics', {name: value for name, value in old.items() if name != 'uuid'})
