"""FTDI's high-speed chips as they are without EEPROM: descriptors of real ones, channels, FIFOs."""

from __future__ import annotations

from dataclasses import dataclass

from ..usb import Configuration, DeviceDescriptor, Endpoint, Interface, UsbCosts

__all__ = ["FTDI_CHIPS", "FtdiChip"]

VENDOR = 0x0403
VENDOR_SPECIFIC = (0xFF, 0xFF, 0xFF)
US = 1_000_000
COSTS = UsbCosts(bulk=125 * US, packet=15 * US, control=250 * US)
"""A microframe per transfer and about 35 MB/s within one (guess; high-speed hosts do a little better)."""


@dataclass(frozen=True)
class FtdiChip:
    """One product. ``fifo`` is bytes per channel and direction; the first ``mpsse`` channels have an MPSSE."""

    kind: str
    product: int
    version: int
    name: str
    channels: int
    mpsse: int
    fifo: int
    milliamps: int
    has_acbus: bool = True

    def descriptor(self, serial: str = "") -> DeviceDescriptor:
        """Return all USB descriptors; there is a serial number only where an EEPROM gives one."""
        interfaces = tuple(
            Interface(n, VENDOR_SPECIFIC, 2, (Endpoint(0x81 + 2 * n, 512), Endpoint(0x02 + 2 * n, 512)))
            for n in range(self.channels)
        )
        strings = {0: bytes([4, 3, 0x09, 0x04]), 1: _text("FTDI"), 2: _text(self.name)}
        if serial:
            strings[3] = _text(serial)
        return DeviceDescriptor(
            VENDOR,
            self.product,
            (0, 0, 0),
            self.version,
            Configuration(interfaces, milliamps=self.milliamps),
            strings,
            high_speed=True,
            indices=(1, 2, 3 if serial else 0),
        )


def _text(text: str) -> bytes:
    data = text.encode("utf-16-le")
    return bytes([len(data) + 2, 3]) + data


FTDI_CHIPS: dict[str, FtdiChip] = {
    one.kind: one
    for one in (
        FtdiChip("ft2232h", 0x6010, 0x0700, "Dual RS232-HS", 2, 2, 4096, 500),
        FtdiChip("ft4232h", 0x6011, 0x0800, "Quad RS232-HS", 4, 2, 2048, 100, has_acbus=False),
        FtdiChip("ft232h", 0x6014, 0x0900, "Single RS232-HS", 1, 1, 1024, 500),
    )
}
