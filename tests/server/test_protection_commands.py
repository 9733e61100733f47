"""``haltpoint info`` and ``haltpoint unlock``, and what ``monitor`` has of them."""

from __future__ import annotations

import pytest
from support.fake_target import FakeBoard
from support.rsp_client import session

from haltpoint.server.cli import main


class Guard:
    """Remembers whether it was asked to unlock."""

    def __init__(self) -> None:
        self.unlocked = 0

    async def describe(self) -> list[str]:
        return ["Readout protection is on (level 1).", "No sector is write-protected."]

    async def consequence(self) -> str:
        return "Removing the readout protection erases the whole flash."

    async def locked(self) -> bool:
        return True

    async def unlock(self) -> list[str]:
        self.unlocked += 1
        return ["Readout protection is off."]


def hexed(text: str) -> bytes:
    return text.encode().hex().encode()


def guarded() -> tuple[FakeBoard, Guard]:
    board, guard = FakeBoard(), Guard()
    board.target.guard = guard
    return board, guard


async def test_monitor_info_tells_of_protection() -> None:
    board, _ = guarded()
    async with session(board) as gdb:
        assert await gdb.ask(b"qRcmd," + hexed("info")) == b"OK"
        assert "Readout protection is on (level 1).\n" in gdb.console


@pytest.mark.parametrize("line", ["unlock", "unlock erase", "unlock erase-everything now"])
async def test_monitor_unlock_wants_to_be_confirmed(line: str) -> None:
    board, guard = guarded()
    async with session(board) as gdb:
        assert (await gdb.ask(b"qRcmd," + hexed(line))).startswith(b"E")
        assert "erases the whole flash" in gdb.console
        assert "monitor unlock erase-everything" in gdb.console
        assert not guard.unlocked


async def test_monitor_unlock_confirmed() -> None:
    board, guard = guarded()
    async with session(board) as gdb:
        assert await gdb.ask(b"qRcmd," + hexed("unlock erase-everything")) == b"OK"
        assert guard.unlocked == 1
        assert "Readout protection is off.\n" in gdb.console
        assert "The core stands at pc" in gdb.console


async def test_monitor_unlock_of_a_chip_that_is_not_known() -> None:
    board = FakeBoard()
    async with session(board) as gdb:
        assert (await gdb.ask(b"qRcmd," + hexed("unlock erase-everything"))).startswith(b"E")
        assert "nothing is known of this chip's protection" in gdb.console


def test_info_of_a_protected_board(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--probe", "sim:stm32l431rc,rdp=1,wrp=0-3,iwdg=hardware"]) == 0
    out = capsys.readouterr().out
    assert "Chip: STM32L43x/44x (256 KiB), Cortex-M4" in out
    assert "Readout protection is on (level 1)" in out
    assert "Write-protected: 4 sectors, 0x08000000 to 0x08001FFF." in out
    assert "The independent watchdog runs from each reset on" in out


def test_unlock_says_first_what_it_costs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["unlock", "--probe", "sim:stm32f103c8,rdp=1"]) == 2
    said = capsys.readouterr()
    assert "erases the whole flash" in said.out
    assert "nothing was changed" in said.err
    assert "--erase-everything" in said.err


def test_unlock_confirmed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["unlock", "--erase-everything", "--probe", "sim:stm32f103c8,rdp=1,wrp=0-3"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[-3:] == [
        "Readout protection is off; the flash has been erased.",
        "Write protection of 4 sectors is off.",
        "Switch the board off and on before you go on.",
    ]


def test_an_open_board_has_nothing_to_unlock(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["unlock", "--probe", "sim:stm32f103c8"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("there is nothing to unlock.")
