"""A step over a BKPT that stands in flash, where it cannot be taken out for a moment.

The instruction it replaced is worked out, or carried out from a few bytes of RAM that are put back afterwards.
"""

from __future__ import annotations

from dataclasses import replace

import trio

from ..probes.access import Batch
from ..probes.errors import AccessFaultError, TargetError
from .control import DFSR_ALL, Control
from .displaced import Instruction
from .memory import Memory
from .patching import forget_code
from .points import PointUnits
from .registers_core import EXC_RETURN, SNAPSHOT, XPSR, Regsel
from .registers_debug import DFSR, DHCSR
from .stepping import Stepped, single_step
from .stop import Stop

__all__ = ["SpareRam", "step_aside"]

SpareRam = tuple[int, int]
"""Start and size of RAM that can be executed from."""

SLOT = 8
"""Bytes of RAM that are used: an instruction, and what the core may fetch behind it."""

_NOPS = b"\x00\xbf" * 2
_STACKED_PC = 0x18


async def step_aside(memory: Memory, control: Control, points: PointUnits, stop: Stop, ram: SpareRam | None) -> Stepped:
    """Carry out the instruction that a BKPT in flash at ``stop.pc`` replaced. TargetError without ``ram``."""
    try:
        code = points.breakpoints.hide(stop.pc, await memory.read(stop.pc, 4))
    except AccessFaultError:  # the last two bytes of a memory
        code = points.breakpoints.hide(stop.pc, await memory.read(stop.pc, 2)) + _NOPS[:2]
    instruction = Instruction(code, stop.pc)
    outcome = instruction.work_out(stop.registers)
    if outcome is not None:
        changes = {number: value for number, value in outcome.registers.items() if value != stop.registers[number]}
        if outcome.load is not None:
            changes[outcome.load[0]] = await memory.read32(outcome.load[1])
        return await _rewrite(memory, control, changes, DFSR.HALTED.mask)
    if ram is None:
        raise TargetError(
            f"Stepping over the flash breakpoint at {stop.pc:#010x}",
            "no RAM of this chip is known where its instruction could be carried out",
            "Delete this breakpoint.",
        )
    return await _step_in_ram(memory, control, points, stop, instruction, _place(ram, stop))


async def _rewrite(memory: Memory, control: Control, changes: dict[int, int], dfsr: int) -> Stepped:
    """Write registers and take the snapshot as if a step had ended so."""
    batch = Batch()
    for number, value in changes.items():
        batch.write_core(number, value)
    batch.write(DFSR.address, DFSR_ALL)
    dhcsr = batch.read(DHCSR.address)
    registers = batch.read_core(*SNAPSHOT)
    await memory.run(batch)
    return Stepped(control.seen(dhcsr.value), dfsr, registers=registers.value)


def _place(ram: SpareRam, stop: Stop) -> int:
    """A few bytes of RAM as far as can be from where any register points: the instruction may read or write there."""
    start, size = ram
    places = [start + size * part // 16 & ~7 for part in range(1, 16)]
    values = [stop.registers[number] for number in range(15)]
    return max(places, key=lambda place: min(abs(place - value) for value in values))


async def _step_in_ram(  # noqa: PLR0917 - all of them say where
    memory: Memory, control: Control, points: PointUnits, stop: Stop, instruction: Instruction, place: int
) -> Stepped:
    kept = await memory.read(place, SLOT)
    written = (instruction.code[: instruction.size] + 2 * _NOPS)[:SLOT]
    with trio.CancelScope(shield=True):
        batch = Batch()
        batch.write_block(place, written)
        forget_code(batch, points.breakpoints)
        batch.write_core(Regsel.PC, place)
        await memory.run(batch)
        try:
            stepped = await single_step(memory, control, points, place, snapshot=True)
        finally:
            await _put_back(memory, place, kept, written)
        home = await _home(memory, control, stepped, stop, instruction, place)
    return home  # noqa: RET504 - for a type checker, a cancel scope may swallow what is raised in it


async def _put_back(memory: Memory, place: int, kept: bytes, written: bytes) -> None:
    """What the instruction itself has stored there stays."""
    now = await memory.read(place, SLOT)
    old = bytes(was if here == ours else here for was, ours, here in zip(kept, written, now, strict=True))
    await memory.write(place, old)


async def _home(  # noqa: PLR0917
    memory: Memory, control: Control, stepped: Stepped, stop: Stop, instruction: Instruction, place: int
) -> Stepped:
    """PC, or the return address of an exception that was entered, as if the instruction had stood at its place."""
    registers = stepped.registers
    if registers is None:
        batch = Batch()
        slot = batch.read_core(*SNAPSHOT)
        await memory.run(batch)
        registers = slot.value
    after = dict(zip(SNAPSHOT, registers, strict=True))
    moved = range(place, place + instruction.size + 1)
    if XPSR(after[Regsel.XPSR]).IPSR != XPSR(stop.xpsr).IPSR and EXC_RETURN(after[Regsel.LR]).valid:
        frame = after[Regsel.PSP if EXC_RETURN(after[Regsel.LR]).SPSEL else Regsel.MSP]
        stacked = await memory.read32(frame + _STACKED_PC)
        if stacked in moved:
            await memory.write32(frame + _STACKED_PC, stacked - place + stop.pc)
    if after[Regsel.PC] not in moved:
        return replace(stepped, registers=registers)
    home = {int(Regsel.PC): after[Regsel.PC] - place + stop.pc}
    return replace(await _rewrite(memory, control, home, stepped.dfsr), slept=stepped.slept, forced=stepped.forced)
