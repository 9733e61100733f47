"""STM32F4: supply, clocks, caches, long operations, DMA as firmware or an interrupted load may have left them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
from support.flash_bench import FLASH, Bench, on_board
from support.flash_load import load, noise, own_seconds

from haltpoint.probes.access import Batch

ACR, KEYR, SR, CR = 0x4002_3C00, 0x4002_3C04, 0x4002_3C0C, 0x4002_3C10
RCC_CR, PLLCFGR, RCC_CFGR, AHB1ENR, APB1ENR = 0x4002_3800, 0x4002_3804, 0x4002_3808, 0x4002_3830, 0x4002_3840
DBGMCU_CR, IWDG, WWDG_CR, WWDG_CFR = 0xE004_2004, 0x4000_3000, 0x4000_2C00, 0x4000_2C04
KEPT = (ACR, RCC_CR, PLLCFGR, RCC_CFGR, AHB1ENR, APB1ENR, DBGMCU_CR)
BOARD = "sim:stm32f407vg"
BSY, START = 1 << 16, 1 << 16


async def state(bench: Bench) -> dict[str, str]:
    batch = Batch()
    words = {f"0x{address:08X}": batch.read(address) for address in KEPT}
    await bench.memory.run(batch)
    return {name: hex(slot.value) for name, slot in words.items()}


async def at_168_mhz(bench: Bench) -> None:
    """HSI / 8 * 168 / 2; five wait states, all caches on."""
    await bench.poke((ACR, 0x705), (PLLCFGR, 168 << 6 | 8 | 7 << 24), (RCC_CR, 0x0100_0081))
    batch = Batch()
    batch.poll(RCC_CR, 1 << 25, 1 << 25)
    batch.write(RCC_CFGR, 5 << 10 | 4 << 13)
    batch.write(RCC_CFGR, 5 << 10 | 4 << 13 | 2)
    batch.poll(RCC_CFGR, 0xC, 8)
    await bench.memory.run(batch)


async def from_the_crystal_with_hsi_off(bench: Bench) -> None:
    await bench.poke((RCC_CR, 1 << 16 | 0x81))
    batch = Batch()
    batch.poll(RCC_CR, 1 << 17, 1 << 17)
    batch.write(RCC_CFGR, 1)
    batch.poll(RCC_CFGR, 0xC, 4)
    batch.write(RCC_CR, 1 << 16 | 0x80)
    await bench.memory.run(batch)


async def a_sector_erase_under_way(bench: Bench) -> None:
    """128 KiB, one second: writing to the controller meanwhile would stall the bus."""
    word = 2 | 11 << 3 | 2 << 8
    await bench.poke((KEYR, 0x4567_0123), (KEYR, 0xCDEF_89AB), (CR, word), (CR, word | START))


async def an_independent_watchdog(bench: Bench) -> None:
    """LSI / 4, 400 counts: 50 ms, a fifth of the shortest erase."""
    await bench.poke((IWDG, 0x5555), (IWDG + 4, 0), (IWDG + 8, 400), (IWDG, 0xCCCC), (IWDG, 0xAAAA))


async def a_window_watchdog(bench: Bench) -> None:
    await bench.poke((APB1ENR, 1 << 11), (WWDG_CFR, 0x7F), (WWDG_CR, 0xFF))


async def caches_on(bench: Bench) -> None:
    await bench.poke((ACR, 0x700))


STATES: list[Callable[[Bench], Awaitable[None]]] = [
    at_168_mhz,
    from_the_crystal_with_hsi_off,
    a_sector_erase_under_way,
    an_independent_watchdog,
    a_window_watchdog,
    caches_on,
]


@pytest.mark.parametrize("left_behind", STATES)
def test_load_is_exact_and_all_goes_back(left_behind: Callable[[Bench], Awaitable[None]]) -> None:
    async def body(bench: Bench) -> None:
        await left_behind(bench)
        before = await state(bench)
        data = noise(20_001)
        await load(bench, FLASH, data)
        assert bench.board.read_flash(FLASH, len(data)) == data
        assert await state(bench) == before

    on_board(BOARD, body)


@pytest.mark.parametrize(("volts", "psize"), [(3.3, 2), (2.7, 2), (2.69, 1), (1.8, 1)])
def test_the_supply_chooses_the_width(volts: float, psize: int) -> None:
    async def body(bench: Bench) -> None:
        chip = bench.chip.at(volts)
        assert chip.family.program_word >> 8 & 3 == psize
        assert chip.family.erase_word(chip.sector(FLASH)) >> 8 & 3 == psize
        data = noise(16384 + 7)
        session = bench.session(chip=chip)
        session.write(FLASH, data)
        await session.finish()
        assert bench.board.read_flash(FLASH, len(data)) == data

    on_board(BOARD, body)


def test_a_large_sector_does_not_wait_for_the_wire() -> None:
    async def body(bench: Bench) -> None:
        data = noise(128 * 1024)
        started = bench.board.seconds
        await load(bench, FLASH + 0x2_0000, data)
        seconds = bench.board.seconds - started
        assert bench.board.read_flash(FLASH + 0x2_0000, len(data)) == data
        ratio = seconds / own_seconds(bench.chip, FLASH + 0x2_0000, len(data), {131072: 1.0}, 16e-6)
        print(f"128 KiB in {seconds:.3f} s, {ratio:.3f} of its own")
        assert ratio < 1.2

    on_board(BOARD, body)


@pytest.mark.parametrize("moment", [0.05, 0.3, 1.6])
def test_a_cancelled_load_waits_for_the_flash_and_the_next_one_succeeds(moment: float) -> None:
    async def body(bench: Bench) -> None:
        data = noise(200_000)
        around = noise(1000, seed=2)
        bench.board.write_flash(FLASH + 0x8_0000, around)
        before = await state(bench)
        with trio.move_on_after(moment):
            await load(bench, FLASH, data)
        assert not await bench.memory.read32(SR) & BSY
        assert await bench.memory.read32(CR) >> 31, "locked again"
        assert await state(bench) == before
        await load(bench, FLASH, data[:40_000])
        assert bench.board.read_flash(FLASH, 40_000) == data[:40_000]
        assert bench.board.read_flash(FLASH + 0x8_0000, len(around)) == around

    on_board(BOARD, body)
