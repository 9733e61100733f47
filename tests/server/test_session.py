"""One client's session over a memory stream with a fake target; time is trio's autojump clock."""

from __future__ import annotations

import random

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fake_target import RESET_PC, FakeBoard
from support.rsp_client import RspClient, session

from haltpoint.arm.breakpoints import BreakpointKind
from haltpoint.arm.stop import Stop, StopReason
from haltpoint.probes.errors import ProbeGoneError, TargetError, TargetPowerError
from haltpoint.server.packets.table import PACKETS
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
        assert await gdb.ask(b"vCont?") == b"vCont;c;C;s;S;t"
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


# Registers and memory


async def test_stop_reply_has_all_general_registers(board: FakeBoard) -> None:
    board.core.registers[0] = 0x12345678
    async with session(board) as gdb:
        await gdb.ask(b"P0=78563412")
        reply = await gdb.ask(b"?")
        assert reply.startswith(b"T05thread:1;00:78563412;01:00000000;")
        assert b";0f:00010008;19:00000001;1a:00500020;1b:00000000;" in reply
        assert await gdb.ask(b"g") == b"78563412" + b"00" * 48 + b"00500020" + b"00" * 4 + b"00010008" + b"00000001" + (
            b"00500020" + b"00000000"
        )


async def test_narrow_registers_live_in_one_word(board: FakeBoard) -> None:
    board.core.registers[20] = 0x02_01_40_00
    async with session(board) as gdb:
        assert [await gdb.ask(b"p%x" % n) for n in (28, 29, 30, 31)] == [b"00", b"40", b"01", b"02"]
        assert await gdb.ask(b"P1d=80") == b"OK"
        assert board.core.registers[20] == 0x02_01_80_00
        assert await gdb.ask(b"P1c=01000000") == b"OK"  # padded, as LLDB does
        assert board.core.registers[20] == 0x02_01_80_01
        assert await gdb.ask(b"P1c=00010000") == b"E01"


async def test_writing_pc_drops_the_thumb_bit(board: FakeBoard) -> None:
    async with session(board) as gdb:
        assert await gdb.ask(b"Pf=59000008") == b"OK"
    assert board.core.registers[15] == 0x08000058


async def test_unknown_register(board: FakeBoard) -> None:
    async with session(board) as gdb:
        assert await gdb.ask(b"p10") == b"E01"
        assert await gdb.ask(b"P10=00000000") == b"E01"


async def test_G_writes_all_or_nothing(board: FakeBoard) -> None:
    async with session(board) as gdb:
        assert await gdb.ask(b"G0000") == b"E01"
        assert await gdb.ask(b"G" + b"01000000" * 17) == b"OK"
        assert board.core.registers[16] == 1
        assert board.core.registers[15] == 0  # bit 0 of pc
        assert await gdb.ask(b"G" + b"01000000" * 20) == b"E01"


async def test_memory(board: FakeBoard) -> None:
    async with session(board) as gdb:
        assert await gdb.ask(b"M20000001,3:a1b2c3") == b"OK"
        assert await gdb.ask(b"X20000004,2:}\x03\x03") == b"OK"
        assert await gdb.ask(b"m20000000,8") == b"00a1b2c323030000"
        assert await gdb.ask(b"x20000001,3") == b"b\xa1\xb2\xc3"
        assert await gdb.ask(b"m20000000,0") == b""
        assert await gdb.ask(b"X20000000,0:") == b"OK"
    assert board.flash.kept == [(0x20000001, 3), (0x20000004, 2)]


async def test_unmapped_memory_is_an_error_and_a_region_s_end_a_short_answer(board: FakeBoard) -> None:
    async with session(board) as gdb:
        assert await gdb.ask(b"m30000000,4") == b"E01"
        assert await gdb.ask(b"mfffffffc,8") == b"E01"
        assert await gdb.ask(b"m20004ffe,8") == b"0000"
        assert await gdb.ask(b"X30000000,1:a") == b"E01"


async def test_a_long_read_is_cut_to_the_packet_size(board: FakeBoard) -> None:
    async with session(board) as gdb:
        assert len(await gdb.ask(b"m8000000,ffffffff")) == 2 * 0x4000


async def test_plain_writes_to_flash_are_refused(board: FakeBoard) -> None:
    async with session(board) as gdb:
        assert await gdb.ask(b"M8000000,2:0000") == b"E01"
        assert await gdb.ask(b"qRcmd," + hexed("info")) == b"OK"
        assert "Use 'load' to program flash" in gdb.console
    assert not any(call.startswith("write_memory") for call in board.core.calls)


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


# Breakpoints


