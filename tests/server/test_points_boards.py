"""What conditions, range steps and flash breakpoints cost and do on a simulated board, packet by packet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing
from support.boards import ENTRY, RAM, Bench, on_board
from support.rsp_client import RspClient

from haltpoint.flash.chips import identify
from haltpoint.flash.session import FlashSession
from haltpoint.server.flash_breakpoints import FlashBreakpoints
from haltpoint.server.plain_flash import PlainFlash
from haltpoint.server.session import Session
from haltpoint.server.target import Target

NOP, BKPT, LOOP = 0xBF00, 0xBE00, 0xE7FE
COUNTING = [0x3001, NOP, NOP, 0x3401, 0xE7FA]  # adds r0, #1 ... adds r4, #1; from the start again
FTDI = ",probe=ft2232h,wire=swd"


def debugged(
    scenario: Callable[[Bench, Target, RspClient], Awaitable[None]],
    code: list[int],
    options: str = "",
    chip: str = "stm32f103c8",
) -> None:
    """A client's session with a board that stands at ENTRY, r0 and r4 being 0."""

    async def main(bench: Bench) -> None:
        core = bench.core
        for number in (0, 4):
            await core.write_register(number, 0)
        chip = await identify(core.memory)
        target = Target(core, chip.regions, FlashSession(core, chip))
        core.spare_ram = (chip.ram.start, chip.ram.size)
        target.flash_breakpoints = FlashBreakpoints(core, FlashSession(core, chip), chip.regions)
        target.attached = True
        ours, theirs = trio.testing.memory_stream_pair()
        async with trio.open_nursery() as nursery:
            session = Session(theirs, target)
            nursery.start_soon(session.run)
            async with ours:
                await scenario(bench, target, RspClient(ours))

    on_board(main, code=code, options=options, chip=chip)


def pc_in(reply: bytes) -> int:
    found = reply.split(b";0f:")[1][:8]
    return int.from_bytes(bytes.fromhex(found.decode()), "little")


# r4 == 20: reg 4, const8 20, equal, end
FOUR_IS_20 = b"X7,26000422141327"


@pytest.mark.parametrize(("options", "each"), [("", 10), (FTDI, 6)], ids=["stlink-v2-1", "ftdi"])
def test_a_false_hit_costs_so_many_transfers(options: str, each: int) -> None:
    async def scenario(bench: Bench, _target: Target, gdb: RspClient) -> None:
        assert await gdb.ask(b"Z1,%x,2;%b" % (ENTRY + 2, FOUR_IS_20)) == b"OK"
        bench.transfers()
        reply = await gdb.ask(b"vCont;c")
        assert pc_in(reply) == ENTRY + 2
        assert b";04:14000000;" in reply
        assert bench.transfers() <= 20 * each + 12

    debugged(scenario, COUNTING, options)


def test_a_condition_on_memory_costs_one_read_more() -> None:
    async def scenario(bench: Bench, _target: Target, gdb: RspClient) -> None:
        await bench.memory.write32(RAM + 0x100, 0)
        await bench.core.write_register(2, RAM + 0x100)
        in_memory = b"Xa,24%08x1922141327" % (RAM + 0x100)  # const32, ref32, const8 20, equal, end
        await gdb.ask(b"Z1,%x,2;%b" % (ENTRY + 2, in_memory))
        bench.transfers()
        assert pc_in(await gdb.ask(b"vCont;c")) == ENTRY + 2
        assert bench.transfers() <= 20 * 14 + 16

    debugged(scenario, [0x6014, NOP, NOP, 0x3401, 0xE7FA])  # str r4, [r2]


def test_a_statement_costs_one_range_step_and_one_page() -> None:
    async def scenario(bench: Bench, _target: Target, gdb: RspClient) -> None:
        await gdb.ask(b"m%x,4" % ENTRY)
        bench.transfers()
        assert pc_in(await gdb.ask(b"vCont;r%x,%x:1" % (ENTRY, ENTRY + 8))) == ENTRY + 8
        for _ in range(5):
            await gdb.ask(b"m%x,4" % ENTRY)
        assert bench.transfers() <= 10

    debugged(scenario, COUNTING)


