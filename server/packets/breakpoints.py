"""Breakpoint packets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Self

from .base import Packet, PacketError, hex_number, split

__all__ = ["InsertBreakpoint", "PointType", "RemoveBreakpoint"]


class PointType(Enum):
    """The digit behind Z."""

    SOFTWARE = 0
    HARDWARE = 1
    WRITE = 2
    READ = 3
    ACCESS = 4


def _type_address_kind(arguments: bytes) -> tuple[PointType, int, int]:
    digit, address, rest = split(arguments, b",", 3)
    kind, _, conditions = rest.partition(b";")
    if conditions:
        raise PacketError("conditions and commands of breakpoints are not evaluated here")
    try:
        point = PointType(hex_number(digit, "the breakpoint type"))
    except ValueError:
        raise PacketError(f"there is no breakpoint type {digit.decode()}") from None
    return point, hex_number(address, "the address"), hex_number(kind, "the breakpoint kind")


@dataclass(frozen=True, slots=True)
class InsertBreakpoint(Packet):
    """``Z TYPE,ADDR,KIND``. Kind 2: 16-bit Thumb, 3: 32-bit Thumb, 4: Arm; for watchpoints a length in bytes."""

    feature = "swbreak+;hwbreak+"

    type: PointType
    address: int
    kind: int

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        """See Packet."""
        return cls(*_type_address_kind(arguments))


@dataclass(frozen=True, slots=True)
class RemoveBreakpoint(Packet):
    """``z TYPE,ADDR,KIND``. LLDB removes with another kind than it inserted: the address decides."""

    type: PointType
    address: int
    kind: int

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        """See Packet."""
        return cls(*_type_address_kind(arguments))
