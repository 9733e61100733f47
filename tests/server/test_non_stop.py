"""Non-stop mode: resumes answered at once, stops by notification, everything else while the core runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from support.fake_target import FakeBoard
from support.rsp_client import RspClient, session

from haltpoint.arm.stop import Stop, StopReason
from haltpoint.probes.errors import ProbeGoneError, TargetError
from haltpoint.server.session import Session

SOON = 0.05


async def quiet(gdb: RspClient) -> bool:
    """No notification comes for a while."""
    await trio.sleep(SOON)
    await gdb.ask(b"qC")
    return not gdb.notifications


@pytest.fixture
def board() -> FakeBoard:
    return FakeBoard()


def hexed(text: str) -> bytes:
    return text.encode().hex().encode()


@asynccontextmanager
async def non_stop(board: FakeBoard) -> AsyncIterator[RspClient]:
    """A client in non-stop mode that knows that the target stands."""
    async with session(board) as gdb:
        await gdb.ask(b"qSupported:swbreak+;hwbreak+")
        assert await gdb.ask(b"QNonStop:1") == b"OK"
        assert (await gdb.ask(b"?")).startswith(b"T05thread:1;")
        assert await gdb.ask(b"vStopped") == b"OK"
        yield gdb


async def test_a_resume_is_answered_at_once_and_its_stop_is_a_notification(board: FakeBoard) -> None:
    async with non_stop(board) as gdb:
        await gdb.ask(b"Z1,8000110,2")
        assert await gdb.ask(b"vCont;c:1") == b"OK"
        await trio.sleep(SOON)
        assert (await gdb.notification()).startswith(b"Stop:T05thread:1;hwbreak:;00:")
        assert await gdb.ask(b"vStopped") == b"OK"


async def test_a_step(board: FakeBoard) -> None:
    async with non_stop(board) as gdb:
        assert await gdb.ask(b"vCont;s:1") == b"OK"
        assert b";0f:02010008;" in await gdb.notification()
        assert await gdb.ask(b"vStopped") == b"OK"


async def test_everything_is_answered_while_the_core_runs(board: FakeBoard) -> None:
    async with non_stop(board) as gdb:
        await gdb.ask(b"vCont;c")
        assert await gdb.ask(b"m20000000,2") == b"0000"
        assert await gdb.ask(b"X20000000,2:ab") == b"OK"
        assert await gdb.ask(b"qC") == b"QC1"
        assert await gdb.ask(b"g") == b"x" * 8 * 19
        assert await gdb.ask(b"Pf=00000000") == b"E01"
        assert await gdb.ask(b"?") == b"OK"
        assert await gdb.ask(b"qRcmd," + hexed("info")) == b"OK"
        assert "The core runs." in gdb.console
        assert board.core.calls.count("halt") == 0


async def test_a_live_watch_costs_no_more_looks_at_the_core(board: FakeBoard) -> None:
    async with non_stop(board) as gdb:
        await gdb.ask(b"vCont;c")
        await trio.sleep(0.1)
        board.core.calls.clear()
        for _ in range(20):
            await gdb.ask(b"m20000000,4")
        assert board.core.calls.count("poll") <= 1
        await trio.sleep(0.1)
        assert board.core.calls.count("poll") > 15


async def test_a_breakpoint_set_while_the_core_runs_takes_hold_without_a_halt(board: FakeBoard) -> None:
    async with non_stop(board) as gdb:
        await gdb.ask(b"vCont;c")
        assert await gdb.ask(b"Z1,8000110,2") == b"OK"
        assert b"hwbreak:;" in await gdb.notification()
        assert "halt" not in board.core.calls
        assert board.core.calls.count("resume") == 1


@pytest.mark.parametrize(("packet", "signal"), [(b"vCont;t:1", b"T00"), (b"vCtrlC", b"T02")])
async def test_stopping_on_request(board: FakeBoard, packet: bytes, signal: bytes) -> None:
    async with non_stop(board) as gdb:
        await gdb.ask(b"vCont;c")
        await trio.sleep(SOON)
        assert await gdb.ask(packet) == b"OK"
        assert (await gdb.notification()).startswith(b"Stop:" + signal)
        assert await gdb.ask(b"vStopped") == b"OK"
        assert await gdb.ask(packet) == b"OK"
        assert await quiet(gdb), "a thread that stands already has no other stop to report"


async def test_a_stop_on_request_that_was_a_breakpoint_says_so(board: FakeBoard) -> None:
    async with non_stop(board) as gdb:
        await gdb.ask(b"vCont;c")
        board.core.stop = Stop(StopReason.BREAKPOINT, 0, 0, board.core.registers)
        assert await gdb.ask(b"vCont;t") == b"OK"
        assert (await gdb.notification()).startswith(b"Stop:T05thread:1;swbreak:;")


async def test_one_stop_is_outstanding_at_a_time(board: FakeBoard) -> None:
    async with non_stop(board) as gdb:
        assert await gdb.ask(b"vCont;s:1") == b"OK"
        assert await gdb.ask(b"vCont;s:1") == b"OK"
        await trio.sleep(SOON)
        assert b";0f:02010008;" in await gdb.notification()
        assert await quiet(gdb)
        assert b";0f:04010008;" in await gdb.ask(b"vStopped")
        assert await gdb.ask(b"vStopped") == b"OK"


async def test_question_mark_begins_the_telling_anew(board: FakeBoard) -> None:
    async with non_stop(board) as gdb:
        assert await gdb.ask(b"vCont;s:1") == b"OK"
        assert (await gdb.ask(b"?")).startswith(b"T05")
        assert await gdb.ask(b"vStopped") == b"OK"
        await gdb.ask(b"vCont;c")
        assert await gdb.ask(b"?") == b"OK"


async def test_no_stop_is_told_of_a_thread_that_stands_already(board: FakeBoard) -> None:
    """GDB 13 ends with an internal error when it has resumed the thread meanwhile."""
    async with non_stop(board) as gdb:
        assert await gdb.ask(b"qRcmd," + hexed("reset halt")) == b"OK"
        assert await quiet(gdb)
        assert "maintenance flush register-cache" in gdb.console
        assert await gdb.ask(b"vCont;s:1") == b"OK"
        assert b";0f:02010008;" in await gdb.notification()


async def test_monitor_halt_of_a_running_core_is_a_stop(board: FakeBoard) -> None:
    async with non_stop(board) as gdb:
        await gdb.ask(b"vCont;c")
        await gdb.ask(b"qRcmd," + hexed("halt"))
        assert (await gdb.notification()).startswith(b"Stop:T05")
        assert await quiet(gdb)


async def test_nothing_is_said_but_in_monitor_commands(board: FakeBoard) -> None:
    async with non_stop(board) as gdb:
        await gdb.ask(b"vCont;c")
        board.core.next_stop = Stop(StopReason.LOCKUP, 0, 0, board.core.registers)
        assert (await gdb.notification()).startswith(b"Stop:T0b")
        assert gdb.console == ""
        await gdb.ask(b"vStopped")
        await gdb.ask(b"qRcmd," + hexed("info"))
        assert "Lockup" in gdb.console


async def test_a_core_that_cannot_be_read_is_told_of_at_the_next_occasion(board: FakeBoard) -> None:
    async with non_stop(board) as gdb:
        await gdb.ask(b"vCont;c")
        board.core.failure = TargetError("Looking at the core", "it does not answer")
        await trio.sleep(5)
        assert await gdb.ask(b"vCtrlC") == b"OK"
        assert await gdb.notification() == b"Stop:T02thread:1;"
        assert gdb.console == ""
        board.core.failure = None
        await gdb.ask(b"qRcmd," + hexed("help"))
        assert "it does not answer" in gdb.console


@pytest.mark.parametrize("packet", [b"D", b"vKill;1"])
async def test_leaving_the_program_while_it_runs(board: FakeBoard, packet: bytes) -> None:
    async with non_stop(board) as gdb:
        await gdb.ask(b"!")
        await gdb.ask(b"vCont;c")
        assert await gdb.ask(packet) == b"OK"
        assert await quiet(gdb)
        assert (await gdb.ask(b"vRun;")).startswith(b"T05")
        assert await gdb.ask(b"vCont;c") == b"OK"


async def test_a_client_that_vanishes_leaves_a_running_target_without_breakpoints(board: FakeBoard) -> None:
    async with non_stop(board) as gdb:
        await gdb.ask(b"vCont;c")
        await gdb.ask(b"Z1,8000050,2")
    assert board.core.calls[-1] == "detach"
    assert board.core.breakpoints.table == {}


async def test_a_lost_probe_is_a_stop_and_a_sentence_at_the_next_packet(board: FakeBoard) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    await board.target.attach()
    served = Session(theirs, board.target)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(served.run)
        gdb = RspClient(ours)
        await gdb.ask(b"qSupported:error-message+")
        await gdb.ask(b"QNonStop:1")
        await gdb.ask(b"vCont;c")
        board.core.failure = ProbeGoneError("Polling the core", "the probe was unplugged", "Plug it in again.")
        assert await gdb.notification() == b"Stop:T02thread:1;"
        assert await gdb.ask(b"vStopped") == b"OK"
        assert await gdb.ask(b"g") == b"E.Polling the core failed: the probe was unplugged. Plug it in again."
        await gdb.wait_closed()
    assert served.probe_lost


async def test_going_back_to_all_stop(board: FakeBoard) -> None:
    async with non_stop(board) as gdb:
        assert await gdb.ask(b"QNonStop:0") == b"OK"
        assert b";0f:02010008;" in await gdb.ask(b"vCont;s:1")
