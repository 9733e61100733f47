"""A session under bad input, hanging targets, lost probes and defects."""

from __future__ import annotations

import random

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fake_target import FakeBoard
from support.rsp_client import RspClient, session

from haltpoint.probes.errors import ProbeGoneError
from haltpoint.server.packets.table import PACKETS
from haltpoint.server.session import Session


@pytest.fixture
def board() -> FakeBoard:
    return FakeBoard()


def hexed(text: str) -> bytes:
    return text.encode().hex().encode()


# Deadlines and defects


@pytest.mark.parametrize("packet", [b"?", b"m20000000,4", b"M20000000,1:00", b"vCont;s", b"vRun;", b"p1c", b"D"])
async def test_no_plain_packet_is_answered_later_than_five_seconds(board: FakeBoard, packet: bytes) -> None:
    async with session(board) as gdb:
        board.core.stop = None if packet in {b"?", b"D"} else board.core.stop
        board.core.hang = 3600
        started = trio.current_time()
        reply = await gdb.ask(packet)
        assert trio.current_time() - started <= 5.0
        assert reply == (b"OK" if packet == b"D" else b"E01")
        board.core.hang = 0
        assert await gdb.ask(b"qC") == b"QC1"


async def test_the_target_hangs_while_running(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.send(b"vCont;c")
        await trio.sleep(0.05)
        board.core.hang = 3600
        await trio.sleep(20)
        await gdb.raw(b"\x03")
        assert await gdb.reply() == b"T02thread:1;"
        assert "did not answer within 4 s" in gdb.console
        board.core.hang = 0


async def test_a_defect_is_answered_and_logged(board: FakeBoard, caplog: pytest.LogCaptureFixture) -> None:
    async with session(board) as gdb:
        del board.core.registers[3]
        assert await gdb.ask(b"p3") == b"E01"
        assert await gdb.ask(b"p4") == b"00000000"
    assert "defect in Haltpoint" in caplog.text
    assert "KeyError" in caplog.text


async def test_lost_probe_ends_the_session_with_a_sentence(board: FakeBoard) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    await board.target.attach()
    served = Session(theirs, board.target)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(served.run)
        gdb = RspClient(ours)
        await gdb.send(b"vCont;c")
        await trio.sleep(0.05)
        board.core.failure = ProbeGoneError("Polling the core", "the probe was unplugged", "Plug it in again.")
        with pytest.raises(EOFError):
            await gdb.reply()
        assert gdb.console == "Polling the core failed: the probe was unplugged. Plug it in again.\n"
    assert served.probe_lost
    assert "detach" not in board.core.calls


async def test_lost_probe_while_halted_is_an_error_reply_and_the_end(board: FakeBoard) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    await board.target.attach()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Session(theirs, board.target).run)
        gdb = RspClient(ours)
        board.core.failure = ProbeGoneError("Reading", "the probe was unplugged")
        assert await gdb.ask(b"m20000000,4") == b"E01"
        await gdb.wait_closed()


async def test_garbage_and_bad_packets_are_survived(board: FakeBoard) -> None:
    noise = random.Random(1)  # the same bytes each time
    async with session(board) as gdb:
        for _ in range(50):
            await gdb.raw(noise.randbytes(200).replace(b"$", b"").replace(b"\x03", b""))
        assert await gdb.ask(b"qC") == b"QC1"
        for bad in (b"m", b"Z9,0,0", b"vCont;x", b"P", b"X1,5:", b"qRcmd,f", b"Gzz", b"vFlashWrite:"):
            assert await gdb.ask(bad) == b"E01"
        assert await gdb.ask(b"M" * 0x9000) == b"E01"
        assert await gdb.ask(b"X0,1:}") == b"E01"
        await gdb.go_no_ack()
        await gdb.raw(b"$g#00")
        assert await gdb.reply() == b"E01"
        assert await gdb.ask(b"qC") == b"QC1"


ARGUMENTS = st.one_of(
    st.binary(max_size=30),
    st.from_regex(rb"[:;,]?[0-9a-f]{1,8}[,=:;]?[0-9a-f]{0,8}[:,;]?[0-9a-f]{0,8}", fullmatch=True),
    st.sampled_from(
        [b":1", b";c", b";s:1;c", b";t:1", b",68616c74", b",7265736574", b",676f", b":8000000,400", b"20000000,4"]
    ),
)
PIECES = st.one_of(
    st.tuples(st.sampled_from([name for group in PACKETS.values() for name in group]), ARGUMENTS).map(b"".join),
    st.binary(max_size=30),
).map(lambda body: b"$%b#%02x" % (body, sum(body) % 256))
WIRE = st.lists(st.one_of(PIECES, st.binary(max_size=20), st.just(b"\x03")), max_size=15)


@settings(max_examples=200, deadline=None)
@given(WIRE)
def test_whatever_is_sent_the_next_question_is_answered(wire: list[bytes]) -> None:
    async def converse() -> None:
        board = FakeBoard()
        async with session(board) as gdb:
            await gdb.ask(b"!")  # a kill shall not end it
            for piece in wire:
                await gdb.raw(piece)
            await gdb.raw(b"#00")  # an unfinished frame ends here
            await trio.sleep(1)
            await gdb.raw(b"\x03")
            await gdb.send(b"qXfer:threads:read::0,10")
            while b'm<?xml version="' not in await gdb.reply():
                pass

    trio.run(converse, clock=trio.testing.MockClock(autojump_threshold=0))
