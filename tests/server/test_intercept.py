"""Stops that are dealt with before the client hears of them, exits, and file requests in between."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
import trio
from support.fake_target import FakeBoard
from support.rsp_client import session

from haltpoint.arm.stop import Stop, StopReason
from haltpoint.probes.errors import LinkError, TargetError, UserError
from haltpoint.server.client import Client
from haltpoint.server.intercept import Exited, Outcome
from haltpoint.server.packets.file_io import FileReply


class Deals:
    """An interceptor that does as it is told and remembers the stops it saw."""

    def __init__(self, deal: Callable[[Client, Stop], Awaitable[Outcome]]) -> None:
        self.deal = deal
        self.seen: list[Stop] = []

    async def intercept(self, client: Client, stop: Stop) -> Outcome:
        self.seen.append(stop)
        return await self.deal(client, stop)


@pytest.fixture
def board() -> FakeBoard:
    return FakeBoard()


async def unconcerned(_client: Client, stop: Stop) -> Outcome:
    return stop


def first_times(count: int) -> Callable[[Client, Stop], Awaitable[Outcome]]:
    """None for the first ``count`` stops."""
    left = [None] * count

    async def deal(_client: Client, stop: Stop) -> Outcome:
        return left.pop() if left else stop

    return deal


async def test_a_stop_that_is_dealt_with_is_not_reported_and_the_core_runs_on(board: FakeBoard) -> None:
    interceptor = Deals(first_times(2))
    board.target.interceptors.append(interceptor)
    async with session(board) as gdb:
        for address in (b"8000110", b"8000120", b"8000130"):
            await gdb.ask(b"Z1,%b,2" % address)
        assert b";0f:30010008;" in await gdb.ask(b"vCont;c")
        assert [stop.pc for stop in interceptor.seen] == [0x8000110, 0x8000120, 0x8000130]
        assert await gdb.ask(b"qC") == b"QC1"


async def test_interceptors_are_asked_in_order_until_one_deals_with_it(board: FakeBoard) -> None:
    async def make_reset(_client: Client, stop: Stop) -> Outcome:
        return replace(stop, reason=StopReason.LOCKUP)

    first, second = Deals(make_reset), Deals(first_times(1))
    third = Deals(unconcerned)
    board.target.interceptors += [first, second, third]
    async with session(board) as gdb:
        await gdb.ask(b"Z1,8000110,2")
        await gdb.ask(b"Z1,8000120,2")
        assert (await gdb.ask(b"vCont;c")).startswith(b"T0b")
    assert [stop.reason for stop in second.seen] == [StopReason.LOCKUP, StopReason.LOCKUP]
    assert [stop.pc for stop in third.seen] == [0x8000120]


async def test_a_step_that_is_dealt_with_is_completed_and_reported(board: FakeBoard) -> None:
    interceptor = Deals(first_times(1))
    board.target.interceptors.append(interceptor)
    async with session(board) as gdb:
        assert b";0f:04010008;" in await gdb.ask(b"vCont;s:1")
        assert board.core.calls.count("step") == 2


async def test_ctrl_c_is_reported_although_the_stop_was_dealt_with(board: FakeBoard) -> None:
    board.target.interceptors.append(Deals(first_times(1)))
    async with session(board) as gdb:
        await gdb.send(b"vCont;c")
        await trio.sleep(0.1)
        await gdb.raw(b"\x03")
        assert (await gdb.reply()).startswith(b"T02")


async def test_exit_is_W_and_the_program_can_be_run_anew(board: FakeBoard) -> None:
    async def end(_client: Client, _stop: Stop) -> Outcome:
        return Exited(0x12A)

    board.target.interceptors.append(Deals(end))
    async with session(board) as gdb:
        await gdb.ask(b"!")
        await gdb.ask(b"Z1,8000110,2")
        assert await gdb.ask(b"vCont;c") == b"W2a"
        assert (await gdb.ask(b"vRun;")).startswith(b"T05")
        assert await gdb.ask(b"vCont;c") == b"W2a"
        await gdb.send(b"R0")
        assert len(await gdb.ask(b"g")) == 8 * 19


async def test_console_output_comes_before_the_stop_reply(board: FakeBoard) -> None:
    async def speak(client: Client, stop: Stop) -> Outcome:
        await client.say("hello\n")
        return stop

    board.target.interceptors.append(Deals(speak))
    async with session(board) as gdb:
        await gdb.ask(b"Z1,8000110,2")
        await gdb.ask(b"vCont;c")
        assert gdb.console == "hello\n"


async def test_a_core_that_cannot_be_let_run_on_is_connected_to_anew(board: FakeBoard) -> None:
    async def loses_power(_client: Client, _stop: Stop) -> Outcome:
        board.core.failure = LinkError("Resuming", "no answer came", "Check the cable.")
        return None

    board.target.interceptors.append(Deals(loses_power))
    async with session(board) as gdb:
        await gdb.ask(b"Z1,8000110,2")
        assert (await gdb.ask(b"vCont;c")).startswith(b"T02thread:1;")
        assert "no answer came" in gdb.console
        board.core.failure = None
        board.core.calls.clear()
        assert await gdb.ask(b"qRcmd," + b"halt".hex().encode()) == b"OK"
        assert board.core.calls[0] == "connect halt"


async def test_a_failing_interceptor_is_a_sentence_and_the_stop(board: FakeBoard) -> None:
    async def fail(_client: Client, _stop: Stop) -> Outcome:
        raise TargetError("Evaluating a condition", "the memory does not answer")

    board.target.interceptors.append(Deals(fail))
    async with session(board) as gdb:
        await gdb.ask(b"Z1,8000110,2")
        assert (await gdb.ask(b"vCont;c")).startswith(b"T05")
        assert gdb.console == "Evaluating a condition failed: the memory does not answer.\n"


# File-I/O


class Asks:
    """Asks the client for a write at every stop at 0x8000110 and keeps the answer."""

    def __init__(self) -> None:
        self.replies: list[FileReply] = []

    async def intercept(self, client: Client, stop: Stop) -> Outcome:
        if stop.pc != 0x8000110 or stop.reason is not StopReason.BREAKPOINT:
            return stop
        reply = await client.file_io(b"Fwrite,1,20000000,4")
        self.replies.append(reply)
        return replace(stop, reason=StopReason.HALT_REQUEST) if reply.ctrl_c else None


async def test_a_file_request_and_its_answer_while_memory_is_read_and_written(board: FakeBoard) -> None:
    asks = Asks()
    board.target.interceptors.append(asks)
    async with session(board) as gdb:
        await gdb.ask(b"Z1,8000110,2")
        await gdb.ask(b"Z1,8000120,2")
        assert await gdb.ask(b"vCont;c") == b"Fwrite,1,20000000,4"
        assert await gdb.ask(b"m20000000,4") == b"00000000"
        assert await gdb.ask(b"X20000000,2:ab") == b"OK"
        assert await gdb.ask(b"qTStatus") == b""
        assert b";0f:20010008;" in await gdb.ask(b"F4")
        assert asks.replies == [FileReply(4)]
        assert await gdb.ask(b"qC") == b"QC1"


@pytest.mark.parametrize("press", [b"F-1,4,C", b"\x03F0"])
async def test_ctrl_c_during_a_file_request_is_in_its_answer(board: FakeBoard, press: bytes) -> None:
    asks = Asks()
    board.target.interceptors.append(asks)
    async with session(board) as gdb:
        await gdb.ask(b"Z1,8000110,2")
        await gdb.ask(b"vCont;c")
        if press.startswith(b"\x03"):
            await gdb.raw(press[:1])
        assert (await gdb.ask(press.removeprefix(b"\x03"))).startswith(b"T02")
        assert asks.replies[0].ctrl_c


async def test_what_would_move_the_target_is_refused_during_a_file_request(board: FakeBoard) -> None:
    board.target.interceptors.append(Asks())
    async with session(board) as gdb:
        await gdb.ask(b"Z1,8000110,2")
        await gdb.ask(b"vCont;c")
        assert await gdb.ask(b"?") == b"E01"
        await gdb.send(b"F4")
        await trio.sleep(0.1)
        await gdb.raw(b"\x03")
        assert (await gdb.reply()).startswith(b"T02")


async def test_detaching_during_a_file_request(board: FakeBoard) -> None:
    board.target.interceptors.append(Asks())
    async with session(board) as gdb:
        await gdb.ask(b"!")
        await gdb.ask(b"Z1,8000110,2")
        await gdb.ask(b"vCont;c")
        assert await gdb.ask(b"D") == b"OK"
        assert board.core.calls[-1] == "detach"
        assert await gdb.ask(b"qC") == b"QC1"


async def test_leaving_during_a_file_request_lets_the_target_go(board: FakeBoard) -> None:
    board.target.interceptors.append(Asks())
    async with session(board) as gdb:
        await gdb.ask(b"Z1,8000110,2")
        assert (await gdb.ask(b"vCont;c")).startswith(b"F")
    assert board.core.calls[-1] == "detach"


async def test_there_are_no_file_requests_in_non_stop_mode(board: FakeBoard) -> None:
    refused: list[UserError] = []

    async def ask(client: Client, stop: Stop) -> Outcome:
        with pytest.raises(UserError, match="none in non-stop mode") as caught:
            await client.file_io(b"Fwrite,1,20000000,4")
        refused.append(caught.value)
        return stop

    board.target.interceptors.append(Deals(ask))
    async with session(board) as gdb:
        assert await gdb.ask(b"QNonStop:1") == b"OK"
        await gdb.ask(b"Z1,8000110,2")
        assert await gdb.ask(b"vCont;c") == b"OK"
        await trio.sleep(0.1)
        assert refused


async def test_an_answer_to_no_file_request_is_an_error(board: FakeBoard) -> None:
    async with session(board) as gdb:
        assert await gdb.ask(b"F0") == b"E01"


def storm(board: FakeBoard, limit: int = 2000) -> Deals:
    """Stops without end, each right behind the one before, all dealt with; AssertionError when nobody ends it."""
    count = 0
    board.core.polls_after_resume = 1

    async def deal(_client: Client, stop: Stop) -> Outcome:
        nonlocal count
        count += 1
        assert count < limit, "the client was not listened to"
        if stop.reason is not StopReason.BREAKPOINT:
            return stop
        board.core.registers[15] = 0x8000100
        return None

    return Deals(deal)


async def test_ctrl_c_is_heard_in_a_storm_of_stops_that_are_dealt_with(board: FakeBoard) -> None:
    board.target.interceptors.append(storm(board))
    async with session(board) as gdb:
        await gdb.ask(b"Z1,8000110,2")
        await gdb.send(b"vCont;c")
        await gdb.raw(b"\x03")
        assert (await gdb.reply()).startswith(b"T02")


async def test_memory_is_read_in_a_storm_of_stops_that_are_dealt_with(board: FakeBoard) -> None:
    board.target.interceptors.append(storm(board))
    async with session(board) as gdb:
        await gdb.ask(b"QNonStop:1")
        await gdb.ask(b"Z1,8000110,2")
        assert await gdb.ask(b"vCont;c") == b"OK"
        assert await gdb.ask(b"m20000000,4") == b"00000000"
        assert await gdb.ask(b"vCont;t") == b"OK"
        assert (await gdb.notification()).startswith(b"Stop:T0")