PLACES = [ENTRY + 4 * index for index in range(8)]
ROUND = [*[NOP] * 16, 0xE7EE]


@pytest.mark.parametrize("options", ["", FTDI], ids=["stlink-v2-1", "ftdi"])
def test_eight_breakpoints_on_six_comparators(options: str) -> None:
    async def scenario(bench: Bench, target: Target, gdb: RspClient) -> None:
        before = bench.board.read_flash(0x08000000, 0x400)
        ram = await bench.memory.read(RAM, 0x2000)
        for place in PLACES:
            assert await gdb.ask(b"Z1,%x,2" % place) == b"OK"
        assert bench.board.read_flash(0x08000000, 0x400) == before, "nothing before the program runs"
        assert pc_in(await gdb.ask(b"vCont;c")) == ENTRY
        assert gdb.console.endswith("Flash breakpoints: 1 sector rewritten, 1 so far.\n")
        assert await bench.memory.read(RAM, 0x2000) == ram, "the program's RAM is as it was"
        for place in [*PLACES[1:], *PLACES[:2]]:
            assert pc_in(await gdb.ask(b"vCont;c")) == place
        assert bench.board.read_flash(0x08000000, 0x400) != before
        assert bytes.fromhex((await gdb.ask(b"m8000000,400")).decode()) == before, "what is read is what was there"
        assert target.flash_breakpoints is not None
        assert target.flash_breakpoints.rewritten == 1
        assert await gdb.ask(b"D") == b"OK"
        assert bench.board.read_flash(0x08000000, 0x400) == before

    debugged(scenario, ROUND, options)


def test_one_that_nobody_wants_any_more_is_passed_and_then_gone() -> None:
    async def scenario(bench: Bench, target: Target, gdb: RspClient) -> None:
        before = bench.board.read_flash(0x08000000, 0x400)
        for place in PLACES:
            await gdb.ask(b"Z1,%x,2" % place)
        await gdb.ask(b"vCont;c")
        for place in PLACES:
            await gdb.ask(b"z1,%x,2" % place)
        assert pc_in(await gdb.ask(b"vCont;s:1")) == ENTRY + 2, "a step over one"
        assert bench.board.read_flash(0x08000000, 0x400) != before, "which costs no sector"
        await gdb.ask(b"Z1,%x,2" % (PLACES[7]))
        assert pc_in(await gdb.ask(b"vCont;c")) == PLACES[7]
        assert target.flash_breakpoints is not None
        assert len(bench.core.breakpoints.in_flash) <= 1

    debugged(scenario, ROUND)


def test_a_load_forgets_them_and_finds_the_flash_as_it_was() -> None:
    async def scenario(bench: Bench, _target: Target, gdb: RspClient) -> None:
        before = bench.board.read_flash(0x08000000, 0x400)
        for place in PLACES:
            await gdb.ask(b"Z1,%x,2" % place)
        await gdb.ask(b"vCont;c")
        await gdb.ask(b"vFlashErase:08000000,00000400")
        await gdb.ask(b"vFlashWrite:08000300:new!")
        assert await gdb.ask(b"vFlashDone") == b"OK"
        assert bench.board.read_flash(0x08000000, 0x300) == before[:0x300]
        assert bench.board.read_flash(0x08000300, 4) == b"new!"
        assert bench.core.breakpoints.in_flash == {}

    debugged(scenario, ROUND)


