"""How long a load takes, in the board's time, beside what the flash itself needs.

    python bench/flash.py [CHIP ...]        default: the chips of OWN

For each chip and probe: the flash's own time (erase of the sectors that the image touches, programming of its units, by
the data sheet), a first load of 64 KiB (or half the chip) over other content, the same again, and again with one byte
changed. ``limit`` is what the first load is measured against: the flash, or the wire's time for as many bytes as plain
block writes, whichever is longer. Ends with status 1 when a budget is exceeded.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import trio

from haltpoint.arm.core import ConnectMode, CortexM
from haltpoint.arm.memory import InlineExecutor, Memory
from haltpoint.flash.chips import Chip, identify, set_up_debug
from haltpoint.flash.session import FlashSession
from haltpoint.probes.access import Batch
from haltpoint.probes.discovery import UsbHost, list_probes, open_probe
from haltpoint.sim.board import Board, open_board

__all__ = ["BUDGETS", "OWN", "PROBES", "Figures", "image_size", "measure"]

KIB = 1024


@dataclass(frozen=True)
class Own:
    """Typical times of the data sheet in seconds: a sector by its size, a unit of so many bytes."""

    erase: dict[int, float]
    program: float
    unit: int


OWN = {
    "stm32f103c8": Own({1 * KIB: 20e-3}, 52.5e-6, 2),  # DS5319 table 28; erase: 20 ms at least, no typical value
    "stm32f407vg": Own({16 * KIB: 0.25, 64 * KIB: 0.55, 128 * KIB: 1.0}, 16e-6, 4),  # DS8626 table 39, x32
    "stm32l431rc": Own({2 * KIB: 22.02e-3}, 81.69e-6, 8),  # DS11453 table 56
    "stm32g071rb": Own({2 * KIB: 22e-3}, 85e-6, 8),  # DS12232 table 44
    "stm32h743zi": Own({128 * KIB: 1.0}, 100e-6, 32),  # DS12110 table 53, x64
}
PROBES = {"V2-1": ("stlink-v2-1", 4000), "V3": ("stlink-v3", 10000), "FT2232H": ("ft2232h,wire=swd", 10000)}
BUDGETS = {"first": 1.10, "again": 0.15}


@dataclass(frozen=True)
class Figures:
    """Seconds of the board's time; ``sector`` is what the changed byte's sector needs by itself."""

    own: float
    wire: float
    sector: float
    first: float
    again: float
    one_byte: float
    transfers: int

    @property
    def ratio(self) -> float:
        """The first load, of what limits it."""
        return self.first / max(self.own, self.wire)

    @property
    def exceeded(self) -> list[str]:
        """The budgets that are not kept."""
        return [
            name
            for name, kept in {
                "first": self.ratio <= BUDGETS["first"],
                "unchanged": self.again <= BUDGETS["again"] * self.first,
                "one byte": self.one_byte <= self.sector + BUDGETS["again"] * self.first,
            }.items()
            if not kept
        ]


def image_size(chip: Chip) -> int:
    """64 KiB, or half the chip, in bytes."""
    assert chip.part is not None
    return min(64 * KIB, chip.part.flash_kib * KIB // (1 if chip.part.flash_kib == 64 else 2))


def own_seconds(chip: Chip, own: Own, length: int) -> float:
    """Erase and program of ``length`` bytes from the flash's start."""
    start, end, seconds = chip.flash[0].start, chip.flash[0].start + length, 0.0
    while start < end:
        size = chip.sector(start).size
        seconds += own.erase[size]
        start += size
    return seconds + length / own.unit * own.program


def measure(name: str, probe: str) -> Figures:
    """One row. ``probe`` is one of PROBES."""
    selector, khz = PROBES[probe]
    board = open_board(f"sim:{name},probe={selector}")
    figures: list[Figures] = []

    async def body(core: CortexM, chip: Chip) -> None:
        figures.append(await _measure(board, core, chip, OWN[name]))

    _on(board, khz, body)
    return figures[0]


def _on(board: Board, khz: int, body: Callable[[CortexM, Chip], Awaitable[None]]) -> None:
    async def main() -> None:
        host = UsbHost(board.backend, board.sleep)
        probe = open_probe(list_probes(host)[0].selector, host)
        core = CortexM(Memory(probe, InlineExecutor()))
        try:
            probe.set_speed(khz)
            await core.connect(ConnectMode.HALT)
            chip = await identify(core.memory)
            await set_up_debug(core.memory, chip)
            await body(core, chip)
        finally:
            core.memory.probe.close()

    trio.run(main, clock=board.trio_clock())


async def _measure(board: Board, core: CortexM, chip: Chip, own: Own) -> Figures:
    start, length = chip.flash[0].start, image_size(chip)
    image = bytearray(random.Random(1).randbytes(length))
    board.write_flash(start, random.Random(2).randbytes(length))
    board.stats.reset()
    first = await _load(board, core, chip, bytes(image))
    transfers = board.stats.bulk
    again = await _load(board, core, chip, bytes(image))
    changed = length // 2 + 1
    image[changed] ^= 0xFF
    one_byte = await _load(board, core, chip, bytes(image))
    sector = chip.sector(start + changed)
    units = (min(sector.start + sector.size, start + length) - sector.start) / own.unit
    return Figures(
        own=own_seconds(chip, own, length),
        wire=await _wire_seconds(board, core.memory, chip, length),
        sector=own.erase[sector.size] + units * own.program,
        first=first,
        again=again,
        one_byte=one_byte,
        transfers=transfers,
    )


async def _load(board: Board, core: CortexM, chip: Chip, image: bytes) -> float:
    """What GDB asks for: whole sectors erased, the image written."""
    session = FlashSession(core, chip)
    start, last = chip.flash[0].start, chip.sector(chip.flash[0].start + len(image) - 1)
    session.erase(start, last.start + last.size - start)
    session.write(start, image)
    before = board.seconds
    await session.finish()
    assert board.read_flash(start, len(image)) == image
    return board.seconds - before


async def _wire_seconds(board: Board, memory: Memory, chip: Chip, length: int) -> float:
    """As many bytes, written to RAM in blocks."""
    block = min(chip.ram.size, 16 * KIB)
    batch = Batch()
    for offset in range(0, length, block):
        batch.write_block(chip.ram.start, bytes(min(block, length - offset)))
    before = board.seconds
    await memory.run(batch)
    return board.seconds - before


def rows(names: list[str]) -> Iterator[tuple[str, str, Figures]]:
    """All of the table."""
    for name in names:
        for probe in PROBES:
            yield name, probe, measure(name, probe)


def main(arguments: list[str]) -> int:
    """Exit status 0 when all budgets are kept."""
    failed = False
    print("chip          probe      own s   wire s  first s  ratio  again s  of first  one byte s  transfers")
    for name, probe, row in rows(arguments or list(OWN)):
        print(
            f"{name:13} {probe:8} {row.own:7.3f} {row.wire:8.3f} {row.first:8.3f} {row.ratio:6.3f} {row.again:8.3f} "
            f"{row.again / row.first:8.1%} {row.one_byte:8.3f} of {row.sector:5.3f} {row.transfers:5}  "
            + ", ".join(row.exceeded)
        )
        failed |= bool(row.exceeded)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
