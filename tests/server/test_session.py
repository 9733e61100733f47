"""One client's session: starting, running, interrupting, leaving."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from support.fake_target import FakeBoard
from support.rsp_client import RspClient, session

from haltpoint.arm.breakpoints import BreakpointKind
from haltpoint.arm.stop import Stop, StopReason
from haltpoint.probes.errors import TargetError, TargetPowerError
from haltpoint.server.session import Session


@pytest.fixture
def board() -> FakeBoard:
    return FakeBoard()


def hexed(text: str) -> bytes:
    return text.encode().hex().encode()


# Starting


async def test_features(board: FakeBoard) -> None:
    async with session(board) as gdb:
        assert b"PacketSize=4000" in (await gdb.ask(b"qSupported:swbreak+;hwbreak+")).split(b";")
        assert await gdb.ask(b"vMustReplyEmpty") == b""
        assert await gdb.ask(b"!") == b"OK"
        assert await gdb.ask(b"vCont?") == b"vCont;c;C;s;S;t;r"
        assert await gdb.ask(b"qAttached") == b"1"


async def test_no_ack_mode(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.go_no_ack()
        await gdb.raw(b"+-+")
        assert await gdb.ask(b"qC") == b"QC1"
        await gdb.raw(b"-")
        assert await gdb.ask(b"T1") == b"OK"
        assert gdb.buffer == b""  # no acknowledgment came either


async def test_packets_are_acknowledged_before_they_are_carried_out(board: FakeBoard) -> None:
    board.core.hang = 1.0
    async with session(board) as gdb:
        await gdb.send(b"m20000000,4")
        await trio.testing.wait_all_tasks_blocked()
        assert await gdb.stream.receive_some() == b"+"
        assert await gdb.reply() == b"00000000"


async def test_nak_resends(board: FakeBoard) -> None:
    async with session(board) as gdb:
        gdb.acks = False
        assert await gdb.ask(b"qC") == b"QC1"
        await gdb.raw(b"-")
        assert await gdb.reply() == b"QC1"


# Running


async def test_continue_to_a_breakpoint(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.ask(b"qSupported:swbreak+;hwbreak+")
        assert await gdb.ask(b"Z0,8000110,2") == b"OK"
        assert board.core.breakpoints.table == {0x8000110: BreakpointKind.HARDWARE}
        reply = await gdb.ask(b"vCont;c")
        assert reply.startswith(b"T05thread:1;swbreak:;00:")
        assert b";0f:10010008;" in reply
        assert await gdb.ask(b"z0,8000110,4") == b"OK"
        assert await gdb.ask(b"Z1,8000120,2") == b"OK"
        assert (await gdb.ask(b"c")).startswith(b"T05thread:1;hwbreak:;")


async def test_no_reason_for_a_client_that_does_not_know_it(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.ask(b"Z1,8000110,2")
        assert (await gdb.ask(b"vCont;c")).startswith(b"T05thread:1;00:")


@pytest.mark.parametrize("packet", [b"s", b"S05", b"vCont;s:1;c", b"vCont;S05:1"])
async def test_step(board: FakeBoard, packet: bytes) -> None:
    async with session(board) as gdb:
        assert b";0f:02010008;" in await gdb.ask(packet)
    assert "step" in board.core.calls


async def test_step_from_an_address(board: FakeBoard) -> None:
    async with session(board) as gdb:
        assert b";0f:02020008;" in await gdb.ask(b"s8000200")


@pytest.mark.parametrize("packet", [b"c", b"C0b", b"vCont;c", b"vCont;C0b:1;c"])
async def test_interrupt(board: FakeBoard, packet: bytes) -> None:
    async with session(board) as gdb:
        await gdb.send(packet)
        await trio.sleep(1)
        await gdb.raw(b"\x03")
        assert (await gdb.reply()).startswith(b"T02thread:1;")


async def test_polling_is_fast_at_first_and_slows_down(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.send(b"vCont;c")
        await trio.sleep(0.003)
        assert board.core.calls.count("poll") >= 4
        board.core.calls.clear()
        await trio.sleep(1)
        assert 150 <= board.core.calls.count("poll") <= 250
        await gdb.raw(b"\x03")
        await gdb.reply()


async def test_question_mark_while_running_stops_and_answers_once(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.send(b"vCont;c")
        await trio.sleep(0.1)
        assert (await gdb.ask(b"?")).startswith(b"T02")
        assert await gdb.ask(b"qC") == b"QC1"


async def test_a_resume_repeated_while_running_gets_one_stop_reply(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.send(b"vCont;c")
        await gdb.send(b"vCont;c")
        await trio.sleep(0.1)
        await gdb.raw(b"\x03")
        assert (await gdb.reply()).startswith(b"T02")
        assert await gdb.ask(b"qC") == b"QC1"


async def test_memory_and_unknown_packets_are_answered_while_running(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.send(b"vCont;c")
        await trio.sleep(0.1)
        assert await gdb.ask(b"m20000000,2") == b"0000"
        assert await gdb.ask(b"qTStatus") == b""
        assert await gdb.ask(b"g") == b"x" * 8 * 19
        assert await gdb.ask(b"Pf=00000000") == b"E01"
        await gdb.raw(b"\x03")
        assert (await gdb.reply()).startswith(b"T02")


async def test_vCont_t_stops(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.send(b"vCont;c")
        await trio.sleep(0.1)
        assert (await gdb.ask(b"vCont;t:1")).startswith(b"T02")


async def test_interrupt_that_crossed_a_stop_reply_holds_for_a_resume_that_follows_at_once(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.ask(b"s")
        await gdb.raw(b"\x03")
        assert (await gdb.ask(b"vCont;c")).startswith(b"T02")
        await gdb.raw(b"\x03")
        await trio.sleep(1)
        await gdb.send(b"vCont;c")
        await trio.sleep(1)
        assert board.core.stop is None
        await gdb.raw(b"\x03")
        assert (await gdb.reply()).startswith(b"T02")


async def test_eof_while_running_lets_the_target_go(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.ask(b"Z1,8000050,2")
        await gdb.send(b"vCont;c")
        await trio.sleep(0.1)
    assert board.core.calls[-1] == "detach"
    assert board.core.stop is None
    assert board.core.breakpoints.table == {}


async def test_eof_while_halted_lets_the_target_go(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.ask(b"?")
    assert board.core.stop is None


async def test_cancelling_lets_the_target_go(board: FakeBoard) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    await board.target.attach()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Session(theirs, board.target).run)
        gdb = RspClient(ours)
        await gdb.ask(b"?")
        nursery.cancel_scope.cancel()
    assert board.core.calls[-1] == "detach"


FAULTS = {
    "SIGSEGV": (StopReason.VECTOR_CATCH, 1 << 9, b"T0b", "a load or store"),
    "SIGILL": (StopReason.VECTOR_CATCH, 1 << 16, b"T04", "undefined"),
    "SIGFPE": (StopReason.VECTOR_CATCH, 1 << 25, b"T08", "division by zero"),
    "lockup": (StopReason.LOCKUP, 0, b"T0b", "Lockup"),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_fault(board: FakeBoard, name: str) -> None:
    reason, cfsr, signal, text = FAULTS[name]
    async with session(board) as gdb:
        await gdb.send(b"vCont;c")
        await trio.sleep(0.05)
        board.core.next_stop = Stop(reason, 0, 0, board.core.registers, cfsr=cfsr, hfsr=1 << 30)
        assert (await gdb.reply()).startswith(signal)
        assert text in gdb.console


async def test_target_that_cannot_be_read_while_running(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.send(b"vCont;c")
        await trio.sleep(0.05)
        board.core.failure = TargetError("Looking at the core", "it does not answer", "Check its power.")
        await trio.sleep(5)
        await gdb.raw(b"\x03")
        assert await gdb.reply() == b"T02thread:1;"
        assert gdb.console == "Looking at the core failed: it does not answer. Check its power.\n"
        board.core.failure = None
        assert (await gdb.ask(b"?")).startswith(b"T05thread:1;00:")


async def test_after_a_power_cycle_the_core_is_connected_to_anew(board: FakeBoard) -> None:
    async with session(board) as gdb:
        board.core.failure = TargetPowerError("Reading 4 bytes", "the probe measures 0.00 V at the target")
        assert await gdb.ask(b"m20000000,4") == b"E01"
        assert await gdb.ask(b"?") == b"E01"
        board.core.failure = None
        board.core.calls.clear()
        assert (await gdb.ask(b"?")).startswith(b"T05")
        assert board.core.calls[0] == "connect halt"
        await gdb.ask(b"?")
        assert board.core.calls.count("connect halt") == 1


async def test_failed_resume_is_an_error_with_its_sentence(board: FakeBoard) -> None:
    async with session(board) as gdb:
        board.core.failure = TargetError("Resuming", "the core does not answer")
        assert await gdb.ask(b"vCont;c") == b"E01"
        assert gdb.console == "Resuming failed: the core does not answer.\n"
        board.core.failure = None


# Leaving, killing, starting anew


async def test_detach_and_attach_again(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.ask(b"!")
        await gdb.ask(b"Z1,8000050,2")
        assert await gdb.ask(b"D;1") == b"OK"
        assert board.core.stop is None
        assert not board.target.points
        assert await gdb.ask(b"g") == b"x" * 8 * 19
        assert (await gdb.ask(b"vAttach;1")).startswith(b"T05")
        assert "connect halt" in board.core.calls


async def test_detach_while_running(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.send(b"vCont;c")
        await trio.sleep(0.05)
        assert await gdb.ask(b"D") == b"OK"
        assert await gdb.ask(b"qC") == b"QC1"


async def test_run_kills_and_starts_anew(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.ask(b"!")
        assert await gdb.ask(b"vKill;a410") == b"OK"
        reply = await gdb.ask(b"vRun;")
        assert reply.startswith(b"T05thread:1;")
        assert "reset halt=True kind=system" in board.core.calls


async def test_R_and_k_have_no_reply_in_extended_mode(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.ask(b"!")
        await gdb.send(b"R0")
        assert len(await gdb.ask(b"g")) == 8 * 19
        await gdb.send(b"k")
        assert await gdb.ask(b"qC") == b"QC1"


async def test_k_ends_a_plain_session(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.send(b"k")
        await gdb.wait_closed()


async def test_notices_from_below_are_said(board: FakeBoard) -> None:
    async with session(board) as gdb:
        board.core.notices.append("NRST is not connected.")
        await gdb.ask(b"m20000000,4")
        await gdb.ask(b"s")
        assert gdb.console == "NRST is not connected.\n"
        assert board.core.notices == []


async def test_descriptions_come_in_pieces(board: FakeBoard) -> None:
    async with session(board) as gdb:
        whole = b""
        while True:
            reply = await gdb.ask(b"qXfer:features:read:target.xml:%x,100" % len(whole))
            whole += reply[1:]
            if reply[:1] == b"l":
                break
            assert len(reply) == 0x101
        assert whole.endswith(b"</target>")
        assert await gdb.ask(b"qXfer:features:read:target.xml:fffff,100") == b"l"
        assert await gdb.ask(b"qXfer:features:read:other.xml:0,100") == b"E01"
        assert b'<thread id="1"' in await gdb.ask(b"qXfer:threads:read::0,1000")
