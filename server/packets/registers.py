"""Register packets. Numbers are those of the target description."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from .base import NoArguments, Packet, hex_bytes, hex_number, split

__all__ = ["ReadRegister", "ReadRegisters", "WriteRegister", "WriteRegisters"]


class ReadRegisters(NoArguments):
    """``g``."""


@dataclass(frozen=True, slots=True)
class WriteRegisters(Packet):
    """``G XX...``: all registers of ``g``, in target byte order."""

    data: bytes

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        """See Packet."""
        return cls(hex_bytes(arguments, "the register data"))


@dataclass(frozen=True, slots=True)
class ReadRegister(Packet):
    """``p N``."""

    number: int

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        """See Packet."""
        # LLDB appends ";thread:1;" where it believes that the server knows thread suffixes.
        return cls(hex_number(arguments.split(b";", 1)[0], "the register number", bits=16))


@dataclass(frozen=True, slots=True)
class WriteRegister(Packet):
    """``P N=XX...``: the value in target byte order."""

    number: int
    data: bytes

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        """See Packet."""
        number, value = split(arguments.split(b";", 1)[0], b"=", 2)
        return cls(hex_number(number, "the register number", bits=16), hex_bytes(value, "the register value"))
