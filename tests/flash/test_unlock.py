"""Protection read, explained and removed, on simulated boards and against bare words."""

from __future__ import annotations

import pytest
import trio
from support.flash_bench import FLASH, Bench, on_board

from haltpoint.arm.core import ConnectMode
from haltpoint.flash.errors import ProtectedError
from haltpoint.flash.protection import describe_protection, read_protection
from haltpoint.flash.unlock import consequence, unlock

FAMILIES = {
    "stm32f103c8": 4,
    "stm32f091rc": 2,
    "stm32f407vg": 1,
    "stm32f429zi": 1,
    "stm32l431rc": 1,
    "stm32g071rb": 1,
    "stm32g474re": 1,
    "stm32h743zi": 1,
    "stm32f746zg": 1,
    "stm32g0b1re": 1,
    "stm32c031c6": 1,
    "stm32wb55rg": 1,
    "stm32u575zi": 1,
    "stm32l051c8": 32,
    "stm32l152re": 16,
}
"""Boards whose option bytes are modelled, and how many sectors a protected one drags along."""


async def fill(bench: Bench) -> None:
    bench.board.write_flash(FLASH, bytes(range(256)) * 4)


@pytest.mark.parametrize("board", FAMILIES)
def test_an_open_chip_has_nothing_to_unlock(board: str) -> None:
    async def test(bench: Bench) -> None:
        await fill(bench)
        state = await read_protection(bench.memory, bench.chip)
        assert not state.locked
        lines = describe_protection(bench.chip, state)
        assert lines[0].startswith("Readout protection is off")
        assert lines[1] == "No sector is write-protected."
        assert any("independent watchdog runs only when" in line for line in lines)
        assert "nothing to unlock" in consequence(bench.chip, state)
        assert await unlock(bench.core, bench.chip) == [consequence(bench.chip, state)]
        assert bench.board.read_flash(FLASH, 1024) == bytes(range(256)) * 4, "nothing was erased"

    on_board(f"sim:{board}", test)


@pytest.mark.parametrize("board", FAMILIES)
def test_readout_protection_is_removed(board: str) -> None:
    async def test(bench: Bench) -> None:
        await fill(bench)
        state = await read_protection(bench.memory, bench.chip)
        assert state.level == 1
        assert describe_protection(bench.chip, state)[0].startswith("Readout protection is on (level 1)")
        assert "erases the whole flash" in consequence(bench.chip, state)
        with pytest.raises(ProtectedError):
            await bench.load(b"\x55" * 1024)
        lines = await unlock(bench.core, bench.chip)
        assert lines[0] == "Readout protection is off; the flash has been erased."
        assert lines[-1] == "Switch the board off and on before you go on."
        assert set(bench.board.read_flash(FLASH, 4096)) == {bench.chip.family.erased}
        bench.board.power(on=False)
        bench.board.power(on=True)

    on_board(f"sim:{board},rdp=1", test, chip=board.upper())


@pytest.mark.parametrize("board", FAMILIES)
def test_an_unlocked_chip_can_be_loaded_after_power_on(board: str) -> None:
    async def test(bench: Bench) -> None:
        await unlock(bench.core, bench.chip)
        bench.board.power(on=False)
        bench.board.power(on=True)
        await bench.core.connect(ConnectMode.HALT)
        assert not (await read_protection(bench.memory, bench.chip)).locked
        await bench.load(b"\x55" * 1000)
        assert bench.board.read_flash(FLASH, 1000) == b"\x55" * 1000

    on_board(f"sim:{board},rdp=1,wrp=0", test, chip=board.upper())


@pytest.mark.parametrize("board", FAMILIES)
def test_write_protection_alone_costs_nothing(board: str) -> None:
    async def test(bench: Bench) -> None:
        await fill(bench)
        state = await read_protection(bench.memory, bench.chip)
        assert state.level == 0
        assert len(state.guarded) == FAMILIES[board]
        assert f"Write-protected: {FAMILIES[board]} sector" in describe_protection(bench.chip, state)[1]
        lines = await unlock(bench.core, bench.chip)
        assert lines[0] == f"Write protection of {FAMILIES[board]} sectors is off."
        assert bench.board.read_flash(FLASH, 1024) == bytes(range(256)) * 4, "what is in flash stays"
        assert not (await read_protection(bench.memory, bench.chip)).locked

    on_board(f"sim:{board},wrp=0", test)


@pytest.mark.parametrize("seconds", [0.002, 0.01, 0.03])
def test_cancellation_leaves_no_option_bytes_half_written(seconds: float) -> None:
    """An erased area alone would mean level 1, of a chip that was not protected before."""

    async def test(bench: Bench) -> None:
        await fill(bench)
        with trio.move_on_after(seconds) as scope:
            await unlock(bench.core, bench.chip)
        assert scope.cancelled_caught
        bench.board.power(on=False)
        bench.board.power(on=True)
        await bench.core.connect(ConnectMode.HALT)
        assert not (await read_protection(bench.memory, bench.chip)).locked
        assert bench.board.read_flash(FLASH, 1024) == bytes(range(256)) * 4

    on_board("sim:stm32f103c8,wrp=0", test)


@pytest.mark.parametrize("board", FAMILIES)
def test_a_hardware_watchdog_is_told(board: str) -> None:
    async def test(bench: Bench) -> None:
        state = await read_protection(bench.memory, bench.chip)
        assert any("runs from each reset on" in line for line in describe_protection(bench.chip, state))

    on_board(f"sim:{board},iwdg=hardware", test)
