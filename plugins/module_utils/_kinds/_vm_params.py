# SPDX-FileCopyrightText: xapi.xen contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``params`` of a VM: the fields that can be set and have no option of their own, and references to other objects by name."""

from __future__ import annotations

from typing import Any, Callable

from .._errors import ParameterError
from .._fields import Field
from .._plan import Desired, Observed, Plan, Ref, Step
from .._refs import is_null, require
from .._session import NULL_REF
from ._vm_fields import as_text

ENUMS = {
    'domain_type': ('hvm', 'pv', 'pv_in_pvh', 'pvh'),
    'actions_after_softreboot': ('soft_reboot', 'destroy', 'restart', 'preserve'),
}
KINDS = {
    'user_version': 'int',
    'hardware_platform_version': 'int',
    'HVM_shadow_multiplier': 'float',
    'HVM_boot_policy': 'string',
    'PV_bootloader': 'string',
    'PV_bootloader_args': 'string',
    'PV_kernel': 'string',
    'PV_ramdisk': 'string',
    'PV_args': 'string',
    'PV_legacy_args': 'string',
    'PCI_bus': 'string',
    'recommendations': 'string',
    'NVRAM': 'map',
    **dict.fromkeys(ENUMS, 'enum'),
}
NEEDS_HALTED = ('HVM_shadow_multiplier', 'NVRAM')
PARAM_FIELDS = tuple(
    Field(f'params.{name}', name, kind, needs_halted=name in NEEDS_HALTED) for name, kind in KINDS.items()
)
REFERENCES = {'suspend_SR': 'SR', 'appliance': 'VM_appliance', 'snapshot_schedule': 'VMSS', 'groups': 'VM_group'}
"""Fields that hold references, and their class; ``groups`` holds several. Named by name or uuid; empty for none."""
OPTIONS = {
    'name_label': 'name',
    'name_description': 'description',
    'VCPUs_max': 'vcpus_max',
    'VCPUs_at_startup': 'vcpus',
    'memory_static_max': 'memory_static_max',
    'memory_static_min': 'memory_static_min',
    'memory_dynamic_max': 'memory_dynamic_max',
    'memory_dynamic_min': 'memory_dynamic_min',
    'HVM_boot_params': 'boot_order',
    'VCPUs_params': 'vcpu_weight, vcpu_cap or vcpu_mask',
    'ha_always_run': 'ha_restart_priority',
    **{
        name: name
        for name in (
            *('tags', 'platform', 'other_config', 'xenstore_data', 'affinity', 'order', 'start_delay'),
            *('shutdown_delay', 'actions_after_shutdown', 'actions_after_reboot', 'actions_after_crash'),
            *('ha_restart_priority', 'has_vendor_device', 'blocked_operations'),
        )
    },
}
"""Fields that have an option."""


def classes_of(params: dict) -> set[str]:
    """The classes that the references of ``params`` name objects of."""
    wanted = {REFERENCES[name] for name in params.get('params') or () if name in REFERENCES}
    return wanted | ({'host'} if params.get('affinity') else set())


def param_values(params: dict) -> dict:
    """Values of PARAM_FIELDS, converted to the type of the field. Raises ParameterError."""
    values = {}
    for name, value in (params.get('params') or {}).items():
        if name in KINDS:
            values[f'params.{name}'] = _converted(name, value)
        elif name not in REFERENCES:
            raise _unknown(name)
    return values


def _unknown(name: str) -> ParameterError:
    if name in OPTIONS:
        return ParameterError(f'params.{name}: this field has an option', hint=f'Use {OPTIONS[name]}.')
    return ParameterError(
        f'params.{name}: a VM has no such field that can be set',
        hint=f'There are: {", ".join(sorted((*KINDS, *REFERENCES)))}.',
    )


def _converted(name: str, value: Any) -> Any:
    kind = KINDS[name]
    try:
        return _CONVERT[kind](name, value)
    except (TypeError, ValueError):
        allowed = f'one of {", ".join(ENUMS[name])}' if kind == 'enum' else f'of type {kind}'
        raise ParameterError(f'params.{name}: "{value}" does not fit', hint=f'It must be {allowed}.') from None


def _number(make: Callable[[str], Any]) -> Callable[[str, Any], Any]:
    def convert(_name: str, value: Any) -> Any:
        if isinstance(value, bool):
            raise TypeError
        return make(str(value))

    return convert


def _string(_name: str, value: Any) -> str:
    if isinstance(value, (dict, list)) or value is None:
        raise TypeError
    return str(as_text(value))


def _enum(name: str, value: Any) -> str:
    if str(value).lower() not in ENUMS[name]:
        raise ValueError
    return str(value).lower()


def _map(_name: str, value: Any) -> dict:
    if not isinstance(value, dict):
        raise TypeError
    return {str(key): as_text(item) for key, item in value.items()}


_CONVERT = {'int': _number(int), 'float': _number(float), 'string': _string, 'enum': _enum, 'map': _map}


# -------------------------------------------------------------------------------------------- references


def references(run: Any, params: dict) -> dict[str, Any]:
    """Field to the reference (for ``groups``: references) that the options name; their classes must have been loaded."""
    wanted = {name: value for name, value in (params.get('params') or {}).items() if name in REFERENCES}
    found = {name: _reference(run, name, value) for name, value in wanted.items()}
    if params.get('affinity') is not None:
        found['affinity'] = _one(run, 'host', params['affinity'], 'affinity')
    return found


def _reference(run: Any, name: str, value: Any) -> Any:
    option, cls = f'params.{name}', REFERENCES[name]
    if name == 'groups':
        names = value if isinstance(value, list) else [value] if value else []
        return sorted(_one(run, cls, str(item), option) for item in names)
    return _one(run, cls, str(value or ''), option)


def _one(run: Any, cls: str, identity: str, option: str) -> str:
    return require(run.records.of(cls), identity, option) if identity else NULL_REF


def plan_references(plan: Plan, observed: Observed, desired: Desired) -> None:
    """Point the fields of the VM at what the options name; the difference shows names."""
    labels = desired.scope['labels']
    for name, wanted in desired.scope['references'].items():
        current = observed.record[name]
        if _normal(current) == _normal(wanted):
            continue
        plan.add(_set_step(observed.ref, name, wanted, current))
        plan.note(_option(name), _label(labels, current), _label(labels, wanted))


def shown_references(desired: Desired) -> dict:
    """What the difference shows of the references of a new VM."""
    labels, wanted = desired.scope['labels'], desired.scope['references']
    return {_option(name): _label(labels, value) for name, value in wanted.items() if _normal(value)}


def _option(name: str) -> str:
    return name if name == 'affinity' else f'params.{name}'


def _set_step(ref: Ref, name: str, wanted: Any, current: Any) -> Step:
    method = f'VM.set_{name}'
    return Step(method, (ref, wanted), f'set {name}', undo=Step(method, (ref, current), f'put back {name}'))


def _normal(value: Any) -> Any:
    return sorted(value) if isinstance(value, list) else '' if is_null(value) else value


def _label(labels: dict[str, str], value: Any) -> Any:
    return [labels.get(item, '') for item in value] if isinstance(value, list) else labels.get(value, '')
