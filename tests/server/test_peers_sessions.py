"""Bugs of other servers' sessions, each named after where it was reported; none of them may happen here."""

from __future__ import annotations

import pytest
import trio
from support.fake_target import REGIONS, FakeBoard
from support.rsp_client import session

from haltpoint.probes.errors import LinkError
from haltpoint.server.target import Target

AT_ONCE = 0.001


@pytest.fixture
def board() -> FakeBoard:
    return FakeBoard()


def hexed(text: str) -> bytes:
    return text.encode().hex().encode()


@pytest.mark.parametrize("packet", [b"p19", b"p3f", b"Pff=00000000", b"Pf=00"])
async def test_openocd_register_it_does_not_know_closes_the_connection(board: FakeBoard, packet: bytes) -> None:
    """OpenOCD 0.12: "gdb requested a non-existing register", and hangs up."""
    async with session(board) as gdb:
        assert await gdb.ask(packet) in {b"E01", b"00000001"}
        assert await gdb.ask(b"qC") == b"QC1"


@pytest.mark.parametrize("packet", [b"Z5,8000100,2", b"z9,0,0", b"Z,", b"Z1"])
async def test_openocd_breakpoint_type_it_does_not_know_closes_the_connection(board: FakeBoard, packet: bytes) -> None:
    """OpenOCD 0.12 hangs up for Z5."""
    async with session(board) as gdb:
        assert await gdb.ask(packet) == b"E01"
        assert await gdb.ask(b"qC") == b"QC1"


async def test_sparkfun_28714_byte_where_an_acknowledgment_was_awaited_drops_the_connection(board: FakeBoard) -> None:
    """OpenOCD: any byte but + - $ and 03 there ends the session."""
    async with session(board) as gdb:
        gdb.acks = False
        assert await gdb.ask(b"qC") == b"QC1"
        await gdb.raw(b"\r\n\xff\xf3q")
        assert await gdb.ask(b"qAttached") == b"1"


async def test_openocd_write_that_fails_is_answered_ok_and_blamed_on_the_next(board: FakeBoard) -> None:
    """OpenOCD answers X before it writes and keeps the failure for a later packet."""
    async with session(board) as gdb:
        assert await gdb.ask(b"X30000000,8:aaaaaaaa") == b"E01"
        assert await gdb.ask(b"X20000000,8:aaaaaaaa") == b"OK"


async def test_pyocd_1000_first_stop_reply_has_x_for_a_core_that_runs(board: FakeBoard) -> None:
    """GDB: "invalid hex digit 120", and the connection is lost."""
    board.target = Target(board.core, REGIONS, board.flash, leave_running=True)
    board.core.probe.memory[0xE000_101C] = bytearray(4)
    board.core.probe.memory[0xE000_ED08] = bytearray(4)
    async with session(board) as gdb:
        reply = await gdb.ask(b"?")
        assert reply.startswith(b"T05")
        assert b"x" not in reply


async def test_pyocd_1633_run_drops_the_connection(board: FakeBoard) -> None:
    """GDB's ``run`` sends vKill first; the server hung up."""
    async with session(board) as gdb:
        await gdb.ask(b"!")
        assert await gdb.ask(b"vKill;a410") == b"OK"
        assert (await gdb.ask(b"vRun;")).startswith(b"T05")
        await gdb.send(b"k")
        await gdb.send(b"R0")
        assert await gdb.ask(b"qC") == b"QC1"


@pytest.mark.parametrize("packet", [b"vCont;C0b:1;c", b"C0b", b"vCont;S0b:1;c", b"S0b;8000200"])
async def test_pyocd_234_blackmagic_1090_continue_after_a_fault_hangs(board: FakeBoard, packet: bytes) -> None:
    """After SIGSEGV GDB continues with that signal; a chip takes none, and runs."""
    async with session(board) as gdb:
        await gdb.ask(b"Z1,8000400,2")
        assert (await gdb.ask(packet)).startswith(b"T05")


@pytest.mark.parametrize("packet", [b"vCont;x", b"vCont;", b"vFlashNothing:0", b"vCont", b"qRcmd,zz"])
async def test_pyocd_unknown_action_gets_no_answer_at_all(board: FakeBoard, packet: bytes) -> None:
    """pyOCD 0.46 returns nothing for an unknown vCont or vFlash packet: the client hangs until its timeout."""
    async with session(board) as gdb:
        started = trio.current_time()
        assert await gdb.ask(packet) in {b"E01", b"", b"OK"}
        assert trio.current_time() - started < AT_ONCE
        assert await gdb.ask(b"qC") == b"QC1"


async def test_pyocd_ctrl_c_is_seen_at_the_start_of_a_buffer_only(board: FakeBoard) -> None:
    """Here it comes in one piece with the resume before it, and right behind a packet while the core runs."""
    async with session(board) as gdb:
        await gdb.raw(b"$vCont;c#a8\x03")
        assert (await gdb.reply()).startswith(b"T02")
        await gdb.send(b"vCont;c")
        await trio.sleep(1)
        await gdb.raw(b"$m20000000,1#4c\x03")
        assert await gdb.reply() == b"00"
        assert (await gdb.reply()).startswith(b"T02")


