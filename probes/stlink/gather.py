"""Transfers of a few core registers as single words, so that one list holds them together with what is around them.

DDI0403E C1.6.3, C1.6.4: DCRDR holds the value, a write to DCRSR starts the transfer, DHCSR.S_REGRDY says that it is
complete. In a list nothing can wait for that, so it is looked at once, and afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..access import Access, Read, ReadCore, Require, Result, Write, WriteCore
from ..errors import TargetError
from .core import DCRDR, DCRSR, DHCSR, REGWNR, S_REGRDY, register_attempt

__all__ = ["CLEARED_BY_READING", "FEW", "Gathered", "gather"]

FEW = 6
"""Registers up to which single words are cheaper than the probe's command for all of them."""

CLEARED_BY_READING = 0x0300_0000
"""DHCSR.S_RETIRE_ST and S_RESET_ST: a look at S_REGRDY clears them for whoever reads DHCSR next."""

_NAMED = 1  # item: the access port's number


@dataclass
class Gathered:
    """``count`` accesses of a batch as ``words``; ``decode`` finds the accesses' results in those of the words."""

    accesses: list[Access] = field(default_factory=list)
    words: list[Access] = field(default_factory=list)
    transfers: bool = False
    items: int = _NAMED

    @property
    def count(self) -> int:
        """How many accesses."""
        return len(self.accesses)

    def owner(self, position: int) -> int:
        """Which access the word at ``position`` belongs to."""
        return next(n for n in range(self.count) if position < sum(len(_words(a)) for a in self.accesses[: n + 1]))

    def decode(self, values: Sequence[Result], index: int) -> tuple[list[Result], list[int], int]:
        """Results in order, the positions of ReadCores that were not complete in time, and DHCSR bits to keep.

        TargetError for a WriteCore that was not complete: what came after it has happened.
        """
        results: list[Result] = []
        late: list[int] = []
        kept = position = 0
        for offset, access in enumerate(self.accesses):
            part = values[position : position + len(_words(access))]
            position += len(part)
            looks = part[1::3] if isinstance(access, ReadCore) else part[2::3] if isinstance(access, WriteCore) else ()
            words = [word for word in looks if isinstance(word, int)]
            kept |= _all(words) & CLEARED_BY_READING
            complete = all(word & S_REGRDY for word in words)
            if isinstance(access, ReadCore):
                results.append(tuple(word for word in part[2::3] if isinstance(word, int)))
                if not complete:
                    late.append(offset)
            else:
                if not complete:
                    raise _unfinished(access, index + offset)
                results.append(part[0] if isinstance(access, Read) else None)
        return results, late, kept


def gather(accesses: Sequence[Access], start: int, limit: int, *, quick: bool) -> Gathered | None:
    """As many accesses from ``start`` on as a list of ``limit`` items holds; None when no core register is among them.

    Until a transfer is known to be complete nothing may follow it that cannot be repeated, unless ``quick`` says
    that the core has been seen to complete them in time.
    """
    run = Gathered()
    for access in accesses[start:]:
        words = _words(access)
        items = sum(2 if isinstance(word, Write) else 1 for word in words)
        if not words and not isinstance(access, Require):
            break
        if run.items + items > limit or (run.transfers and not quick and isinstance(access, (Write, WriteCore))):
            break
        run.accesses.append(access)
        run.words += words
        run.items += items
        run.transfers |= isinstance(access, (ReadCore, WriteCore))
    while run.accesses and isinstance(run.accesses[-1], Require):
        run.accesses.pop()
    return run if run.transfers and run.count > 1 else None


def _words(access: Access) -> list[Access]:
    """The words an access comes to; none for one that does not belong in a list."""
    match access:
        case Read(_, 4) | Write(_, _, 4):
            return [access]
        case ReadCore(registers) if len(registers) <= FEW:
            return [word for register in registers for word in (Write(DCRSR, register), Read(DHCSR), Read(DCRDR))]
        case WriteCore(register, value):
            return [Write(DCRDR, value & 0xFFFF_FFFF), Write(DCRSR, REGWNR | register), Read(DHCSR)]
    return []


def _all(words: Sequence[int]) -> int:
    result = 0
    for word in words:
        result |= word
    return result


def _unfinished(access: Access, index: int) -> TargetError:
    assert isinstance(access, WriteCore)
    return TargetError(
        str(register_attempt("Writing", access.register, index)),
        "the core had not finished the transfer (DHCSR.S_REGRDY) when the next access came",
        "Its clock is very slow: choose a lower speed (--speed 100).",
    )
