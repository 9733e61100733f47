"""The flash controllers of a chip: protection read, opened for the loader, left as they were found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import trio

from ..arm.memory import Memory
from ..probes.access import Batch
from ..probes.errors import AccessFaultError, PollTimeoutError
from .errors import FlashError, ProtectedError
from .family import Controller, Family
from .memory_map import Sector

__all__ = ["FlashAccess", "check_protection", "explain_status"]

LOOK_SECONDS = 0.1
"""How long one look at a busy flash lasts; longer waits consist of several, so that they can be cancelled."""
BLANK = 0xFFFF_FFFF
ATTEMPT = "Opening the flash for programming"
CONSEQUENCE = "Removing it erases the whole flash"


async def check_protection(memory: Memory, family: Family, sectors: Sequence[Sector]) -> None:
    """Raise ProtectedError if TrustZone is in use, readout protection on, or one of ``sectors`` write-protected."""
    protection = family.protection
    batch = Batch()
    slots = {name: batch.read(address) for name, address in protection.registers.items()}
    await memory.run(batch)
    words = {name: slot.value for name, slot in slots.items()}
    if protection.secure(words):
        raise ProtectedError(
            "Programming the flash",
            "TrustZone is in use on this chip (option bit TZEN), so that flash, RAM and the flash controller have a "
            "secure side that Haltpoint cannot program yet; nothing has been touched",
            "Clear TZEN with a tool that does so (that is a regression of the readout protection and erases the "
            "flash), or program the chip with its vendor's tool.",
        )
    level = protection.level(words)
    if level:
        which = " (level 2, for ever)" if level > 1 else ""
        cure = f"{CONSEQUENCE}: {protection.readout_cure}" if level == 1 else "This chip cannot be programmed any more."
        raise ProtectedError("Programming the flash", f"the chip's readout protection is on{which}", cure)
    guarded = [sector for sector in sectors if protection.guarded(words, sector)]
    if guarded:
        more = f" and {len(guarded) - 1} more" if len(guarded) > 1 else ""
        seen = ", ".join(f"{name} reads 0x{word:08X}" for name, word in words.items())
        raise ProtectedError(
            f"Programming the flash at 0x{guarded[0].start:08X}",
            f"the sector there{more} is write-protected ({seen})",
            f"{protection.write_cure} Nothing has been erased.",
            address=guarded[0].start,
        )


def explain_status(family: Family, status: int) -> str:
    """What the error flags in a status register mean, or the bare word if none is set."""
    meanings = [f"{flag.meaning} ({flag.name})" for flag in family.errors if status & flag.mask]
    return " and ".join(meanings) or f"the status register reads 0x{status:08X}"


class FlashAccess:
    """The controllers that serve some banks, from unlocking to leaving them as they were."""

    def __init__(self, memory: Memory, family: Family, banks: Iterable[int]) -> None:
        self._memory = memory
        self._family = family
        self._controllers = tuple(dict.fromkeys(family.controller(bank) for bank in banks))
        self._saved: dict[Controller, int] = {}

    async def settle(self) -> None:
        """Wait for what firmware has started: before it ends, not even a read may be answered. Raises FlashError."""
        try:
            await self._wait_until_idle()
        except PollTimeoutError as error:
            seen = f"the flash controller stays busy (its status register reads 0x{error.last:08X})"
            raise FlashError(
                ATTEMPT,
                seen,
                "Reset and halt the target (monitor reset halt), then load again; if that does not help, switch the "
                "board off and on.",
            ) from error

    async def open(self) -> None:
        """Wait for what firmware has started, clear old errors and leftovers in the control register, unlock.

        The keys are written only where the controller is locked: sent to an unlocked one they would lock it until
        the next reset. Raises FlashError.
        """
        family = self._family
        await self.settle()
        batch = Batch()
        controls = {}
        for controller in self._controllers:
            batch.write(controller.clear or controller.status, family.clear_status)
            controls[controller] = batch.read(controller.control)
        await self._memory.run(batch)
        self._saved = {controller: slot.value for controller, slot in controls.items()}
        batch = Batch()
        for controller, control in self._saved.items():
            if control & family.lock:
                for key in family.keys:
                    batch.write(controller.key, key)
            for mask, register, keys in controller.further:
                if control & mask:
                    for key in keys:
                        batch.write(register, key)
            batch.write(controller.control, 0)
            controls[controller] = batch.read(controller.control)
        try:
            await self._memory.run(batch)
        except AccessFaultError as error:
            raise self._locked_out() from error
        for controller, slot in controls.items():
            locks = sum(mask for mask, _, _ in controller.further) | family.lock
            if slot.value & locks:
                raise self._locked_out()

    async def _wait_until_idle(self) -> None:
        """A controller that is busy must not be written to. Raises PollTimeoutError after the family's patience."""
        deadline = trio.current_time() + self._family.patience
        while True:
            batch = Batch()
            for controller in self._controllers:
                batch.poll(controller.status, self._family.busy & ~self._family.unfinished, 0, LOOK_SECONDS)
            try:
                await self._memory.run(batch)
            except PollTimeoutError:
                if trio.current_time() >= deadline:
                    raise
            else:
                return

    def _locked_out(self) -> FlashError:
        seen = "its controller does not take the keys, because firmware has locked it until the next reset"
        return FlashError(ATTEMPT, seen, "Reset and halt the target (monitor reset halt), then load again.")

    async def note_programmed(self, start: int) -> None:
        """Where the chip goes on to take its flash for blank, which it no longer is at ``start``, tell it."""
        flag = self._family.empty
        if flag is None:
            return
        batch = Batch()
        seen, first = batch.read(flag.address), batch.read(start)
        await self._memory.run(batch)
        if seen.value & flag.mask and first.value != BLANK:
            await self._memory.write32(flag.address, flag.mask if flag.toggles else seen.value & ~flag.mask)

    async def close(self) -> None:
        """Put the control registers back, locked where they were locked; an operation is never started again."""
        if not self._saved:
            return
        family = self._family
        await self._wait_until_idle()
        batch = Batch()
        for controller, control in self._saved.items():
            batch.write(controller.clear or controller.status, family.clear_status)
            batch.write(controller.control, control & ~family.start)
        await self._memory.run(batch)
        self._saved = {}
