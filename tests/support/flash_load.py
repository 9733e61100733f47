"""Loads as GDB asks for them, on chips whose sectors differ in size, and the flash's own time for them."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence

from haltpoint.flash.chips import Chip
from haltpoint.flash.report import FlashReport
from haltpoint.flash.steps import Step
from support.flash_bench import Bench

__all__ = ["extent", "load", "noise", "own_seconds", "ticking", "timed"]


def noise(length: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(length)


def ticking(sp: int = 0x2000_0800, base: int = 0x0800_0000) -> bytes:
    """Firmware for any Cortex-M: SysTick interrupts every 4000 cycles, the main program does nothing."""
    handler = base + 0x91
    vectors = struct.pack("<2I", sp, base + 0x81) + struct.pack("<I", handler) * 14
    code = struct.pack(
        "<10H2I",
        *(0x4804, 0x4905),  # ldr r0, =SYST_CSR; ldr r1, =3999
        *(0x6041, 0x2100, 0x6081, 0x2107, 0x6001),  # SYST_RVR = 3999, SYST_CVR = 0, SYST_CSR = 7
        *(0xE7FE, 0x4770, 0xBF00),  # b .; the handler: bx lr
        *(0xE000_E010, 3999),
    )
    return vectors.ljust(0x80, b"\xff") + code


def extent(chip: Chip, address: int, length: int) -> tuple[int, int]:
    """Start and end of the sectors that [address, address + length) touches."""
    last = chip.sector(address + length - 1)
    return chip.sector(address).start, last.start + last.size


async def load(bench: Bench, address: int, data: bytes, steps: Sequence[Step] | None = None) -> FlashReport:
    """Erase the sectors that ``data`` touches, write it, finish."""
    session = bench.session(steps)
    start, end = extent(bench.chip, address, len(data))
    session.erase(start, end - start)
    session.write(address, data)
    return await session.finish()


def own_seconds(chip: Chip, address: int, length: int, erase: dict[int, float], program: float) -> float:
    """What the flash itself needs: ``erase`` by sector size, ``program`` for each unit, both in seconds."""
    start, end = extent(chip, address, length)
    seconds = 0.0
    while start < end:
        size = chip.sector(start).size
        seconds += erase[size]
        start += size
    return seconds + length / chip.family.program_unit * program


async def timed(bench: Bench, address: int, data: bytes) -> tuple[float, int]:
    """Load over other content and check; seconds on the board and bulk transfers."""
    bench.board.write_flash(address, noise(len(data), seed=99))
    bench.board.stats.reset()
    started = bench.board.seconds
    await load(bench, address, data)
    seconds = bench.board.seconds - started
    assert bench.board.read_flash(address, len(data)) == data
    return seconds, bench.board.stats.bulk
