"""Connecting, reset and detaching against a strict little core."""

from __future__ import annotations

from typing import TypeVar

import pytest
import trio
from support.fake_core import (
    BKPT,
    FLASH,
    LOOP,
    NOP,
    RAM,
    UDF,
    WFI,
    FakeCore,
    assert_untouched,
    connected,
    in_ram,
    locked_up,
    wait,
)

from haltpoint.arm.breakpoints import BreakpointKind
from haltpoint.arm.core import ConnectMode, CortexM
from haltpoint.arm.memory import InlineExecutor, Memory
from haltpoint.arm.reset import LINE_DEAD, ResetKind
from haltpoint.arm.stop import StopReason
from haltpoint.probes.errors import LinkError, NoTargetError, TargetError

T = TypeVar("T")
HARDWARE, SOFTWARE = BreakpointKind.HARDWARE, BreakpointKind.SOFTWARE
RUN, HALTED, MASKED, STEP = 0x1, 0x3, 0xB, 0xD
ENTRY = FLASH + 0x100
DEBUGGING = 0x010007F0  # TRCENA and every fault caught


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
    stop = await core.reset(halt=True, kind=ResetKind.HARDWARE if line else ResetKind.SYSTEM)
    assert stop is not None
    assert (stop.reason, stop.pc) == (StopReason.RESET, ENTRY)
    assert not stop.dhcsr & 1 << 25, "out of reset"
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
    stop = await core.reset(halt=True, kind=ResetKind.HARDWARE)
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


async def test_a_reset_button_held_down_is_told_once() -> None:
    fake = FakeCore(code=[LOOP])
    core = await connected(fake)
    await core.resume()
    fake.stuck_in_reset = True
    fake.reset()
    for _ in range(5):
        assert await core.poll() is None
    assert len(core.notices) == 1
    fake.stuck_in_reset = False
    for _ in range(2):
        assert await core.poll() is None
    fake.reset()
    assert await core.poll() is None
    assert len(core.notices) == 2


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


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.021, 0.5])
async def test_a_cancelled_or_failed_connect_under_reset_leaves_no_catch_and_no_reset(seconds: float) -> None:
    fake = FakeCore(wedged=True)
    fake.stuck_in_reset = True
    core = CortexM(Memory(fake, InlineExecutor()))
    with trio.move_on_after(seconds) as scope:
        await core.connect(ConnectMode.UNDER_RESET)
    assert scope.cancelled_caught
    assert not fake.line_low
    assert not fake.demcr & 1
    with pytest.raises(TargetError, match=r"Connecting under reset failed: .*within 1 s.*holds the reset line low"):
        await core.connect(ConnectMode.UNDER_RESET)
    assert not fake.line_low
    assert not fake.demcr & 1


# ---------------------------------------------------------------------------------------- detach
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


async def test_detach_while_running_takes_bkpts_out_of_a_halted_core() -> None:
    fake, core = await in_ram([NOP, LOOP, NOP])
    core.breakpoints.add(RAM + 0x104, SOFTWARE)
    await core.resume()
    assert fake.peek(RAM + 0x104, 2) == BKPT
    fake.writes.clear()
    await core.detach()
    assert fake.writes == [HALTED, HALTED, RUN, 0]
    assert_untouched(fake)
    assert fake.peek(RAM + 0x104, 2) == NOP


async def test_detach_from_a_core_that_met_its_own_bkpt_unseen() -> None:
    fake = FakeCore(code=[NOP, BKPT, LOOP])
    core = await connected(fake)
    await core.resume()
    fake.live()
    await core.detach()
    assert_untouched(fake)
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
