# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The storage managers of a host: one for each type of SR."""

from __future__ import annotations

_ATTACH = ('VDI_ATTACH', 'VDI_DETACH')
_CREATE = _ATTACH + ('VDI_CREATE', 'VDI_DELETE')
_DISKS = _CREATE + ('SR_PROBE', 'VDI_ACTIVATE', 'VDI_DEACTIVATE', 'VDI_CLONE', 'VDI_SNAPSHOT', 'VDI_RESIZE',
                    'VDI_MIRROR')
_VHD = _DISKS + ('SR_UPDATE', 'VDI_CONFIG_CBT')
_FILES = _VHD + ('THIN_PROVISIONING', 'VDI_GENERATE_CONFIG')

# Of each type: name, description, features, what device_config takes, driver
_MANAGERS = {
    'ext': ('Local EXT3 VHD', 'SR plugin which represents disks as VHD files stored on a local EXT3 filesystem, '
            'created inside an LVM volume', _FILES + ('SR_SUPPORTS_LOCAL_CACHING', 'VDI_READ_CACHING',
                                                      'VDI_RESET_ON_BOOT/2', 'VDI_UPDATE'),
            {'device': 'local device path (required) (e.g. /dev/sda3)'}, 'EXTSR'),
    'lvm': ('Local VHD on LVM', 'SR plugin which represents disks as VHD disks on Logical Volumes within a '
            'locally-attached Volume Group', _VHD + ('SR_TRIM', 'VDI_RESET_ON_BOOT/2', 'VDI_UPDATE'),
            {'device': 'local device path (required) (e.g. /dev/sda3)'}, 'LVMSR'),
    'lvmoiscsi': ('VHD over iSCSI', 'SR plugin which represents disks as Logical Volumes within a Volume Group '
                  'created on an iSCSI LUN',
                  _VHD + ('SR_METADATA', 'SR_TRIM', 'VDI_GENERATE_CONFIG', 'VDI_RESET_ON_BOOT/2', 'VDI_UPDATE'),
                  {'SCSIid': 'The scsi_id of the destination LUN',
                   'target': 'IP address or hostname of the iSCSI target'},
                  'LVMoISCSISR'),
    'nfs': ('NFS VHD', 'SR plugin which stores disks as VHD files on a remote NFS filesystem',
            _FILES + ('VDI_READ_CACHING', 'VDI_RESET_ON_BOOT/2', 'VDI_UPDATE'),
            {'server': 'hostname or IP address of NFS server (required)',
             'serverpath': 'path on remote server (required)'}, 'NFSSR'),
    'file': ('Local Path VHD', 'SR plugin which represents disks as VHD files stored on a local path', _FILES,
             {'location': 'local directory path (required)'}, 'FileSR'),
    'iso': ('ISO', 'Handles CD images stored as files in iso format', _CREATE + ('SR_ATTACH', 'SR_DETACH', 'SR_SCAN'),
            {'location': 'path to mount (required) (e.g. server:/path)', 'type': 'cifs (SMB) or nfs_iso'}, 'ISOSR'),
    'udev': ('udev', 'SR plugin which represents devices plugged in via udev as VDIs',
             _ATTACH + ('SR_UPDATE', 'VDI_INTRODUCE', 'VDI_UPDATE'),
             {'location': 'path to mount (required) (e.g. server:/path)'}, 'udevSR'),
    'dummy': ('dummy', 'SR plugin which manages fake data', _DISKS + ('VDI_INTRODUCE',), {}, 'DummySR'),
}


def records():
    """Fields of every manager."""
    return [_record(kind, *row) for kind, row in _MANAGERS.items()]


def _record(kind, name, description, features, configuration, driver):
    versions = dict(feature.partition('/')[::2] for feature in sorted(features))
    return {'type': kind, 'name_label': name, 'name_description': description, 'vendor': 'Citrix Systems Inc',
            'copyright': '(C) 2008 Citrix Systems Inc', 'version': '1.0', 'required_api_version': '1.0',
            'configuration': configuration,
            'capabilities': list(versions), 'features': {name: int(version or 1) for name, version in versions.items()},
            'driver_filename': '/opt/xensource/sm/' + driver}
