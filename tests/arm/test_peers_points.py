"""What went wrong with breakpoints, watchpoints and steps elsewhere, each named after where it was reported."""

from __future__ import annotations

from support.boards import ENTRY, RAM, Bench, on_board

from haltpoint.arm.breakpoints import BreakpointKind
from haltpoint.arm.dwt import Watch, WatchHit, WatchKind, needs
from haltpoint.arm.stop import StopReason
from haltpoint.probes.access import Batch

NOP, LOOP = 0xBF00, 0xE7FE
HARDWARE = BreakpointKind.HARDWARE


def test_blackmagic_513_a_watched_word_is_four_bytes_and_no_more() -> None:
    """MASK is the number of address bits that are ignored: 3 for a word let a neighbour stop the program."""
    (comparator,) = needs(Watch(RAM + 4, 4, WatchKind.WRITE), 1, 4)
    assert (comparator.comp, comparator.mask) == (RAM + 4, 2)

    async def scenario(bench: Bench) -> None:
        await bench.core.write_register(0, RAM + 0x100)
        bench.core.watchpoints.add(RAM + 0x104, 4, WatchKind.WRITE)
        await bench.core.resume()
        assert await bench.core.poll() is None

    on_board(scenario, code=[0x6001, 0xE7FD])  # str r1, [r0] for ever


def test_blackmagic_2008_watchpoints_of_armv8m_are_another_unit() -> None:
    """The functions of Armv7-M written to a Cortex-M33's unit never stopped it."""

    async def scenario(bench: Bench) -> None:
        assert bench.core.info.dwt_version == 2
        await bench.core.write_register(0, RAM + 0x100)
        await bench.core.write_register(15, ENTRY)
        bench.core.watchpoints.add(RAM + 0x100, 4, WatchKind.WRITE)
        await bench.core.resume()
        assert (await bench.stopped()).watched == (WatchHit(WatchKind.WRITE, RAM + 0x100),)

    on_board(scenario, code=[0x6001, 0xE7FD], chip="stm32u575zi")


def test_opentitan_3096_a_step_needs_no_comparator_of_its_own() -> None:
    """With all six in use, a breakpoint is stepped over and every command that steps still works."""

    async def scenario(bench: Bench) -> None:
        core = bench.core
        for index in range(6):
            core.breakpoints.add(ENTRY + 4 * index, HARDWARE)
        for index in (0, 1, 2, 3):
            await bench.run_to(ENTRY + 4 * index)
        assert (await core.step()).pc == ENTRY + 14

    on_board(scenario, code=[NOP] * 40 + [LOOP])


def test_st_util_627_a_step_always_ends() -> None:
    async def scenario(bench: Bench) -> None:
        for _ in range(3):
            stop = await bench.core.step()
            assert (stop.reason, stop.pc) == (StopReason.STEP, ENTRY)

    on_board(scenario, code=[LOOP])


def test_cortex_debug_778_breakpoints_survive_a_reset() -> None:
    async def scenario(bench: Bench) -> None:
        bench.core.breakpoints.add(ENTRY + 4, HARDWARE)
        await bench.run_to(ENTRY + 4)
        await bench.core.reset(halt=True)
        await bench.run_to(ENTRY + 4)

    on_board(scenario, code=[NOP] * 8 + [LOOP])


def test_vscode_cpptools_446_breakpoints_do_not_stay_after_the_debugger() -> None:
    async def scenario(bench: Bench) -> None:
        bench.core.breakpoints.add(ENTRY + 4, HARDWARE)
        await bench.run_to(ENTRY + 4)
        await bench.core.detach()
        assert bench.target(0xE0002000) & 1 == 0
        assert [bench.target(0xE0002008 + 4 * index) for index in range(6)] == [0] * 6

    on_board(scenario, code=[NOP] * 8 + [LOOP])


def test_gdb_takes_all_breakpoints_out_at_every_stop_and_that_costs_nothing() -> None:
    """Servers that carry out Z and z at once pay for each of them at every step."""

    async def scenario(bench: Bench) -> None:
        core = bench.core
        places = [ENTRY + 4, ENTRY + 8, ENTRY + 12]
        for place in places:
            core.breakpoints.add(place, HARDWARE)
        await bench.run_to(ENTRY + 4)
        for place in places:
            core.breakpoints.remove(place)
        for place in places:
            core.breakpoints.add(place, HARDWARE)
        batch = Batch()
        core.breakpoints.write_hardware(batch)
        assert batch.accesses == []

    on_board(scenario, code=[NOP] * 8 + [LOOP])


def test_pyocd_329_a_range_step_does_not_step_out_of_its_range_unseen() -> None:
    """A branch out of the middle of the range ends it where it leads."""

    async def scenario(bench: Bench) -> None:
        code = await bench.core.read_memory(ENTRY, 12)
        stop = await bench.core.step_range(ENTRY, ENTRY + 12, code, 0.05)
        assert stop is not None
        assert (stop.reason, stop.pc) == (StopReason.STEP, ENTRY + 0x10)

    on_board(scenario, code=[NOP, NOP, 0xE004, NOP, NOP, NOP, NOP, NOP, LOOP])
