"""What every family must be able to do over every kind of probe: the loads behind README's table of chips.

One image has pieces in all places that can go wrong. It is loaded over other content, again unchanged, and again with
one byte changed. What is asserted is the simulated array, and at which addresses the simulator itself saw it change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from haltpoint.sim.families.sector_flash import SectorTiming
from haltpoint.sim.families.word_flash import WordTiming
from support.flash_bench import FLASH, Bench
from support.flash_load import noise

__all__ = ["three_loads"]

SHORT = 8 * 1024
"""Reading, erasing or programming all of a larger sector takes the simulator seconds."""
FASTER = 50


def pieces(bench: Bench) -> dict[int, bytes]:
    """Odd addresses and lengths, a sector and a bit, across every border of banks and sizes, the end of each bank."""
    chip, first = bench.chip, bench.chip.sector(FLASH).size
    places = {FLASH + 3: 33, FLASH + 81: 1, FLASH + first - 7: first + 84 if first <= SHORT else 301}
    for before, after in zip(chip.flash, chip.flash[1:], strict=False):
        if before.end == after.start:
            places[after.start - 41] = 83
    for start, size in chip.banks:
        places[start + size - 131] = 131
    return {address: noise(length, address) for address, length in places.items()}


def sectors(bench: Bench, image: Mapping[int, bytes]) -> dict[int, int]:
    """Start and size of the sectors that the image touches."""
    touched = {}
    for address, data in image.items():
        position = address
        while position < address + len(data):
            sector = bench.chip.sector(position)
            touched[sector.start] = sector.size
            position = sector.start + sector.size
    return touched


def old_content(bench: Bench, start: int, size: int, image: Mapping[int, bytes]) -> bytes:
    """Noise; in large sectors only from their beginning, or from the image's first byte there, to its last one.

    What is beyond need not be read over the probe, which would take the simulator seconds.
    """
    if size <= SHORT:
        return noise(size, start)
    covered = [
        place - start for at, data in image.items() for place in (at, at + len(data)) if start <= place <= start + size
    ]
    first, last = (0 if start == FLASH else min(covered)), max(covered)
    blank = bytes([bench.chip.family.erased])
    return blank * first + noise(last - first, start) + blank * (size - last)


@contextmanager
def changes(bench: Bench) -> Iterator[set[int]]:
    """Start addresses of the sectors whose content changes meanwhile."""
    bus = bench.board.machine.bus
    patch, seen = bus.patch, set[int]()

    def noting(address: int, data: bytes) -> None:
        if bench.chip.flash[0].start <= address < bench.chip.flash[-1].end:
            seen.add(bench.chip.sector(address).start)
        patch(address, data)

    bus.patch = noting  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        bus.patch = patch  # type: ignore[method-assign]


async def load(bench: Bench, image: Mapping[int, bytes], content: dict[int, bytearray]) -> set[int]:
    """Load without asking for an erase and compare all of the sectors; which of them were written to."""
    session = bench.session()
    for address, data in image.items():
        session.write(address, data)
        for offset, byte in enumerate(data):
            start = bench.chip.sector(address + offset).start
            content[start][address + offset - start] = byte
    with changes(bench) as changed:
        await session.finish()
    for start, expected in content.items():
        assert bench.board.read_flash(start, len(expected)) == expected
    return changed


def hurry(bench: Bench) -> None:
    """Long erases take a fraction of their time, because a second is long in a simulator."""
    flash: Any = getattr(bench.board.soc, "controller", None)
    timing = getattr(getattr(flash, "plan", None), "timing", None)
    if isinstance(timing, SectorTiming):
        short: Any = {size: tuple(time // FASTER for time in times) for size, times in timing.sectors.items()}
        flash.plan = replace(flash.plan, timing=replace(timing, sectors=short))
    elif isinstance(timing, WordTiming):
        short = tuple(time // FASTER for time in timing.sector)
        flash.plan = replace(flash.plan, timing=replace(timing, sector=short))


async def three_loads(bench: Bench) -> None:
    """Over other content, unchanged, one byte changed."""
    hurry(bench)
    image = pieces(bench)
    content = {
        start: bytearray(old_content(bench, start, size, image)) for start, size in sectors(bench, image).items()
    }
    for start, before in content.items():
        bench.board.write_flash(start, bytes(before))
    assert await load(bench, image, content) == set(content)
    assert await load(bench, image, content) == set()
    address, data = max(image.items())
    image[address] = data[:50] + bytes([data[50] ^ 0x10]) + data[51:]
    assert await load(bench, image, content) == {bench.chip.sector(address + 50).start}
