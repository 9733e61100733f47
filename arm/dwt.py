"""Encodings of the Data Watchpoint and Trace unit, as pure functions: which comparators watch which bytes.

Version 1 (DDI0403E C1.8; the Armv6-M unit of DDI0419E C1.8 is the same without tracing): a comparator holds an
aligned block of a power of two bytes. Version 2 (Armv8-M, DDI0553 D1.2): one holds 1, 2 or 4 aligned bytes, an
even one and the odd one behind it any range. Both match an access that touches any of their bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from ..probes.errors import TargetError
from .registers_debug import DWT_FUNCTION, DWT_FUNCTION_V2

__all__ = ["BLOCK_LIMIT", "Comparator", "Watch", "WatchHit", "WatchKind", "assign", "blocks", "needs"]

BLOCK_LIMIT = 15
"""MASK reaches this far on every core that has it: a Cortex-M3's field has four bits (DDI0337G, DWT Mask Registers)."""


class WatchKind(Enum):
    """Which accesses stop the core."""

    WRITE = "write"
    READ = "read"
    ACCESS = "access"


@dataclass(frozen=True, slots=True)
class Watch:
    """``length`` bytes from ``address`` on, watched for accesses of one kind."""

    address: int
    length: int
    kind: WatchKind

    def __str__(self) -> str:
        return f"{self.length} byte{'s' if self.length > 1 else ''} at {self.address:#010x}"


@dataclass(frozen=True, slots=True)
class WatchHit:
    """A watch that stopped the core. ``address`` is one of its own, as near to the access as the unit tells."""

    kind: WatchKind
    address: int


@dataclass(frozen=True, slots=True)
class Comparator:
    """What one comparator holds for ``watch``: DWT_COMP, DWT_MASK (None where there is no such register), DWT_FUNCTION.

    ``address`` is the first byte it watches. ``paired``: it works only with the next one, at an even number.
    """

    watch: Watch
    address: int
    comp: int
    mask: int | None
    function: int
    paired: bool = False


_V1 = {WatchKind.READ: 5, WatchKind.WRITE: 6, WatchKind.ACCESS: 7}
_V2 = {WatchKind.ACCESS: 4, WatchKind.WRITE: 5, WatchKind.READ: 6}
_V2_LIMIT = 7
_V2_DEBUG_EVENT = 1
_V2_SIZES = {1: 0, 2: 1, 4: 2}


def blocks(address: int, length: int) -> list[tuple[int, int]]:
    """(start, log2 of the size) of the fewest aligned blocks that are together exactly these bytes."""
    found = []
    end = address + length
    while address < end:
        size = min((end - address).bit_length() - 1, BLOCK_LIMIT)
        if address:
            size = min(size, (address & -address).bit_length() - 1)
        found.append((address, size))
        address += 1 << size
    return found


def _rounded(address: int, length: int, size: int) -> tuple[int, int]:
    grain = 1 << size
    start = address & -grain
    return start, -(-(address + length) // grain) * grain - start


def _comparators_v1(watch: Watch, pieces: Iterable[tuple[int, int]]) -> list[Comparator]:
    function = DWT_FUNCTION.make(FUNCTION=_V1[watch.kind])
    return [Comparator(watch, max(start, watch.address), start, size, function) for start, size in pieces]


def _comparators_v2(watch: Watch) -> list[Comparator]:
    event = DWT_FUNCTION_V2.make(ACTION=_V2_DEBUG_EVENT, MATCH=_V2[watch.kind])
    size = _V2_SIZES.get(watch.length)
    if size is not None and not watch.address % watch.length:
        event |= DWT_FUNCTION_V2.make(DATAVSIZE=size)
        return [Comparator(watch, watch.address, watch.address, None, event)]
    last = watch.address + watch.length - 1
    limit = DWT_FUNCTION_V2.make(MATCH=_V2_LIMIT)
    return [
        Comparator(watch, watch.address, watch.address, None, event, paired=True),
        Comparator(watch, watch.address, last, None, limit),
    ]


def needs(watch: Watch, version: int, free: int) -> list[Comparator]:
    """The comparators that watch exactly these bytes; with version 1, what fits ``free`` comparators if it must.

    A watch for writes may then cover bytes around its own, up to four times as many: whoever is told compares
    the old value with the new one. One for reads may not, because nobody could tell a false stop.
    """
    if version > 1:
        return _comparators_v2(watch)
    exact = blocks(watch.address, watch.length)
    for size in range(BLOCK_LIMIT + 1):
        if len(exact) <= free or watch.kind is not WatchKind.WRITE:
            break
        wider = blocks(*_rounded(watch.address, watch.length, size))
        if len(wider) <= free and sum(1 << each for _, each in wider) <= 4 * max(watch.length, 4):
            exact = wider
    return _comparators_v1(watch, exact)


def assign(watches: Sequence[Watch], version: int, count: int) -> list[Comparator | None]:
    """What each of ``count`` comparators holds; TargetError, about the last watch, when they do not suffice."""
    placed: list[Comparator | None] = [None] * count
    claims: list[list[Comparator]] = []
    for watch in watches:
        claims.append(needs(watch, version, count - sum(map(len, claims))))
    for claim in sorted(claims, key=lambda claim: not claim[0].paired):
        if claim[0].paired:
            at = next((even for even in range(0, count - 1, 2) if placed[even] is None), None)
            places = [] if at is None else [at, at + 1]
        else:
            places = [index for index, holds in enumerate(placed) if holds is None][: len(claim)]
        if len(places) < len(claim):
            raise _too_many(watches, claims, count)
        for place, comparator in zip(places, claim, strict=True):
            placed[place] = comparator
    return placed


def _too_many(watches: Sequence[Watch], claims: Sequence[Sequence[Comparator]], count: int) -> TargetError:
    new, others = watches[-1], claims[:-1]
    attempt = f"Watching {new}"
    if not count:
        return TargetError(
            attempt, "this core has no watchpoint unit", "Step with 'watch -software' or use breakpoints."
        )
    taken = sum(map(len, others))
    return TargetError(
        attempt,
        f"the core has {count} watchpoint comparator{'s' if count > 1 else ''}, this takes {len(claims[-1])} of them "
        f"and {taken or 'none'} {'is' if taken == 1 else 'are'} in use",
        "Delete another watchpoint, or watch fewer bytes or aligned ones."
        if taken
        else "Watch fewer bytes, or bytes that begin at a multiple of their number.",
    )
