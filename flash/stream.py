"""From a plan to what the RAM loader executes: commands, cut into pieces that fill a slot each. Pure.

loaders/frame.inc is the other side of this format.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from .family import Family, Timing
from .plan import Plan

__all__ = ["Operation", "Outcome", "Piece", "cut", "raw_crc"]

ALL_ONES = 0xFFFF_FFFF
NO_TIME = Timing(0.0, 0.0)


class Operation(IntEnum):
    """Low byte of a command's third word."""

    END = 0
    ERASE = 1
    PROGRAM = 2
    VERIFY = 3


class Outcome(IntEnum):
    """Bits 31:24 of the progress word."""

    RUNNING = 0
    DONE = 1
    FLASH_ERROR = 2
    MISMATCH = 3
    BAD_COMMAND = 4


@dataclass(frozen=True, slots=True)
class Piece:
    """A slot's worth of the stream, and how long it keeps the loader busy: typically, and at most, in seconds."""

    data: bytes
    typical: float
    maximum: float


@dataclass(frozen=True, slots=True)
class Fragment:
    """Bytes of the stream with the time they cost; may be cut between words if ``data`` is flash content."""

    data: bytes
    time: Timing = NO_TIME
    content: bool = False


def raw_crc(data: bytes) -> int:
    """CRC-32 (IEEE 802.3) without its final inversion, as the loader leaves it."""
    return zlib.crc32(data) ^ ALL_ONES


def cut(plan: Plan, family: Family, payload: int) -> list[Piece]:
    """The whole stream of a plan in pieces of ``payload`` bytes; the last may be shorter."""
    pieces = []
    data, typical, maximum = bytearray(), 0.0, 0.0
    for fragment in _fragments(plan, family):
        rest = fragment.data
        while rest:
            part, rest = rest[: payload - len(data)], rest[payload - len(data) :]
            data += part
            if fragment.content:
                units = _units_to_program(part, family)
                typical += units * family.program.typical
                maximum += units * family.program.maximum
            elif not rest:  # a command costs its time where its last word is read
                typical += fragment.time.typical
                maximum += fragment.time.maximum
            if len(data) == payload:
                pieces.append(Piece(bytes(data), typical, maximum))
                data, typical, maximum = bytearray(), 0.0, 0.0
    if data:
        pieces.append(Piece(bytes(data), typical, maximum))
    return pieces


def _fragments(plan: Plan, family: Family) -> Iterator[Fragment]:
    for sector in plan.sectors:
        yield _command(family, Operation.ERASE, sector.start, time=family.erase)
        for run in sector.runs(family.erased):
            yield _command(family, Operation.PROGRAM, run.address, len(run.data))
            yield Fragment(run.data, content=True)
    for area in plan.areas():
        seconds = len(area.data) * family.verify_per_byte
        yield _command(family, Operation.VERIFY, area.address, len(area.data), Timing(seconds, 2 * seconds))
        yield Fragment(struct.pack("<I", raw_crc(area.data)))
    yield _command(family, Operation.END, 0)


def _command(family: Family, operation: Operation, address: int, argument: int = 0, time: Timing = NO_TIME) -> Fragment:
    offset = family.controller(address).offset if operation in (Operation.ERASE, Operation.PROGRAM) else 0
    return Fragment(struct.pack("<3I", address, argument, operation | offset << 8), time)


def _units_to_program(data: bytes, family: Family) -> int:
    """How many units differ from erased flash; the loader skips those that do not."""
    unit = family.program_unit
    blank = bytes([family.erased]) * unit
    return sum(data[i : i + unit] != blank for i in range(0, len(data), unit))
