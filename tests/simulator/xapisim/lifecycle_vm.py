# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state machine of VMs: every operation of the data model, in one table, and what else can forbid it."""

from __future__ import annotations

from xapisim import lifecycle
from xapisim.datamodel.types import NULL
from xapisim.errors import XapiError

HALTED, PAUSED, SUSPENDED, RUNNING = 'Halted', 'Paused', 'Suspended', 'Running'
ANY = (HALTED, PAUSED, SUSPENDED, RUNNING)
ALIVE = (RUNNING, PAUSED)

# operation -> power states in which it is legal, in the order in which an error lists them
LEGAL_STATES = {
    'snapshot': ANY,
    'clone': (HALTED,),
    'copy': (HALTED,),
    'create_template': (HALTED, SUSPENDED),
    'revert': ANY,
    'checkpoint': (PAUSED, SUSPENDED, RUNNING),
    'snapshot_with_quiesce': (RUNNING,),
    'provision': (HALTED,),
    'start': (HALTED,),
    'start_on': (HALTED,),
    'pause': (RUNNING,),
    'unpause': (PAUSED,),
    'clean_shutdown': (RUNNING,),
    'clean_reboot': (RUNNING,),
    'hard_shutdown': (PAUSED, SUSPENDED, RUNNING),
    'power_state_reset': ANY,
    'hard_reboot': (PAUSED, RUNNING),
    'suspend': (RUNNING,),
    'csvm': (SUSPENDED,),
    'resume': (SUSPENDED,),
    'resume_on': (SUSPENDED,),
    'pool_migrate': (RUNNING,),
    'migrate_send': (HALTED, SUSPENDED, RUNNING),
    'get_boot_record': (PAUSED, SUSPENDED, RUNNING),
    'send_sysrq': (RUNNING,),
    'send_trigger': (RUNNING,),
    'query_services': ANY,
    'shutdown': (PAUSED, SUSPENDED, RUNNING),
    'call_plugin': (RUNNING,),
    'changing_memory_live': (RUNNING,),
    'awaiting_memory_live': (RUNNING,),
    'changing_dynamic_range': (HALTED, RUNNING),
    'changing_static_range': (HALTED,),
    'changing_memory_limits': (HALTED,),
    'changing_shadow_memory': (HALTED,),
    'changing_shadow_memory_live': (RUNNING,),
    'changing_VCPUs': (HALTED,),
    'changing_VCPUs_live': (RUNNING,),
    'changing_NVRAM': (HALTED,),
    'assert_operation_valid': ANY,
    'data_source_op': (RUNNING,),
    'update_allowed_operations': ANY,
    'make_into_template': (HALTED,),
    'import': (),
    'export': (HALTED, SUSPENDED),
    'metadata_export': ANY,
    'reverting': ANY,
    'destroy': (HALTED, SUSPENDED),
    'create_vtpm': (HALTED,),
    'sysprep': (RUNNING,),
}
LEGAL_WHILE_RUNNING_IN_CONTROL_DOMAIN = {'changing_VCPUs', 'changing_static_range', 'changing_memory_limits'}
LEGAL_FOR_SUSPENDED_SNAPSHOT = {'clone', 'copy'}

