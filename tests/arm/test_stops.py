"""Breakpoints and faults against a strict little core: where it stops, and why."""

from __future__ import annotations

from typing import TypeVar

import pytest
from support.fake_core import BKPT, FLASH, LOOP, NOP, RAM, UDF, FakeCore, connected, in_ram, locked_up, wait

from haltpoint.arm.breakpoints import BreakpointKind
from haltpoint.arm.stop import StopReason
from haltpoint.probes.access import ReadBlock
from haltpoint.probes.errors import TargetError

T = TypeVar("T")
HARDWARE, SOFTWARE = BreakpointKind.HARDWARE, BreakpointKind.SOFTWARE
RUN, HALTED, MASKED, STEP = 0x1, 0x3, 0xB, 0xD
ENTRY = FLASH + 0x100
DEBUGGING = 0x010007F0  # TRCENA and every fault caught


# ---------------------------------------------------------------------------------------- breakpoints
async def test_run_to_a_breakpoint_and_past_it() -> None:
    fake = FakeCore(code=[NOP, NOP, NOP, NOP, LOOP])
    core = await connected(fake)
    core.breakpoints.add(ENTRY + 4, HARDWARE)
    await core.resume()
    stop = await wait(core)
    assert (stop.reason, stop.pc, stop.dfsr) == (StopReason.BREAKPOINT, ENTRY + 4, 2)
    fake.writes.clear()
    await core.resume()
    assert await core.poll() is None, "stepped past its own breakpoint"
    assert fake.writes == [MASKED, STEP, HALTED, RUN]
    assert fake.comps[0] == 0x48000105, "and put it back"


async def test_two_breakpoints_in_one_word_are_both_hit() -> None:
    fake = FakeCore(code=[NOP, NOP, NOP, NOP, LOOP])
    core = await connected(fake)
    for place in (ENTRY + 4, ENTRY + 6):
        core.breakpoints.add(place, HARDWARE)
    for place in (ENTRY + 4, ENTRY + 6):
        await core.resume()
        stop = await wait(core)
        assert (stop.reason, stop.pc) == (StopReason.BREAKPOINT, place)
    await core.resume()
    assert await core.poll() is None


async def test_a_breakpoint_on_a_loop_to_itself_is_hit_again() -> None:
    core = await connected(FakeCore(code=[LOOP]))
    core.breakpoints.add(ENTRY, HARDWARE)
    await core.resume()
    assert (await wait(core)).reason is StopReason.BREAKPOINT


async def test_stepping_over_and_onto_breakpoints() -> None:
    fake = FakeCore(code=[NOP, NOP, NOP, LOOP])
    core = await connected(fake)
    core.breakpoints.add(ENTRY, HARDWARE)
    core.breakpoints.add(ENTRY + 2, HARDWARE)
    assert [(await core.step()).pc for _ in range(3)] == [ENTRY + 2, ENTRY + 4, ENTRY + 6]
    assert fake.dfsr == 1


async def test_the_instruction_stepped_off_a_breakpoint_faults() -> None:
    core = await connected(FakeCore(code=[UDF, LOOP]))
    core.breakpoints.add(ENTRY, HARDWARE)
    await core.resume()
    assert (await wait(core)).reason is StopReason.BREAKPOINT
    await core.resume()
    stop = await wait(core)
    assert stop.reason is StopReason.VECTOR_CATCH
    assert stop.cfsr == 0x00010000


async def test_seventh_breakpoint_is_refused() -> None:
    core = await connected(FakeCore())
    for n in range(6):
        core.breakpoints.add(ENTRY + 4 * n, HARDWARE)
    with pytest.raises(TargetError, match="6 hardware breakpoints and all of them are in use"):
        core.breakpoints.add(ENTRY + 0x40, HARDWARE)


async def test_version_2_unit() -> None:
    fake = FakeCore(code=[NOP, NOP, LOOP], fp_ctrl=0x10000080, cpuid=0x411FC271)
    core = await connected(fake)
    assert core.info.name == "Cortex-M7"
    core.breakpoints.add(ENTRY + 2, HARDWARE)
    await core.resume()
    assert (await wait(core)).pc == ENTRY + 2
    assert fake.comps[0] == (ENTRY + 2) | 1


