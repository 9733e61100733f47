"""Halting, running, stepping and registers against a strict little core: the single DHCSR writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
import trio
from support.fake_core import FLASH, LOOP, NOP, RAM, WFI, FakeCore, assert_untouched, connected

from haltpoint.arm.breakpoints import BreakpointKind
from haltpoint.arm.memory import InlineExecutor
from haltpoint.arm.stop import StopReason
from haltpoint.probes.access import ReadCore, Write
from haltpoint.probes.errors import AccessFaultError, LinkError, TargetError

T = TypeVar("T")
HARDWARE, SOFTWARE = BreakpointKind.HARDWARE, BreakpointKind.SOFTWARE
RUN, HALTED, MASKED, STEP = 0x1, 0x3, 0xB, 0xD
ENTRY = FLASH + 0x100
DEBUGGING = 0x010007F0  # TRCENA and every fault caught


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


async def test_when_the_answer_to_a_step_is_lost_the_mask_is_looked_up() -> None:
    fake = FakeCore(wedged=True)
    core = await connected(fake)
    fake.lose_next_answer = LinkError("Reading DHCSR", "the answer was lost")
    with pytest.raises(LinkError, match="lost"):
        await core.step()
    assert fake.control & 8
    await core.halt()
    await core.resume()
    assert fake.writes == [MASKED, STEP, MASKED, HALTED, RUN]


async def test_stepping_a_wfi_ends_behind_it_at_once() -> None:
    fake = FakeCore(code=[WFI, NOP, LOOP])
    core = await connected(fake)
    before = trio.current_time()
    stop = await core.step()
    assert trio.current_time() == before, "no interrupt can end it, so none is waited for"
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


async def test_reread_after_someone_else_used_the_core() -> None:
    fake = FakeCore(code=[NOP, LOOP])
    core = await connected(fake)
    fake.registers[0] = 99
    fake.comps[0] = 0x1234
    stop = await core.reread()
    assert stop is not None
    assert (stop.reason, stop.registers[0]) == (StopReason.RESET, 99)
    assert await core.read_register(0) == 99
    fake.write_dhcsr(0xA05F0001)
    assert await core.reread() is None
    assert await core.poll() is None
    await core.halt()
    await core.resume()
    assert not any(fake.comps)


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
        ["Write", "Write", "Write", "Read", "Read", "Read", "Require", "ReadCore"],
    ]
    fake.batches.clear()
    await core.resume()
    writes = [[access for access in batch if isinstance(access, Write)] for batch in fake.batches]
    assert writes == [[Write(0xE000ED30, 0x1F), Write(0xE000EDF0, 0xA05F0003), Write(0xE000EDF0, 0xA05F0001)]]
