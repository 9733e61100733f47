"""Reading a stop: all core registers at once, the fault registers where they mean something."""

from __future__ import annotations

from typing import cast

from ..probes.access import Batch, Slot
from .memory import Memory
from .registers_core import SNAPSHOT
from .registers_debug import DFSR, DHCSR
from .registers_system import BFAR, CFSR, HFSR, MMFAR
from .stop import Stop, StopReason, classify

__all__ = ["registers_if_halted", "take_snapshot"]


def registers_if_halted(batch: Batch, dhcsr: Slot[int]) -> Slot[tuple[int, ...] | None]:
    """Read the registers of a snapshot in the same batch, provided that ``dhcsr`` shows a halted core; else None."""
    batch.require(dhcsr, DHCSR.S_HALT.mask, DHCSR.S_HALT.mask)
    return cast("Slot[tuple[int, ...] | None]", batch.read_core(*SNAPSHOT))


_FAULTY = {StopReason.VECTOR_CATCH, StopReason.LOCKUP}


async def take_snapshot(
    memory: Memory,
    dhcsr: DHCSR,
    dfsr: int | None,
    *,
    expected: StopReason,
    known: StopReason | None = None,
    fault_registers: bool,
    registers: tuple[int, ...] | None = None,
) -> Stop:
    """Read the registers of a core seen halted (S_HALT); otherwise they would be stale or invented.

    ``dfsr`` and ``registers`` are what was read already. ``expected`` is the reason when DFSR says only HALTED,
    ``known`` the reason whatever DFSR says.
    """
    batch = Batch()
    dfsr_slot = batch.read(DFSR.address) if dfsr is None else None
    register_slot = batch.read_core(*SNAPSHOT) if registers is None else None
    await memory.run(batch)
    if dfsr_slot is not None:
        dfsr = dfsr_slot.value
    if register_slot is not None:
        registers = register_slot.value
    assert dfsr is not None
    assert registers is not None
    reason = known or (StopReason.LOCKUP if dhcsr.S_LOCKUP else classify(dfsr, expected))
    values = dict(zip(SNAPSHOT, registers, strict=True))
    if not fault_registers or reason not in _FAULTY:
        return Stop(reason, dhcsr.value, dfsr, values)
    batch = Batch()
    cfsr, hfsr, mmfar, bfar = (batch.read(register.address) for register in (CFSR, HFSR, MMFAR, BFAR))
    await memory.run(batch)
    return Stop(reason, dhcsr.value, dfsr, values, cfsr.value, hfsr.value, mmfar.value, bfar.value)
