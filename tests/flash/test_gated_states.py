"""Registers that read as 0 without their clock: what they held counts all the same, and goes back."""

from __future__ import annotations

import random

from support.flash_bench import FLASH, Bench, on_board

DATA = random.Random(3).randbytes(3000)


async def load(bench: Bench) -> None:
    await bench.load(DATA)
    assert bench.board.read_flash(FLASH, len(DATA)) == DATA


def test_low_power_run_mode_with_the_clock_of_pwr_off() -> None:
    """STM32L4: in that mode the clock may not exceed 2 MHz, and PWR_CR1 seems to say that it is off."""
    apb1enr1, pwren, pwr_cr1, lpr = 0x4002_1058, 1 << 28, 0x4000_7000, 1 << 14

    async def test(bench: Bench) -> None:
        clocks = await bench.memory.read32(apb1enr1) | pwren
        await bench.poke((0x4002_1000, 0x61), (apb1enr1, clocks), (pwr_cr1, 0x200 | lpr), (apb1enr1, clocks & ~pwren))
        assert not await bench.memory.read32(pwr_cr1), "it cannot be read"
        power = bench.board.machine
        seen = []
        for ms in range(60, 200, 10):
            now = bench.board.clock.now
            bench.board.clock.at(now + ms * 10**9, lambda: seen.append(bool(power.bus.read(pwr_cr1, 4) & lpr)))
        await load(bench)
        assert seen
        assert not any(seen), "low-power run mode while the loader ran"
        assert await bench.memory.read32(apb1enr1) == clocks & ~pwren
        await bench.poke((apb1enr1, clocks))
        assert await bench.memory.read32(pwr_cr1) & lpr

    on_board("sim:stm32l431rc", test)
