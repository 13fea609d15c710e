# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pool of the simulator's own: hosts, networks, storage and templates, with the names that everybody knows."""

from __future__ import annotations

from xapisim.behaviours import vm_memory
from xapisim.topology import managers, templates

GIB = 1024 ** 3
MEMORY, CPUS, DOM0_MEMORY = 64 * GIB, 8, 2 * GIB
SR_SIZE, ISO_SIZE = 100 * GIB, 630 * 1024 ** 2
ISOS = ('guest-tools.iso', 'debian-12.iso')
FLAGS = ('fpu de tsc msr pae mce cx8 apic sep mca cmov pat clflush acpi mmx fxsr sse sse2 ht syscall nx lm '
         'constant_tsc rep_good nopl pni pclmulqdq ssse3 fma cx16 sse4_1 sse4_2 movbe popcnt aes xsave avx '
         'f16c rdrand hypervisor')
MODEL = {'vendor': 'GenuineIntel', 'modelname': 'Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz', 'family': '6',
         'model': '79', 'stepping': '1',
         'flags': FLAGS}
SOFTWARE = {'product_version': '8.3.0', 'product_version_text': '8.3', 'product_version_text_short': '8.3',
            'platform_name': 'XCP',
            'platform_version': '3.4.0', 'product_brand': 'XCP-ng', 'build_number': '8.3.0', 'xapi': '26.17',
            'xapi_build': '26.17.0',
            'date': '20260801T00:00:00Z', 'xen': '4.17.5', 'linux': '4.19.0+1', 'network_backend': 'openvswitch',
            'xencenter_min': '2.23',
            'xencenter_max': '2.23', 'db_schema': '5.909'}
RESTRICTED = ('vlan', 'qos', 'pool_attached_storage', 'pooling', 'wlb', 'rbac', 'dmc', 'checkpoint',
              'vswitch_controller', 'vmss', 'gpu',
              'dr', 'vif_locking', 'storage_xen_motion', 'vgpu', 'xen_motion', 'ad', 'nested_virt', 'live_patching',
              'cbt',
              'usb_passthrough', 'network_sriov', 'igmp_snooping', 'pool_size', 'vtpm', 'vm_groups', 'updates')


