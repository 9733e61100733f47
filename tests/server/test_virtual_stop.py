"""Attaching without a halt: what is shown of a core that runs on, and when it really stops."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from support.fake_target import REGIONS, FakeBoard
from support.rsp_client import RspClient, session

from haltpoint.arm.stop import Stop, StopReason
from haltpoint.server.target import Target

PCSR = 0xE000_101C


@pytest.fixture
def board() -> FakeBoard:
    """One whose core runs and is to be left running; it samples a pc of 0x08000420."""
    board = FakeBoard()
    board.core.probe.memory[PCSR] = bytearray(0x0800_0420.to_bytes(4, "little"))
    board.target = Target(board.core, REGIONS, board.flash, leave_running=True)
    return board


@asynccontextmanager
async def attached(board: FakeBoard) -> AsyncIterator[RspClient]:
    async with session(board) as gdb:
        assert await gdb.ask(b"?") == b"T05thread:1;0f:20040008;"
        yield gdb
        board.core.failure = None


def untouched(board: FakeBoard) -> bool:
    return not {"halt", "resume", "step"} & set(board.core.calls)


async def test_only_pc_is_shown(board: FakeBoard) -> None:
    async with attached(board) as gdb:
        assert await gdb.ask(b"g") == b"x" * 8 * 15 + b"20040008" + b"x" * 8 * 3
        assert await gdb.ask(b"pf") == b"20040008"
        assert await gdb.ask(b"p0") == b"x" * 8
        assert untouched(board)


async def test_memory_breakpoints_and_continue_work_without_a_halt(board: FakeBoard) -> None:
    async with attached(board) as gdb:
        assert await gdb.ask(b"m20000000,4") == b"00000000"
        assert await gdb.ask(b"X20000000,1:a") == b"OK"
        assert await gdb.ask(b"Z1,8000110,2") == b"OK"
        assert "apply_points" not in board.core.calls, "a stop now would be one that GDB does not wait for"
        assert b";0f:10010008;" in await gdb.ask(b"vCont;c")
        assert untouched(board)


async def test_ctrl_c_after_continue_stops_really(board: FakeBoard) -> None:
    async with attached(board) as gdb:
        await gdb.send(b"vCont;c")
        await trio.sleep(0.1)
        assert untouched(board)
        await gdb.raw(b"\x03")
        assert (await gdb.reply()).startswith(b"T02thread:1;00:")
        assert "x" not in (await gdb.ask(b"g")).decode()
        assert (await gdb.ask(b"?")).startswith(b"T05thread:1;00:"), "and from then on it is no view any more"


@pytest.mark.parametrize("packet", [b"vCont;s:1", b"P0=12000000", b"c8000200", b"qRcmd,68616c74", b"vKill;1"])
async def test_what_needs_a_halted_core_halts_it(board: FakeBoard, packet: bytes) -> None:
    async with attached(board) as gdb:
        await gdb.send(packet)
        await trio.sleep(0.1)
        assert board.core.calls.count("halt") == 1
        await gdb.raw(b"\x03")


async def test_a_core_that_stopped_by_itself_meanwhile_is_reported_by_continue(board: FakeBoard) -> None:
    async with attached(board) as gdb:
        board.core.next_stop = Stop(StopReason.VECTOR_CATCH, 0, 0, board.core.registers, cfsr=1 << 9, hfsr=1 << 30)
        board.core.polls_until_stop = 0
        assert (await gdb.ask(b"vCont;c")).startswith(b"T0b")
        assert "resume" not in board.core.calls


async def test_a_core_that_sleeps_shows_where_it_was_seen_last_or_its_reset_vector(board: FakeBoard) -> None:
    async with attached(board) as gdb:
        board.core.probe.memory[PCSR][:] = b"\xff\xff\xff\xff"
        assert await gdb.ask(b"?") == b"T05thread:1;0f:20040008;"
    board.core.probe.memory[0xE000_ED08] = bytearray(0x0800_0000.to_bytes(4, "little"))
    board.core.probe.memory[0x0800_0000][4:8] = 0x0800_0301.to_bytes(4, "little")
    async with session(board) as gdb:
        assert await gdb.ask(b"?") == b"T05thread:1;0f:00030008;"


async def test_a_core_that_stands_already_is_shown_as_it_is(board: FakeBoard) -> None:
    board.core.snapshot(StopReason.RESET)
    async with session(board) as gdb:
        assert (await gdb.ask(b"?")).startswith(b"T05thread:1;00:")


async def test_detaching_and_attaching_again_shows_a_view_again(board: FakeBoard) -> None:
    async with attached(board) as gdb:
        await gdb.ask(b"!")
        await gdb.ask(b"qRcmd,68616c74")
        assert await gdb.ask(b"D") == b"OK"
        assert await gdb.ask(b"vAttach;1") == b"T05thread:1;0f:20040008;"


async def test_the_stop_a_non_stop_client_asks_for_by_itself_is_virtual_and_the_users_is_not(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.ask(b"QNonStop:1")
        assert await gdb.ask(b"?") == b"OK"
        assert await gdb.ask(b"vCont;t:1") == b"OK"
        assert await gdb.notification() == b"Stop:T00thread:1;0f:20040008;"
        assert await gdb.ask(b"vStopped") == b"OK"
        assert await gdb.ask(b"vCont;c:1") == b"OK"
        assert untouched(board)
        assert await gdb.ask(b"vCont;t:1") == b"OK"
        assert (await gdb.notification()).startswith(b"Stop:T00thread:1;00:")
        assert board.core.calls.count("halt") == 1


async def test_a_client_that_leaves_has_changed_nothing(board: FakeBoard) -> None:
    async with attached(board):
        pass
    assert untouched(board)
    assert board.core.calls[-1] == "detach"