async def test_pyocd_ctrl_c_inside_binary_data_stops_the_core(board: FakeBoard) -> None:
    """The byte 03 within a packet is data."""
    async with session(board) as gdb:
        await gdb.send(b"vCont;c")
        await trio.sleep(0.1)
        assert await gdb.ask(b"X20000000,3:\x03\x03\x03") == b"OK"
        await trio.sleep(1)
        assert board.core.stop is None
        await gdb.raw(b"\x03")
        assert (await gdb.reply()).startswith(b"T02")


async def test_pyocd_1387_unsupported_transfers_are_answered_with_garbage(board: FakeBoard) -> None:
    """``9+`` came for a qXfer object that is not there."""
    async with session(board) as gdb:
        for name in (b"auxv", b"libraries", b"siginfo", b"osdata", b"exec-file"):
            assert await gdb.ask(b"qXfer:%b:read::0,1000" % name) == b""


async def test_pyocd_1165_745_611_a_single_glitch_kills_the_session(board: FakeBoard) -> None:
    """One lost SWD transfer while the core runs: a sentence, another look, and the stop is still reported."""
    async with session(board) as gdb:
        await gdb.ask(b"Z1,8000110,2")
        board.core.failure = None
        await gdb.send(b"vCont;c")
        await trio.testing.wait_all_tasks_blocked()
        board.core.failure = LinkError("Reading DHCSR", "the probe answered with a protocol error")
        await trio.sleep(0.4)
        board.core.failure = None
        assert (await gdb.reply()).startswith(b"T05")
        assert gdb.console.count("protocol error") == 1


async def test_pyocd_512_non_stop_mode_does_not_work(board: FakeBoard) -> None:
    """Announced, but memory could not be read while the core ran and the interrupt was not reported."""
    async with session(board) as gdb:
        assert b"QNonStop+" in await gdb.ask(b"qSupported:vContSupported+")
        assert await gdb.ask(b"QNonStop:1") == b"OK"
        assert (await gdb.ask(b"?")).startswith(b"T05")
        assert await gdb.ask(b"vStopped") == b"OK"
        assert await gdb.ask(b"vCont;c:1") == b"OK"
        assert await gdb.ask(b"m20000000,4") == b"00000000"
        assert await gdb.ask(b"vCont;t:1") == b"OK"
        assert (await gdb.notification()).startswith(b"Stop:T00thread:1;")


@pytest.mark.parametrize("leave", [b"D", b"D;1", b""])
async def test_cortex_debug_629_894_941_leaving_lets_the_chip_stand(board: FakeBoard, leave: bytes) -> None:
    """Detaching and hanging up both let it run, without breakpoints."""
    async with session(board) as gdb:
        await gdb.ask(b"Z1,8000110,2")
        await gdb.ask(b"vCont;c")
        if leave:
            assert await gdb.ask(leave) == b"OK"
    assert board.core.stop is None
    assert board.core.breakpoints.table == {}


async def test_st_util_627_stepping_hangs_and_ctrl_c_is_dead(board: FakeBoard) -> None:
    """A step that does not end is given up before GDB loses count, and Ctrl-C works afterwards."""
    async with session(board) as gdb:
        board.core.hang = 3600
        started = trio.current_time()
        assert await gdb.ask(b"vCont;s:1") == b"E01"
        assert trio.current_time() - started <= 5
        board.core.hang = 0
        await gdb.send(b"vCont;c")
        await trio.sleep(0.1)
        await gdb.raw(b"\x03")
        assert (await gdb.reply()).startswith(b"T02")


async def test_probe_rs_1678_timeout_after_monitor_reset(board: FakeBoard) -> None:
    """The command is answered, and so is what comes next."""
    async with session(board) as gdb:
        for command in ("reset", "reset halt", "reset run", "reset init"):
            started = trio.current_time()
            assert await gdb.ask(b"qRcmd," + hexed(command)) == b"OK"
            assert len(await gdb.ask(b"g")) == 8 * 19
            assert trio.current_time() - started < AT_ONCE


async def test_ctrl_c_that_crosses_a_stop_reply_is_answered_twice_or_lost(board: FakeBoard) -> None:
    """One stop reply for one resume: the interrupt holds for the resume that GDB sends at once, and no longer."""
    async with session(board) as gdb:
        await gdb.ask(b"Z1,8000110,2")
        assert (await gdb.ask(b"vCont;c")).startswith(b"T05")
        await gdb.raw(b"\x03")
        assert await gdb.ask(b"qC") == b"QC1", "no second stop reply stands before this answer"
        assert (await gdb.ask(b"vCont;c")).startswith(b"T02")
        assert await gdb.ask(b"qC") == b"QC1"
        await gdb.raw(b"\x03\x03")
        assert (await gdb.ask(b"vCont;c")).startswith(b"T02")
        assert await gdb.ask(b"qC") == b"QC1"


async def test_gdb_loses_count_when_an_answer_comes_late(board: FakeBoard) -> None:
    """It asks again after 2 s and takes each later answer for the one before: one answer, in time, for each packet."""
    async with session(board) as gdb:
        await gdb.go_no_ack()
        board.core.hang = 3600
        await gdb.send(b"m20000000,4")
        await trio.sleep(2)
        await gdb.raw(b"-")
        await trio.sleep(2)
        await gdb.raw(b"-")
        assert await gdb.reply() == b"E01"
        board.core.hang = 0
        assert await gdb.ask(b"m20000000,2") == b"0000"
        assert await gdb.ask(b"qC") == b"QC1"
