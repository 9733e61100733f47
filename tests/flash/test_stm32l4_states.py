"""STM32L4: clocks, power modes, watchdogs, DMA and caches as firmware may have left them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from support.flash_bench import FLASH, Bench, on_board
from support.flash_load import load, noise

from haltpoint.probes.access import Batch

ACR, RCC_CR, RCC_CFGR, PLLCFGR = 0x4002_2000, 0x4002_1000, 0x4002_1008, 0x4002_100C
AHB1ENR, APB1ENR1, PWR_CR1, PWR_SR2 = 0x4002_1048, 0x4002_1058, 0x4000_7000, 0x4000_7014
WWDG_CR, WWDG_CFR, IWDG, DBGMCU_CR = 0x4000_2C00, 0x4000_2C04, 0x4000_3000, 0xE004_2004
CR, OPTLOCK = 0x4002_2014, 1 << 30
KEPT = (ACR, RCC_CR, RCC_CFGR, AHB1ENR, APB1ENR1, WWDG_CFR, DBGMCU_CR, CR)


async def state(bench: Bench) -> dict[str, str]:
    batch = Batch()
    words = {f"0x{address:08X}": batch.read(address) for address in KEPT}
    await bench.memory.run(batch)
    return {name: hex(slot.value) for name, slot in words.items()}


async def at_80_mhz(bench: Bench) -> None:
    await bench.poke((ACR, 0x704), (RCC_CR, 0x161), (PLLCFGR, 1 << 24 | 10 << 8 | 2), (RCC_CR, 1 << 24 | 0x161))
    batch = Batch()
    batch.poll(RCC_CR, 1 << 25, 1 << 25)
    batch.write(RCC_CFGR, 3)
    batch.poll(RCC_CFGR, 0xC, 0xC)
    batch.write(RCC_CR, 1 << 24 | 0x161)
    await bench.memory.run(batch)


async def at_100_khz(bench: Bench) -> None:
    await bench.poke((RCC_CR, 0x09))


async def in_low_power_run(bench: Bench) -> None:
    await bench.poke((RCC_CR, 0x49), (APB1ENR1, 1 << 28), (PWR_CR1, 1 << 14 | 1 << 9))


async def an_independent_watchdog(bench: Bench) -> None:
    """LSI / 4, 400 counts: 50 ms."""
    await bench.poke((IWDG, 0x5555), (IWDG + 4, 0), (IWDG + 8, 400), (IWDG, 0xCCCC), (IWDG, 0xAAAA))


async def a_window_watchdog(bench: Bench) -> None:
    """PCLK1 (MSI, 4 MHz) / 4096 / 2, 64 counts: 131 ms at most, a window that has just closed; it cannot be stopped."""
    await bench.poke((APB1ENR1, 1 << 11), (WWDG_CFR, 0x60 | 1 << 7), (WWDG_CR, 0xFF))


async def dma_into_ram(bench: Bench) -> None:
    await bench.poke((AHB1ENR, 0x101))
    bench.board.soc.dmas[0].request(1, 500_000)
    await bench.poke((0x4002_000C, 2000), (0x4002_0010, 0x2000_0000), (0x4002_0014, 0x2000_0000), (0x4002_0008, 0xAA1))


async def flash_without_its_clock(bench: Bench) -> None:
    await bench.poke((AHB1ENR, 0))


async def caches_on(bench: Bench) -> None:
    await bench.poke((ACR, 0x700))


STATES: list[Callable[[Bench], Awaitable[None]]] = [
    at_80_mhz,
    at_100_khz,
    in_low_power_run,
    an_independent_watchdog,
    a_window_watchdog,
    dma_into_ram,
    flash_without_its_clock,
    caches_on,
]


@pytest.mark.parametrize("left_behind", STATES)
def test_load_is_exact_and_all_goes_back(left_behind: Callable[[Bench], Awaitable[None]]) -> None:
    async def body(bench: Bench) -> None:
        await load(bench, FLASH, noise(64, seed=4))
        await left_behind(bench)
        before = await state(bench)
        data = noise(20_001)
        await load(bench, FLASH, data)
        assert bench.board.read_flash(FLASH, len(data)) == data
        assert await state(bench) == before

    on_board("sim:stm32l431rc", body)


def test_all_at_once() -> None:
    async def body(bench: Bench) -> None:
        for left_behind in (at_80_mhz, an_independent_watchdog, a_window_watchdog, dma_into_ram):
            await left_behind(bench)
        data = noise(30_001)
        await load(bench, FLASH, data)
        assert bench.board.read_flash(FLASH, len(data)) == data

    on_board("sim:stm32l431rc", body)
