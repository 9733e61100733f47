"""From a plan to what the RAM loader executes: commands, cut into pieces that fill a slot each. Pure.

loaders/frame.inc is the other side of this format.
"""

from __future__ import annotations

import struct
import zlib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum

from .family import Family, Timing
from .plan import Plan, Run

__all__ = ["SKIP", "Operation", "Outcome", "Piece", "cut", "raw_crc"]

ALL_ONES = 0xFFFF_FFFF
NO_TIME = Timing(0.0, 0.0)
ROOM = 60
"""For the commands in a piece of the ramp: erases and programs of sectors that end in it, and a SKIP."""
RAMP = (1024, 1920)
"""Bytes of content in the pieces behind the first erase; a slow probe sends 2 KiB while a page is erased."""


class Operation(IntEnum):
    """Low byte of a command's third word."""

    END = 0
    ERASE = 1
    PROGRAM = 2
    VERIFY = 3
    SKIP = 4
    SURVEY = 5


class Outcome(IntEnum):
    """Bits 31:24 of the progress word."""

    RUNNING = 0
    DONE = 1
    FLASH_ERROR = 2
    MISMATCH = 3
    BAD_COMMAND = 4


@dataclass(frozen=True, slots=True)
class Piece:
    """A slot's worth of the stream, and how long it keeps the loader busy: typically, and at most, in seconds.

    ``sectors`` are finished in it, ``content`` bytes of flash programmed.
    """

    data: bytes
    typical: float
    maximum: float
    sectors: int = 0
    content: int = 0


@dataclass(frozen=True, slots=True)
class Fragment:
    """Bytes of the stream with the time they cost. A command costs it where its last word is read.

    Flash content costs it for each of its units that is not blank, where the unit's last word is read:
    ``ends`` are the offsets behind those. After a ``skip`` the rest of the slot is left out. ``last``: a sector ends.
    """

    data: bytes
    time: Timing = NO_TIME
    ends: tuple[int, ...] | None = None
    skip: bool = False
    last: bool = False

    def count(self, first: int, last: int) -> int:
        """How often ``time`` is spent for data[first:last]."""
        ends = (len(self.data),) if self.ends is None else self.ends
        return bisect_right(ends, last) - bisect_right(ends, first)


def raw_crc(data: bytes) -> int:
    """CRC-32 (IEEE 802.3) without its final inversion, as the loader leaves it."""
    return zlib.crc32(data) ^ ALL_ONES


def cut(plan: Plan, family: Family, payload: int) -> list[Piece]:
    """The whole stream of a plan in pieces of ``payload`` bytes; the first and the last may be shorter.

    The first pieces are short, because the loader can begin with each as soon as it is there: the first erase alone,
    then RAMP.
    """
    cutter = Cutter(payload)
    ramp = [size for size in RAMP if size + ROOM <= payload]
    for fragment in _fragments(plan, family, ramp):
        cutter.add(fragment)
    return cutter.end()


class Cutter:
    """Puts fragments into pieces of ``payload`` bytes."""

    def __init__(self, payload: int) -> None:
        self._payload = payload
        self._pieces: list[Piece] = []
        self._start()

    def _start(self) -> None:
        self._data, self._typical, self._maximum, self._sectors, self._content = bytearray(), 0.0, 0.0, 0, 0

    def add(self, fragment: Fragment) -> None:
        """The next part of the stream."""
        done = 0
        while done < len(fragment.data):
            part = fragment.data[done : done + self._payload - len(self._data)]
            times = fragment.count(done, done + len(part))
            self._typical += times * fragment.time.typical
            self._maximum += times * fragment.time.maximum
            self._content += len(part) if fragment.ends is not None else 0
            self._data += part
            done += len(part)
            if done == len(fragment.data):
                self._sectors += fragment.last
            if len(self._data) == self._payload or (fragment.skip and done == len(fragment.data)):
                self._finish()

    def _finish(self) -> None:
        self._pieces.append(Piece(bytes(self._data), self._typical, self._maximum, self._sectors, self._content))
        self._start()

    def end(self) -> list[Piece]:
        """All pieces."""
        if self._data:
            self._finish()
        return self._pieces


def _fragments(plan: Plan, family: Family, ramp: list[int]) -> Iterator[Fragment]:
    for sector in plan.sectors:
        offset = family.controller(sector.bank).offset
        runs = list(sector.runs(family.erased, family.program_unit))
        if sector.erase:
            word, time = family.erase_word(sector.sector), family.erase(len(sector.content))
            yield replace(_command(Operation.ERASE, sector.start, word, offset, time), last=not runs)
            if sector is plan.sectors[0]:
                yield SKIP
        for run in runs:
            yield from _program(run, family, offset, ramp, last=run is runs[-1])
    for area in plan.areas():
        seconds = len(area.data) * family.verify_per_byte
        yield _command(Operation.VERIFY, area.address, len(area.data), time=Timing(seconds, 2 * seconds))
        yield Fragment(struct.pack("<I", raw_crc(area.data)))
    yield _command(Operation.END, 0)


def _program(run: Run, family: Family, offset: int, ramp: list[int], *, last: bool) -> Iterator[Fragment]:
    """Program a run, in parts where a piece of the ``ramp`` is full; the ramp gets shorter by what is programmed."""
    rest = run
    while ramp and len(rest.data) >= ramp[0]:
        size = ramp.pop(0)
        ends = size == len(rest.data)
        yield from _programming(Run(rest.address, rest.data[:size]), family, offset, last=last and ends)
        yield SKIP
        if ends:
            return
        rest = Run(rest.address + size, rest.data[size:])
    if ramp:
        ramp[0] -= len(rest.data)
    yield from _programming(rest, family, offset, last=last)


def _programming(run: Run, family: Family, offset: int, *, last: bool) -> Iterator[Fragment]:
    yield _command(Operation.PROGRAM, run.address, len(run.data), offset)
    yield Fragment(run.data, family.program, _ends_of_units(run.data, family), last=last)


def _command(
    operation: Operation, address: int, argument: int = 0, offset: int = 0, time: Timing = NO_TIME
) -> Fragment:
    return Fragment(struct.pack("<3I", address, argument, operation | offset << 8), time)


SKIP = Fragment(struct.pack("<3I", 0, 0, Operation.SKIP), skip=True)


def _ends_of_units(data: bytes, family: Family) -> tuple[int, ...]:
    """Where units end that differ from erased flash; the loader skips those that do not."""
    unit = family.program_unit
    blank = bytes([family.erased]) * unit
    return tuple(i for i in range(unit, len(data) + 1, unit) if data[i - unit : i] != blank)