# Legal, but not told in allowed_operations.
UNADVERTISED = {
    'create_template', 'power_state_reset', 'csvm', 'get_boot_record', 'send_sysrq', 'send_trigger', 'query_services',
    'shutdown', 'call_plugin', 'changing_memory_live', 'awaiting_memory_live', 'changing_memory_limits',
    'changing_shadow_memory_live', 'changing_VCPUs', 'assert_operation_valid', 'data_source_op',
    'update_allowed_operations', 'import', 'reverting',
}
ON_TEMPLATES = {
    'changing_dynamic_range', 'changing_static_range', 'changing_memory_limits', 'changing_shadow_memory',
    'changing_VCPUs', 'changing_NVRAM', 'clone', 'copy', 'export', 'metadata_export', 'provision',
}
ON_CUSTOM_TEMPLATES = ON_TEMPLATES | {'destroy', 'migrate_send'}
ON_SNAPSHOTS = {'revert', 'clone', 'copy', 'export', 'destroy', 'hard_shutdown', 'metadata_export'}
ON_CONTROL_DOMAINS = {
    'data_source_op', 'changing_memory_live', 'awaiting_memory_live', 'metadata_export', 'changing_dynamic_range',
    'changing_memory_limits', 'changing_static_range', 'start', 'start_on', 'changing_VCPUs', 'destroy',
}
# Sets whose members may run side by side, and pairs (running, arriving) besides.
TOGETHER = ({'clone', 'copy', 'export'}, {'snapshot', 'checkpoint'}, {'get_boot_record'})
AFTER = {('snapshot_with_quiesce', 'snapshot'), ('migrate_send', 'metadata_export'),
         ('migrate_send', 'clean_shutdown'), ('migrate_send', 'clean_reboot')}
# The guest must say that it can: any of these features, or PV drivers.
FEATURES = {
    'suspend': ('feature-suspend',),
    'checkpoint': ('feature-suspend',),
    'pool_migrate': ('feature-suspend',),
    'migrate_send': ('feature-suspend',),
    'clean_shutdown': ('feature-shutdown', 'feature-poweroff'),
    'clean_reboot': ('feature-shutdown', 'feature-reboot'),
    'changing_VCPUs_live': ('feature-vcpu-hotplug',),
}
MOVING = {'suspend', 'checkpoint', 'pool_migrate', 'migrate_send'}
# Names that a real host's errors use instead of the operation's own.
SPELLED = {'changing_VCPUs': '(unknown operation)', 'changing_memory_limits': '(unknown operation)',
           'query_services': '(unknown operation)', 'create_template': '(unknown operation)',
           'data_source_op': 'data_sources_op', 'assert_operation_valid': 'assertoperationvalid'}


def shown(op):
    return SPELLED.get(op, op)


def is_true(mapping, key):
    return mapping.get(key, '').lower() in ('1', 'true')


class Situation:
    """What decides about a VM's operations, read once."""

    def __init__(self, sim, ref):
        self.db, self.ref = sim.db, ref
        self.vm = sim.db.record('VM', ref)
        self.state = self.vm['power_state']
        guest = self.vm['guest_metrics']
        # Only a running guest is heard: a paused one does not answer, and that of a halted VM is gone.
        heard = self.state == RUNNING and sim.db.exists('VM_guest_metrics', guest)
        self.guest = sim.db.record('VM_guest_metrics', guest) if heard else None
        metrics = self.vm['metrics']
        self.metrics = sim.db.record('VM_metrics', metrics) if sim.db.exists('VM_metrics', metrics) else None

    def refused(self, code, *params):
        return XapiError(code, self.ref, *params)

    def platform(self, metric, key):
        """A platform flag: as the running domain has it, or as the next one would."""
        return self.metrics[metric] if self.metrics else is_true(self.vm['platform'], key)


def legal_states(vm, op):
    states = LEGAL_STATES[op]
    if op in LEGAL_WHILE_RUNNING_IN_CONTROL_DOMAIN and vm['is_control_domain']:
        return states + (RUNNING,)
    if op in LEGAL_FOR_SUSPENDED_SNAPSHOT and vm['is_a_snapshot']:
        return states + (SUSPENDED,)
    return states


def bad_power_state(ref, expected, actual):
    return XapiError('VM_BAD_POWER_STATE', ref, ', '.join(state.lower() for state in expected), actual.lower())


def check_blocked(now, op, strict):
    if op in now.vm['blocked_operations']:
        return now.refused('OPERATION_BLOCKED', now.vm['blocked_operations'][op])


def check_power_state(now, op, strict):
    expected = legal_states(now.vm, op)
    if now.state not in expected:
        return bad_power_state(now.ref, expected, now.state)


