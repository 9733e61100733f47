"""What is where in a chip, as far as GDB may touch it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

__all__ = ["Mapped", "Region", "Sector", "joined", "overlaid", "region_at"]


class Sector(NamedTuple):
    """What is erased at once; ``number`` counts from 0 within the ``bank``, which counts from 1."""

    start: int
    size: int
    bank: int
    number: int


@dataclass(frozen=True, slots=True)
class Region:
    """``size`` bytes from ``start`` on. Only flash has a ``sector_size``: the unit of erasing, in bytes.

    ``ram`` is everything that is read and written by plain accesses (peripherals too), ``rom`` what is
    only read. A flash bank whose sectors differ in size is several regions; ``number`` is that of the region's
    first sector within its ``bank``.
    """

    kind: Literal["flash", "ram", "rom"]
    name: str
    start: int
    size: int
    sector_size: int = 0
    bank: int = 1
    number: int = 0

    @property
    def end(self) -> int:
        """The first address behind the region."""
        return self.start + self.size

    def __contains__(self, address: int) -> bool:
        return self.start <= address < self.end

    def sector_start(self, address: int) -> int:
        """Where the sector that holds ``address`` begins."""
        return address - (address - self.start) % self.sector_size

    def sector(self, address: int) -> Sector:
        """The sector that holds ``address``."""
        start = self.sector_start(address)
        return Sector(start, self.sector_size, self.bank, self.number + (start - self.start) // self.sector_size)

    def sectors(self, start: int, end: int) -> Iterator[int]:
        """Start addresses of the sectors that [start, end) touches inside this region."""
        first = max(start, self.start)
        last = min(end, self.end)
        if first < last:
            yield from range(self.sector_start(first), last, self.sector_size)

    def __str__(self) -> str:
        return f"{self.name} (0x{self.start:08X} to 0x{self.end - 1:08X})"


def region_at(regions: Iterable[Region], address: int) -> Region | None:
    """The region that holds ``address``, None if there is none."""
    return next((region for region in regions if address in region), None)


def overlaid(regions: Iterable[Region]) -> tuple[Region, ...]:
    """``regions`` without overlaps, in order of address: of two that claim the same bytes the first has them.

    Flash is never cut, so regions of it must not overlap.
    """
    placed: list[Region] = []
    for region in regions:
        pieces = [region]
        for other in placed:
            pieces = [part for piece in pieces for part in _without(piece, other)]
        placed += pieces
    return tuple(sorted(placed, key=lambda region: region.start))


def _without(region: Region, other: Region) -> Iterator[Region]:
    if region.end <= other.start or other.end <= region.start:
        yield region
        return
    if region.start < other.start:
        yield replace(region, size=other.start - region.start)
    if other.end < region.end:
        yield replace(region, start=other.end, size=region.end - other.end)


def joined(regions: Iterable[Region]) -> list[tuple[int, int]]:
    """Start and size of what ``regions`` (in order of address) cover without gaps."""
    spans: list[tuple[int, int]] = []
    for region in regions:
        if spans and sum(spans[-1]) == region.start:
            start, size = spans.pop()
            spans.append((start, size + region.size))
        else:
            spans.append((region.start, region.size))
    return spans


class Mapped:
    """What a chip's map tells. ``regions`` is everything GDB may touch."""

    __slots__ = ()

    name: str
    regions: tuple[Region, ...]

    @property
    def flash(self) -> tuple[Region, ...]:
        """The flash, in order of address; banks with sectors of several sizes are several regions."""
        return tuple(region for region in self.regions if region.kind == "flash")

    @property
    def banks(self) -> list[tuple[int, int]]:
        """Start and size of the flash where it is without gaps."""
        return joined(self.flash)

    @property
    def ram(self) -> Region:
        """The RAM that code of ours may use."""
        raise NotImplementedError

    def flash_at(self, address: int) -> Region | None:
        """The flash bank that holds ``address``."""
        return region_at(self.flash, address)

    def sector(self, address: int) -> Sector:
        """The sector that holds ``address``, which must be one of the flash."""
        found = self.flash_at(address)
        assert found is not None
        return found.sector(address)
