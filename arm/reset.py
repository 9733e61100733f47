"""Reset into a halt at the reset vector, by request or by the reset line, and connecting under reset."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from enum import Enum

import trio

from ..probes.access import Batch
from ..probes.errors import AccessFaultError, HaltpointError, LinkError, TargetError
from .control import DFSR_ALL, Control, describe, pauses
from .memory import Memory
from .registers_debug import DEMCR, DFSR, DHCSR
from .registers_system import AIRCR, VECTKEY, VTOR

__all__ = [
    "LINE_DEAD",
    "LINE_PULSE",
    "RESET_NOTICE",
    "RESET_TIMEOUT",
    "Caught",
    "ResetKind",
    "catch_by_line",
    "catch_by_request",
    "enter_under_reset",
    "reset_vector",
]

RESET_TIMEOUT = 1.0
"""Seconds from the end of a reset to the halt at the reset vector."""

RESET_NOTICE = 0.05
"""Seconds until a reset that was asked for must have shown in DHCSR.S_RESET_ST."""

LINE_PULSE = 0.02
"""Seconds NRST is held low; STM32 needs 20 us, a board's capacitor may need milliseconds."""

LINE_DEAD = (
    "The reset line did not reset the core (NRST is not connected to the probe, or something holds it high); "
    "the core was reset by AIRCR.SYSRESETREQ instead."
)


class ResetKind(Enum):
    """What is reset: the chip by the core's request, the chip by its NRST pin, or the core alone."""

    SYSTEM = "system"
    HARDWARE = "hardware"
    CORE = "core"


_REQUESTS = {
    ResetKind.SYSTEM: ("AIRCR.SYSRESETREQ", AIRCR.make(KEY=VECTKEY, SYSRESETREQ=1)),
    ResetKind.CORE: ("AIRCR.VECTRESET", AIRCR.make(KEY=VECTKEY, VECTRESET=1)),
}


@dataclass(frozen=True)
class Caught:
    """How a reset ended: the core is halted. DFSR.VCATCH in ``dfsr`` means at the reset vector."""

    dhcsr: DHCSR
    dfsr: int


async def catch_by_request(memory: Memory, control: Control, demcr: int, kind: ResetKind = ResetKind.SYSTEM) -> Caught:
    """Arm the reset vector catch, set AIRCR.SYSRESETREQ, wait for the halt (DDI0403E C1.4.1, B3.2.6).

    ``demcr`` is what DEMCR is set to besides VC_CORERESET; whoever calls takes the catch out again. The core alone
    is reset by AIRCR.VECTRESET, which only Armv7-M has and which needs a halted core.
    """
    name, request = _REQUESTS[kind]
    await _arm(memory, control, demcr)
    # The reset may strike before the access is acknowledged. Whether there was one is seen below.
    with contextlib.suppress(AccessFaultError, LinkError):
        await memory.write32(AIRCR.address, request)
    caught = await _await_halt(memory, control, f"Resetting the core by {name}")
    if caught is None:
        raise TargetError(
            f"Resetting the core by {name}",
            f"the core did not go through reset (DHCSR.S_RESET_ST stayed 0); {describe(await control.look())}",
            "Try the reset line (monitor reset hardware halt, with NRST connected), or power the target off and on.",
        )
    return caught


async def catch_by_line(memory: Memory, control: Control, demcr: int) -> Caught | None:
    """The same with a pulse on NRST; None when the core did not notice."""
    await _arm(memory, control, demcr)
    await _set_line(memory, asserted=True)
    try:
        await trio.sleep(LINE_PULSE)
    finally:
        with trio.CancelScope(shield=True):
            await _set_line(memory, asserted=False)
    return await _await_halt(memory, control, "Resetting the core by its reset line")


async def enter_under_reset(memory: Memory, control: Control) -> bool:
    """Hold NRST low, open the debug port, arm halt and reset vector catch, release NRST.

    Whether the core was in reset all that time; False when the line is not connected or the debug port
    does not answer while it is low. Either way the debug port is open and NRST is high afterwards. The
    catch stays armed when all went well; whoever calls writes DEMCR next.
    """
    try:
        await _set_line(memory, asserted=True)
        try:
            await trio.sleep(LINE_PULSE)
            held = await _arm_in_reset(memory, control)
        finally:
            with trio.CancelScope(shield=True):
                await _set_line(memory, asserted=False)
        if not held:
            await memory.executor.run(memory.probe.connect)
            return False
        return await _await_halt(memory, control, "Connecting under reset") is not None
    except BaseException:
        # The failure itself is what is raised; without a link there is nothing to be cleared either.
        with trio.CancelScope(shield=True), contextlib.suppress(HaltpointError):
            await memory.write32(DEMCR.address, DEMCR.make(TRCENA=1))
        raise


async def _arm_in_reset(memory: Memory, control: Control) -> bool:
    try:
        await memory.executor.run(memory.probe.connect)
        await control.look()  # S_RESET_ST may tell of an old reset; reading clears it unless reset lasts
        batch = Batch()
        control.request_halt(batch)
        batch.write(DEMCR.address, DEMCR.make(TRCENA=1, VC_CORERESET=1))
        batch.write(DFSR.address, DFSR_ALL)
        dhcsr = batch.read(DHCSR.address)
        await memory.run(batch)
    except (LinkError, TargetError):
        return False  # some chips switch their debug port off with NRST
    return control.seen(dhcsr.value).S_RESET_ST


async def reset_vector(memory: Memory) -> int | None:
    """Where the core starts: the second word of the vector table, without its Thumb bit; None if unreadable."""
    table = await memory.read32(VTOR.address)
    try:
        return await memory.read32(table + 4) & ~1
    except TargetError:
        return None


async def _set_line(memory: Memory, *, asserted: bool) -> None:
    await memory.executor.run(lambda: memory.probe.set_reset(asserted))


async def _arm(memory: Memory, control: Control, demcr: int) -> None:
    halted = (await control.look()).S_HALT
    batch = Batch()
    if halted:
        control.unmask(batch)
    else:
        control.enable(batch)
    batch.write(DEMCR.address, DEMCR.make(demcr, VC_CORERESET=1))
    batch.write(DFSR.address, DFSR_ALL)
    batch.read(DHCSR.address)  # clears S_RESET_ST of an older reset
    control.doubt = True
    await memory.run(batch)


async def _await_halt(memory: Memory, control: Control, attempt: str) -> Caught | None:
    """Wait until the core has left reset and is halted; None when there was no reset to be seen.

    S_RESET_ST is set for as long as reset lasts and until it is read once afterwards, so none can be
    missed. The debug port may not answer while the chip resets.
    """
    start = trio.current_time()
    pause = pauses()
    was_reset = False
    failure: HaltpointError | None = None
    dhcsr = DHCSR(0)
    while trio.current_time() < start + RESET_TIMEOUT:
        try:
            dhcsr = await control.look()
        except (AccessFaultError, LinkError) as error:
            failure = error
        else:
            failure = None
            was_reset = was_reset or dhcsr.S_RESET_ST
            if not was_reset and trio.current_time() >= start + RESET_NOTICE:
                return None
            if was_reset and dhcsr.S_HALT and not dhcsr.S_RESET_ST:
                return Caught(dhcsr, await memory.read32(DFSR.address))
        await trio.sleep(pause())
    if failure is not None:
        raise failure
    raise TargetError(
        attempt,
        f"the core was reset but did not stop at its reset vector within {RESET_TIMEOUT:g} s; {describe(dhcsr)}",
        "Check that nothing holds the reset line low.",
    )
