"""Watchpoints, conditions, dprintf and range steps as a client asks for them."""

from __future__ import annotations

import pytest
from support.fake_target import RESET_PC, FakeBoard
from support.rsp_client import RspClient, session

from haltpoint.arm.dwt import WatchHit, WatchKind
from haltpoint.arm.stop import Stop, StopReason

WATCHED = 0x2000_0010


@pytest.fixture
def board() -> FakeBoard:
    return FakeBoard()


def stop_behind(board: FakeBoard, *hits: WatchHit) -> Stop:
    """The stop the fake core comes to next: behind an access to what is watched."""
    registers = {number: board.core.registers[number] for number in range(19)}
    return Stop(StopReason.WATCHPOINT, 0x0003_0003, 4, registers, watched=hits)


async def resumed(board: FakeBoard, gdb: RspClient, stop: Stop) -> bytes:
    """Continue, and come to ``stop``."""
    await gdb.send(b"vCont;c")
    await board.core.wait_called("resume")
    board.core.next_stop = stop
    return await gdb.reply()


# Watchpoints


async def test_watchpoints_are_edits_to_the_cores_table(board: FakeBoard) -> None:
    async with session(board) as gdb:
        for packet in (b"Z2,20000010,4", b"Z2,20000010,4", b"Z3,20000011,1f", b"Z4,20000100,1"):
            assert await gdb.ask(packet) == b"OK"
        assert board.core.watchpoints.table == [
            (0x20000010, 4, WatchKind.WRITE),
            (0x20000011, 31, WatchKind.READ),
            (0x20000100, 1, WatchKind.ACCESS),
        ]
        assert await gdb.ask(b"z3,20000011,1f") == b"OK"
        assert await gdb.ask(b"z3,20000011,1f") == b"OK", "never mind"
        assert len(board.core.watchpoints.table) == 2
        assert await gdb.ask(b"Z2,20000010,0") == b"E01"


async def test_no_comparator_left_is_said(board: FakeBoard) -> None:
    board.core.watchpoints.comparators = 1
    async with session(board) as gdb:
        await gdb.ask(b"qSupported:error-message+")
        assert await gdb.ask(b"Z2,20000010,4") == b"OK"
        assert (await gdb.ask(b"Z2,20000020,4")).startswith(b"E.Watching 4 bytes at 0x20000020 failed: all 1")


@pytest.mark.parametrize(("kind", "name"), [("WRITE", b"watch"), ("READ", b"rwatch"), ("ACCESS", b"awatch")])
async def test_a_hit_is_reported_with_its_data_address(board: FakeBoard, kind: str, name: bytes) -> None:
    async with session(board) as gdb:
        reply = await resumed(board, gdb, stop_behind(board, WatchHit(WatchKind[kind], WATCHED + 2)))
        assert reply.startswith(b"T05thread:1;%b:20000012;00:" % name)


async def test_several_hits_only_for_a_client_that_takes_them(board: FakeBoard) -> None:
    hits = WatchHit(WatchKind.WRITE, WATCHED), WatchHit(WatchKind.READ, WATCHED + 4)
    async with session(board) as gdb:
        reply = await resumed(board, gdb, stop_behind(board, *hits))
        assert reply.startswith(b"T05thread:1;watch:20000010;00:")
    async with session(board) as gdb:
        await gdb.ask(b"qSupported:multi-wp-addr+")
        board.core.calls.clear()
        reply = await resumed(board, gdb, stop_behind(board, *hits))
        assert reply.startswith(b"T05thread:1;watch:20000010;rwatch:20000014;00:")


