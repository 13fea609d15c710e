# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moving running VMs between the hosts of a pool that see the same disks."""

from __future__ import annotations

from xapisim import lifecycle
from xapisim.behaviours import vm_domain, vm_placement
from xapisim.behaviours.vm_messages import tell
from xapisim.registry import message


@message('VM.pool_migrate')
def pool_migrate(call, vm, host, options):
    call.db.require('host', host)
    strict = options.get('force') != 'true'
    with lifecycle.operation(call, 'VM', vm, 'pool_migrate', strict=strict):
        source = call.db.get('VM', vm, 'resident_on')
        if host != source:
            vm_placement.check_can_boot(call.sim, vm, host)
        with vm_placement.reserved(call.sim, vm, host):
            vm_domain.move(call.sim, vm, host)
    one, other = call.db.require('host', source), call.db.require('host', host)
    tell(call, 'VM_MIGRATED', vm, "migrated from host '%s' (uuid: %s) to host '%s' (uuid: %s)"
         % (one['name_label'], one['uuid'], other['name_label'], other['uuid']))
    vm_domain.refresh_devices(call.sim, call.db.require('VM', vm))
