"""STM32G0: an ARMv6-M core with clocks, watchdogs and lock as firmware may have left them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from support.flash_bench import FLASH, Bench, on_board
from support.flash_load import load, noise, ticking

from haltpoint.arm.registers_core import Regsel
from haltpoint.probes.access import Batch

ACR, RCC_CR, RCC_CFGR, PLLCFGR = 0x4002_2000, 0x4002_1000, 0x4002_1008, 0x4002_100C
AHBENR, APBENR1, PWR_CR1, DBG_CR, DBG_FZ = 0x4002_1038, 0x4002_103C, 0x4000_7000, 0x4001_5804, 0x4001_5808
WWDG_CR, WWDG_CFR, IWDG, VTOR = 0x4000_2C00, 0x4000_2C04, 0x4000_3000, 0xE000_ED08
KEPT = (ACR, RCC_CR, RCC_CFGR, AHBENR, APBENR1, WWDG_CFR, DBG_CR, DBG_FZ, VTOR)
BOARD = "sim:stm32g071rb"


async def state(bench: Bench) -> dict[str, str]:
    batch = Batch()
    words = {f"0x{address:08X}": batch.read(address) for address in KEPT}
    await bench.memory.run(batch)
    return {name: hex(slot.value) for name, slot in words.items()}


async def divided_by_128(bench: Bench) -> None:
    await bench.poke((RCC_CR, 0x500 | 7 << 11))


async def an_independent_watchdog(bench: Bench) -> None:
    await bench.poke((IWDG, 0x5555), (IWDG + 4, 0), (IWDG + 8, 400), (IWDG, 0xCCCC), (IWDG, 0xAAAA))


async def a_window_watchdog(bench: Bench) -> None:
    """PCLK 16 MHz / 4096 / 1, 64 counts: 16 ms, less than a page erase; it cannot be stopped."""
    apb = await bench.memory.read32(APBENR1)
    await bench.poke((APBENR1, apb | 1 << 11), (WWDG_CFR, 0x60), (WWDG_CR, 0xFF))


async def caches_on_and_interrupts_off(bench: Bench) -> None:
    await bench.poke((ACR, await bench.memory.read32(ACR) | 0x300))
    await bench.core.write_register(Regsel.SPECIAL, 1)


async def without_the_debug_clock(bench: Bench) -> None:
    """As after a reset that came after connecting: DBGMCU keeps its bits, but its clock is off."""
    await bench.poke((APBENR1, 0))


STATES: list[Callable[[Bench], Awaitable[None]]] = [
    divided_by_128,
    an_independent_watchdog,
    a_window_watchdog,
    caches_on_and_interrupts_off,
    without_the_debug_clock,
]


@pytest.mark.parametrize("left_behind", STATES)
def test_load_is_exact_and_all_goes_back(left_behind: Callable[[Bench], Awaitable[None]]) -> None:
    async def body(bench: Bench) -> None:
        await load(bench, FLASH, ticking())
        await left_behind(bench)
        before = await state(bench)
        data = noise(12_001)
        await load(bench, FLASH, data)
        assert bench.board.read_flash(FLASH, len(data)) == data
        assert await state(bench) == before

    on_board(BOARD, body)


def test_a_blank_chip_starts_its_firmware_after_the_first_load() -> None:
    """RM0444 3.7.1: EMPTY, found at power-on, leads every reset to the boot ROM until it is cleared."""

    async def body(bench: Bench) -> None:
        assert await bench.memory.read32(ACR) & 1 << 16
        await load(bench, FLASH, ticking())
        assert not await bench.memory.read32(ACR) & 1 << 16
        stop = await bench.core.reset(halt=True)
        assert stop is not None
        assert stop.pc == FLASH + 0x80

    on_board(BOARD, body)