async def test_a_bkpt_of_the_programs_own_is_passed() -> None:
    core = await connected(FakeCore(code=[NOP, 0xBEAB, NOP, LOOP]))
    await core.resume()
    stop = await wait(core)
    assert (stop.reason, stop.pc) == (StopReason.BREAKPOINT, ENTRY + 2)
    await core.resume()
    assert await core.poll() is None


async def test_a_stop_at_the_programs_own_bkpt_has_its_number() -> None:
    fake = FakeCore(code=[NOP, 0xBEAB, NOP, NOP, LOOP])
    core = await connected(fake)
    core.breakpoints.add(ENTRY + 4, HARDWARE)
    await core.resume()
    assert (await wait(core)).bkpt == 0xAB
    fake.batches.clear()
    await core.resume()
    assert (await wait(core)).bkpt is None, "a comparator of ours"
    assert ReadBlock(ENTRY + 4, 2) not in [access for batch in fake.batches for access in batch]
    assert (await core.step()).bkpt is None


@pytest.mark.parametrize("way", ["resume", "step"])
async def test_a_breakpoint_on_the_programs_own_bkpt_is_met_before_it(way: str) -> None:
    """What stops at first is the breakpoint; going on meets the instruction, and it has to be reported as well."""
    core = await connected(FakeCore(code=[NOP, 0xBEAB, NOP, LOOP]))
    core.breakpoints.add(ENTRY + 2, HARDWARE)
    await core.resume()
    stop = await wait(core)
    assert (stop.pc, stop.bkpt) == (ENTRY + 2, None)
    await (core.resume() if way == "resume" else core.step())
    stop = await wait(core)
    assert (stop.reason, stop.pc, stop.bkpt) == (StopReason.BREAKPOINT, ENTRY + 2, 0xAB)
    await core.resume()
    assert await core.poll() is None


async def test_a_breakpoint_behind_the_programs_own_bkpt_is_not_missed() -> None:
    core = await connected(FakeCore(code=[NOP, 0xBEAB, NOP, LOOP]))
    core.breakpoints.add(ENTRY + 4, HARDWARE)
    await core.resume()
    assert (await wait(core)).pc == ENTRY + 2
    await core.resume()
    stop = await wait(core)
    assert (stop.reason, stop.pc) == (StopReason.BREAKPOINT, ENTRY + 4)


async def test_a_breakpoint_pc_was_set_to_is_met() -> None:
    core = await connected(FakeCore(code=[NOP, NOP, NOP, LOOP]))
    for place in (ENTRY + 2, ENTRY + 4):
        core.breakpoints.add(place, HARDWARE)
    await core.resume()
    assert (await wait(core)).pc == ENTRY + 2
    await core.write_register(15, ENTRY + 4)
    await core.resume()
    stop = await wait(core)
    assert (stop.reason, stop.pc) == (StopReason.BREAKPOINT, ENTRY + 4)
    await core.resume()
    assert await core.poll() is None, "where it stopped it goes on"


async def test_stepping_passes_a_bkpt_too() -> None:
    core = await connected(FakeCore(code=[BKPT, NOP, LOOP]))
    assert (await core.step()).reason is StopReason.BREAKPOINT, "first it is met"
    stop = await core.step()
    assert (stop.reason, stop.pc) == (StopReason.STEP, ENTRY + 2)
    assert (await core.step()).pc == ENTRY + 4


async def test_a_bkpt_the_user_moved_to_is_met() -> None:
    core = await connected(FakeCore(code=[BKPT, NOP, BKPT, LOOP]))
    await core.resume()
    await wait(core)
    await core.write_register(15, ENTRY + 4)
    await core.resume()
    stop = await wait(core)
    assert (stop.reason, stop.pc) == (StopReason.BREAKPOINT, ENTRY + 4)


