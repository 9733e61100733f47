"""USB descriptors, as GET_DESCRIPTOR gives them (USB 2.0 section 9.6)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BULK", "INTERRUPT", "Configuration", "DeviceDescriptor", "Endpoint", "Interface"]

BULK, INTERRUPT = 2, 3


@dataclass(frozen=True)
class Endpoint:
    """An endpoint descriptor (USB 2.0 table 9-13)."""

    address: int
    packet: int
    kind: int = BULK
    interval: int = 0

    def encode(self) -> bytes:
        """Return the descriptor's 7 bytes."""
        return bytes([7, 5, self.address, self.kind, *self.packet.to_bytes(2, "little"), self.interval])


@dataclass(frozen=True)
class Interface:
    """An interface descriptor (USB 2.0 table 9-12) with its endpoints; ``before`` and ``extra`` are raw descriptors."""

    number: int
    code: tuple[int, int, int]
    name: int
    endpoints: tuple[Endpoint, ...]
    before: bytes = b""
    extra: bytes = b""
    kernel_driver: bool = False  # Linux binds one of its own drivers to such an interface

    def encode(self) -> bytes:
        """Return the descriptor and all that belongs to it."""
        head = bytes([9, 4, self.number, 0, len(self.endpoints), *self.code, self.name])
        return self.before + head + self.extra + b"".join(endpoint.encode() for endpoint in self.endpoints)


@dataclass(frozen=True)
class Configuration:
    """A configuration descriptor (USB 2.0 table 9-10) with its interfaces."""

    interfaces: tuple[Interface, ...]
    name: int = 0
    attributes: int = 0x80
    milliamps: int = 100
    value: int = 1

    def encode(self) -> bytes:
        """Return the whole configuration, as GET_DESCRIPTOR gives it."""
        body = b"".join(interface.encode() for interface in self.interfaces)
        total = (9 + len(body)).to_bytes(2, "little")
        counts = [len(self.interfaces), self.value, self.name, self.attributes, self.milliamps // 2]
        return bytes([9, 2, *total, *counts]) + body


@dataclass(frozen=True)
class DeviceDescriptor:
    """A device descriptor (USB 2.0 table 9-8), its configuration and raw string descriptors by index."""

    vendor: int
    product: int
    code: tuple[int, int, int]
    version: int
    configuration: Configuration
    strings: dict[int, bytes]
    high_speed: bool = False
    indices: tuple[int, int, int] = (1, 2, 3)  # strings of manufacturer, product and serial number; 0: none

    def encode(self) -> bytes:
        """Return the descriptor's 18 bytes."""
        ids = b"".join(number.to_bytes(2, "little") for number in (self.vendor, self.product, self.version))
        return bytes([18, 1, 0x00, 0x02, *self.code, 64]) + ids + bytes([*self.indices, 1])
