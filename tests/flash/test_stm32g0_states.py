"""STM32G0: what the matrix of hostile states does not have."""

from __future__ import annotations

from support.flash_bench import FLASH, Bench, on_board
from support.flash_load import load, noise, ticking

from haltpoint.probes.access import Batch

ACR, RCC_CR, RCC_CFGR = 0x4002_2000, 0x4002_1000, 0x4002_1008
AHBENR, APBENR1, PWR_CR1, DBG_CR, DBG_FZ = 0x4002_1038, 0x4002_103C, 0x4000_7000, 0x4001_5804, 0x4001_5808
WWDG_CR, WWDG_CFR, IWDG, VTOR = 0x4000_2C00, 0x4000_2C04, 0x4000_3000, 0xE000_ED08
KEPT = (ACR, RCC_CR, RCC_CFGR, AHBENR, APBENR1, WWDG_CFR, DBG_CR, DBG_FZ, VTOR)
BOARD = "sim:stm32g071rb"


async def state(bench: Bench) -> dict[str, str]:
    batch = Batch()
    words = {f"0x{address:08X}": batch.read(address) for address in KEPT}
    await bench.memory.run(batch)
    return {name: hex(slot.value) for name, slot in words.items()}


def test_without_the_debug_clock() -> None:
    """As after a reset that came after connecting: DBGMCU keeps its bits, but its clock is off."""

    async def body(bench: Bench) -> None:
        await load(bench, FLASH, ticking())
        await bench.poke((APBENR1, 0))
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
