"""The plan: from edits and geometry to sectors with their new content. Pure.

The flash is seen as an array of bytes. A write sets bytes to data, the last one wins, and every byte that no write
names keeps its value. Only whole sectors can be erased, so for a sector that is written in part the rest, a gap, has
to be known before it is erased.

What an erase asks for depends on what follows. GDB erases every sector that its image touches, whole, and then writes
what the image has; it has no word for "keep the rest". So in a sector with writes an erase says no more than that
the sector may change, and the gaps keep their content. A sector that is erased and not written (``monitor flash
erase``, ``flash-erase``) becomes blank where it was erased. With ``erase_gaps``, whatever is not written in a touched
sector becomes blank; then nothing needs to be known of it.

That also covers GDB's habit to write the last byte of an image without having asked for its sector to be erased, where
that byte is the sector's first (measured with GDB 13 and 18).

Known and unknown meet at whole units of programming: ``Draft.edges`` are the units that are written in part, few bytes
that must be read for the plan to be made, with short gaps. What remains unknown are long gaps; they are ``kept``. An
engine that can look at them on the target reads only those that hold something and whose sector must be erased;
``filled`` puts that into the plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..probes.errors import ImageError
from .memory_map import Region, Sector, joined, region_at

__all__ = ["Draft", "Plan", "Run", "SectorContent", "check_range"]

WORD = 4
"""The loader's stream is made of words."""
WORTHWHILE_GAP = 64
"""Shorter gaps of the erased value are sent along: a command costs 12 bytes, and the loader skips them anyway."""
SHORT_GAP = 256
"""Bytes. Reading so few takes no longer than having them looked at on the target."""
ERASED, WRITTEN, READ = 1, 2, 3
"""What is known of a byte; 0: nothing."""


@dataclass(frozen=True, slots=True)
class Run:
    """``data`` to be programmed from ``address`` on, both whole units of programming, and whole words."""

    address: int
    data: bytes

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.address + len(self.data)


@dataclass(frozen=True, slots=True)
class SectorContent:
    """A sector and what it is to hold afterwards.

    ``kept`` are ranges (offset, length) that stay as they are, in whole units: nothing is known of them, ``content``
    is blank there. A sector with such can be programmed, but not erased. ``erase``: it has to be erased first;
    otherwise all that is not kept is blank now.
    """

    start: int
    content: bytes
    bank: int = 1
    number: int = 0
    erase: bool = True
    kept: tuple[tuple[int, int], ...] = ()

    @property
    def sector(self) -> Sector:
        """The sector itself."""
        return Sector(self.start, len(self.content), self.bank, self.number)

    @property
    def known(self) -> list[Run]:
        """All but what is kept."""
        runs, position = [], 0
        for offset, length in (*self.kept, (len(self.content), 0)):
            if offset > position:
                runs.append(Run(self.start + position, self.content[position:offset]))
            position = offset + length
        return runs

    def filled(self, old: Mapping[int, bytes]) -> SectorContent:
        """Erase it, because all that is kept has been read: ``old`` by address; what is not in there is blank."""
        content = bytearray(self.content)
        for offset, length in self.kept:
            content[offset : offset + length] = old.get(self.start + offset, content[offset : offset + length])
        return replace(self, content=bytes(content), erase=True, kept=())

    def recalled(self, old: Mapping[int, bytes]) -> SectorContent:
        """The same sector, those of its kept ranges known that are in ``old``, by address."""
        content, kept = bytearray(self.content), []
        for offset, length in self.kept:
            data = old.get(self.start + offset, b"")
            if len(data) == length:
                content[offset : offset + length] = data
            else:
                kept.append((offset, length))
        return replace(self, content=bytes(content), kept=tuple(kept))

    def runs(self, erased: int, unit: int = WORD) -> Iterator[Run]:
        """What must be programmed after erasing: the content without its longer gaps of the erased value.

        Runs begin and end at multiples of ``unit`` bytes (words at least), the flash's unit of programming.
        """
        step = max(unit, WORD)
        for known in self.known:
            yield from _runs(known, bytes([erased]) * step, step)


def _runs(known: Run, blank: bytes, step: int) -> Iterator[Run]:
    begin, gap, data = None, 0, known.data
    for offset in range(0, len(data), step):
        if data[offset : offset + step] != blank:
            begin, gap = offset if begin is None else begin, 0
            continue
        gap += step
        if begin is not None and gap >= WORTHWHILE_GAP:
            yield Run(known.address + begin, data[begin : offset + step - gap])
            begin = None
    if begin is not None:
        yield Run(known.address + begin, data[begin : len(data) - gap])


@dataclass(frozen=True, slots=True)
class Plan:
    """Sectors in order of address, and how many bytes the edits wrote."""

    sectors: tuple[SectorContent, ...]
    bytes_written: int

    def areas(self) -> Iterator[Run]:
        """What is known, joined where it follows each other: what is verified."""
        start, data = 0, bytearray()
        for known in (run for sector in self.sectors for run in sector.known):
            if data and known.address != start + len(data):
                yield Run(start, bytes(data))
                data = bytearray()
            start = start if data else known.address
            data += known.data
        if data:
            yield Run(start, bytes(data))


