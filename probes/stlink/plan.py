"""How accesses become commands: pure functions, no probe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..access import Access, Poll, Read, Write
from .commands import MiscItem, MiscOpcode

__all__ = ["Piece", "Shape", "pieces", "word_items", "word_run"]

WORD_TRANSFER_LIMIT = 6144  # bytes; of 16- and 32-bit commands


@dataclass(frozen=True, slots=True)
class Shape:
    """What shapes the commands of a block.

    ``window`` is how far the access port's address auto-increments before it wraps, in bytes: 1024 is
    all that ADIv5.2 C2.2.2 promises. ``halfwords``: 16-bit commands exist. ``byte_limit``: of 8-bit commands.
    """

    window: int = 1024
    halfwords: bool = True
    byte_limit: int = 64


@dataclass(frozen=True, slots=True)
class Piece:
    """One memory command: ``length`` bytes at ``address`` in accesses of ``width`` bytes."""

    address: int
    length: int
    width: int


def pieces(address: int, length: int, shape: Shape) -> list[Piece]:
    """Cut a block into commands: aligned words in the middle, at most three bytes of ragged end on either side."""
    end = address + length
    words = min(-(-address // 4) * 4, end)
    tail = max(end // 4 * 4, words)
    return [*_ragged(address, words, shape), *_cut(Piece(words, tail - words, 4), shape), *_ragged(tail, end, shape)]


def _ragged(start: int, end: int, shape: Shape) -> Iterator[Piece]:
    """An end without a whole aligned word, in the widest aligned accesses that the firmware has."""
    if not shape.halfwords:
        yield from _cut(Piece(start, end - start, 1), shape)
        return
    first = min(start + start % 2, end)
    last = max(end - end % 2, first)
    for piece in (Piece(start, first - start, 1), Piece(first, last - first, 2), Piece(last, end - last, 1)):
        yield from _cut(piece, shape)


def _cut(piece: Piece, shape: Shape) -> Iterator[Piece]:
    """Cut where the address would wrap and where a command would be too long; nothing for an empty piece."""
    limit = shape.byte_limit if piece.width == 1 else WORD_TRANSFER_LIMIT
    address, end = piece.address, piece.address + piece.length
    while address < end:
        boundary = address // shape.window * shape.window + shape.window
        stop = min(end, boundary, address + limit)
        yield Piece(address, stop - address, piece.width)
        address = stop


def word_run(accesses: Sequence[Access], start: int, limit: int) -> int:
    """How many accesses from ``start`` on are single words that one list of ``limit`` items can hold.

    A Poll may be the last of them: its first look often suffices.
    """
    items = 1  # the access port's number comes first
    for position in range(start, len(accesses)):
        access = accesses[position]
        if isinstance(access, Poll):
            return position - start + (items + 1 <= limit)
        if not isinstance(access, (Read, Write)) or access.width != 4:
            return position - start
        items += 2 if isinstance(access, Write) else 1
        if items > limit:
            return position - start
    return len(accesses) - start


def word_items(run: Sequence[Access], ap: int = 0) -> list[MiscItem]:
    """The RW_MISC items of a run of single words."""
    items: list[MiscItem] = [(MiscOpcode.AP_NUMBER, ap)]
    for access in run:
        if isinstance(access, Write):
            items += [(MiscOpcode.ADDRESS, access.address), (MiscOpcode.WRITE, access.value & 0xFFFF_FFFF)]
        elif isinstance(access, (Read, Poll)):
            items.append((MiscOpcode.READ, access.address))
    return items
