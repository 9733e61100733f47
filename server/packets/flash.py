"""Flash packets. GDB sends all erases, then the writes in ascending order, then vFlashDone once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from .base import NoArguments, Packet, address_and_length, hex_number, split

__all__ = ["FlashDone", "FlashErase", "FlashWrite"]

FLASH_DEADLINE = 900.0
"""GDB waits 1000 s for an answer to these (remote_flash_timeout)."""


@dataclass(frozen=True, slots=True)
class FlashErase(Packet):
    """``vFlashErase:ADDR,LENGTH``."""

    deadline = FLASH_DEADLINE

    address: int
    length: int

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        """See Packet."""
        return cls(*address_and_length(arguments))


@dataclass(frozen=True, slots=True)
class FlashWrite(Packet):
    """``vFlashWrite:ADDR:DATA``, the data raw; LLDB starts at odd addresses."""

    deadline = FLASH_DEADLINE

    address: int
    data: bytes

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        """See Packet."""
        address, data = split(arguments, b":", 2)
        return cls(hex_number(address, "the address"), data)


class FlashDone(NoArguments):
    """``vFlashDone``."""

    deadline = FLASH_DEADLINE
