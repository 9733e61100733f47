"""The plan: from edits and geometry to sectors with their whole new content. Pure.

The flash is seen as an array of bytes. An erase sets bytes to the erased value, a write sets them to data, the
last edit of a byte wins, and every byte that no edit names keeps its value. Only whole sectors can be erased,
so a sector that edits cover in part needs its old content: the plan is made in two moves, ``Draft.unknown``
says what must be read, ``Draft.plan`` takes it.

That also covers two habits of GDB: it erases whole sectors, whose bytes then are the erased value where the image has
none; and where the last byte of an image is the first of a sector it writes that byte without having asked for
the sector to be erased (measured with GDB 13 and 18).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..probes.errors import ImageError
from .memory_map import Region, Sector, joined, region_at

__all__ = ["Draft", "Plan", "Run", "SectorContent", "check_range"]

WORD = 4
"""The loader's stream is made of words."""
WORTHWHILE_GAP = 64
"""Shorter gaps of the erased value are sent along: a command costs 12 bytes, and the loader skips them anyway."""


@dataclass(frozen=True, slots=True)
class Run:
    """``data`` to be programmed from ``address`` on, both whole units of programming, and whole words."""

    address: int
    data: bytes


@dataclass(frozen=True, slots=True)
class SectorContent:
    """A sector to be erased, and all that it is to hold afterwards."""

    start: int
    content: bytes
    bank: int = 1
    number: int = 0

    @property
    def sector(self) -> Sector:
        """The sector itself."""
        return Sector(self.start, len(self.content), self.bank, self.number)

    def runs(self, erased: int, unit: int = WORD) -> Iterator[Run]:
        """What must be programmed after erasing: the content without its longer gaps of the erased value.

        Runs begin and end at multiples of ``unit`` bytes (words at least), the flash's unit of programming.
        """
        step = max(unit, WORD)
        blank = bytes([erased]) * step
        begin, gap = None, 0
        for offset in range(0, len(self.content), step):
            if self.content[offset : offset + step] != blank:
                begin, gap = offset if begin is None else begin, 0
                continue
            gap += step
            if begin is not None and gap >= WORTHWHILE_GAP:
                yield Run(self.start + begin, self.content[begin : offset + step - gap])
                begin = None
        if begin is not None:
            yield Run(self.start + begin, self.content[begin : len(self.content) - gap])


@dataclass(frozen=True, slots=True)
class Plan:
    """Sectors in order of address, and how many bytes the edits wrote."""

    sectors: tuple[SectorContent, ...]
    bytes_written: int

    def areas(self) -> Iterator[Run]:
        """Sectors that follow each other, joined: what is verified."""
        start, joined = 0, bytearray()
        for sector in self.sectors:
            if joined and sector.start != start + len(joined):
                yield Run(start, bytes(joined))
                joined = bytearray()
            start = start if joined else sector.start
            joined += sector.content
        if joined:
            yield Run(start, bytes(joined))


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
    """Edits in the order they come, kept by sector until the plan is made."""

    def __init__(self, flash: Sequence[Region], erased: int) -> None:
        self._flash = flash
        self._erased = erased
        self._content: dict[int, bytearray] = {}
        self._named: dict[int, bytearray] = {}
        self.bytes_written = 0

    def erase(self, address: int, length: int) -> None:
        """These bytes become the erased value."""
        self._edit(address, bytes([self._erased]) * length)

    def write(self, address: int, data: bytes) -> None:
        """These bytes become ``data``."""
        self._edit(address, data)
        self.bytes_written += len(data)

    def _edit(self, address: int, data: bytes) -> None:
        end = address + len(data)
        for region in self._flash:
            for start in region.sectors(address, end):
                content = self._content.setdefault(start, bytearray(region.sector_size))
                named = self._named.setdefault(start, bytearray(region.sector_size))
                first, last = max(address, start), min(end, start + region.sector_size)
                content[first - start : last - start] = data[first - address : last - address]
                named[first - start : last - start] = b"\1" * (last - first)

    @property
    def empty(self) -> bool:
        """Nothing was asked for."""
        return not self._content

    @property
    def sectors(self) -> list[int]:
        """Start addresses of all sectors that edits name."""
        return sorted(self._content)

    def unknown(self) -> list[tuple[int, int]]:
        """Whole sectors (start, size) that edits name in part: their old content must be read for the plan."""
        return [(start, len(named)) for start, named in sorted(self._named.items()) if not all(named)]

    def plan(self, old: Mapping[int, bytes]) -> Plan:
        """``old`` maps the starts of the unknown sectors to their present content."""
        sectors = []
        for start, content in sorted(self._content.items()):
            if start in old:
                named = self._named[start]
                content = bytearray(new if n else was for new, was, n in zip(content, old[start], named, strict=True))
            region = region_at(self._flash, start)
            assert region is not None
            sector = region.sector(start)
            sectors.append(SectorContent(start, bytes(content), sector.bank, sector.number))
        return Plan(tuple(sectors), self.bytes_written)
