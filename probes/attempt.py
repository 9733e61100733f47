"""What is being tried, in the words an error will use, and what no bus can do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .access import Access, Poll, Read, ReadBlock, ReadCore, Require, Write, WriteBlock, WriteCore
from .errors import AccessFaultError

__all__ = ["Attempt", "check"]

ADDRESS_SPACE = 1 << 32


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is being tried, as an error will tell it: "Reading 4 bytes at 0x20000000".

    ``length`` 0 stands for something else than a memory access, then ``action`` says it all;
    ``index`` is the position in the batch.
    """

    action: str
    address: int = 0
    length: int = 0
    index: int = 0

    @property
    def on_bus(self) -> bool:
        """Whether it reaches the target's bus."""
        return bool(self.address or self.length)

    def __str__(self) -> str:
        if not self.length:
            return self.action
        return f"{self.action} {self.length} byte{'s' if self.length > 1 else ''} at {self.address:#010x}"


def check(accesses: Sequence[Access]) -> None:
    """Refuse what no bus can do before anything is sent.

    Raises ValueError for a caller's mistake (width, alignment), AccessFaultError for a block that runs
    over the end of the address space.
    """
    for index, access in enumerate(accesses):
        if isinstance(access, (Read, Write)):
            _check_single(access.address, access.width)
        elif isinstance(access, Poll):
            _check_single(access.address, 4)
        elif isinstance(access, ReadBlock):
            _check_block("Reading", access.address, access.length, index)
        elif isinstance(access, WriteBlock):
            _check_block("Writing", access.address, len(access.data), index)
        elif isinstance(access, Require):
            _check_condition(accesses, index, access)
        elif not isinstance(access, (ReadCore, WriteCore)):
            raise TypeError(f"{access!r} is no access")


def _check_single(address: int, width: int) -> None:
    if width not in (1, 2, 4) or address % width or not 0 <= address < ADDRESS_SPACE:
        raise ValueError(f"a {8 * width}-bit access cannot be made at {address:#010x}")


def _check_block(action: str, address: int, length: int, index: int) -> None:
    if address < 0 or length < 0:
        raise ValueError(f"a block of {length} bytes cannot be at {address:#x}")
    if address + length > ADDRESS_SPACE:
        raise AccessFaultError(
            str(Attempt(action, address, length)),
            "the block runs over the end of the address space at 0xffffffff",
            "Ask for a shorter one.",
            address=address,
            index=index,
        )


def _check_condition(accesses: Sequence[Access], index: int, condition: Require) -> None:
    if not 0 <= condition.position < index or not isinstance(accesses[condition.position], Read):
        raise ValueError("a condition is about a read earlier in its batch")
    if not all(isinstance(access, (Read, ReadBlock, ReadCore)) for access in accesses[index + 1 :]):
        raise ValueError("after a condition there are only reads")
