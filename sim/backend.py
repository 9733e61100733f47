"""Simulated devices as a pyusb backend: ``usb.core.find(backend=board.backend)`` finds them as libusb would.

The only module of the simulator that knows pyusb. Failures become pyusb's own exceptions with the codes and errno
values its libusb backend gives them on Linux.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import usb.backend
import usb.core

from .bus import Unmodelled
from .errors import SimulationError
from .usb import Setup, UsbDevice, UsbFailure, UsbReason

__all__ = ["SimBackend"]

log = logging.getLogger(__name__)

_CODES: dict[UsbReason, tuple[int, int]] = {
    UsbReason.IO: (-1, errno.EIO),
    UsbReason.ACCESS: (-3, errno.EACCES),
    UsbReason.GONE: (-4, errno.ENODEV),
    UsbReason.NOT_FOUND: (-5, errno.ENOENT),
    UsbReason.BUSY: (-6, errno.EBUSY),
    UsbReason.TIMEOUT: (-7, errno.ETIMEDOUT),
    UsbReason.OVERFLOW: (-8, errno.EOVERFLOW),
    UsbReason.STALL: (-9, errno.EPIPE),
}


def _error(failure: UsbFailure) -> Exception:
    code, number = _CODES[failure.reason]
    kind = usb.core.USBTimeoutError if failure.reason is UsbReason.TIMEOUT else usb.core.USBError
    error: Exception = kind(os.strerror(number), code, number)
    return error


class _Handle:
    """An open device; ``address`` tells a handle from before a re-plug."""

    def __init__(self, device: UsbDevice) -> None:
        self.device = device
        self.address = device.address


class SimBackend(usb.backend.IBackend):  # type: ignore[misc]  # pyusb is untyped
    """One bus with simulated devices on it.

    ``unplug_at_gaps``: a device whose board meets something that is not modelled is unplugged with the reason in the
    log, as a program expects of a broken probe; otherwise the exception goes through to the caller.
    """

    def __init__(self, *devices: UsbDevice, unplug_at_gaps: bool = False) -> None:
        self.devices = list(devices)
        self.unplug_at_gaps = unplug_at_gaps
        self._claims: dict[tuple[UsbDevice, int], _Handle] = {}
        self._detached: set[tuple[UsbDevice, int]] = set()

    # --- finding and describing

    def enumerate_devices(self) -> Iterator[UsbDevice]:
        """Yield the devices that are plugged in."""
        return (device for device in self.devices if device.plugged)

    def get_parent(self, dev: UsbDevice) -> None:
        """Report no parent: the devices hang on the root hub."""

    def get_device_descriptor(self, dev: UsbDevice) -> SimpleNamespace:
        """Return the device descriptor with libusb's names."""
        one = dev.descriptor
        return SimpleNamespace(
            bLength=18,
            bDescriptorType=1,
            bcdUSB=0x0200,
            bDeviceClass=one.code[0],
            bDeviceSubClass=one.code[1],
            bDeviceProtocol=one.code[2],
            bMaxPacketSize0=64,
            idVendor=one.vendor,
            idProduct=one.product,
            bcdDevice=one.version,
            iManufacturer=one.indices[0],
            iProduct=one.indices[1],
            iSerialNumber=one.indices[2],
            bNumConfigurations=1,
            bus=1,
            address=dev.address,
            port_number=self.devices.index(dev) + 1,
            port_numbers=(self.devices.index(dev) + 1,),
            speed=3 if one.high_speed else 2,
        )

    def get_configuration_descriptor(self, dev: UsbDevice, config: int) -> SimpleNamespace:
        """Return the only configuration."""
        if config:
            raise IndexError(f"invalid configuration index {config}")
        one = dev.descriptor.configuration
        return SimpleNamespace(
            bLength=9,
            bDescriptorType=2,
            wTotalLength=len(one.encode()),
            bNumInterfaces=len(one.interfaces),
            bConfigurationValue=one.value,
            iConfiguration=one.name,
            bmAttributes=one.attributes,
            bMaxPower=one.milliamps // 2,
            extra_descriptors=b"",
        )

    def get_interface_descriptor(self, dev: UsbDevice, intf: int, alt: int, config: int) -> SimpleNamespace:
        """Return an interface by index; there are no alternate settings."""
        if config or alt:
            raise IndexError(f"invalid alternate setting {alt} or configuration {config}")
        one = dev.descriptor.configuration.interfaces[intf]
        return SimpleNamespace(
            bLength=9,
            bDescriptorType=4,
            bInterfaceNumber=one.number,
            bAlternateSetting=0,
            bNumEndpoints=len(one.endpoints),
            bInterfaceClass=one.code[0],
            bInterfaceSubClass=one.code[1],
            bInterfaceProtocol=one.code[2],
            iInterface=one.name,
            extra_descriptors=one.extra,
        )

    def get_endpoint_descriptor(self, dev: UsbDevice, ep: int, intf: int, alt: int, config: int) -> SimpleNamespace:
        """Return an endpoint by index."""
        if config or alt:
            raise IndexError(f"invalid alternate setting {alt} or configuration {config}")
        one = dev.descriptor.configuration.interfaces[intf].endpoints[ep]
        return SimpleNamespace(
            bLength=7,
            bDescriptorType=5,
            bEndpointAddress=one.address,
            bmAttributes=one.kind,
            wMaxPacketSize=one.packet,
            bInterval=one.interval,
            bRefresh=0,
            bSynchAddress=0,
            extra_descriptors=b"",
        )

    # --- opening and claiming

    def open_device(self, dev: UsbDevice) -> _Handle:
        """Open; EACCES where the board's owner says so."""
        if not dev.plugged:
            raise _error(UsbFailure(UsbReason.GONE))
        if not dev.permitted:
            raise _error(UsbFailure(UsbReason.ACCESS))
        return _Handle(dev)

    def close_device(self, dev_handle: _Handle) -> None:
        """Close; what the handle still held is released."""
        for key in [key for key, holder in self._claims.items() if holder is dev_handle]:
            del self._claims[key]

    def get_configuration(self, dev_handle: _Handle) -> int:
        """Return the configuration that the system chose when the device was plugged in."""
        return self._live(dev_handle).descriptor.configuration.value

    def set_configuration(self, dev_handle: _Handle, config_value: int) -> None:
        """Set it again; Linux refuses that while any interface is claimed or has a kernel driver."""
        device = self._live(dev_handle)
        configuration = device.descriptor.configuration
        if any(self._held(device, interface.number) for interface in configuration.interfaces):
            raise _error(UsbFailure(UsbReason.BUSY))
        if config_value != configuration.value:
            raise _error(UsbFailure(UsbReason.NOT_FOUND))

    def set_interface_altsetting(self, dev_handle: _Handle, intf: int, altsetting: int) -> None:
        """Accept setting 0 of an interface this handle holds."""
        device = self._live(dev_handle)
        if altsetting or self._claims.get((device, intf)) is not dev_handle:
            raise _error(UsbFailure(UsbReason.NOT_FOUND))

    def claim_interface(self, dev_handle: _Handle, intf: int) -> None:
        """Claim; EBUSY when another handle or a kernel driver has it."""
        device = self._live(dev_handle)
        self._interface(device, intf)
        if self._claims.get((device, intf)) is dev_handle:
            return
        if self._held(device, intf):
            raise _error(UsbFailure(UsbReason.BUSY))
        self._claims[device, intf] = dev_handle

    def release_interface(self, dev_handle: _Handle, intf: int) -> None:
        """Release an interface."""
        device = self._live(dev_handle)
        if self._claims.get((device, intf)) is not dev_handle:
            raise _error(UsbFailure(UsbReason.NOT_FOUND))
        del self._claims[device, intf]

    def is_kernel_driver_active(self, dev_handle: _Handle, intf: int) -> bool:
        """Report the mass storage and serial port drivers of Linux."""
        device = self._live(dev_handle)
        return self._interface(device, intf).kernel_driver and (device, intf) not in self._detached

    def detach_kernel_driver(self, dev_handle: _Handle, intf: int) -> None:
        """Take an interface from its kernel driver."""
        if not self.is_kernel_driver_active(dev_handle, intf):
            raise _error(UsbFailure(UsbReason.NOT_FOUND))
        self._detached.add((dev_handle.device, intf))

    def attach_kernel_driver(self, dev_handle: _Handle, intf: int) -> None:
        """Give an interface back."""
        self._detached.discard((self._live(dev_handle), intf))

    # --- transfers

    def bulk_write(self, dev_handle: _Handle, ep: int, intf: int, data: Any, timeout: int) -> int:
        """Carry an OUT transfer."""
        with self._translated(dev_handle):
            return self._transferable(dev_handle, intf).bulk_out(ep, bytes(data), timeout)

    def bulk_read(self, dev_handle: _Handle, ep: int, intf: int, buff: Any, timeout: int) -> int:
        """Carry an IN transfer into ``buff``; return the bytes received."""
        with self._translated(dev_handle):
            data = self._transferable(dev_handle, intf).bulk_in(ep, len(buff) * buff.itemsize, timeout)
        memoryview(buff).cast("B")[: len(data)] = data
        return len(data)

    intr_write = bulk_write
    intr_read = bulk_read

    def ctrl_transfer(  # noqa: PLR0917 - pyusb's signature
        self,
        dev_handle: _Handle,
        bmRequestType: int,  # noqa: N803 - pyusb's names
        bRequest: int,  # noqa: N803
        wValue: int,  # noqa: N803
        wIndex: int,  # noqa: N803
        data: Any,
        timeout: int,  # noqa: ARG002 - the device answers control requests at once
    ) -> int:
        """Carry a control transfer; return the bytes moved."""
        inwards = bool(bmRequestType & 0x80)
        out = b"" if inwards else bytes(data)
        with self._translated(dev_handle):
            reply = self._live(dev_handle).control(Setup(bmRequestType, bRequest, wValue, wIndex, out, len(data)))
        if not inwards:
            return len(out)
        memoryview(data).cast("B")[: len(reply)] = reply
        return len(reply)

    def clear_halt(self, dev_handle: _Handle, ep: int) -> None:
        """Clear a stalled endpoint."""
        with self._translated(dev_handle):
            self._live(dev_handle).clear_halt(ep)

    def reset_device(self, dev_handle: _Handle) -> None:
        """Reset the device."""
        self._live(dev_handle).bus_reset()

    # --- helpers

    @contextmanager
    def _translated(self, handle: _Handle) -> Iterator[None]:
        """Turn failures into pyusb's errors."""
        try:
            yield
        except UsbFailure as failure:
            raise _error(failure) from None
        except (Unmodelled, SimulationError) as gap:
            if not self.unplug_at_gaps:
                raise
            log.error("The simulated board cannot be simulated any further and is unplugged: %s", gap)  # noqa: TRY400
            handle.device.unplug()
            raise _error(UsbFailure(UsbReason.GONE)) from gap

    def _live(self, handle: _Handle) -> UsbDevice:
        if not handle.device.plugged or handle.address != handle.device.address:
            raise _error(UsbFailure(UsbReason.GONE))
        return handle.device

    def _transferable(self, handle: _Handle, intf: int) -> UsbDevice:
        device = self._live(handle)
        if self._claims.get((device, intf)) is not handle:
            raise UsbFailure(UsbReason.BUSY)
        return device

    @staticmethod
    def _interface(device: UsbDevice, number: int) -> Any:
        for interface in device.descriptor.configuration.interfaces:
            if interface.number == number:
                return interface
        raise _error(UsbFailure(UsbReason.NOT_FOUND))

    def _held(self, device: UsbDevice, number: int) -> bool:
        kernel = self._interface(device, number).kernel_driver and (device, number) not in self._detached
        holder = self._claims.get((device, number))
        return kernel or (holder is not None and holder.address == device.address)
