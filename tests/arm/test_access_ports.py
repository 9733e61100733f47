"""A core that is not behind access port 0, through every kind of probe."""

from __future__ import annotations

import pytest
from support.flash_bench import Bench, on_board

from haltpoint.arm.registers_system import CPUID
from haltpoint.probes.errors import AccessFaultError

PROBES = ("stlink-v2-1", "stlink-v3", "ft2232h")
SRAM = 0x2000_0000


@pytest.mark.parametrize("probe", PROBES)
def test_the_core_is_found_behind_the_apb(probe: str) -> None:
    """STM32H563: port 0 is an APB-AP, port 1 leads to the core and all memory."""

    async def test(bench: Bench) -> None:
        assert CPUID(await bench.memory.read32(CPUID.address)).PartNo == 0xD21
        data = bytes(range(256)) * 5
        await bench.memory.write(SRAM + 1, data)
        assert await bench.memory.read(SRAM + 1, len(data)) == data
        assert bench.board.machine.bus.peek(SRAM + 1, len(data)) == data
        stop = await bench.core.reset(halt=True)
        assert stop is not None

    on_board(f"sim:stm32h563zi,probe={probe}", test)


def test_a_fault_elsewhere_does_not_move_the_port() -> None:
    async def test(bench: Bench) -> None:
        with pytest.raises(AccessFaultError):
            await bench.memory.read32(0x0400_0000)
        assert await bench.memory.read32(CPUID.address)

    on_board("sim:stm32f103c8", test)
