"""What the flash holds already, asked of the target before anything is erased.

One command of the loader's stream goes over all of a plan's sectors (``SURVEY`` in loaders/frame.inc). It is made for a
load that changes everything to notice so at next to no cost: an area whose first word is not the plan's is read on only
as long as it is blank. The CRC is computed of those areas alone that begin right.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from .family import Family
from .plan import Plan, Run, SectorContent
from .stream import SKIP, Operation, raw_crc

__all__ = ["Findings", "Survey", "Verdict", "everything"]

HEADER, ENTRY, WORD = 16, 8, 4


class Verdict(IntEnum):
    """What the loader says of an area."""

    OTHER = 0
    SAME = 1
    BLANK = 2


@dataclass(frozen=True, slots=True)
class Findings:
    """What there is to do. ``unread`` are gaps (address, length) that hold something and must be read first."""

    sectors: tuple[SectorContent, ...]
    unread: tuple[tuple[int, int], ...]

    def filled(self, old: Mapping[int, bytes]) -> tuple[SectorContent, ...]:
        """What there is to do, with what has been read of ``unread``, by address."""
        return tuple(sector.filled(old) if sector.erase else sector for sector in self.sectors)


def everything(plan: Plan) -> Findings:
    """For an engine that has not looked: all sectors are to be erased, all gaps read."""
    gaps = tuple((sector.start + offset, length) for sector in plan.sectors for offset, length in sector.kept)
    return Findings(plan.sectors, gaps)


class Survey:
    """The questions of a plan, cut for slots of ``payload`` bytes, and what follows from the answers.

    ``seconds`` is how long the answers take at most: when nothing has changed.
    """

    def __init__(self, plan: Plan, family: Family, payload: int) -> None:
        self._plan = plan
        self._blank = bytes([family.erased])
        self._payload = payload
        self._areas: list[Run] = []
        self._places: list[tuple[int, int]] = []
        self._pieces: list[bytearray] = []
        self._header = 0
        for sector in plan.sectors:
            for area in self._parts(sector):
                self._ask(area)
        self.seconds = sum(len(area.data) for area in self._areas) * family.verify_per_byte

    @property
    def pieces(self) -> list[bytes]:
        """The stream, a slot each."""
        return [bytes(piece) + SKIP.data for piece in self._pieces]

    def _parts(self, sector: SectorContent) -> list[Run]:
        """What is known, and the gaps as if they were to be blank."""
        gaps = [Run(sector.start + offset, self._blank * length) for offset, length in sector.kept]
        return sorted([*sector.known, *gaps], key=lambda area: area.address)

    def _is_blank(self, area: Run) -> bool:
        return not area.data.strip(self._blank)

    def _ask(self, area: Run) -> None:
        """Nothing is to be gained from the CRC of an area that is to be blank: a first word that it cannot have."""
        if self._is_blank(area):
            entry = bytes(byte ^ 0xFF for byte in self._blank * ENTRY)
        else:
            entry = area.data[:WORD] + struct.pack("<I", raw_crc(area.data))
        last = self._areas[-1] if self._areas else None
        if last is None or last.end != area.address or len(last.data) != len(area.data) or self._room() < ENTRY:
            self._begin(area)
        piece = self._pieces[-1]
        piece += entry
        (count,) = struct.unpack_from("<I", piece, self._header + HEADER - WORD)
        struct.pack_into("<I", piece, self._header + HEADER - WORD, count + 1)
        self._places.append((len(self._pieces) - 1, len(piece) - WORD))
        self._areas.append(area)

    def _room(self) -> int:
        """Bytes left in the last piece; the end of each is a command that skips the rest."""
        return self._payload - len(SKIP.data) - len(self._pieces[-1]) if self._pieces else 0

    def _begin(self, area: Run) -> None:
        """A new command for areas of this size."""
        if self._room() < HEADER + ENTRY:
            self._pieces.append(bytearray())
        self._header = len(self._pieces[-1])
        self._pieces[-1] += struct.pack("<4I", area.address, len(area.data), Operation.SURVEY, 0)

    def findings(self, answers: Sequence[bytes], *, trusting: bool) -> Findings:
        """``answers`` are the pieces as the loader has left them. Raises ValueError for what is no answer.

        Unless ``trusting``, what is blank is erased all the same: an interrupted erase may look like that.
        """
        words = [struct.unpack_from("<I", answers[piece], offset)[0] for piece, offset in self._places]
        found = {area.address: Verdict(word) for area, word in zip(self._areas, words, strict=True)}
        sectors, unread = [], []
        for sector in self._plan.sectors:
            known = [(run, found[run.address]) for run in sector.known]
            if all(self._matches(run, verdict, trusting) for run, verdict in known):
                continue
            if trusting and Verdict.OTHER not in (verdict for _, verdict in known):
                same = [(run.address - sector.start, len(run.data)) for run, v in known if self._matches(run, v, True)]
                sectors.append(replace(sector, erase=False, kept=tuple(sorted([*sector.kept, *same]))))
                continue
            sectors.append(sector)
            gaps = [(sector.start + offset, length) for offset, length in sector.kept]
            unread += [gap for gap in gaps if found[gap[0]] is not Verdict.BLANK]
        return Findings(tuple(sectors), tuple(unread))

    def _matches(self, run: Run, verdict: Verdict, trusting: bool) -> bool:
        if self._is_blank(run):
            return trusting and verdict is Verdict.BLANK
        return verdict is Verdict.SAME
