"""The flash controllers of a chip: protection read, opened for the loader, left as they were found."""

from __future__ import annotations

from collections.abc import Iterable

from ..arm.memory import Memory
from ..probes.access import Batch
from ..probes.errors import AccessFaultError, PollTimeoutError
from .errors import FlashError, ProtectedError
from .family import Controller, Family

__all__ = ["FlashAccess", "check_protection", "explain_status"]

BUSY_SECONDS = 0.2
"""A mass erase that firmware has started ends sooner."""
ATTEMPT = "Opening the flash for programming"


async def check_protection(memory: Memory, family: Family, sectors: Iterable[int]) -> None:
    """Raise ProtectedError if readout protection is on, or if one of ``sectors`` (starts) is write-protected."""
    protection = family.protection
    batch = Batch()
    readout, write = batch.read(protection.readout), batch.read(protection.write)
    await memory.run(batch)
    if readout.value & protection.readout_mask:
        raise ProtectedError("Programming the flash", "the chip's readout protection is on", protection.readout_cure)
    guarded = [start for start in sectors if not write.value >> protection.write_bit(start) & 1]
    if guarded:
        more = f" and {len(guarded) - 1} more" if len(guarded) > 1 else ""
        raise ProtectedError(
            f"Programming the flash at 0x{guarded[0]:08X}",
            f"the sector there{more} is write-protected (WRPR reads 0x{write.value:08X})",
            f"{protection.write_cure} Nothing has been erased.",
            address=guarded[0],
        )


def explain_status(family: Family, status: int) -> str:
    """What the error flags in a status register mean, or the bare word if none is set."""
    meanings = [f"{flag.meaning} ({flag.name})" for flag in family.errors if status & flag.mask]
    return " and ".join(meanings) or f"the status register reads 0x{status:08X}"


class FlashAccess:
    """The controllers that serve some sectors, from unlocking to leaving them as they were."""

    def __init__(self, memory: Memory, family: Family, sectors: Iterable[int]) -> None:
        self._memory = memory
        self._family = family
        self._controllers = tuple(dict.fromkeys(family.controller(start) for start in sectors))
        self._saved: dict[Controller, int] = {}

    async def open(self) -> None:
        """Wait for what firmware has started, clear old errors and leftovers in the control register, unlock.

        The keys are written only where the controller is locked: sent to an unlocked one they would lock it until
        the next reset. Raises FlashError.
        """
        family = self._family
        batch = Batch()
        controls = {}
        for controller in self._controllers:
            batch.poll(controller.status, family.busy, 0, BUSY_SECONDS)
            batch.write(controller.status, family.clear_status)
            controls[controller] = batch.read(controller.control)
        try:
            await self._memory.run(batch)
        except PollTimeoutError as error:
            seen = f"the flash controller stays busy (its status register reads 0x{error.last:08X})"
            raise FlashError(ATTEMPT, seen, "Switch the board off and on, then try again.") from error
        self._saved = {controller: slot.value for controller, slot in controls.items()}
        batch = Batch()
        for controller, control in self._saved.items():
            if control & family.lock:
                for key in family.keys:
                    batch.write(controller.key, key)
            batch.write(controller.control, 0)
            controls[controller] = batch.read(controller.control)
        try:
            await self._memory.run(batch)
        except AccessFaultError as error:
            raise self._locked_out() from error
        if any(slot.value & family.lock for slot in controls.values()):
            raise self._locked_out()

    def _locked_out(self) -> FlashError:
        seen = "its controller does not take the keys, because firmware has locked it until the next reset"
        return FlashError(ATTEMPT, seen, "Reset and halt the target (monitor reset halt), then load again.")

    async def close(self) -> None:
        """Put the control registers back, locked where they were locked; an operation is never started again."""
        if not self._saved:
            return
        family = self._family
        batch = Batch()
        for controller, control in self._saved.items():
            batch.poll(controller.status, family.busy, 0, BUSY_SECONDS)
            batch.write(controller.status, family.clear_status)
            batch.write(controller.control, control & ~family.start)
        await self._memory.run(batch)
        self._saved = {}
