"""What cannot be masked: an NMI finds vectors that are not in flash, on a core without VTOR too."""

from __future__ import annotations

import random

import pytest
from support.flash_bench import FLASH, Bench, on_board, steps_without

from haltpoint.flash.errors import LoaderError

ICSR, NMIPENDSET = 0xE000_ED04, 1 << 31
NMI = 2
M0 = "sim:stm32f091rc"
SYSCFG_CFGR1, APB2ENR, CIR = 0x4001_0000, 0x4002_1018, 0x4002_1008
SYSCFGEN = 1


def noise(length: int) -> bytes:
    return random.Random(7).randbytes(length)


def flash_firmware(bench: Bench) -> None:
    """Vectors that lead to an endless loop in the first page, which every load here erases."""
    table = (0x2000_1000, *[FLASH + 0x101] * 47)
    bench.board.write_flash(FLASH, b"".join(word.to_bytes(4, "little") for word in table))
    bench.board.write_flash(FLASH + 0x100, b"\xfe\xe7")


@pytest.mark.parametrize("board", [M0, "sim:stm32f103c8", "sim:stm32g071rb"])
@pytest.mark.parametrize("moment", [0.0, 0.06, 0.09, 0.14])
def test_an_nmi_at_any_moment_changes_nothing(board: str, moment: float) -> None:
    async def test(bench: Bench) -> None:
        flash_firmware(bench)
        core = bench.board.machine.core
        fired: list[int] = []

        def fire() -> None:
            core.pend(NMI)
            fired.append(core.engine.pc)

        if moment:
            when = bench.board.clock.now + int(moment * 1e12)
            bench.board.clock.at(when, fire)
        else:
            await bench.poke((ICSR, NMIPENDSET))
        data = noise(5000)
        await bench.load(data)
        assert bench.board.read_flash(FLASH, len(data)) == data
        assert not core.exceptions.pending >> NMI & 1, "it was taken"
        assert all(0x2000_0000 <= pc < 0x2000_1000 for pc in fired), "it met the loader"

    on_board(board, test)


def test_without_the_step_an_nmi_ends_the_load() -> None:
    """The vectors at 0 are flash, and flash is being erased."""

    async def test(bench: Bench) -> None:
        flash_firmware(bench)
        await bench.poke((ICSR, NMIPENDSET))
        with pytest.raises(LoaderError):
            await bench.load(noise(5000), steps=steps_without(bench.chip, "SYSCFG_CFGR1"))

    on_board(M0, test)


@pytest.mark.parametrize("clocked", [False, True])
def test_what_is_at_0_goes_back(clocked: bool) -> None:
    """SYSCFG reads as 0 without its clock: what it held is seen, and put back, all the same."""

    async def test(bench: Bench) -> None:
        apb2enr = await bench.memory.read32(APB2ENR) | SYSCFGEN
        await bench.poke((APB2ENR, apb2enr), (SYSCFG_CFGR1, 0x0010_0003))
        if not clocked:
            await bench.poke((APB2ENR, apb2enr & ~SYSCFGEN))
        await bench.load(noise(3000))
        assert await bench.memory.read32(APB2ENR) == (apb2enr if clocked else apb2enr & ~SYSCFGEN)
        await bench.poke((APB2ENR, apb2enr))
        assert await bench.memory.read32(SYSCFG_CFGR1) == 0x0010_0003

    on_board(M0, test)
