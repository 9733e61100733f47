"""The operations of Arm's semihosting specification, as a table.

Arm, "Semihosting for AArch32 and AArch64", chapter "Semihosting operations".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["APPLICATION_EXIT", "BY_NUMBER", "FAILED", "OPERATIONS", "SEMIHOSTING_BKPT", "Kind", "Operation"]

SEMIHOSTING_BKPT = 0xAB
"""The number in the BKPT instruction that asks for semihosting on M-profile cores."""

FAILED = 0xFFFF_FFFF
"""-1 in r0: what every operation that can fail answers when it has."""

APPLICATION_EXIT = 0x20026
"""ADP_Stopped_ApplicationExit: the reason of SYS_EXIT that is no error."""


class Kind(Enum):
    """What the parameter in r1 is."""

    NOTHING = "nothing"
    VALUE = "a value"
    ADDRESS = "the address of a string or a character"
    BLOCK = "the address of a block of words"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. ``words`` is the length of its parameter block, 0 where there is none."""

    number: int
    name: str
    kind: Kind
    words: int = 0


OPERATIONS = (
    Operation(0x01, "SYS_OPEN", Kind.BLOCK, 3),  # name, mode, length of the name
    Operation(0x02, "SYS_CLOSE", Kind.BLOCK, 1),  # handle
    Operation(0x03, "SYS_WRITEC", Kind.ADDRESS),
    Operation(0x04, "SYS_WRITE0", Kind.ADDRESS),
    Operation(0x05, "SYS_WRITE", Kind.BLOCK, 3),  # handle, buffer, length
    Operation(0x06, "SYS_READ", Kind.BLOCK, 3),  # handle, buffer, length
    Operation(0x07, "SYS_READC", Kind.NOTHING),
    Operation(0x08, "SYS_ISERROR", Kind.BLOCK, 1),  # status
    Operation(0x09, "SYS_ISTTY", Kind.BLOCK, 1),  # handle
    Operation(0x0A, "SYS_SEEK", Kind.BLOCK, 2),  # handle, position
    Operation(0x0C, "SYS_FLEN", Kind.BLOCK, 1),  # handle
    Operation(0x0D, "SYS_TMPNAM", Kind.BLOCK, 3),  # buffer, identifier, length
    Operation(0x0E, "SYS_REMOVE", Kind.BLOCK, 2),  # name, length
    Operation(0x0F, "SYS_RENAME", Kind.BLOCK, 4),  # old name, length, new name, length
    Operation(0x10, "SYS_CLOCK", Kind.NOTHING),
    Operation(0x11, "SYS_TIME", Kind.NOTHING),
    Operation(0x12, "SYS_SYSTEM", Kind.BLOCK, 2),  # command, length
    Operation(0x13, "SYS_ERRNO", Kind.NOTHING),
    Operation(0x15, "SYS_GET_CMDLINE", Kind.BLOCK, 2),  # buffer, length
    Operation(0x16, "SYS_HEAPINFO", Kind.BLOCK, 1),  # address of a block of four words
    Operation(0x18, "SYS_EXIT", Kind.VALUE),
    Operation(0x20, "SYS_EXIT_EXTENDED", Kind.BLOCK, 2),  # reason, status
    Operation(0x30, "SYS_ELAPSED", Kind.ADDRESS),
    Operation(0x31, "SYS_TICKFREQ", Kind.NOTHING),
)

BY_NUMBER = {operation.number: operation for operation in OPERATIONS}
