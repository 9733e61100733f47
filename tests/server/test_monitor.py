"""Monitor commands, as a client sends them."""

from __future__ import annotations

import pytest
from support.fake_target import RESET_PC, FakeBoard
from support.rsp_client import session

from haltpoint.probes.errors import TargetError


@pytest.fixture
def board() -> FakeBoard:
    return FakeBoard()


def hexed(text: str) -> bytes:
    return text.encode().hex().encode()


# Monitor


async def test_monitor_reset_halt(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.ask(b"s")
        assert await gdb.ask(b"qRcmd," + hexed("reset halt")) == b"OK"
        assert f"pc 0x{RESET_PC:08x}" in gdb.console
        assert "flush register-cache" in gdb.console
        gdb.console = ""
        assert await gdb.ask(b"qRcmd," + hexed("reset init")) == b"OK"
        assert "flush register-cache" not in gdb.console  # once is enough


async def test_gdb_sync_reports_without_a_step(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.ask(b"qRcmd," + hexed("reset halt"))
        assert await gdb.ask(b"qRcmd," + hexed("gdb_sync")) == b"OK"
        assert b";0f:00010008;" in await gdb.ask(b"vCont;s:1;c")
        assert "step" not in board.core.calls
        assert b";0f:02010008;" in await gdb.ask(b"vCont;s:1;c")


async def test_after_monitor_reset_the_registers_are_unavailable_and_continue_takes_hold(board: FakeBoard) -> None:
    async with session(board) as gdb:
        for command in ("reset", "reset run", "resume", "go"):
            assert await gdb.ask(b"qRcmd," + hexed(command)) == b"OK"
            assert board.core.stop is None
        assert await gdb.ask(b"g") == b"x" * 8 * 19
        board.core.calls.clear()
        await gdb.ask(b"Z1,8000110,2")
        assert "apply_points" not in board.core.calls, "a stop now would be one that GDB does not wait for"
        assert (await gdb.ask(b"vCont;c")).startswith(b"T05")
        assert "halt" not in board.core.calls


async def test_a_step_of_a_running_target_reports_where_it_stands(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.ask(b"qRcmd," + hexed("resume"))
        assert b";0f:00010008;" in await gdb.ask(b"s")
        assert "step" not in board.core.calls


@pytest.mark.parametrize(
    ("line", "nearest"),
    [("rest halt", "reset halt"), ("reset hold", "reset halt"), ("halp", "help"), ("halt now", "halt"), ("x", "")],
)
async def test_unknown_monitor_command(board: FakeBoard, line: str, nearest: str) -> None:
    async with session(board) as gdb:
        assert await gdb.ask(b"qRcmd," + hexed(line)) == b"E01"
        assert f"'monitor {nearest}" in gdb.console


@pytest.mark.parametrize("line", ["help", "", "?", "help reset", "HELP", "init", "gdb sync", "halt", "info"])
async def test_known_monitor_command(board: FakeBoard, line: str) -> None:
    async with session(board) as gdb:
        assert await gdb.ask(b"qRcmd," + hexed(line)) == b"OK"
        if "help" in line:
            assert "reset [halt] [KIND]" in gdb.console


async def test_monitor_failure_is_text_and_an_error(board: FakeBoard) -> None:
    async with session(board) as gdb:
        board.core.failure = TargetError("Resetting", "the core does not answer")
        assert await gdb.ask(b"qRcmd," + hexed("reset halt")) == b"E01"
        assert gdb.console == "Resetting failed: the core does not answer.\n"
        board.core.failure = None


async def test_g_after_a_stop_costs_no_memory_access(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.ask(b"s")
        board.core.calls.clear()
        board.core.probe.reads.clear()
        await gdb.ask(b"g")
        assert board.core.probe.reads == []
        assert {call.split()[0] for call in board.core.calls} <= {"read_register"}