# ---------------------------------------------------------------------------------------- software breakpoints
async def test_software_breakpoint() -> None:
    fake, core = await in_ram([NOP, NOP, NOP, LOOP])
    place = RAM + 0x102
    core.breakpoints.add(place, SOFTWARE)
    assert fake.peek(place, 2) == NOP, "nothing is written before the core runs"
    await core.resume()
    stop = await wait(core)
    assert (stop.reason, stop.pc) == (StopReason.BREAKPOINT, place)
    assert fake.peek(place, 2) == BKPT
    assert await core.read_memory(RAM + 0x100, 6) == bytes.fromhex("00bf00bf00bf")
    await core.resume()
    assert await core.poll() is None
    assert fake.peek(place, 2) == BKPT, "back in place while it runs"
    await core.halt()
    core.breakpoints.remove(place)
    await core.resume()
    assert fake.peek(place, 2) == NOP


async def test_gdb_takes_software_breakpoints_out_before_it_steps() -> None:
    fake, core = await in_ram([NOP, NOP, NOP, LOOP])
    place = RAM + 0x102
    core.breakpoints.add(place, SOFTWARE)
    await core.resume()
    await wait(core)
    core.breakpoints.remove(place)
    stop = await core.step()
    assert (stop.reason, stop.pc) == (StopReason.STEP, place + 2), "not taken for a BKPT of the program's own"
    core.breakpoints.add(place, SOFTWARE)
    await core.resume()
    assert fake.peek(place, 2) == BKPT


async def test_writes_under_a_software_breakpoint_survive_it() -> None:
    fake, core = await in_ram([NOP, NOP, LOOP])
    place = RAM + 0x102
    core.breakpoints.add(place, SOFTWARE)
    await core.resume()
    await wait(core)
    await core.write_memory(place, LOOP.to_bytes(2, "little"))
    assert fake.peek(place, 2) == BKPT
    assert await core.read_memory(place, 2) == LOOP.to_bytes(2, "little")
    core.breakpoints.remove(place)
    await core.resume()
    assert fake.peek(place, 2) == LOOP


async def test_memory_rewritten_underneath_is_the_new_original() -> None:
    fake, core = await in_ram([NOP, NOP, LOOP])
    place = RAM + 0x102
    core.breakpoints.add(place, SOFTWARE)
    await core.resume()
    await wait(core)
    fake.poke(place, LOOP, 2)  # a loader or the program itself
    await core.resume()
    await core.halt()
    assert fake.peek(place, 2) == BKPT
    core.breakpoints.remove(place)
    await core.resume()
    assert fake.peek(place, 2) == LOOP


async def test_a_software_breakpoint_in_flash_is_refused_and_the_core_stays() -> None:
    fake = FakeCore()
    core = await connected(fake)
    core.breakpoints.add(ENTRY + 2, SOFTWARE)
    with pytest.raises(TargetError, match=r"0x08000102 failed: wrote BKPT \(0xbe00\), read back 0xbf00"):
        await core.resume()
    assert fake.halted
    core.breakpoints.remove(ENTRY + 2)
    await core.resume()
    assert not fake.halted


# ---------------------------------------------------------------------------------------- faults
async def test_a_fault_stops_with_its_registers() -> None:
    fake = FakeCore(code=[NOP, UDF, LOOP])
    core = await connected(fake)
    await core.resume()
    stop = await wait(core)
    assert stop.reason is StopReason.VECTOR_CATCH
    assert (stop.cfsr, stop.hfsr) == (0x00010000, 0x40000000)
    assert (stop.mmfar, stop.bfar) == (0x11112222, 0x33334444)


async def test_fault_registers_are_left_alone_otherwise() -> None:
    fake = FakeCore()
    core = await connected(fake)
    fake.system[0xE000ED28] = 0x55
    await core.resume()
    assert (await core.halt()).cfsr == 0


@pytest.mark.parametrize("by", ["poll", "halt", "step", "resume over a breakpoint"])
async def test_lockup_is_halted_and_reported(by: str) -> None:
    fake, core = await locked_up()
    if by == "step":
        stop = await core.step()
    elif by == "halt":
        await core.resume()
        stop = await core.halt()
    else:
        if by != "poll":
            core.breakpoints.add(FLASH + 0x200, HARDWARE)
            await core.resume()
            assert (await wait(core)).reason is StopReason.BREAKPOINT
        await core.resume()
        stop = await wait(core)
    assert stop.reason is StopReason.LOCKUP
    assert stop.pc == 0xFFFFFFFE
    assert stop.cfsr == 0x00010000
    assert fake.halted
