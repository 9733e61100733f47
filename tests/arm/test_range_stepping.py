"""Stepping over ranges: the same stops as single steps, for fewer transfers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

import pytest
from support.boards import ENTRY, RAM, Bench, on_board
from support.thumb import Asm

from haltpoint.arm.breakpoints import BreakpointKind
from haltpoint.arm.dwt import WatchHit, WatchKind
from haltpoint.arm.stop import Stop, StopReason
from haltpoint.arm.thumb import straight_end

NOP, BKPT = 0xBF00, 0xBE00
PROBES = ["", ",probe=ft2232h,wire=swd"]


def halfwords(code: Iterable[int]) -> bytes:
    return b"".join(half.to_bytes(2, "little") for half in code)


# ---------------------------------------------------------------------------------------- how far it is straight
@pytest.mark.parametrize(
    "last",
    [
        [0xD0FE],  # beq
        [0xE7FE],  # b
        [0x4770],  # bx lr
        [0x4780],  # blx r0
        [0xBD10],  # pop {r4, pc}
        [0xB100],  # cbz
        [0xB900],  # cbnz
        [0x4687],  # mov pc, r0
        [0x4487],  # add pc, r0
        [0xBE00],
        [0xDF00],  # svc
        [0xDE00],  # udf
        [0xBF08],  # it eq
        [0xBF30],  # wfi
        [0xB662],  # cpsie i
        [0xF000, 0xF800],  # bl
        [0xF43F, 0xAFFE],  # beq.w
        [0xF3EF, 0x8010],  # mrs r0, primask
        [0xF3BF, 0x8F4F],  # dsb
        [0xE8BD, 0x8010],  # pop.w {r4, pc}
        [0xE8D0, 0xF001],  # tbb
        [0xF8D0, 0xF000],  # ldr pc, [r0]
        [0xF85D, 0xFB04],  # ldr pc, [sp], #4
    ],
)
def test_what_ends_a_straight_piece(last: list[int]) -> None:
    code = halfwords([NOP, 0x2001, *last, NOP, NOP])
    assert straight_end(code, ENTRY, ENTRY, ENTRY + len(code)) == (ENTRY + 4, 2)


@pytest.mark.parametrize(
    "plain",
    [
        [NOP],
        [0x4408],  # add r0, r1
        [0x4668],  # mov r0, sp
        [0xB510],  # push {r4, lr}
        [0xBC10],  # pop {r4}
        [0x6808],  # ldr
        [0xF240, 0x0001],  # movw
        [0xE92D, 0x4010],  # push.w {r4, lr}
        [0xE8BD, 0x0010],  # pop.w {r4}
        [0xF8D0, 0x1000],  # ldr.w r1, [r0]
        [0xE9D0, 0x0100],  # ldrd
        [0xEEB7, 0x0A00],  # vmov.f32
        [0xFB01, 0xF000],  # mul
    ],
)
def test_what_does_not(plain: list[int]) -> None:
    code = halfwords([*plain, *plain, 0xE7FE])
    assert straight_end(code, ENTRY, ENTRY, ENTRY + len(code)) == (ENTRY + 4 * len(plain), 2)


def test_a_piece_ends_with_its_range_and_with_what_is_known() -> None:
    code = halfwords([NOP] * 8)
    assert straight_end(code, ENTRY, ENTRY + 4, ENTRY + 10) == (ENTRY + 10, 3)
    assert straight_end(code, ENTRY, ENTRY + 12, ENTRY + 100) == (ENTRY + 16, 2)
    assert straight_end(halfwords([NOP, 0xF240]), ENTRY, ENTRY, ENTRY + 100) == (ENTRY + 2, 1)
    wide = halfwords([NOP, 0xF240, 0x0001])
    assert straight_end(wide, ENTRY, ENTRY, ENTRY + 4) == (ENTRY + 2, 1), "an instruction lies across the end"


# ---------------------------------------------------------------------------------------- on boards
def program() -> Asm:
    """A loop with branches, an IT block, stores to RAM and r4 counting, 40 bytes or so."""
    code = Asm(ENTRY)
    code.load(2, RAM + 0x100).movs(4, 0).label("loop").adds(4, 1).nop().str_(4, 2).adds(0, 3)
    code.cmp(4, 3).it("eq", "te").adds(1, 1).adds(1, 2).adds(1, 3).b("away").label("back").nop().adds(3, 1)
    return code.b("loop").label("away").adds(5, 1).nop().b("back")


def listing(code: Asm) -> list[int]:
    raw = bytes(code.assemble())
    return [int.from_bytes(raw[at : at + 2], "little") for at in range(0, len(raw), 2)]


async def over(bench: Bench, start: int, end: int) -> Stop:
    code = await bench.core.read_memory(start, end - start)
    stop = None
    while stop is None:
        stop = await bench.core.step_range(start, end, code, 0.05)
    return stop


SIZES = (2, 6, 10, 12, 16, 20, 8, 4, 14, 18)


async def by_ranges(bench: Bench, start: int, end: int) -> Stop:
    return await over(bench, start, end)


async def by_steps(bench: Bench, start: int, end: int) -> Stop:
    stop = await bench.core.step()
    while start <= stop.pc < end:
        stop = await bench.core.step()
    return stop


def walked(way: Callable[[Bench, int, int], Awaitable[Stop]], options: str) -> list[tuple[StopReason, dict[int, int]]]:
    """Reason and registers behind ranges of several sizes, each from where the one before ended."""
    seen: list[tuple[StopReason, dict[int, int]]] = []

    async def scenario(bench: Bench) -> None:
        for size in SIZES:
            start = (await bench.core.halt()).pc
            stop = await way(bench, start, start + size)
            seen.append((stop.reason, dict(stop.registers)))

    on_board(scenario, code=listing(program()), options=options)
    return seen


@pytest.mark.parametrize("options", PROBES)
def test_the_same_stops_as_by_single_steps(options: str) -> None:
    expected = walked(by_steps, options)
    assert walked(by_ranges, options) == expected
    assert len({registers[15] for _, registers in expected}) > 5, "it has gone on at all"


STRAIGHT = [NOP, 0x2001, 0x2102, 0x2203, 0x2304, NOP, NOP, 0xE7FE]


def test_a_plain_statement_costs_one_batch() -> None:
    async def scenario(bench: Bench) -> None:
        code = await bench.core.read_memory(ENTRY, 10)
        await bench.core.step()
        bench.transfers()
        stop = await bench.core.step_range(ENTRY, ENTRY + 10, code, 0.05)
        assert stop is not None
        assert (stop.reason, stop.pc, stop.registers[3]) == (StopReason.STEP, ENTRY + 10, 4)
        assert bench.transfers() <= 6
        await bench.core.resume()
        assert await bench.core.poll() is None
        assert await bench.core.halt()
        assert bench.target(0xE0002008) == 0, "the comparator is free again"

    on_board(scenario, code=STRAIGHT)


def test_a_pending_interrupt_is_served_while_a_piece_runs() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.core.write_register(7, 0)
        await bench.memory.write32(0xE000ED04, 1 << 26)
        code = await bench.core.read_memory(ENTRY, 14)
        stop = await bench.core.step_range(ENTRY, ENTRY + 14, code, 0.05)
        assert stop is not None
        assert (stop.reason, stop.pc, stop.registers[7]) == (StopReason.STEP, ENTRY + 14, 1)

    on_board(scenario, code=STRAIGHT, handler=[0x3701, 0x4770])


def test_a_breakpoint_inside_a_piece_stops_before_its_instruction() -> None:
    async def scenario(bench: Bench) -> None:
        core = bench.core
        code = await core.read_memory(ENTRY, 14)
        core.breakpoints.add(ENTRY + 6, BreakpointKind.HARDWARE)
        stop = await core.step_range(ENTRY, ENTRY + 14, code, 0.05)
        assert stop is not None
        assert (stop.reason, stop.pc, stop.bkpt) == (StopReason.BREAKPOINT, ENTRY + 6, None)
        stop = await core.step_range(ENTRY, ENTRY + 14, code, 0.05)
        assert stop is not None
        assert (stop.reason, stop.pc) == (StopReason.STEP, ENTRY + 14), "and from there it goes on"

    on_board(scenario, code=STRAIGHT)


def test_a_breakpoint_behind_a_single_step_is_not_missed() -> None:
    async def scenario(bench: Bench) -> None:
        core = bench.core
        code = await core.read_memory(ENTRY, 8)
        core.breakpoints.add(ENTRY + 4, BreakpointKind.HARDWARE)
        stop = await core.step_range(ENTRY, ENTRY + 8, code, 0.05)
        assert stop is not None
        assert (stop.reason, stop.pc) == (StopReason.BREAKPOINT, ENTRY + 4)

    # Two branches to the next instruction: nothing is straight here.
    on_board(scenario, code=[0xE7FF, 0xE7FF, 0xE7FF, 0xE7FF, NOP, 0xE7FE])


def test_with_all_comparators_in_use_it_steps() -> None:
    async def scenario(bench: Bench) -> None:
        core = bench.core
        code = await core.read_memory(ENTRY, 10)
        for index in range(6):
            core.breakpoints.add(ENTRY + 0x40 + 4 * index, BreakpointKind.HARDWARE)
        stop = await core.step_range(ENTRY, ENTRY + 10, code, 0.05)
        assert stop is not None
        assert (stop.reason, stop.pc) == (StopReason.STEP, ENTRY + 10)

    on_board(scenario, code=[*STRAIGHT, *[NOP] * 40])


def test_a_bkpt_of_the_programs_own_ends_the_range() -> None:
    async def scenario(bench: Bench) -> None:
        code = await bench.core.read_memory(ENTRY, 12)
        stop = await bench.core.step_range(ENTRY, ENTRY + 12, code, 0.05)
        assert stop is not None
        assert (stop.reason, stop.pc, stop.bkpt) == (StopReason.BREAKPOINT, ENTRY + 6, 0xAB)
        stop = await bench.core.step_range(ENTRY, ENTRY + 12, code, 0.05)
        assert stop is not None
        assert (stop.reason, stop.pc) == (StopReason.STEP, ENTRY + 12)

    on_board(scenario, code=[NOP, NOP, NOP, BKPT | 0xAB, NOP, NOP, NOP, 0xE7FE])


def test_a_fault_inside_a_piece_stops_at_once() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.core.write_register(0, 0x6000_0000)
        await bench.core.write_register(1, 0)
        code = await bench.core.read_memory(ENTRY, 8)
        stop = await bench.core.step_range(ENTRY, ENTRY + 8, code, 0.05)
        assert stop is not None
        assert (stop.reason, stop.registers[1]) == (StopReason.VECTOR_CATCH, 0)

    on_board(scenario, code=[NOP, 0x6802, 0x2101, 0x2102, 0xE7FE])  # ldr r2, [r0]


def test_a_watchpoint_inside_a_piece_stops_behind_its_access() -> None:
    async def scenario(bench: Bench) -> None:
        core = bench.core
        await core.write_register(0, RAM + 0x100)
        core.watchpoints.add(RAM + 0x100, 4, WatchKind.WRITE)
        code = await core.read_memory(ENTRY, 8)
        stop = await core.step_range(ENTRY, ENTRY + 10, code, 0.05)
        assert stop is not None
        assert (stop.reason, stop.watched) == (StopReason.WATCHPOINT, (WatchHit(WatchKind.WRITE, RAM + 0x100),))
        assert stop.pc == ENTRY + 4

    on_board(scenario, code=[NOP, 0x6001, 0x2101, 0x2102, NOP, 0xE7FE])  # str r1, [r0]


def test_an_endless_range_gives_others_a_turn() -> None:
    async def scenario(bench: Bench) -> None:
        code = await bench.core.read_memory(ENTRY, 4)
        assert await bench.core.step_range(ENTRY, ENTRY + 4, code, 0.05) is None
        assert bench.board.seconds < 5
        assert (await bench.core.halt()).pc in {ENTRY, ENTRY + 2}

    on_board(scenario, code=[NOP, 0xE7FD])