def check_range(flash: Sequence[Region], chip: str, attempt: str, address: int, length: int) -> None:
    """Raise ImageError unless all of [address, address + length) is flash; ``attempt`` begins its sentence."""
    position = address
    while position < address + length:
        bank = next((region for region in flash if position in region), None)
        if bank is None:
            raise ImageError(
                attempt,
                f"0x{position:08X} is outside the flash of {chip}, which is "
                + " and ".join(f"0x{start:08X} to 0x{start + size - 1:08X}" for start, size in joined(flash)),
                "Check the linker script's memory sizes, and that the chip was identified as what it is.",
            )
        position = bank.end


class Draft:
    """Edits in the order they come, kept by sector until the plan is made.

    ``unit`` is the flash's unit of programming; ``erase_gaps``: see above.
    """

    def __init__(self, flash: Sequence[Region], erased: int, unit: int = WORD, *, erase_gaps: bool = False) -> None:
        self._flash = flash
        self._blank = bytes([erased])
        self._unit = max(unit, WORD)
        self._erase_gaps = erase_gaps
        self._content: dict[int, bytearray] = {}
        self._marks: dict[int, bytearray] = {}
        self.bytes_written = 0

    def erase(self, address: int, length: int) -> None:
        """These bytes become blank where their sector is not written as well."""
        for start, first, last in self._parts(address, length):
            marks, content = self._marks[start], self._content[start]
            content[first:last] = self._blank * (last - first)
            marks[first:last] = marks[first:last].replace(b"\0", bytes([ERASED]))

    def write(self, address: int, data: bytes) -> None:
        """These bytes become ``data``."""
        self._set(address, data, WRITTEN)
        self.bytes_written += len(data)

    def keep(self, address: int, data: bytes) -> None:
        """These bytes, as far as no edit names them, are ``data`` now."""
        for start, first, last in self._parts(address, len(data)):
            marks, content = self._marks[start], self._content[start]
            for offset in range(first, last):
                if not self._named(start, marks[offset]):
                    content[offset] = data[start + offset - address]
                    marks[offset] = READ

    def _set(self, address: int, data: bytes, mark: int) -> None:
        for start, first, last in self._parts(address, len(data)):
            self._content[start][first:last] = data[start + first - address : start + last - address]
            self._marks[start][first:last] = bytes([mark]) * (last - first)

    def _parts(self, address: int, length: int) -> Iterator[tuple[int, int, int]]:
        """The sectors that these bytes are in, and from where to where: start, two offsets."""
        end = address + length
        for region in self._flash:
            for start in region.sectors(address, end):
                if start not in self._marks:
                    self._content[start] = bytearray(self._blank * region.sector_size)
                    self._marks[start] = bytearray(region.sector_size)
                yield start, max(address, start) - start, min(end, start + region.sector_size) - start

    def _named(self, start: int, mark: int) -> bool:
        """Whether a byte with this mark gets its content from the edits."""
        return mark >= WRITTEN or self._erase_gaps or (mark == ERASED and WRITTEN not in self._marks[start])

    @property
    def empty(self) -> bool:
        """Nothing was asked for."""
        return not self._content

    @property
    def sectors(self) -> list[int]:
        """Start addresses of all sectors that edits name."""
        return sorted(self._content)

    def _gaps(self, start: int) -> list[tuple[int, int]]:
        """From where to where nothing is known of this sector, as offsets."""
        marks = self._marks[start]
        known = bytes(self._named(start, mark) for mark in range(READ + 1)).ljust(256, b"\1")
        flat = marks.translate(known)
        gaps, begin = [], flat.find(0)
        while begin >= 0:
            end = flat.find(1, begin)
            end = len(flat) if end < 0 else end
            gaps.append((begin, end))
            begin = flat.find(0, end)
        return gaps

    def edges(self) -> list[tuple[int, int]]:
        """(address, length) of what must be read before the plan can be made: whole units, and short gaps."""
        found: list[tuple[int, int]] = []
        for address, length in (edge for start in self.sectors for edge in self._edges(start)):
            first, size = found[-1] if found else (address, 0)
            if found and address - (first + size) <= WORTHWHILE_GAP:
                found[-1] = first, max(size, address + length - first)
            else:
                found.append((address, length))
        return found

    def _edges(self, start: int) -> Iterator[tuple[int, int]]:
        for begin, end in self._gaps(start):
            first, last = begin // self._unit * self._unit, -(-end // self._unit) * self._unit
            if last - first <= SHORT_GAP:
                yield start + first, last - first
                continue
            if first < begin:
                yield start + first, self._unit
            if last > end:
                yield start + last - self._unit, self._unit

    def plan(self) -> Plan:
        """The plan, when ``keep`` has been told of all ``edges``."""
        sectors = []
        for start, content in sorted(self._content.items()):
            region = region_at(self._flash, start)
            assert region is not None
            sector = region.sector(start)
            kept = tuple((begin, end - begin) for begin, end in self._gaps(start))
            assert not any(begin % self._unit or length % self._unit for begin, length in kept)
            for begin, length in kept:
                content[begin : begin + length] = self._blank * length
            sectors.append(SectorContent(start, bytes(content), sector.bank, sector.number, kept=kept))
        return Plan(tuple(sectors), self.bytes_written)
