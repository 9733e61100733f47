"""Readout and write protection removed, at the price that the chip demands: its whole flash.

Only ever called because a user has asked for just that, in so many words.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import trio

from ..arm.core import CortexM
from ..probes.errors import HaltpointError
from .chips import Chip
from .controller import FlashAccess
from .errors import FlashError, ProtectedError
from .option_writers import WRITERS, OptionWriter
from .options import options_of
from .protection import FOREVER, ProtectionState, describe_protection, read_protection
from .sanitize import Sanitizer
from .visit import default_steps

__all__ = ["FlashGuard", "consequence", "unlock"]

log = logging.getLogger(__name__)

ATTEMPT = "Unlocking the flash"
RESET_SECONDS = 0.05
"""Loading option bytes resets the chip; this is more than it takes to come up again."""


def consequence(chip: Chip, state: ProtectionState) -> str:
    """What unlocking would do to this chip, in a sentence or two."""
    if not state.locked:
        return f"{chip.name} is not protected: there is nothing to unlock."
    parts = []
    if state.level:
        parts.append("Removing the readout protection erases the whole flash (and data EEPROM where there is one).")
    if state.guarded:
        parts.append(f"The write protection of {len(state.guarded)} sectors is removed.")
    return " ".join([*parts, "Afterwards the board has to be switched off and on."])


async def unlock(core: CortexM, chip: Chip) -> list[str]:
    """Bring readout protection to level 0 and remove write protection; lines about what was done.

    The core is reset and halted afterwards. Cancellation waits for that: option bytes half written could lock the chip
    for good, and an erase goes on by itself. Raises ProtectedError for what cannot be removed, FlashError where
    the chip does not do it, and what Memory raises.
    """
    async with core.memory.exclusive():
        state = await read_protection(core.memory, chip)
        _require_possible(chip, state)
        if not state.locked:
            return [consequence(chip, state)]
        if core.stop is None:
            await core.halt()
        with trio.CancelScope(shield=True):
            await _write(core, chip, guarded=bool(state.guarded))
            await core.reset(halt=True)
        after = await read_protection(core.memory, chip)
    if after.locked:
        what = "readout protection" if after.level else "write protection"
        raise FlashError(
            ATTEMPT,
            f"the {what} is still on after its option bytes were written",
            "Switch the board off and on, then look with 'haltpoint info'.",
        )
    done = ["Readout protection is off; the flash has been erased."] if state.level else []
    done += [f"Write protection of {len(state.guarded)} sectors is off."] if state.guarded else []
    return [*done, "Switch the board off and on before you go on."]


class FlashGuard:
    """A chip's protection, for those who have a target and no chip. All raise what Memory raises."""

    def __init__(self, core: CortexM, chip: Chip) -> None:
        self._core = core
        self._chip = chip

    async def describe(self) -> list[str]:
        """Sentences about protection and options; the core may run."""
        return describe_protection(self._chip, await read_protection(self._core.memory, self._chip))

    async def consequence(self) -> str:
        """What ``unlock`` would do."""
        return consequence(self._chip, await read_protection(self._core.memory, self._chip))

    async def locked(self) -> bool:
        """Whether there is anything to unlock."""
        return (await read_protection(self._core.memory, self._chip)).locked

    async def unlock(self) -> list[str]:
        """See the function of that name."""
        return await unlock(self._core, self._chip)


def _require_possible(chip: Chip, state: ProtectionState) -> None:
    options = options_of(chip.family.name)
    if options is None or chip.family.name not in WRITERS:
        raise ProtectedError(ATTEMPT, f"{chip.name} has no option bytes that are known here", "Use its vendor's tool.")
    if state.secure:
        raise ProtectedError(ATTEMPT, "TrustZone is in use on this chip (option bit TZEN)", "Use its vendor's tool.")
    if state.level >= FOREVER:
        raise ProtectedError(ATTEMPT, "readout protection is at level 2, which nothing undoes", "Replace the chip.")
    if state.level and not options.regression:
        cure = chip.family.protection.readout_cure
        raise ProtectedError(ATTEMPT, "the product state is not Open", f"To go back to it, {cure}")


async def _write(core: CortexM, chip: Chip, *, guarded: bool) -> None:
    """With the core's surroundings made harmless as for a loader: HSI runs, no DMA, no watchdog bites.

    Not to be cancelled.
    """
    memory = core.memory
    sanitizer = Sanitizer(memory, default_steps(chip))
    access = FlashAccess(memory, chip.family, [1])
    try:
        await sanitizer.save()
        await sanitizer.change()
        await access.open()
        await WRITERS[chip.family.name](OptionWriter.of(memory, chip, guarded=guarded))
    except HaltpointError:
        for part in (access.close, sanitizer.restore):
            await _try(part)
        raise
    await trio.sleep(RESET_SECONDS)
    await sanitizer.restore(after_reset=True)


async def _try(part: Callable[[], Awaitable[None]]) -> None:
    """What fails here goes to the log, because the first failure is raised."""
    try:
        await part()
    except HaltpointError as error:
        log.warning("putting the target back: %s", error)