async def test_the_step_behind_a_watchpoint_that_was_taken_out_moves_nothing(board: FakeBoard) -> None:
    """GDB takes an Arm core to stop before the access and steps; here it has happened, and what comes next stays."""
    hit = WatchHit(WatchKind.WRITE, WATCHED)
    async with session(board) as gdb:
        await gdb.ask(b"Z2,20000010,4")
        await resumed(board, gdb, stop_behind(board, hit))
        await gdb.ask(b"z2,20000010,4")
        reply = await gdb.ask(b"vCont;s:1")
        assert reply.startswith(b"T05thread:1;00:")
        assert "step" not in board.core.calls
        await gdb.ask(b"Z2,20000010,4")
        await gdb.ask(b"z2,20000010,4")
        await gdb.ask(b"vCont;s:1")
        assert board.core.calls.count("step") == 1, "once"


async def test_a_step_with_the_watchpoint_in_place_is_a_step(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.ask(b"Z2,20000010,4")
        await resumed(board, gdb, stop_behind(board, WatchHit(WatchKind.WRITE, WATCHED + 3)))
        await gdb.ask(b"vCont;s:1")
        assert board.core.calls.count("step") == 1


# Conditions

PC = RESET_PC + 0x10
TRUE, FALSE = b"X3,220127", b"X3,220027"


def printing(text: bytes) -> bytes:
    """An agent expression that prints ``text``."""
    raw = text + b"\x00"
    code = b"\x22\x00\x22\x00\x34\x00" + len(raw).to_bytes(2, "big") + raw + b"\x27"
    return b"X%x,%b" % (len(code), code.hex().encode())


async def test_a_false_condition_costs_the_client_nothing(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.ask(b"Z1,%x,2;%b" % (PC, FALSE))
        await gdb.ask(b"Z1,%x,2;%b" % (PC + 0x10, FALSE + TRUE))
        reply = await gdb.ask(b"vCont;c")
        assert b";0f:%b;" % (PC + 0x10).to_bytes(4, "little").hex().encode() in reply
        assert board.core.calls.count("resume") == 2


async def test_inserting_again_replaces_the_condition(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.ask(b"Z1,%x,2;%b" % (PC, FALSE))
        await gdb.ask(b"Z1,%x,2" % PC)
        assert b";0f:10010008;" in await gdb.ask(b"vCont;c")


async def test_of_two_types_at_one_address_the_one_without_condition_counts(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.ask(b"Z1,%x,2;%b" % (PC, FALSE))
        await gdb.ask(b"Z0,%x,2" % PC)
        assert b";0f:10010008;" in await gdb.ask(b"vCont;c")
        await gdb.ask(b"z0,%x,2" % PC)
        await gdb.ask(b"Z1,%x,2" % (PC + 4))
        board.core.registers[15] = RESET_PC
        assert b";0f:14010008;" in await gdb.ask(b"vCont;c")


async def test_conditions_read_registers_and_memory(board: FakeBoard) -> None:
    board.core.probe.write(0x20000000, (1234).to_bytes(4, "little"))
    board.core.registers[3] = 0x20000000
    equal = b"X9,2600031923%04x1327" % 1234  # reg 3, ref32, const16 1234, equal, end
    async with session(board) as gdb:
        await gdb.ask(b"Z1,%x,2;%b" % (PC, equal))
        assert b";0f:10010008;" in await gdb.ask(b"vCont;c")
        assert "read_memory 0x20000000 4" in board.core.calls


async def test_a_condition_that_cannot_be_evaluated_stops_and_says_why(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.ask(b"Z1,%x,2;X1,02" % PC)
        assert b";0f:10010008;" in await gdb.ask(b"vCont;c")
        assert "The expression of the breakpoint at 0x08000110 cannot be evaluated: it takes more" in gdb.console


async def test_a_condition_on_memory_that_is_not_there_stops_and_says_why(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.ask(b"Z1,%x,2;X7,24600000001927" % PC)
        assert b";0f:10010008;" in await gdb.ask(b"vCont;c")
        assert "0x60000000" in gdb.console


async def test_the_programs_own_bkpt_is_nobodys_condition(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.ask(b"Z1,%x,2;%b" % (PC, FALSE))
        board.core.registers[15] = PC
        registers = {number: board.core.registers[number] for number in range(19)}
        own = Stop(StopReason.BREAKPOINT, 0x0003_0003, 2, registers, bkpt=1)
        assert (await resumed(board, gdb, own)).startswith(b"T05")


# dprintf


async def test_commands_print_and_run_on(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.ask(b"Z1,%x,2;cmds:0,%b" % (PC, printing(rb"here\n")))
        await gdb.ask(b"Z1,%x,2" % (PC + 4))
        assert b";0f:14010008;" in await gdb.ask(b"vCont;c")
        assert gdb.console == "here\n"


async def test_commands_of_a_false_condition_are_not_carried_out(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.ask(b"Z1,%x,2;%b;cmds:1,%b" % (PC, FALSE, printing(rb"no\n")))
        await gdb.ask(b"Z1,%x,2;%b;cmds:1,%b" % (PC + 4, TRUE, printing(rb"one\n") + printing(rb"two\n")))
        await gdb.ask(b"Z1,%x,2" % (PC + 8))
        assert b";0f:18010008;" in await gdb.ask(b"vCont;c")
        assert gdb.console == "one\ntwo\n"


# Ranges


async def test_a_range_is_stepped_until_it_is_left(board: FakeBoard) -> None:
    async with session(board) as gdb:
        assert b";0f:14010008;" in await gdb.ask(b"vCont;r8000100,8000114:1")
        assert board.core.calls.count("step_range 0x8000100 0x8000114") == 3


async def test_a_range_ends_at_a_breakpoint_whose_condition_is_true(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.ask(b"Z1,%x,2;%b" % (RESET_PC + 4, FALSE))
        await gdb.ask(b"Z1,%x,2;%b" % (RESET_PC + 12, TRUE))
        reply = await gdb.ask(b"vCont;r8000100,8000200:1")
        assert b";0f:0c010008;" in reply
        assert "resume" not in board.core.calls, "a false condition does not turn the step into a run"


async def test_ctrl_c_ends_a_range(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.send(b"vCont;r8000100,9000000:1")
        await board.core.wait_called("step_range 0x8000100 0x9000000")
        await gdb.raw(b"\x03")
        assert (await gdb.reply()).startswith(b"T02thread:1;")
        assert await gdb.ask(b"m20000000,4") == b"00000000"


# Reads of flash


async def test_flash_is_read_once_a_stop(board: FakeBoard) -> None:
    async with session(board) as gdb:
        first = await gdb.ask(b"m8000100,4")
        board.core.probe.reads.clear()
        assert await gdb.ask(b"m8000100,4") == first
        assert len(await gdb.ask(b"m80001fe,4")) == 8, "across two pages"
        assert await gdb.ask(b"m8000300,20")
        assert board.core.probe.reads == [(0x8000200, 512)]
        await gdb.ask(b"m20000000,4")
        await gdb.ask(b"m20000000,4")
        assert board.core.probe.reads[1:] == [(0x20000000, 4)] * 2, "RAM is read as often as it is asked for"


@pytest.mark.parametrize("packet", [b"vCont;s:1", b"vCont;r8000100,8000102:1", b"X40022000,1:a", b"vFlashDone"])
async def test_a_copy_of_flash_does_not_outlive_what_may_change_it(board: FakeBoard, packet: bytes) -> None:
    async with session(board) as gdb:
        before = await gdb.ask(b"m8000100,4")
        await gdb.ask(packet)
        board.core.probe.write(0x8000100, b"\x11\x22\x33\x44")
        assert before != b"11223344"
        assert await gdb.ask(b"m8000100,4") == b"11223344"


async def test_flash_of_a_running_core_is_not_kept(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await gdb.ask(b"QNonStop:1")
        await gdb.ask(b"vCont;c")
        await gdb.ask(b"m8000100,4")
        board.core.probe.write(0x8000100, b"\x11\x22\x33\x44")
        assert await gdb.ask(b"m8000100,4") == b"11223344"