class Builder:
    """Makes one pool of so many hosts."""

    def __init__(self, sim, hosts):
        self.sim, self.db, self.count = sim, sim.db, hosts
        self.restrictions = {'restrict_' + name: 'false' for name in RESTRICTED}
        self.hosts = []

    def build(self):
        pool = self.db.create('pool', {'restrictions': self.restrictions, 'ha_cluster_stack': 'xhad',
                                       'migration_compression': False,
                                       'coordinator_bias': True, 'local_auth_max_threads': 8, 'ext_auth_max_threads': 1,
                                       'other_config': {'memory-ratio-hvm': '0.25', 'memory-ratio-pv': '0.25'}})
        networks = self._networks()
        for number in range(1, self.count + 1):
            self.hosts.append(self._host(number))
            self._cards(self.hosts[-1], number, networks)
        self.db.set('pool', pool, master=self.hosts[0], cpu_info={
            'cpu_count': str(CPUS * self.count), 'socket_count': str(self.count), 'vendor': MODEL['vendor']})
        for record in managers.records():
            self.db.create('SM', record)
        default = self._storage()
        self.db.set('pool', pool, default_SR=default, suspend_image_SR=default, crash_dump_SR=default)
        for host in self.hosts:
            self.db.set('host', host, suspend_image_sr=default, crash_dump_sr=default)
        for record in templates.records():
            self._template(record)

    # ------------------------------------------------------------ hosts

    def _host(self, number):
        name, address = 'xcp-host%d' % number, '192.168.1.%d' % (9 + number)
        metrics = self.db.create('host_metrics', {'memory_total': MEMORY, 'memory_free': MEMORY - DOM0_MEMORY,
                                                  'live': True,
                                                  'last_updated': self.sim.now()})
        host = self.db.create('host', {
            'name_label': name, 'name_description': 'Default install', 'hostname': name, 'address': address,
            'enabled': True,
            'metrics': metrics, 'memory_overhead': 26214400, 'API_version_major': 2, 'API_version_minor': 23,
            'API_version_vendor': 'XenSource', 'software_version': {**SOFTWARE, 'hostname': name}, 'edition': 'xcp-ng',
            'editions': ['xcp-ng'], 'license_params': self.restrictions, 'sched_policy': 'credit', 'capabilities': [
                'xen-3.0-x86_64', 'hvm-3.0-x86_32', 'hvm-3.0-x86_32p', 'hvm-3.0-x86_64'],
            'supported_bootloaders': ['pygrub', 'eliloader'], 'chipset_info': {'iommu': 'true'}, 'cpu_info': {
                **MODEL, 'cpu_count': str(CPUS), 'socket_count': '1', 'threads_per_core': '1', 'nr_nodes': '1',
                'speed': '2400.000'},
            'virtual_hardware_platform_versions': [0, 1, 2], 'license_server': {'address': 'localhost',
                                                                                'port': '27000'}})
        for cpu in range(CPUS):
            self.db.create('host_cpu', {**MODEL, 'host': host, 'number': cpu, 'speed': 2400, 'family': 6, 'model': 79})
        self._control_domain(host, name, address)
        return host

    def _control_domain(self, host, name, address):
        metrics = self.db.create('VM_metrics', {'VCPUs_number': 2, 'current_domain_type': 'pv'})
        vm = self.db.create('VM', {
            'name_label': 'Control domain on host: ' + name, 'power_state': 'Running', 'is_control_domain': True,
            'domid': 0,
            'name_description': 'The domain which manages physical devices and manages other domains',
            'resident_on': host,
            'affinity': host, 'metrics': metrics, 'memory_target': DOM0_MEMORY, 'memory_static_max': DOM0_MEMORY,
            'memory_dynamic_max': DOM0_MEMORY, 'memory_dynamic_min': DOM0_MEMORY, 'memory_static_min': DOM0_MEMORY,
            'VCPUs_max': 2,
            'VCPUs_at_startup': 2, 'user_version': 1, 'domain_type': 'pv', 'domarch': 'x64',
            'HVM_shadow_multiplier': 1.0,
            'actions_after_softreboot': 'soft_reboot', 'actions_after_shutdown': 'destroy',
            'actions_after_reboot': 'destroy',
            'actions_after_crash': 'destroy'})
        self.db.set('host', host, control_domain=vm)
        for protocol in ('rfb', 'vt100'):
            console = self.db.create('console', {'protocol': protocol, 'VM': vm})
            self.db.set('console', console, location='https://%s/console?ref=%s' % (address, console))

    # ------------------------------------------------------------ networks

    def _networks(self):
        found = [self.db.create('network', {'name_label': 'Pool-wide network associated with ' + card,
                                            'bridge': 'xenbr%d' % number,
                                            'MTU': 1500, 'managed': True, 'default_locking_mode': 'unlocked'})
                 for number, card in enumerate(('eth0', 'eth1'))]
        self.db.create('network', {
            'name_label': 'Host internal management network', 'bridge': 'xenapi', 'MTU': 1500, 'managed': True,
            'name_description': 'Network on which guests will be assigned a private link-local IP address which can be '
                                'used to talk XenAPI',
            'default_locking_mode': 'unlocked', 'other_config': {
                'is_guest_installer_network': 'true', 'is_host_internal_management_network': 'true',
                'ip_begin': '169.254.0.1',
                'ip_end': '169.254.255.254', 'netmask': '255.255.0.0'}})
        return found

    def _cards(self, host, number, networks):
        for card, network in enumerate(networks):
            metrics = self.db.create('PIF_metrics', {'carrier': True, 'speed': 1000, 'duplex': True,
                                                     'device_name': 'Ethernet Controller'})
            address = {'ip_configuration_mode': 'DHCP', 'IP': '192.168.1.%d' % (9 + number), 'netmask': '255.255.255.0',
                       'gateway': '192.168.1.1', 'DNS': '192.168.1.1', 'management': True}
            self.db.create('PIF', {
                'device': 'eth%d' % card, 'network': network, 'host': host,
                'MAC': '52:54:00:aa:%02x:%02x' % (number - 1, card + 1),
                'MTU': 1500, 'VLAN': -1, 'metrics': metrics, 'physical': True, 'currently_attached': True,
                'managed': True,
                'primary_address_type': 'IPv4', 'properties': {'gro': 'on'}, 'igmp_snooping_status': 'disabled',
                **(address if card == 0 else {})})

    # ------------------------------------------------------------ storage

    def _storage(self):
        """The default SR: the only host's local one, or what the hosts share."""
        local = [self._sr([host], 'Local storage', 'ext', 'user', {'device': '/dev/sda3'}) for host in self.hosts]
        shared = self._sr(self.hosts, 'NFS storage', 'nfs', 'user',
                          {'server': '192.168.1.20', 'serverpath': '/export/vms'}, shared=True)
        several = self.count > 1
        library = self._sr(self.hosts, 'ISO library', 'iso', 'iso',
                           {'location': '192.168.1.20:/export/iso', 'type': 'nfs_iso'} if several
                           else {'location': '/srv/iso', 'legacy_mode': 'true'}, shared=several)
        for name in ISOS:
            self.db.create('VDI', {'name_label': name, 'SR': library, 'virtual_size': ISO_SIZE,
                                   'physical_utilisation': ISO_SIZE,
                                   'type': 'user', 'read_only': True, 'location': name, 'managed': True})
        self.db.set('SR', library, virtual_allocation=len(ISOS) * ISO_SIZE, physical_utilisation=len(ISOS) * ISO_SIZE)
        for host in self.hosts:
            self._sr([host], 'DVD drives', 'udev', 'iso', {'type': 'cd', 'location': '/dev/xapi/cd'},
                     told='Physical DVD drives')
            self._sr([host], 'Removable storage', 'udev', 'disk', {'type': 'block', 'location': '/dev/xapi/block'})
        return shared if several else local[0]

    def _sr(self, hosts, name, kind, content, config, shared=False, told=''):
        removable = {'type': config['type']} if kind == 'udev' else {}
        sr = self.db.create('SR', {'name_label': name, 'name_description': told, 'type': kind, 'content_type': content,
                                   'shared': shared,
                                   'physical_size': SR_SIZE, 'sm_config': removable})
        for host in hosts:
            self.db.create('PBD', {'host': host, 'SR': sr, 'device_config': config, 'currently_attached': True})
        return sr

    # ------------------------------------------------------------ templates

    def _template(self, record):
        config = {**record['other_config'], 'mac_seed': self.sim.new_uuid()}
        metrics = self.db.create('VM_metrics')
        vm = self.db.create('VM', {**record, 'other_config': config, 'metrics': metrics})
        vm_memory.update_overhead(self.db, vm)