def check_concurrent(now, op, strict):
    current = now.vm['current_operations']
    if current and not may_join(op, list(current.values())):
        return lifecycle.busy('VM', now.ref, current, shown)


def may_join(op, running):
    if any(op in friends and all(other in friends for other in running) for friends in TOGETHER):
        return True
    if op == 'hard_shutdown':
        return op not in running
    if op == 'hard_reboot':
        return not {'hard_shutdown', 'hard_reboot'}.intersection(running)
    return len(running) == 1 and (running[0], op) in AFTER


def check_template(now, op, strict):
    if not now.vm['is_a_template'] or now.vm['is_a_snapshot']:
        return None
    default = now.vm['is_default_template'] or is_true(now.vm['other_config'], 'default_template')
    if op not in (ON_TEMPLATES if default else ON_CUSTOM_TEMPLATES):
        return now.refused('VM_IS_TEMPLATE', shown(op))


def check_snapshot(now, op, strict):
    if now.vm['is_a_snapshot'] and op not in ON_SNAPSHOTS:
        return now.refused('VM_IS_SNAPSHOT', shown(op))


def check_kind(now, op, strict):
    if op == 'provision' and not now.vm['is_a_template']:
        return XapiError('PROVISION_ONLY_ALLOWED_ON_TEMPLATE')
    if op == 'revert' and not now.vm['is_a_snapshot']:
        return XapiError('REVERT_ONLY_ALLOWED_ON_SNAPSHOT')


def check_mobility(now, op, strict):
    nested = now.platform('nested_virt', 'nested-virt')
    if strict and op in MOVING and (nested or now.platform('nomigrate', 'nomigrate')):
        return now.refused('VM_IS_IMMOBILE')
    if strict and op == 'changing_dynamic_range' and nested:
        return now.refused('VM_IS_USING_NESTED_VIRT')


def check_control_domain(now, op, strict):
    if not now.vm['is_control_domain']:
        return None
    if now.vm['domid'] == 0 and op in ('changing_VCPUs', 'destroy'):
        return XapiError('OPERATION_NOT_ALLOWED', 'This operation is not allowed on dom0')
    if op not in ON_CONTROL_DOMAINS:
        return XapiError('OPERATION_NOT_ALLOWED', 'This operation is not allowed on a control domain')


def check_guest(now, op, strict):
    """Operations in which the guest takes part: it needs drivers or the feature, unless it is down."""
    if op not in FEATURES or now.state not in ALIVE:
        return None
    other = now.guest['other'] if now.guest else {}
    if op in MOVING and 'data-cant-suspend-reason' in other:
        return now.refused('VM_NON_SUSPENDABLE', other['data-cant-suspend-reason'])
    if has_pv_drivers(now) or any(other.get(feature) == '1' for feature in FEATURES[op]):
        return None
    if strict or op == 'changing_VCPUs_live':
        return now.refused('VM_LACKS_FEATURE')


def has_pv_drivers(now):
    if now.metrics and now.metrics['current_domain_type'] not in ('hvm', 'unspecified'):
        return True
    return bool(now.guest) and now.guest['PV_drivers_detected']


def check_quiesce(now, op, strict):
    if op == 'snapshot_with_quiesce':
        return now.refused('VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED')


def check_disks(now, op, strict):
    if op not in ('checkpoint', 'snapshot', 'suspend', 'pool_migrate'):
        return None
    for vbd in now.vm['VBDs']:
        vdi = now.db.get('VBD', vbd, 'VDI')
        sm_config = now.db.get('VDI', vdi, 'sm_config') if now.db.exists('VDI', vdi) else {}
        resets = sm_config.get('on_boot') == 'reset'
        if resets and (op != 'pool_migrate' or is_true(sm_config, 'caching')):
            return XapiError('VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION')


def check_hardware(now, op, strict):
    if op in MOVING and now.vm['attached_PCIs']:
        return now.refused('VM_HAS_PCI_ATTACHED')
    halted_send = op == 'migrate_send' and now.state == HALTED
    if op in MOVING and now.vm['VGPUs'] and not halted_send:
        return now.refused('VM_HAS_VGPU')
    if op in MOVING | {'snapshot'} and now.vm['VUSBs']:
        return now.refused('VM_HAS_VUSBS')