async def test_software_breakpoints_in_ram_hardware_ones_elsewhere(board: FakeBoard) -> None:
    async with session(board) as gdb:
        for packet in (b"Z0,20000101,2", b"Z0,20000100,2", b"Z0,8000100,2", b"Z1,8000200,3", b"Z1,20000200,2"):
            assert await gdb.ask(packet) == b"OK"
        assert board.core.breakpoints.table == {
            0x20000100: BreakpointKind.SOFTWARE,
            0x08000100: BreakpointKind.HARDWARE,
            0x08000200: BreakpointKind.HARDWARE,
            0x20000200: BreakpointKind.HARDWARE,
        }
        assert await gdb.ask(b"Z2,20000000,4") == b""
        assert await gdb.ask(b"z4,20000000,4") == b""
        assert await gdb.ask(b"z0,8000300,2") == b"OK"  # never inserted


async def test_both_types_at_one_address_share_a_comparator(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.ask(b"Z0,8000100,2")
        await gdb.ask(b"Z1,8000100,2")
        await gdb.ask(b"z0,8000100,2")
        assert 0x8000100 in board.core.breakpoints.table
        await gdb.ask(b"z1,8000100,2")
        assert board.core.breakpoints.table == {}


async def test_no_comparator_left_is_said_at_the_next_resume(board: FakeBoard) -> None:
    async with session(board) as gdb:
        for index in range(6):
            assert await gdb.ask(b"Z1,80001%x0,2" % index) == b"OK"
        assert await gdb.ask(b"Z1,8000200,2") == b"E01"
        await gdb.ask(b"vCont;c")
        assert "all 6 comparators are in use" in gdb.console


async def test_error_text_for_a_client_that_knows_it(board: FakeBoard) -> None:
    board.core.breakpoints.comparators = 0
    async with session(board) as gdb:
        await gdb.ask(b"qSupported:error-message+")
        reply = await gdb.ask(b"Z1,8000200,2")
        assert reply.startswith(b"E.Setting a breakpoint at 0x08000200 failed")
        await gdb.ask(b"s")
        assert gdb.console == ""


# Flash


async def test_load(board: FakeBoard) -> None:
    async with session(board) as gdb:
        assert await gdb.ask(b"vFlashErase:08000000,00000400") == b"OK"
        assert await gdb.ask(b"vFlashWrite:8000000:ab}\x03") == b"OK"
        assert await gdb.ask(b"vFlashDone") == b"OK"
        assert await gdb.ask(b"m8000000,4") == hexed("ab#") + b"ff"


async def test_flash_failure_is_said_at_the_next_monitor_command(board: FakeBoard) -> None:
    board.flash.failure = TargetError("Programming 0x08000000", "the flash is write-protected", "Clear WRP.")
    async with session(board) as gdb:
        assert await gdb.ask(b"vFlashErase:7000000,400") == b"E01"
        assert board.flash.discarded == 1
        assert await gdb.ask(b"vFlashErase:8000000,400") == b"OK"
        assert await gdb.ask(b"vFlashDone") == b"E01"
        assert gdb.console == ""  # an O packet would have been taken for the answer
        assert await gdb.ask(b"qRcmd," + hexed("info")) == b"OK"
        assert "there is no flash" in gdb.console
        assert "the flash is write-protected. Clear WRP." in gdb.console


async def test_flash_may_take_minutes(board: FakeBoard) -> None:
    board.flash.hang = 300
    async with session(board) as gdb:
        assert await gdb.ask(b"vFlashDone") == b"OK"


async def test_a_target_without_flash(board: FakeBoard) -> None:
    board.target.flash = None
    board.target.regions = None
    async with session(board) as gdb:
        assert b"memory-map" not in await gdb.ask(b"qSupported")
        assert await gdb.ask(b"vFlashDone") == b""
        assert await gdb.ask(b"qXfer:memory-map:read::0,1000") == b""


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
        [b";c", b";s:1;c", b";t:1", b",68616c74", b",7265736574", b",676f", b":8000000,400", b"20000000,4"]
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


# Leaving, killing, starting anew


async def test_detach_and_attach_again(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.ask(b"!")
        await gdb.ask(b"Z1,8000050,2")
        assert await gdb.ask(b"D;1") == b"OK"
        assert board.core.stop is None
        assert board.target.points == {}
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
        assert "reset halt=True line=False" in board.core.calls


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
        await gdb.ask(b"Z1,8000110,2")
        assert (await gdb.ask(b"vCont;c")).startswith(b"T05")
        assert board.core.calls.index("halt") < board.core.calls.index("poll")


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
            assert "reset init" in gdb.console


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
