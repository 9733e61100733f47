"""The one module that imports pyusb. Its errors end here: what leaves is the error tree, in sentences.

Transfers are synchronous and always have a finite timeout: pyusb cannot abort a running one.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import usb.core
import usb.util

from .errors import (
    HaltpointError,
    ProbeBusyError,
    ProbeError,
    ProbeGoneError,
    ProbePermissionError,
    ProbeProtocolError,
    ProbeTimeoutError,
)

__all__ = ["StallError", "UsbDevice", "find"]

# USB 2.0 section 9.4.3 (GET_DESCRIPTOR) and table 9-5.
_DEVICE_TO_HOST = 0x80
_GET_DESCRIPTOR = 6
_STRING = 3
_ENGLISH_US = 0x0409
_CONTROL_TIMEOUT_MS = 1000


class StallError(ProbeProtocolError):
    """The device answered a transfer with STALL: it refuses the command or does not know it."""


_UDEV_ADVICE = (
    "On Linux a udev rule gives the logged-in user access: as root, write the line "
    'SUBSYSTEM=="usb", ATTR{{idVendor}}=="{vendor:04x}", ATTR{{idProduct}}=="{product:04x}", '
    'MODE="0660", TAG+="uaccess" into /etc/udev/rules.d/60-haltpoint.rules, '
    "run 'udevadm control --reload', then unplug the probe and plug it in again."
)
_BUSY_ADVICE = (
    "A debug session holds it: another Haltpoint server, OpenOCD, st-util, pyOCD, or an IDE with its own server. "
    "Stop that program, or choose another probe; 'haltpoint list' shows them."
)
_GONE_ADVICE = "Check the cable, plug the probe in again and start once more."
_TIMEOUT_ADVICE = "If it happens again, unplug the probe and plug it in again, without a USB hub where possible."
_STALL_ADVICE = "Its firmware may not know this command: update it with its maker's tool (ST-Link: STSW-LINK007)."
_DRIVER_ADVICE = (
    "On Windows, bind the WinUSB driver to the probe (ST-Link: ST's driver package STSW-LINK009, or Zadig)."
)
_LIBUSB_ADVICE = (
    "Install libusb 1.0 (Debian, Ubuntu: apt install libusb-1.0-0; Fedora: libusb1; macOS: brew install libusb)."
)

# errno -> (error, what was seen, what to do)
_TRANSLATIONS: dict[int | None, tuple[type[ProbeError], str, str]] = {
    errno.EACCES: (ProbePermissionError, "the operating system denies access to the USB device", _UDEV_ADVICE),
    errno.EPERM: (ProbePermissionError, "the operating system denies access to the USB device", _UDEV_ADVICE),
    errno.EBUSY: (ProbeBusyError, "another program is using the probe", _BUSY_ADVICE),
    errno.ENODEV: (ProbeGoneError, "the probe is no longer connected", _GONE_ADVICE),
    errno.ENOENT: (ProbeGoneError, "the probe is no longer connected", _GONE_ADVICE),
    errno.EIO: (ProbeGoneError, "the USB connection broke down", _GONE_ADVICE),
    errno.ETIMEDOUT: (ProbeTimeoutError, "the probe did not answer in time", _TIMEOUT_ADVICE),
    errno.EPIPE: (StallError, "the probe refused the transfer (USB STALL)", _STALL_ADVICE),
    errno.EOVERFLOW: (ProbeProtocolError, "the probe sent more than it was asked for", _TIMEOUT_ADVICE),
}


def _translate(error: usb.core.USBError, attempt: str, *, vendor: int = 0, product: int = 0) -> HaltpointError:
    """The error tree's word for a pyusb error."""
    number = errno.ETIMEDOUT if isinstance(error, usb.core.USBTimeoutError) else error.errno
    if number not in _TRANSLATIONS:
        return ProbeError(attempt, f"USB error {number} ({error.strerror})", _TIMEOUT_ADVICE)
    kind, seen, advice = _TRANSLATIONS[number]
    if advice is _UDEV_ADVICE:
        advice = advice.format(vendor=vendor, product=product)
    return kind(attempt, seen, advice)


