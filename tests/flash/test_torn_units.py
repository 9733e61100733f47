"""Flash units that are not what their ECC says: the survey meets them, and the next load is exact all the same.

STM32L4, G0, U5 and H5 give the data and assert the NMI; an H7 answers with a bus error.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
import trio
from support.flash_bench import FLASH, Bench, on_board
from support.flash_load import extent, load, noise
from support.hostile.scene import Connection, hurry

from haltpoint.arm.registers_core import Regsel
from haltpoint.probes.errors import HaltpointError
from haltpoint.sim.board import Board, open_board

ICSR, NMIPENDSET = 0xE000_ED04, 1 << 31
ECCD, DBECCERR = 1 << 31, 1 << 26
# Where the damage is, and the register that tells it there.
CHIPS = {
    "stm32l431rc": (FLASH, 0x4002_2018),
    "stm32g071rb": (FLASH, 0x4002_2018),
    "stm32g0b1re": (FLASH + 0x4_0000, 0x4002_201C),
    "stm32g474re": (FLASH + 0x4_0000, 0x4002_2018),
    "stm32wb55rg": (FLASH, 0x5800_4018),
    "stm32u575zi": (FLASH + 0x10_0000, 0x4002_2030),
    "stm32h563zi": (FLASH + 0x10_0000, 0x4002_2104),
    "stm32h743zi": (FLASH + 0x10_0000, 0x5200_2110),
}
EACH = pytest.mark.parametrize("chip", CHIPS)


def quick(bench: Bench) -> None:
    hurry(bench.board, ())


@pytest.mark.parametrize(("chip", "offset"), [*((chip, 0) for chip in CHIPS), ("stm32l431rc", 0xFE0)])
def test_a_damaged_unit_in_what_is_loaded(chip: str, offset: int) -> None:
    """Nothing but its ECC is wrong, so the sector would pass for unchanged."""
    base, register = CHIPS[chip]

    async def body(bench: Bench) -> None:
        quick(bench)
        data = noise(0x1000)
        bench.board.write_flash(base, data)
        bench.board.spoil_flash(base + offset, 1)
        report = await load(bench, base, data)
        assert report.changed == 1
        assert bench.board.read_flash(base, len(data)) == data
        assert not bench.board.machine.ap_read(register, 4) & (DBECCERR if "h7" in chip else ECCD)
        assert not bench.board.machine.ap_read(ICSR, 4) & NMIPENDSET
        assert (await load(bench, base, data)).changed == 0, "it is whole"

    on_board(f"sim:{chip}", body)


@EACH
def test_a_damaged_unit_in_a_gap(chip: str, caplog: pytest.LogCaptureFixture) -> None:
    """What of the old content is not written over stays, but for a unit that the debugger cannot read."""
    base, register = CHIPS[chip]

    async def body(bench: Bench) -> None:
        quick(bench)
        unit, before = bench.chip.family.program_unit, noise(0x1000, seed=3)
        bench.board.write_flash(base, before)
        bench.board.spoil_flash(base + 0x600, 1)
        with caplog.at_level(logging.WARNING):
            await load(bench, base, noise(0x400))
        lost = b"\xff" * unit if "h7" in chip else before[0x600 : 0x600 + unit]
        expected = noise(0x400) + before[0x400:0x600] + lost + before[0x600 + unit :]
        assert bench.board.read_flash(base, 0x1000) == expected
        assert ("cannot be read" in caplog.text) == ("h7" in chip)
        assert not bench.board.machine.ap_read(register, 4) & ECCD
        assert (await load(bench, base, expected)).changed == 0

    on_board(f"sim:{chip}", body)


@EACH
def test_a_damaged_vector_table(chip: str) -> None:
    """The core has met it at reset, before anybody was there."""
    base = FLASH

    async def body(bench: Bench) -> None:
        quick(bench)
        data = noise(0x800)
        bench.board.write_flash(base, noise(0x800, seed=2))
        bench.board.spoil_flash(base, 0x100)
        await bench.core.reset(halt=True)
        await bench.core.resume()
        bench.board.sleep(0.001)
        await bench.core.halt()
        await load(bench, base, data)
        assert bench.board.read_flash(base, len(data)) == data

    on_board(f"sim:{chip}", body)


@pytest.mark.parametrize(("chip", "number"), [("stm32l431rc", 2), ("stm32g071rb", 3), ("stm32h743zi", 3)])
def test_halted_in_a_handler_that_lets_no_fault_in(chip: str, number: int) -> None:
    """On an H7 the survey ends in a lockup then; elsewhere an NMI cannot tell while one is active."""
    base, _ = CHIPS[chip]

    async def body(bench: Bench) -> None:
        quick(bench)
        bench.board.machine.core.exceptions.active = 1 << number
        await bench.core.write_register(Regsel.XPSR, 1 << 24 | number)
        data = noise(0x1000)
        bench.board.write_flash(base, data)
        bench.board.spoil_flash(base + 0x40, 1)
        assert (await load(bench, base, data)).changed
        assert bench.board.read_flash(base, len(data)) == data
        assert await bench.core.read_register(Regsel.XPSR) == 1 << 24 | number
        assert (await load(bench, base, data)).changed == 0

    on_board(f"sim:{chip}", body)


@pytest.mark.parametrize("chip", ["stm32l431rc", "stm32g071rb", "stm32g0b1re", "stm32u575zi", "stm32h743zi"])
def test_the_supply_fails_in_the_middle_of_a_unit(chip: str) -> None:
    """Whatever is torn, the next load is exact, and what is around stays."""
    base, _ = CHIPS[chip]
    for unit in (1, 100):
        board = open_board(f"sim:{chip}")
        hurry(board, ())
        trio.run(_cut_and_load_again, board, base, unit, clock=board.trio_clock())


def power_off_in_the(number: int, board: Board) -> None:
    """Switch off 20 microseconds after that unit has begun to be programmed."""
    begun = 0

    def watch(program: Callable[..., None]) -> Callable[..., None]:
        def programming(*arguments: object) -> None:
            nonlocal begun
            begun += 1
            program(*arguments)
            if begun == number:
                board.clock.at(board.clock.now + 20_000_000, lambda: board.power(on=False))

        return programming

    controller: Any = board.soc
    for bank in controller.controller.banks:
        bank._program = watch(bank._program)


async def _cut_and_load_again(board: Board, base: int, unit: int) -> None:
    image = noise(9000)
    async with Connection(board) as bench:
        start, end = extent(bench.chip, base, len(image))
        behind = noise(0x1000, seed=6)
        board.write_flash(end, behind)
        board.write_flash(start, noise(len(image) + 100, seed=5))
        power_off_in_the(unit, board)
        with pytest.raises(HaltpointError):
            await load(bench, base, image)
    assert any(memory.damage for memory in board.machine.bus.memories)
    board.power(on=True)
    board.sleep(0.01)
    async with Connection(board) as bench:
        await load(bench, base, image)
    assert board.read_flash(start, len(image)) == image, unit
    assert board.read_flash(end, len(behind)) == behind, unit
    for memory in board.machine.bus.memories:
        assert not (memory.damage and memory.damage.find(start, len(image))), unit
