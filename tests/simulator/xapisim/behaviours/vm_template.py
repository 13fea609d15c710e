# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Templates: VMs become templates and back, and get the disks that their template asks for."""

from __future__ import annotations

from xml.etree import ElementTree

from xapisim import lifecycle, ocaml
from xapisim.behaviours import vm as vms
from xapisim.behaviours import vm_disks
from xapisim.datamodel.types import NULL
from xapisim.errors import XapiError, internal_error
from xapisim.registry import message, setter

DISK_TYPES = ('system', 'user', 'ephemeral', 'suspend', 'crashdump')
INSTALLATION = ('disks', 'postinstall')


# ---------------------------------------------------------------- a template or not

@setter('VM', 'is_a_template')
def set_is_a_template(call, vm, value):
    if value:
        with call.operation('VM', vm, 'make_into_template'):
            become_template(call, vm)
    else:
        stop_being_template(call, vm)


def become_template(call, vm):
    db, row = call.db, call.db.require('VM', vm)
    pool = db.require('pool', call.sim.pool)
    if pool['ha_enabled'] and row['ha_always_run'] and row['ha_restart_priority'] == 'restart':
        raise XapiError('VM_IS_PROTECTED', vm)
    vms.drop(db, 'VM_metrics', row['metrics'])
    db.set('VM', vm, ha_always_run=False, groups=[], metrics=NULL, is_a_template=True)


def stop_being_template(call, vm):
    """The moment of installation; allowed_operations stay as they are until the next operation."""
    metrics = call.db.get('VM', vm, 'metrics')
    if call.db.exists('VM_metrics', metrics):
        call.db.set('VM_metrics', metrics, install_time=call.sim.now())
    call.db.set('VM', vm, is_a_template=False)


@message('VM.set_is_default_template')
def set_is_default_template(call, vm, value):
    if value and not call.db.get('VM', vm, 'is_a_template'):
        with call.operation('VM', vm, 'make_into_template'):
            become_template(call, vm)
            mark_default(call.db, vm, value)
    else:
        mark_default(call.db, vm, value)
        lifecycle.refresh(call.sim, 'VM', vm)


def mark_default(db, vm, value):
    other_config = {**db.get('VM', vm, 'other_config'), 'default_template': 'true' if value else 'false'}
    db.set('VM', vm, other_config=other_config, is_default_template=value)


# ---------------------------------------------------------------- provision

@message('VM.provision')
def provision(call, vm):
    with call.operation('VM', vm, 'provision'):
        disks = wanted_disks(call.db.get('VM', vm, 'other_config'))
        stop_being_template(call, vm)
        made = []
        try:
            for disk in disks:
                made.append(make_disk(call, vm, disk))
        except XapiError:
            unmake(call, made)
            raise
        left = {key: value for key, value in call.db.get('VM', vm, 'other_config').items() if key not in INSTALLATION}
        call.db.set('VM', vm, other_config=left)


def wanted_disks(other_config):
    """The disks of <provision><disk device= size= sr= bootable= type=/></provision>."""
    if 'disks' not in other_config:
        return []
    try:
        root = ElementTree.fromstring(other_config['disks'])
        if root.tag != 'provision' or root.attrib:
            raise ValueError(root.tag)
        return [read_disk(element) for element in root]
    except (ElementTree.ParseError, KeyError, ValueError):
        raise internal_error('Xapi_templates.Parse_failure') from None


def read_disk(element):
    if element.tag != 'disk' or len(element):
        raise ValueError(element.tag)
    given = element.attrib
    kind = given.get('type')
    return {'device': given['device'], 'size': ocaml.int_of_string(given['size']), 'sr': given['sr'],
            'bootable': given['bootable'] == 'true', 'type': kind if kind in DISK_TYPES else 'system'}


def make_disk(call, vm, disk):
    """(drive, disk): the disk is named after its drive."""
    try:
        sr = call.db.by_uuid('SR', disk['sr'])
    except XapiError:
        raise XapiError('UUID_INVALID', 'sr', disk['sr']) from None
    vdi = vm_disks.create_vdi(call, {
        'name_description': 'Created by template provisioner', 'SR': sr, 'virtual_size': disk['size'],
        'type': disk['type'], 'sm_config': {'vmhint': call.db.get('VM', vm, 'uuid')}})
    try:
        vbd = vm_disks.make(call, 'VBD', {
            'VM': vm, 'VDI': vdi, 'userdevice': disk['device'], 'bootable': disk['bootable'], 'mode': 'RW',
            'type': 'Disk', 'unpluggable': disk['type'] != 'system', 'empty': False,
            'other_config': {vm_disks.OWNER: ''}})
    except XapiError:
        vm_disks.destroy_vdi(call, vdi)
        raise
    call.db.set('VDI', vdi, name_label=call.db.get('VBD', vbd, 'userdevice'))
    return vbd, vdi


def unmake(call, made):
    for vbd, vdi in made:
        vms.drop(call.db, 'VBD_metrics', call.db.get('VBD', vbd, 'metrics'))
        call.db.destroy('VBD', vbd)
        vm_disks.destroy_vdi(call, vdi)
