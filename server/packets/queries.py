"""Queries: descriptions read in pieces, the monitor, and small facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from .base import NoArguments, Packet, PacketError, address_and_length, hex_bytes, split

__all__ = [
    "Attached",
    "Checksum",
    "MonitorCommand",
    "ReadFeatures",
    "ReadMemoryMap",
    "ReadThreads",
    "Symbol",
    "Transfer",
]


@dataclass(frozen=True, slots=True)
class Transfer(Packet):
    """``qXfer:OBJECT:read:ANNEX:OFFSET,LENGTH``."""

    annex: str
    offset: int
    length: int

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        """See Packet."""
        annex, where = split(arguments, b":", 2)
        return cls(annex.decode("ascii", "replace"), *address_and_length(where))


class ReadFeatures(Transfer):
    """``qXfer:features:read``: the target description."""

    feature = "qXfer:features:read+"


class ReadMemoryMap(Transfer):
    """``qXfer:memory-map:read``."""

    feature = "qXfer:memory-map:read+"


class ReadThreads(Transfer):
    """``qXfer:threads:read``."""

    feature = "qXfer:threads:read+"


@dataclass(frozen=True, slots=True)
class MonitorCommand(Packet):
    """``qRcmd,HEX``: a line the user typed behind ``monitor``. GDB waits for its end without limit."""

    deadline = 120.0

    line: str

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        """See Packet."""
        try:
            return cls(hex_bytes(arguments, "the command").decode("utf-8"))
        except UnicodeDecodeError:
            raise PacketError("the command is not UTF-8 text") from None


@dataclass(frozen=True, slots=True)
class Checksum(Packet):
    """``qCRC:ADDR,LENGTH``: a CRC-32 of target memory, for compare-sections."""

    deadline = 120.0
    keep_alive = True

    address: int
    length: int

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        """See Packet."""
        return cls(*address_and_length(arguments))


class Attached(NoArguments):
    """``qAttached``: 1 makes GDB's ``quit`` detach instead of kill."""


class Symbol(NoArguments):
    """``qSymbol``: the client offers to look up symbols."""