class UsbDevice:
    """One device on the bus. Opened by ``open``; reading its serial descriptor opens it for a moment.

    Raises ProbePermissionError, ProbeBusyError, ProbeGoneError, ProbeTimeoutError, StallError and
    ProbeProtocolError, each with what to do.
    """

    def __init__(self, device: Any) -> None:
        self._device = device
        self.vendor_id: int = device.idVendor
        self.product_id: int = device.idProduct
        ports = ".".join(str(port) for port in device.port_numbers or ())
        self.location = f"{device.bus}-{ports}" if ports else f"{device.bus}:{device.address}"
        self.name = f"USB device {self.vendor_id:04x}:{self.product_id:04x} at {self.location}"

    @contextmanager
    def _translated(self, attempt: str) -> Iterator[None]:
        try:
            yield
        except usb.core.USBError as error:
            raise self._error(error, attempt) from error
        except NotImplementedError as error:
            raise ProbeError(
                attempt, "the operating system has no driver bound to the probe", _DRIVER_ADVICE
            ) from error

    def _error(self, error: usb.core.USBError, attempt: str) -> HaltpointError:
        return _translate(error, attempt, vendor=self.vendor_id, product=self.product_id)

    @property
    def handle(self) -> Any:
        """The pyusb device, for a library that works on one; what that raises is told by ``failure``."""
        return self._device

    def failure(self, error: BaseException, attempt: str) -> HaltpointError:
        """The error tree's word for what a library over pyusb raised."""
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, usb.core.USBError):
                return self._error(cause, attempt)
            cause = cause.__cause__ or cause.__context__
        return ProbeProtocolError(attempt, str(error) or type(error).__name__, _TIMEOUT_ADVICE)

    def open(self, interface: int) -> None:
        """Claim an interface for exclusive use."""
        with self._translated(f"Opening {self.name}"):
            usb.util.claim_interface(self._device, interface)

    def close(self) -> None:
        """Release whatever is claimed and close; fine for a device that is gone or was never opened."""
        usb.util.dispose_resources(self._device)

    def reset(self) -> None:
        """Reset the device's port; it is closed afterwards and ``find_again`` makes it usable."""
        try:
            self._device.reset()
        except usb.core.USBError as error:
            # A device that re-enumerates in the reset is reported as not found.
            if error.errno not in (errno.ENOENT, errno.ENODEV):
                raise self._error(error, f"Resetting {self.name}") from error
        finally:
            self.close()

    def find_again(self) -> UsbDevice:
        """The device at the same place on the bus after a reset; raises ProbeGoneError when none is there."""
        for other in find(self.vendor_id, (self.product_id,), self._device.backend):
            if other.location == self.location:
                return other
        raise ProbeGoneError(f"Finding {self.name} again after a reset", "it is no longer connected", _GONE_ADVICE)

    def clear_halt(self, endpoint: int) -> None:
        """End the STALL of an endpoint."""
        with self._translated(f"Recovering {self.name}"):
            self._device.clear_halt(endpoint)

    def write(self, endpoint: int, data: bytes, timeout_ms: int) -> None:
        """One bulk OUT transfer."""
        try:
            written = self._device.write(endpoint, data, timeout_ms)
        except usb.core.USBError as error:
            raise self._error(error, f"Sending {len(data)} bytes to {self.name}") from error
        if written != len(data):
            attempt = f"Sending {len(data)} bytes to {self.name}"
            raise ProbeProtocolError(attempt, f"the probe took only {written} of them", _TIMEOUT_ADVICE)

    def read(self, endpoint: int, length: int, timeout_ms: int) -> bytes:
        """One bulk IN transfer of at most ``length`` bytes, which must be a multiple of the packet size."""
        try:
            return bytes(self._device.read(endpoint, length, timeout_ms))
        except usb.core.USBError as error:
            raise self._error(error, f"Reading an answer from {self.name}") from error

    def serial_descriptor(self) -> bytes:
        """The raw string descriptor of the serial number, empty where there is none (USB 2.0, section 9.6.7)."""
        if not self._device.iSerialNumber:
            return b""
        with self._translated(f"Reading the serial number of {self.name}"):
            languages = self._string_descriptor(0, 0)
            language = int.from_bytes(languages[2:4], "little") if len(languages) >= 4 else _ENGLISH_US
            return self._string_descriptor(self._device.iSerialNumber, language)

    def _string_descriptor(self, index: int, language: int) -> bytes:
        value = _STRING << 8 | index
        # 254: the longest even length a descriptor can have
        return bytes(
            self._device.ctrl_transfer(_DEVICE_TO_HOST, _GET_DESCRIPTOR, value, language, 254, _CONTROL_TIMEOUT_MS)
        )


def find(vendor_id: int, product_ids: Iterable[int], backend: object | None = None) -> list[UsbDevice]:
    """All connected devices of that vendor with one of these products, in the bus's order.

    ``backend`` is a pyusb backend, None for libusb. Raises ProbeError when there is no libusb.
    """
    wanted = frozenset(product_ids)
    attempt = "Looking for probes on USB"
    try:
        found = usb.core.find(
            find_all=True,
            backend=backend,
            custom_match=lambda device: device.idVendor == vendor_id and device.idProduct in wanted,
        )
        return [UsbDevice(device) for device in found]
    except usb.core.NoBackendError as error:
        raise ProbeError(attempt, "the libusb library is missing", _LIBUSB_ADVICE) from error
    except usb.core.USBError as error:
        raise _translate(error, attempt, vendor=vendor_id) from error
