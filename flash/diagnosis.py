"""Sentences for a loader that did not end as it must, made from what was read of the core."""

from __future__ import annotations

from dataclasses import dataclass

from ..arm.memory import Memory
from ..arm.registers_core import SNAPSHOT, Regsel
from ..arm.registers_debug import DFSR, DHCSR
from ..arm.registers_system import BFAR, CFSR, HFSR
from ..probes.access import Batch
from ..probes.errors import HaltpointError
from .errors import LoaderError, VerifyError
from .layout import Layout

__all__ = ["ATTEMPT", "CoreState", "compare_upload", "explain_stop", "faults", "look"]

ATTEMPT = "Programming the flash"
EXCEPTION_FRAME_PC = 24
WORD = 4


@dataclass(frozen=True, slots=True)
class CoreState:
    """What one look at the core shows. Registers, by REGSEL, are empty unless it is halted."""

    dhcsr: DHCSR
    dfsr: DFSR
    registers: dict[int, int]

    @property
    def pc(self) -> int | None:
        """Where the core is halted, None while it runs."""
        return self.registers.get(Regsel.PC)


async def look(memory: Memory) -> CoreState:
    """Read DHCSR, DFSR and, of a halted core, its registers."""
    batch = Batch()
    dhcsr, dfsr = batch.read(DHCSR.address), batch.read(DFSR.address)
    await memory.run(batch)
    registers: tuple[int, ...] = ()
    if DHCSR(dhcsr.value).S_HALT:
        batch = Batch()
        slot = batch.read_core(*SNAPSHOT)
        await memory.run(batch)
        registers = slot.value
    return CoreState(DHCSR(dhcsr.value), DFSR(dfsr.value), dict(zip(SNAPSHOT, registers, strict=False)))


async def explain_stop(memory: Memory, layout: Layout, state: CoreState, waited: float) -> LoaderError:
    """Why the loader is not at its end: reset, lockup, fault, another stop, no progress for ``waited`` seconds."""
    advice = "Load again; if it happens again, connect under reset (--connect under-reset)."
    if state.dhcsr.S_RESET_ST:
        seen = "the target was reset while its flash was being programmed"
        advice = (
            "Look for a watchdog, an unstable supply or a reset button; what is in flash now is incomplete. " + advice
        )
    elif state.dhcsr.S_LOCKUP:
        seen = f"the core locked up: a fault inside the handling of a fault ({await faults(memory)})"
    elif not state.dhcsr.S_HALT:
        seen = f"the loader made no progress for {waited:.1f} s ({state.dhcsr})"
    elif state.dfsr.VCATCH:
        seen = f"{await _fault_place(memory, layout, state)} ({await faults(memory)})"
    else:
        seen = f"the core stopped at 0x{state.pc or 0:08X}, not at the loader's end 0x{layout.done:08X} ({state.dfsr})"
    return LoaderError(ATTEMPT, seen, advice, pc=state.pc, dhcsr=state.dhcsr.value)


async def faults(memory: Memory) -> str:
    """The fault registers of a core that has met one."""
    batch = Batch()
    cfsr, hfsr, bfar = batch.read(CFSR.address), batch.read(HFSR.address), batch.read(BFAR.address)
    await memory.run(batch)
    text = f"{HFSR(hfsr.value)}, {CFSR(cfsr.value)}"
    return text + (f", BFAR=0x{bfar.value:08X}" if CFSR(cfsr.value).BFARVALID else "")


async def _fault_place(memory: Memory, layout: Layout, state: CoreState) -> str:
    """Say where: the stacked PC if there is an exception frame on the loader's stack, else the PC of the stop."""
    stack = state.registers[Regsel.MSP]
    place = state.pc
    if layout.table <= stack <= layout.stack_top - EXCEPTION_FRAME_PC - WORD and not stack % WORD:
        try:
            place = await memory.read32(stack + EXCEPTION_FRAME_PC)
        except HaltpointError:  # the place is a help, not the finding
            place = state.pc
    stopped = "" if place == state.pc else f", stopped at 0x{state.pc:08X}"
    if layout.code <= (place or 0) < layout.table:
        return f"the loader faulted at 0x{place:08X}{stopped}"
    return f"an interrupt or exception led out of the loader, to a fault at 0x{place:08X}{stopped}"


def compare_upload(address: int, expected: bytes, read: bytes) -> None:
    """Raise VerifyError unless the loader reads back as it was written; tells a link that repeats from bad memory."""
    if expected == read:
        return
    offset = next(i for i in range(0, len(expected), WORD) if expected[i : i + WORD] != read[i : i + WORD])
    wanted, seen = (int.from_bytes(data[offset : offset + WORD], "little") for data in (expected, read))
    text = f"0x{address + offset:08X} should hold 0x{wanted:08X} but reads 0x{seen:08X}"
    first = read[:WORD]
    advice = "Something else writes to the target's RAM, or there is less of it than this chip has: check --chip."
    if len(read) > WORD and read == first * (len(read) // WORD):
        text += ", and every word reads as the first one does, as from a link that repeats an old answer"
        advice = "Before blaming the target's memory, lower the wire's speed (--speed) and check the wiring."
    raise VerifyError(
        f"Uploading the flash loader to 0x{address:08X}",
        text,
        advice,
        address=address + offset,
        expected=expected[offset : offset + WORD],
        read=read[offset : offset + WORD],
    )
