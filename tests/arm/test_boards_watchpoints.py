"""Watchpoints on simulated boards: Armv7-M and Armv6-M units, and the Armv8-M one."""

from __future__ import annotations

import pytest
from support.boards import ENTRY, RAM, Bench, on_board
from support.thumb import Asm

from haltpoint.arm.breakpoints import BreakpointKind
from haltpoint.arm.dwt import WatchHit, WatchKind
from haltpoint.arm.stop import StopReason

WRITE, READ, ACCESS = WatchKind.WRITE, WatchKind.READ, WatchKind.ACCESS
DATA = RAM + 0x100
V7, V6, V8 = "stm32f103c8", "stm32g071rb", "stm32u575zi"
CHIPS = [V7, V6, V8]
SWD = ",probe=ft2232h,wire=swd"


def loop() -> list[int]:
    """R2 holds DATA: store a word at 0, a byte at 9, load a half-word at 4 and a byte at 12, count in R4."""
    code = Asm(ENTRY).label("loop").half(0x3401)  # adds r4, #1
    code.label("word").str_(4, 2).nop().label("byte").strb(4, 2, 9).nop()
    code.label("half").half(0x8890).nop()  # ldrh r0, [r2, #4]
    code.label("load").ldrb(1, 2, 12).nop().b("loop")
    raw = code.assemble()
    return [int.from_bytes(raw[at : at + 2], "little") for at in range(0, len(raw), 2)]


WORD, BYTE, HALF, LOAD = ENTRY + 2, ENTRY + 6, ENTRY + 10, ENTRY + 14


async def ready(bench: Bench) -> None:
    await bench.core.write_register(2, DATA)
    await bench.core.write_register(4, 0)
    await bench.core.write_register(15, ENTRY)


CASES = [
    (DATA, 4, WRITE, WORD),
    (DATA + 2, 1, WRITE, WORD),
    (DATA + 1, 2, ACCESS, WORD),
    (DATA + 9, 1, WRITE, BYTE),
    (DATA + 8, 4, ACCESS, BYTE),
    (DATA + 7, 5, ACCESS, BYTE),
    (DATA + 4, 2, READ, HALF),
    (DATA + 5, 3, READ, HALF),
    (DATA + 12, 1, ACCESS, LOAD),
    (DATA + 10, 3, READ, LOAD),
]


@pytest.mark.parametrize("chip", CHIPS)
def test_stops_behind_the_access(chip: str) -> None:
    """Two rounds each: the same stop, with an address that the client asked for. What lies beside does not stop."""

    async def scenario(bench: Bench) -> None:
        await ready(bench)
        watchpoints = bench.core.watchpoints
        for address, length, kind, at in CASES:
            watchpoints.add(address, length, kind)
            for _ in range(2):
                await bench.core.resume()
                stop = await bench.stopped()
                assert (stop.reason, stop.pc) == (StopReason.WATCHPOINT, at + 2), (address, length, kind)
                (hit,) = stop.watched
                assert hit.kind is kind
                assert address <= hit.address < address + length
            watchpoints.clear()
        watchpoints.add(DATA + 4, 4, WRITE)  # only read
        watchpoints.add(DATA, 4, READ)  # only written
        await bench.core.resume()
        assert await bench.core.poll() is None
        assert (await bench.core.halt()).watched == ()

    on_board(scenario, code=loop(), chip=chip)


@pytest.mark.parametrize("options", ["", SWD])
def test_which_of_several_was_hit(options: str) -> None:
    async def scenario(bench: Bench) -> None:
        core = bench.core
        await ready(bench)
        core.watchpoints.add(DATA + 9, 1, WRITE)
        core.watchpoints.add(DATA + 12, 1, READ)
        core.watchpoints.add(DATA, 4, WRITE)
        seen = []
        for _ in range(6):
            await core.resume()
            seen.append((await bench.stopped()).watched)
        one, two, three = WatchHit(WRITE, DATA), WatchHit(WRITE, DATA + 9), WatchHit(READ, DATA + 12)
        assert seen == [(one,), (two,), (three,)] * 2

    on_board(scenario, code=loop(), options=options)


def test_a_hit_costs_one_look_more_than_a_breakpoint() -> None:
    async def scenario(bench: Bench) -> None:
        await ready(bench)
        bench.core.watchpoints.add(DATA, 4, WRITE)
        await bench.core.resume()
        await bench.stopped()
        bench.transfers()
        await bench.core.resume()
        await bench.stopped()
        assert bench.transfers() <= 8

    on_board(scenario, code=loop())


def test_stepping_over_a_breakpoint_meets_the_watchpoint_behind_it() -> None:
    """An instruction with a breakpoint on it does what is watched: going on stops behind it at once."""

    async def scenario(bench: Bench) -> None:
        core = bench.core
        await ready(bench)
        core.breakpoints.add(WORD, BreakpointKind.HARDWARE)
        core.watchpoints.add(DATA, 4, WRITE)
        await bench.run_to(WORD)
        await core.resume()
        stop = await bench.stopped()
        assert (stop.reason, stop.pc, stop.watched) == (StopReason.WATCHPOINT, WORD + 2, (WatchHit(WRITE, DATA),))

    on_board(scenario, code=loop())


def test_a_single_step_reports_what_it_touched() -> None:
    async def scenario(bench: Bench) -> None:
        core = bench.core
        await ready(bench)
        core.watchpoints.add(DATA, 4, WRITE)
        assert (await core.step()).reason is StopReason.STEP
        stop = await core.step()
        assert (stop.reason, stop.watched) == (StopReason.WATCHPOINT, (WatchHit(WRITE, DATA),))
        assert (await core.step()).watched == ()

    on_board(scenario, code=loop())


@pytest.mark.parametrize("options", ["", SWD])
def test_set_while_the_core_runs(options: str) -> None:
    async def scenario(bench: Bench) -> None:
        core = bench.core
        await ready(bench)
        await core.resume()
        core.watchpoints.add(DATA + 9, 1, WRITE)
        await core.apply_points()
        stop = await bench.stopped()
        assert (stop.reason, stop.pc) == (StopReason.WATCHPOINT, BYTE + 2)
        await core.resume()
        core.watchpoints.clear()
        await core.apply_points()
        await core.poll()
        await core.resume()
        assert await core.poll() is None

    on_board(scenario, code=loop(), options=options)


@pytest.mark.parametrize("how", ["ours", "foreign"])
def test_watchpoints_survive_a_reset(how: str) -> None:
    async def scenario(bench: Bench) -> None:
        core = bench.core
        await ready(bench)
        core.watchpoints.add(DATA, 4, WRITE)
        if how == "ours":
            await core.reset(halt=True)
        else:
            await core.resume()
            await bench.stopped()
            core.watchpoints.clear()
            await core.resume()
            bench.board.machine.system_reset()
            assert await core.poll() is None
            core.watchpoints.add(DATA, 4, WRITE)
            await core.halt()
        await ready(bench)
        await core.resume()
        assert (await bench.stopped()).watched == (WatchHit(WRITE, DATA),)

    on_board(scenario, code=loop())


def test_nothing_is_left_after_detaching() -> None:
    async def scenario(bench: Bench) -> None:
        await ready(bench)
        bench.core.watchpoints.add(DATA, 4, WRITE)
        await bench.core.resume()
        await bench.stopped()
        await bench.core.detach()
        assert [bench.target(0xE0001028 + 16 * index) for index in range(4)] == [0] * 4
        assert not bench.target(0xE000EDF0) & 1 << 17

    on_board(scenario, code=loop())