def check_membership(now, op, strict):
    if op != 'make_into_template':
        return None
    for cls, field, code in (('VM_appliance', 'appliance', 'VM_IS_PART_OF_AN_APPLIANCE'),
                             ('VMPP', 'protection_policy', 'VM_ASSIGNED_TO_PROTECTION_POLICY'),
                             ('VMSS', 'snapshot_schedule', 'VM_ASSIGNED_TO_SNAPSHOT_SCHEDULE')):
        if now.vm[field] != NULL and now.db.exists(cls, now.vm[field]):
            return now.refused(code, now.vm[field])


def check_services(now, op, strict):
    if op == 'query_services' and not is_true(now.vm['other_config'], 'is_system_domain'):
        return now.refused('NOT_SYSTEM_DOMAIN')


def check_vtpm(now, op, strict):
    if op == 'create_vtpm' and now.vm['VTPMs']:
        return XapiError('VTPM_MAX_AMOUNT_REACHED', len(now.vm['VTPMs']))


# In the order in which a real host looks: the first that objects gives the error.
CHECKS = (check_blocked, check_power_state, check_concurrent, check_template, check_snapshot, check_kind,
          check_mobility, check_control_domain, check_guest, check_quiesce, check_disks, check_hardware,
          check_membership, check_services, check_vtpm)


def first_objection(now, op, strict=True):
    for check in CHECKS:
        error = check(now, op, strict)
        if error:
            return error
    return None


def error(sim, ref, op, strict):
    return first_objection(Situation(sim, ref), op, strict)


def advertise(sim, ref):
    now = Situation(sim, ref)
    return [op for op in reversed(list(LEGAL_STATES)) if op not in UNADVERTISED and first_objection(now, op) is None]


def refreshed(sim, ref):
    """What hangs on a VM's state: its appliance and its TPMs."""
    appliance = sim.db.get('VM', ref, 'appliance')
    if appliance != NULL:
        lifecycle.refresh(sim, 'VM_appliance', appliance)
    for vtpm in sim.db.get('VM', ref, 'VTPMs'):
        lifecycle.refresh(sim, 'VTPM', vtpm)


# ---------------------------------------------------------------- classes that follow their VM

APPLIANCE_STATES = {
    'start': ((HALTED,), 'There are no halted VMs in this appliance.'),
    'clean_shutdown': ((RUNNING,), 'There are no running VMs in this appliance.'),
    'hard_shutdown': ((PAUSED, SUSPENDED, RUNNING), 'All VMs in this appliance are halted.'),
    'shutdown': ((PAUSED, SUSPENDED, RUNNING), 'All VMs in this appliance are halted.'),
}


def appliance_error(sim, ref, op, strict):
    appliance = sim.db.record('VM_appliance', ref)
    if appliance['current_operations']:
        return lifecycle.busy('VM_appliance', ref, dict(list(appliance['current_operations'].items())[:1]))
    if not appliance['VMs']:
        return XapiError('OPERATION_NOT_ALLOWED', 'Appliance has no VMs.')
    states, text = APPLIANCE_STATES[op]
    if not any(sim.db.get('VM', vm, 'power_state') in states for vm in appliance['VMs']):
        return XapiError('OPERATION_NOT_ALLOWED', text)
    return None


def advertise_appliance(sim, ref):
    return [op for op in APPLIANCE_STATES if appliance_error(sim, ref, op, True) is None]


def advertise_vtpm(sim, ref):
    return ['destroy'] if sim.db.get('VM', sim.db.get('VTPM', ref, 'VM'), 'power_state') == HALTED else []


lifecycle.define('VM', error, advertise, refreshed)
lifecycle.define('VM_appliance', appliance_error, advertise_appliance)
lifecycle.define('VTPM', None, advertise_vtpm)
