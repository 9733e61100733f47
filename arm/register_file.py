"""Core registers of a halted core: read from the stop snapshot, written through to the target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..probes.access import Batch
from .memory import Memory
from .registers_core import SNAPSHOT, Regsel
from .stop import Stop

__all__ = ["RegisterFile"]

# Writing one of these changes what others read: SP is MSP or PSP depending on CONTROL.SPSEL and IPSR, and those are
# the ones of the present security state.
_ENTANGLED = frozenset(
    {Regsel.SP, Regsel.XPSR, Regsel.MSP, Regsel.PSP, Regsel.SPECIAL}
    | {Regsel.MSP_S, Regsel.PSP_S, Regsel.SPECIAL_S, Regsel.MSP_NS, Regsel.PSP_NS, Regsel.SPECIAL_NS}
)


class RegisterFile:
    """The registers of one stop. Those outside the snapshot are read when first asked for, then kept."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._others: dict[int, int] = {}

    def forget(self) -> None:
        """The core is about to run: nothing kept is true any longer."""
        self._others.clear()

    async def read(self, stop: Stop, regsel: int) -> int:
        """Value of a register; free for those of the snapshot."""
        if regsel in stop.registers:
            return stop.registers[regsel]
        if regsel not in self._others:
            batch = Batch()
            slot = batch.read_core(regsel)
            await self._memory.run(batch)
            self._others[regsel] = slot.value[0]
        return self._others[regsel]

    async def write(self, stop: Stop, regsel: int, value: int) -> Stop:
        """Write a register at once; the snapshot as it is afterwards.

        PC drops bit 0, as the core does; T in xPSR is a matter of its own. After a write that changes how
        other registers read, all are read again.
        """
        if regsel == Regsel.PC:
            value &= ~1
        batch = Batch()
        batch.write_core(regsel, value)
        again = batch.read_core(*SNAPSHOT) if regsel in _ENTANGLED else None
        await self._memory.run(batch)
        if again is not None:
            self._others.clear()
            return _with(stop, dict(zip(SNAPSHOT, again.value, strict=True)))
        if regsel in stop.registers:
            return _with(stop, {regsel: value})
        # FPSCR has bits that cannot be written: read it when it is asked for.
        self._others.pop(regsel, None)
        return stop


def _with(stop: Stop, changes: Mapping[int, int]) -> Stop:
    return replace(stop, registers={**stop.registers, **changes})