def test_a_plain_write_to_the_place_of_one_stays() -> None:
    """A client without a memory map loads a changed program over the one that has breakpoints in it."""

    async def scenario(bench: Bench, target: Target, gdb: RspClient) -> None:
        before = bench.board.read_flash(0x08000000, 0x400)
        assert target.flash is not None
        target.plain_flash = PlainFlash(target.flash, target.regions or ())
        for place in PLACES:
            await gdb.ask(b"Z1,%x,2" % place)
        await gdb.ask(b"vCont;c")
        changed = max(bench.core.breakpoints.in_flash)
        assert await gdb.ask(b"M%x,2:01c0" % changed) == b"OK"
        assert await gdb.ask(b"m%x,2" % changed) == b"01c0"
        assert await gdb.ask(b"D") == b"OK"
        offset = changed - 0x08000000
        assert bench.board.read_flash(0x08000000, 0x400) == before[:offset] + b"\x01\xc0" + before[offset + 2 :]

    debugged(scenario, ROUND)


def test_what_cannot_be_carried_out_elsewhere_is_refused() -> None:
    async def scenario(_bench: Bench, _target: Target, gdb: RspClient) -> None:
        for place in PLACES[:6]:
            await gdb.ask(b"Z1,%x,2" % place)
        assert await gdb.ask(b"Z1,%x,2" % PLACES[6]) == b"E01"
        assert await gdb.ask(b"Z1,%x,2" % PLACES[7]) == b"OK"

    debugged(scenario, [*[NOP] * 12, 0x4478, NOP, NOP, NOP, LOOP])  # add r0, pc


def test_a_client_is_kept_waiting_for_a_sector_of_128_kib() -> None:
    """More than GDB's patience of 3 x 2 s in all, and never two seconds without a sign of life."""
    big = 0x0802_0000

    async def scenario(bench: Bench, _target: Target, gdb: RspClient) -> None:
        bench.board.write_flash(big, NOP.to_bytes(2, "little") * 40)
        for index in range(8):
            assert await gdb.ask(b"Z1,%x,2" % (big + 4 * index)) == b"OK"
        assert await gdb.ask(b"Z1,%x,2" % (ENTRY + 2)) == b"OK"
        for packet, reply in ((b"vCont;c", b"T05"), (b"D", b"OK")):
            began = bench.board.seconds
            assert (await gdb.ask(packet)).startswith(reply)
            took = bench.board.seconds - began
            assert took > 4, "or this test shows nothing"
            assert len(gdb.notifications) >= took // 2, packet
            gdb.notifications.clear()
        assert all(bench.target(big + 4 * index) == 0xBF00BF00 for index in range(8)), "and it was all put back"

    debugged(scenario, COUNTING, chip="stm32f407vg")


def test_a_flash_breakpoint_that_comes_while_the_core_runs_holds_at_once() -> None:
    async def scenario(_bench: Bench, _target: Target, gdb: RspClient) -> None:
        assert await gdb.ask(b"QNonStop:1") == b"OK"
        for place in PLACES[2:]:
            assert await gdb.ask(b"Z1,%x,2" % (place + 0x40)) == b"OK"
        assert await gdb.ask(b"vCont;c") == b"OK"
        assert await gdb.ask(b"Z1,%x,2" % (ENTRY + 2)) == b"OK"
        assert pc_in(await gdb.notification()) == ENTRY + 2

    debugged(scenario, [*COUNTING, *[NOP] * 64])


@pytest.mark.parametrize("options", ["", FTDI], ids=["stlink-v2-1", "ftdi"])
def test_a_range_of_single_steps_gives_way_to_flash_breakpoints(options: str) -> None:
    """While one is wanted that is not in flash yet, nothing runs freely: it might be in a handler. But not for ever."""

    async def scenario(bench: Bench, target: Target, gdb: RspClient) -> None:
        for place in PLACES:
            assert await gdb.ask(b"Z1,%x,2" % (place + 0x40)) == b"OK"
        await gdb.send(b"vCont;r%x,%x" % (ENTRY, ENTRY + 4))
        with trio.fail_after(20):
            while not target.flash_breakpoints or target.flash_breakpoints.missing:  # noqa: ASYNC110
                await trio.sleep(0.1)
            await trio.sleep(0.1)
        assert target.stop is None
        await gdb.raw(b"\x03")
        assert (await gdb.reply()).startswith(b"T02")
        assert bench.board.seconds < 20

    debugged(scenario, [NOP, 0xE7FD, *[NOP] * 64], options)
