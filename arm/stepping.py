"""One instruction, with interrupts masked, past any breakpoint that stands on it."""

from __future__ import annotations

from dataclasses import dataclass

import trio

from ..probes.access import Batch
from ..probes.errors import TargetError
from .control import DFSR_ALL, Control, describe, pauses
from .memory import Memory
from .patching import synchronise
from .points import PointUnits
from .registers_debug import DFSR, DHCSR
from .registers_system import ICSR
from .snapshot import registers_if_halted

__all__ = ["HALT_TIMEOUT", "STEP_TIMEOUT", "Stepped", "halt_failed", "single_step"]

STEP_TIMEOUT = 0.1
"""Seconds one instruction may take before it is ended by a halt request."""

HALT_TIMEOUT = 3.0
"""Seconds a halt request is repeated; an F103 whose firmware slept was seen to take 2 s."""

_PENDING = ICSR.ISRPENDING.mask | ICSR.PENDSTSET.mask | ICSR.PENDSVSET.mask
"""What a masked step does not let in. VECTPENDING may be said of what is masked or not (DDI0403E B3.2.4)."""


@dataclass(frozen=True)
class Stepped:
    """How a step ended. ``slept``: a WFI or WFE, ended by our halt; ``forced``: it did not end by itself.

    ``registers`` are those of a snapshot where they were read with it. ``waiting``: an interrupt was seen pending.
    """

    dhcsr: DHCSR
    dfsr: int
    slept: bool = False
    forced: bool = False
    registers: tuple[int, ...] | None = None
    waiting: bool = False


def halt_failed(dhcsr: DHCSR) -> TargetError:
    """The sentence for a core that does not halt."""
    return TargetError(
        "Halting the core",
        f"it did not halt within {HALT_TIMEOUT:g} s; {describe(dhcsr)}",
        "Check that nothing holds the reset line low; connecting under reset (--connect under-reset) "
        "gets hold of a target whose firmware sleeps or locks its debug pins.",
    )


async def single_step(memory: Memory, control: Control, points: PointUnits, pc: int, *, snapshot: bool) -> Stepped:
    """Carry out the instruction at ``pc``, where the core is halted.

    A breakpoint on it is taken out for the step and put back by the next thing that runs the core; all
    others are in place. Interrupts stay masked afterwards, until the core is run (DDI0403E C1.5.1: a masked
    step does not enter PendSV, SysTick or external interrupts, but does enter faults and SVC).
    """
    await synchronise(memory, points.breakpoints, without=pc)
    batch = Batch()
    contents = points.write_hardware(batch, without=pc)
    batch.write(DFSR.address, DFSR_ALL)
    control.single_step(batch)
    dhcsr = batch.read(DHCSR.address)
    dfsr = batch.read(DFSR.address)
    icsr = batch.read(ICSR.address)
    registers = registers_if_halted(batch, dhcsr) if snapshot else None
    control.doubt = True
    await memory.run(batch)
    points.written(contents)
    now = control.seen(dhcsr.value)
    if now.S_HALT:
        waiting = bool(icsr.value & _PENDING)
        return Stepped(now, dfsr.value, registers=registers.value if registers else None, waiting=waiting)
    return await _await_end(memory, control, now)


async def _await_end(memory: Memory, control: Control, now: DHCSR) -> Stepped:
    """Wait for a slow instruction; halt one that sleeps or does not end."""
    deadline = trio.current_time() + STEP_TIMEOUT
    pause = pauses()
    # An interrupt that could end a WFI is masked, so waiting for it makes no sense.
    while not (now.S_HALT or now.S_SLEEP or now.S_LOCKUP) and trio.current_time() < deadline:
        await trio.sleep(pause())
        now = await control.look()
    if now.S_HALT:
        return Stepped(now, await memory.read32(DFSR.address))
    end = await control.halt(HALT_TIMEOUT)
    if not end.dhcsr.S_HALT:
        raise halt_failed(end.dhcsr)
    # DHCSR from before the halt is kept: it says what the core was doing.
    return Stepped(now, end.dfsr, slept=now.S_SLEEP, forced=not now.S_SLEEP, registers=end.registers)
