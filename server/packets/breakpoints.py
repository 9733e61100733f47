"""Breakpoint packets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Self

from .base import Packet, PacketError, hex_bytes, hex_number, split

__all__ = ["InsertBreakpoint", "PointType", "RemoveBreakpoint"]


class PointType(Enum):
    """The digit behind Z."""

    SOFTWARE = 0
    HARDWARE = 1
    WRITE = 2
    READ = 3
    ACCESS = 4


@dataclass(frozen=True, slots=True)
class _Point:
    """TYPE,ADDR,KIND and what follows it."""

    type: PointType
    address: int
    kind: int
    extras: tuple[bytes, ...]


def _point(arguments: bytes) -> _Point:
    digit, address, rest = split(arguments, b",", 3)
    kind, *extras = rest.split(b";")
    try:
        point = PointType(hex_number(digit, "the breakpoint type"))
    except ValueError:
        raise PacketError(f"there is no breakpoint type {digit.decode()}") from None
    where, size = hex_number(address, "the address"), hex_number(kind, "the breakpoint kind")
    return _Point(point, where, size, tuple(extra for extra in extras if extra))


def _expressions(text: bytes) -> tuple[bytes, ...]:
    """``XLEN,HEX`` one behind the other."""
    found = []
    while text:
        if text[:1] != b"X":
            raise PacketError(f"an agent expression begins with X: {text[:20]!r}")
        length, rest = split(text[1:], b",", 2)
        digits = 2 * hex_number(length, "the length of an agent expression", bits=16)
        code = hex_bytes(rest[:digits], "an agent expression")
        if 2 * len(code) != digits:
            raise PacketError("an agent expression is shorter than announced")
        found.append(code)
        text = rest[digits:]
    return tuple(found)


@dataclass(frozen=True, slots=True)
class InsertBreakpoint(Packet):
    """``Z TYPE,ADDR,KIND[;XLEN,EXPR...][;cmds:PERSIST,XLEN,EXPR...]``.

    Kind 2: 16-bit Thumb, 3: 32-bit Thumb, 4: Arm; for watchpoints a length in bytes. PERSIST asks for commands
    that outlive the connection, which nothing does here.
    """

    feature = "swbreak+;hwbreak+;ConditionalBreakpoints+;BreakpointCommands+"

    type: PointType
    address: int
    kind: int
    conditions: tuple[bytes, ...] = ()
    commands: tuple[bytes, ...] = ()

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        """See Packet."""
        point = _point(arguments)
        conditions: tuple[bytes, ...] = ()
        commands: tuple[bytes, ...] = ()
        for extra in point.extras:
            if extra.startswith(b"cmds:"):
                commands += _expressions(split(extra, b",", 2)[1])
            else:
                conditions += _expressions(extra)
        return cls(point.type, point.address, point.kind, conditions, commands)


@dataclass(frozen=True, slots=True)
class RemoveBreakpoint(Packet):
    """``z TYPE,ADDR,KIND``. LLDB removes with another kind than it inserted: the address decides."""

    type: PointType
    address: int
    kind: int

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        """See Packet."""
        point = _point(arguments)
        return cls(point.type, point.address, point.kind)
