"""A session's registers, memory, breakpoints and flash."""

from __future__ import annotations

import pytest
from support.fake_target import FakeBoard
from support.rsp_client import session

from haltpoint.arm.breakpoints import BreakpointKind
from haltpoint.probes.errors import TargetError


@pytest.fixture
def board() -> FakeBoard:
    return FakeBoard()


def hexed(text: str) -> bytes:
    return text.encode().hex().encode()


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
