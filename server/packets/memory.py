"""Memory packets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from .base import Packet, PacketError, address_and_length, hex_bytes, hex_number, split

__all__ = ["ReadMemory", "ReadMemoryBinary", "SearchMemory", "WriteMemory", "WriteMemoryBinary"]


@dataclass(frozen=True, slots=True)
class ReadMemory(Packet):
    """``m ADDR,LENGTH``: answered in hex."""

    address: int
    length: int

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        """See Packet."""
        return cls(*address_and_length(arguments))


@dataclass(frozen=True, slots=True)
class ReadMemoryBinary(Packet):
    """``x ADDR,LENGTH``: answered with ``b`` and raw bytes (GDB 16 and later)."""

    feature = "binary-upload+"

    address: int
    length: int

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        """See Packet."""
        return cls(*address_and_length(arguments))


@dataclass(frozen=True, slots=True)
class SearchMemory(Packet):
    """``qSearch:memory:ADDR;LENGTH;PATTERN``, the pattern in raw bytes: for ``find``."""

    deadline = 120.0
    keep_alive = True

    address: int
    length: int
    pattern: bytes

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        """See Packet."""
        space, rest = split(arguments, b":", 2)
        if space != b"memory":
            raise PacketError(f"only memory can be searched, not {space[:20]!r}")
        address, length, pattern = split(rest, b";", 3)
        if not pattern:
            raise PacketError("there is no pattern")
        return cls(hex_number(address, "the address"), hex_number(length, "the length", bits=33), pattern)


def _checked(address: int, length: int, data: bytes) -> tuple[int, bytes]:
    if len(data) != length:
        raise PacketError(f"{length} bytes announced, {len(data)} sent")
    if address + length > 1 << 32:
        raise PacketError(f"{length} bytes at {address:#010x} leave the address space")
    return address, data


@dataclass(frozen=True, slots=True)
class WriteMemory(Packet):
    """``M ADDR,LENGTH:XX...``."""

    address: int
    data: bytes

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        """See Packet."""
        where, data = split(arguments, b":", 2)
        return cls(*_checked(*address_and_length(where), hex_bytes(data, "the data")))


@dataclass(frozen=True, slots=True)
class WriteMemoryBinary(Packet):
    """``X ADDR,LENGTH:DATA``; length 0 is how GDB asks whether X is known."""

    address: int
    data: bytes

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        """See Packet."""
        where, data = split(arguments, b":", 2)
        return cls(*_checked(*address_and_length(where), data))
