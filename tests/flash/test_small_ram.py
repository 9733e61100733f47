"""STM32L01x and L02x: all of the loader, its stack and its ring in 2 KiB of RAM."""

from __future__ import annotations

import random

import pytest
from support.flash_bench import FLASH, Bench, on_board

from haltpoint.flash.chips import chip_named
from haltpoint.flash.layout import lay_out

BOARD, CHIP = "sim:stm32l051c8", "STM32L011K4"
"""The same core and controller, with more RAM, which must not be touched."""
RAM, RAM_SIZE = 0x2000_0000, 2048
NMI = 2
STACK = 36 + 40
"""What the loader pushes, and an exception with its alignment."""


def noise(length: int) -> bytes:
    return random.Random(length).randbytes(length)


def test_everything_has_its_place() -> None:
    chip = chip_named(CHIP)
    loader = chip.family.loader
    layout = lay_out(chip.ram, loader)
    half_page, crc_table = 64, 4 << 4
    assert layout.code == RAM
    assert layout.table >= RAM + len(loader.code)
    assert layout.table + crc_table + half_page + STACK <= layout.stack_top <= layout.ring
    assert layout.slots >= 2
    assert layout.end <= RAM + RAM_SIZE


@pytest.mark.parametrize("length", [1, 64, 4099, 16384])
def test_loads_are_exact_and_stay_in_their_ram(length: int) -> None:
    async def test(bench: Bench) -> None:
        beyond = noise(bench.board.chip.rams[0].size - RAM_SIZE)
        await bench.memory.write(RAM + RAM_SIZE, beyond)
        core = bench.board.machine.core
        now = bench.board.clock.now
        for moment in (0.3, 0.5, 0.8):  # seconds: each takes 40 bytes of stack
            bench.board.clock.at(now + int(moment * 1e12), lambda: core.pend(NMI))
        await bench.load(noise(length))
        assert bench.board.read_flash(FLASH, length) == noise(length)
        assert await bench.memory.read(RAM + RAM_SIZE, len(beyond)) == beyond
        report = await bench.load(noise(length))
        assert not report.changed

    on_board(BOARD, test, chip=CHIP)
