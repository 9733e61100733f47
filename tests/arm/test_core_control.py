"""Core control against a strict little core: the single DHCSR writes and what is reported."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
import trio
from support.fake_core import BKPT, FLASH, LOOP, NOP, RAM, UDF, WFI, FakeCore

from haltpoint.arm.breakpoints import BreakpointKind
from haltpoint.arm.core import ConnectMode, CortexM
from haltpoint.arm.memory import InlineExecutor, Memory
from haltpoint.arm.reset import LINE_DEAD
from haltpoint.arm.stop import Stop, StopReason
from haltpoint.probes.access import ReadCore, Write
from haltpoint.probes.errors import AccessFaultError, LinkError, NoTargetError, TargetError

T = TypeVar("T")
HARDWARE, SOFTWARE = BreakpointKind.HARDWARE, BreakpointKind.SOFTWARE
RUN, HALTED, MASKED, STEP = 0x1, 0x3, 0xB, 0xD
ENTRY = FLASH + 0x100
DEBUGGING = 0x010007F0  # TRCENA and every fault caught


async def connected(fake: FakeCore, mode: ConnectMode = ConnectMode.UNDER_RESET) -> CortexM:
    core = CortexM(Memory(fake, InlineExecutor()))
    await core.connect(mode)
    fake.writes.clear()
    fake.batches.clear()
    return core


async def wait(core: CortexM) -> Stop:
    with trio.fail_after(5):
        while (stop := await core.poll()) is None:  # noqa: ASYNC110  there is no event: a probe is asked
            await trio.sleep(0.001)
    return stop


# ---------------------------------------------------------------------------------------- connect
async def test_connect_halt() -> None:
    fake = FakeCore()
    core = await connected(fake, ConnectMode.HALT)
    assert core.stop is not None
    assert core.stop.reason is StopReason.HALT_REQUEST
    assert core.stop.pc == ENTRY + 4
    assert str(core.info) == "Cortex-M3 r1p1, 6 breakpoints, 4 watchpoints"
    assert fake.demcr == DEBUGGING
    assert fake.comps == [0] * 6
    assert all(fake.system[0xE0001028 + 16 * n] == 0 for n in range(4))


async def test_connect_attach_leaves_it_running() -> None:
    fake = FakeCore()
    core = await connected(fake, ConnectMode.ATTACH)
    assert not fake.halted
    assert fake.control == RUN
    assert await core.poll() is None
    assert not core.notices, "a reset from before connecting is no news"


async def test_connect_attach_leaves_a_halted_core_halted() -> None:
    fake = FakeCore()
    fake.control = RUN
    fake.enter_debug(1)
    core = await connected(fake, ConnectMode.ATTACH)
    stop = await core.poll()
    assert stop is not None
    assert stop.pc == ENTRY


@pytest.mark.parametrize("mode", [ConnectMode.HALT, ConnectMode.ATTACH])
async def test_connect_unmasks_what_an_earlier_debugger_masked(mode: ConnectMode) -> None:
    fake = FakeCore(masked_by_predecessor=True)
    core = await connected(fake, mode)
    if mode is ConnectMode.HALT:
        await core.resume()
    assert fake.control == RUN


async def test_connect_under_reset_stops_at_the_first_instruction() -> None:
    fake = FakeCore()
    core = await connected(fake)
    assert core.stop is not None
    assert (core.stop.reason, core.stop.pc) == (StopReason.RESET, ENTRY)
    assert fake.demcr == DEBUGGING, "VC_CORERESET is out again"
    assert not core.notices
    assert not fake.line_low


@pytest.mark.parametrize("fake", [FakeCore(nrst_wired=False), FakeCore(deaf_in_reset=True)])
async def test_connect_under_reset_without_the_line(fake: FakeCore) -> None:
    core = await connected(fake)
    assert core.notices == [LINE_DEAD]
    assert core.stop is not None
    assert core.stop.reason is StopReason.RESET
    assert core.stop.pc == ENTRY
    assert fake.demcr == DEBUGGING
    assert not fake.line_low


async def test_no_core_there() -> None:
    with pytest.raises(NoTargetError, match=r"CPUID.*0x00000000"):
        await connected(FakeCore(cpuid=0), ConnectMode.HALT)


async def test_armv6m_has_one_catch_and_no_fault_registers() -> None:
    fake = FakeCore(code=[UDF, LOOP], cpuid=0x410CC200, fp_ctrl=0x40)
    core = await connected(fake)
    assert core.info.name == "Cortex-M0"
    assert core.info.comparators == 4
    assert fake.demcr == 0x01000400
    await core.resume()
    stop = await wait(core)
    assert stop.reason is StopReason.VECTOR_CATCH
    assert (stop.cfsr, stop.hfsr) == (0, 0)


# ---------------------------------------------------------------------------------------- halt, run, step
async def test_halt_and_resume() -> None:
    fake = FakeCore()
    core = await connected(fake)
    await core.resume()
    assert core.stop is None
    assert await core.poll() is None
    stop = await core.halt()
    assert stop.reason is StopReason.HALT_REQUEST
    assert await core.halt() is stop
    assert await core.poll() is stop
    assert fake.writes == [HALTED, RUN, HALTED]
    assert fake.dfsr == 1, "cleared before it ran"


async def test_step_masks_while_halted_and_resume_unmasks_while_halted() -> None:
    fake = FakeCore(code=[NOP, NOP, NOP, LOOP])
    core = await connected(fake)
    first = await core.step()
    assert first.reason is StopReason.STEP
    assert first.pc == ENTRY + 2
    second = await core.step()
    assert second.pc == ENTRY + 4
    await core.resume()
    assert fake.writes == [MASKED, STEP, MASKED, STEP, HALTED, RUN]


async def test_halting_a_running_core_leaves_the_mask_as_it_is() -> None:
    """After a cancelled step the core may run masked; the fake asserts that no write changes the mask."""
    fake = FakeCore(wedged=True)
    core = await connected(fake)
    with trio.move_on_after(0.01):
        await core.step()
    assert core.stop is None
    assert fake.control & 8
    stop = await core.halt()
    assert stop.reason is StopReason.STEP
    await core.resume()
    assert fake.writes == [MASKED, STEP, MASKED, HALTED, RUN]


async def test_stepping_a_wfi_ends_behind_it() -> None:
    fake = FakeCore(code=[WFI, NOP, LOOP])
    core = await connected(fake)
    stop = await core.step()
    assert stop.reason is StopReason.STEP
    assert stop.pc == ENTRY + 2
    assert fake.writes == [MASKED, STEP, MASKED]


async def test_a_step_that_does_not_end_is_halted_and_says_so() -> None:
    fake = FakeCore(wedged=True)
    core = await connected(fake)
    stop = await core.step()
    assert stop.reason is StopReason.HALT_REQUEST
    assert stop.pc == ENTRY
    fake.wedged = False
    assert (await core.step()).reason is StopReason.STEP


async def test_halt_is_repeated_until_it_works() -> None:
    fake = FakeCore(code=[WFI, LOOP])
    core = await connected(fake)
    await core.resume()
    fake.ignores_halt = 20
    fake.writes.clear()
    assert (await core.halt()).pc == ENTRY + 2
    assert fake.writes == [HALTED] * 21


async def test_halt_in_vain_says_what_the_core_does() -> None:
    fake = FakeCore()
    core = await connected(fake)
    await core.resume()
    fake.set_reset(asserted=True)
    with pytest.raises(TargetError, match=r"Halting the core failed.*in reset.*S_RESET_ST"):
        await core.halt()
    fake.set_reset(asserted=False)
    await core.resume()
    fake.ignores_halt = 1 << 30
    with pytest.raises(TargetError, match=r"within 3 s; the core is running.*DHCSR="):
        await core.halt()


async def test_refused_accesses_while_halting_are_retried() -> None:
    fake = FakeCore()
    core = await connected(fake)
    await core.resume()
    fake.fail_next = AccessFaultError("Reading", "FAULT", address=0xE000EDF0)
    assert (await core.halt()).reason is StopReason.HALT_REQUEST


async def test_registers_and_step_need_a_halted_core() -> None:
    core = await connected(FakeCore())
    await core.resume()
    for call in (core.step(), core.read_register(3), core.write_register(3, 1)):
        with pytest.raises(TargetError, match=r"the core is running\. Halt it first"):
            await call


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
async def in_ram(code: list[int]) -> tuple[FakeCore, CortexM]:
    fake = FakeCore(code=code, entry=RAM + 0x100)
    return fake, await connected(fake)


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


async def locked_up() -> tuple[FakeCore, CortexM]:
    fake = FakeCore(code=[UDF])
    fake.flash[0x200:0x202] = UDF.to_bytes(2, "little")
    core = await connected(fake)
    await core.resume()
    assert (await wait(core)).reason is StopReason.VECTOR_CATCH
    return fake, core


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
        stop = await wait(core)
    assert stop.reason is StopReason.LOCKUP
    assert stop.pc == 0xFFFFFFFE
    assert stop.cfsr == 0x00010000
    assert fake.halted


# ---------------------------------------------------------------------------------------- registers
async def test_registers_come_from_the_snapshot_and_are_written_through() -> None:
    fake = FakeCore()
    core = await connected(fake)
    assert await core.read_register(15) == ENTRY
    assert fake.batches == []
    await core.write_register(3, 0x1234)
    assert fake.registers[3] == 0x1234
    assert await core.read_register(3) == 0x1234
    await core.write_register(15, 0x08000121)
    assert fake.registers[15] == 0x08000120
    assert core.stop is not None
    assert core.stop.pc == 0x08000120
    assert core.stop.xpsr & 1 << 24, "T is its own bit"


async def test_writing_sp_shows_in_its_bank() -> None:
    core = await connected(FakeCore())
    await core.write_register(13, RAM + 0x800)
    assert await core.read_register(17) == RAM + 0x800


async def test_special_registers_are_read_once_a_stop() -> None:
    fake = FakeCore()
    core = await connected(fake)
    fake.registers[20] = 0x01000001
    assert await core.read_register(20) == 0x01000001
    assert await core.read_register(20) == 0x01000001
    assert [a for batch in fake.batches for a in batch] == [ReadCore((20,))]
    await core.write_register(20, 0x02000000)
    assert await core.read_register(20) == 0x02000000
    await core.step()
    fake.registers[20] = 7
    assert await core.read_register(20) == 7


async def test_reread_after_someone_else_changed_registers() -> None:
    fake = FakeCore()
    core = await connected(fake)
    fake.registers[0] = 99
    assert (await core.reread()).registers[0] == 99
    assert await core.read_register(0) == 99


# ---------------------------------------------------------------------------------------- reset
@pytest.mark.parametrize("line", [False, True])
@pytest.mark.parametrize("state", ["running", "halted", "stepped", "locked up", "asleep"])
async def test_reset_halt(state: str, line: bool) -> None:
    fake = FakeCore(code=[WFI, LOOP] if state == "asleep" else [NOP, NOP, LOOP])
    core = await connected(fake)
    if state == "stepped":
        await core.step()
    elif state != "halted":
        await core.resume()
        assert await core.poll() is None
    if state == "locked up":
        fake.locked = True
    stop = await core.reset(halt=True, line=line)
    assert stop is not None
    assert (stop.reason, stop.pc) == (StopReason.RESET, ENTRY)
    assert core.stop is stop
    assert fake.demcr == DEBUGGING
    assert not core.notices
    assert fake.demcr_writes[-2:] == [DEBUGGING | 1, DEBUGGING]
    await core.resume()
    assert fake.control == RUN


async def test_reset_run_stops_at_a_breakpoint_on_the_first_instruction() -> None:
    core = await connected(FakeCore())
    core.breakpoints.add(ENTRY, HARDWARE)
    assert await core.reset(halt=False) is None
    assert (await wait(core)).reason is StopReason.BREAKPOINT


async def test_breakpoints_outlive_a_reset() -> None:
    fake = FakeCore(code=[NOP, NOP, NOP, LOOP])
    core = await connected(fake)
    core.breakpoints.add(ENTRY + 4, HARDWARE)
    await core.resume()
    await wait(core)
    await core.reset(halt=True)
    assert not fake.fp_ctrl & 1
    await core.resume()
    assert (await wait(core)).pc == ENTRY + 4


async def test_reset_by_a_line_that_is_not_there() -> None:
    core = await connected(FakeCore(nrst_wired=False), ConnectMode.HALT)
    stop = await core.reset(halt=True, line=True)
    assert stop is not None
    assert stop.reason is StopReason.RESET
    assert core.notices == [LINE_DEAD]


async def test_a_reset_that_does_not_happen_is_told_and_leaves_no_catch() -> None:
    fake = FakeCore(ignores_reset=True)
    core = await connected(fake, ConnectMode.HALT)
    with pytest.raises(TargetError, match="S_RESET_ST stayed 0"):
        await core.reset(halt=True)
    assert fake.demcr == DEBUGGING


async def test_a_cancelled_reset_leaves_no_catch() -> None:
    fake = FakeCore(ignores_reset=True)
    core = await connected(fake, ConnectMode.HALT)
    with trio.move_on_after(0.01) as scope:
        await core.reset(halt=True)
    assert scope.cancelled_caught
    assert fake.demcr == DEBUGGING


async def test_a_halt_elsewhere_than_the_reset_vector_is_told() -> None:
    fake = FakeCore()
    core = await connected(fake)
    fake.system[0xE000ED08] = RAM  # another vector table
    fake.poke(RAM + 4, 0x20000401, 4)
    await core.reset(halt=True)
    (notice,) = core.notices
    assert notice.startswith("After the reset the core halted at 0x08000100, but its reset vector is 0x20000400: ")


async def test_a_reset_while_running_is_noticed() -> None:
    fake = FakeCore(code=[LOOP])
    core = await connected(fake)
    core.breakpoints.add(ENTRY + 0x20, HARDWARE)
    await core.resume()
    fake.reset()  # the watchdog
    assert await core.poll() is None
    assert len(core.notices) == 1
    assert "was reset while it ran" in core.notices[0]
    assert fake.fp_ctrl & 1
    assert fake.comps[0] == 0x48000121
    assert await core.poll() is None
    assert len(core.notices) == 1


async def test_a_power_cycle_while_running_is_noticed() -> None:
    fake = FakeCore(code=[LOOP])
    core = await connected(fake)
    await core.resume()
    fake.control = fake.demcr = 0
    fake.reset()
    assert await core.poll() is None
    assert "power was lost" in core.notices[0]
    assert fake.control == RUN
    assert fake.demcr == DEBUGGING


# ---------------------------------------------------------------------------------------- detach
def assert_untouched(fake: FakeCore) -> None:
    assert fake.control == 0
    assert not fake.halted
    assert fake.demcr == 0
    assert fake.dfsr == 0
    assert not any(fake.comps)
    assert not fake.fp_ctrl & 1


@pytest.mark.parametrize("state", ["halted", "stepped", "running", "stepping", "at a breakpoint"])
async def test_detach(state: str) -> None:
    fake = FakeCore(code=[NOP, NOP, NOP, LOOP])
    core = await connected(fake)
    core.breakpoints.add(ENTRY + 4, HARDWARE)
    if state == "stepped":
        await core.step()
    elif state == "stepping":
        fake.wedged = True
        with trio.move_on_after(0.01):
            await core.step()
        fake.wedged = False
    elif state == "at a breakpoint":
        await core.resume()
        await wait(core)
    elif state == "running":
        core.breakpoints.remove(ENTRY + 4)
        await core.resume()
    await core.detach()
    assert_untouched(fake)
    assert core.stop is None
    fake.live()
    assert fake.registers[15] == ENTRY + 6


async def test_detach_takes_bkpts_out_and_passes_the_programs_own() -> None:
    fake, core = await in_ram([BKPT, NOP, NOP, LOOP])
    core.breakpoints.add(RAM + 0x104, SOFTWARE)
    await core.resume()
    await wait(core)
    assert fake.peek(RAM + 0x104, 2) == BKPT
    await core.detach()
    assert_untouched(fake)
    assert fake.peek(RAM + 0x104, 2) == NOP
    fake.live()
    assert not fake.in_handler


async def test_detach_from_a_core_in_lockup_or_reset() -> None:
    fake, core = await locked_up()
    await core.resume()
    assert fake.locked or not fake.halted
    await core.detach()
    assert_untouched(fake)
    fake = FakeCore()
    core = await connected(fake)
    fake.set_reset(asserted=True)
    await core.detach()
    assert (fake.control, fake.demcr) == (0, 0)


async def test_detach_goes_on_after_a_failure_and_tells_it() -> None:
    fake = FakeCore()
    core = await connected(fake)
    await core.resume()
    fake.fail_next = LinkError("Reading", "the link was busy")
    with pytest.raises(LinkError, match="the link was busy"):
        await core.detach()
    assert_untouched(fake)


async def test_detach_is_not_cancelled() -> None:
    fake = FakeCore()
    core = await connected(fake)
    with trio.CancelScope() as scope:
        scope.cancel()
        await core.detach()
    assert_untouched(fake)


# ---------------------------------------------------------------------------------------- cancellation
@pytest.mark.parametrize("name", ["halt", "resume", "step", "poll"])
async def test_cancelling_at_any_await_leaves_the_truth_to_poll(name: str) -> None:
    """Cancel at the n-th batch for every n; afterwards poll, step and resume work as ever."""
    for nth in range(1, 6):
        fake = FakeCore(code=[NOP, NOP, NOP, LOOP])
        core = await connected(fake)
        core.breakpoints.add(ENTRY, HARDWARE)
        if name in {"halt", "poll"}:
            core.breakpoints.clear()
            await core.resume()
        with trio.CancelScope() as scope:
            core.memory.executor = CancelAt(scope, nth)
            await getattr(core, name)()
        core.memory.executor = InlineExecutor()
        stop = await core.halt()
        assert stop.pc == fake.registers[15]
        assert fake.halted
        before = stop.pc
        stop = await core.step()
        assert stop.reason is StopReason.STEP
        assert stop.pc in {before + 2, ENTRY + 6}
        await core.detach()
        assert_untouched(fake)


class CancelAt(InlineExecutor):
    def __init__(self, scope: trio.CancelScope, nth: int) -> None:
        self.scope, self.left = scope, nth

    async def run(self, call: Callable[[], T]) -> T:
        self.left -= 1
        if self.left == 0:
            self.scope.cancel()
        return await super().run(call)


async def test_operations_nest_under_the_lock() -> None:
    core = await connected(FakeCore())
    async with core.memory.exclusive():
        await core.step()
        with trio.move_on_after(0.01) as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(core.poll)
        assert scope.cancelled_caught, "another task has to wait"


async def test_nothing_is_written_that_is_not_needed() -> None:
    """The batches of a step and of a stop: what the transfer budgets rest on."""
    fake = FakeCore(code=[NOP, NOP, LOOP])
    core = await connected(fake)
    await core.step()
    assert [[type(access).__name__ for access in batch] for batch in fake.batches] == [
        ["Write", "Write", "Write", "Read", "Read"],
        ["ReadCore"],
    ]
    fake.batches.clear()
    await core.resume()
    assert fake.batches == [[Write(0xE000ED30, 0x1F), Write(0xE000EDF0, 0xA05F0003), Write(0xE000EDF0, 0xA05F0001)]]
