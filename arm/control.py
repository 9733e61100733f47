"""DHCSR: the rules for writing it, and what it says when it is read.

DDI0403E C1.6.2. Changing C_MASKINTS is UNPREDICTABLE unless the core is halted before the write and the
write sets C_HALT. So interrupts are masked and unmasked in writes of their own that keep the core halted,
and every other write repeats the bit as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import trio

from ..probes.access import Batch
from ..probes.errors import AccessFaultError, LinkError
from .memory import Memory
from .registers_debug import DBGKEY, DFSR, DHCSR
from .snapshot import registers_if_halted

__all__ = ["DFSR_ALL", "Control", "Halted", "describe", "pauses"]

DFSR_ALL = 0x1F
"""Writing this to DFSR clears all of it."""


@dataclass(frozen=True)
class Halted:
    """How a halt request ended: DHCSR before it, DHCSR (S_HALT tells whether it worked) and DFSR at the end.

    ``registers`` are those of a snapshot; None where the core does not halt.
    """

    before: DHCSR
    dhcsr: DHCSR
    dfsr: int
    registers: tuple[int, ...] | None


_FIRST_PAUSE = 0.0005  # seconds; a halt is seen by the first or second look
_LONGEST_PAUSE = 0.02


def pauses() -> Callable[[], float]:
    """Seconds to wait between looks: short at first, then doubling to 20 ms."""
    pause = _FIRST_PAUSE / 2

    def following() -> float:
        nonlocal pause
        pause = min(pause * 2, _LONGEST_PAUSE)
        return pause

    return following


def describe(dhcsr: DHCSR) -> str:
    """What the core is doing, in words, with the register as read."""
    if not dhcsr.C_DEBUGEN:
        state = "halting debug is off (the target lost power, or debug access is locked)"
    elif dhcsr.S_HALT:
        state = "the core is halted"
    elif dhcsr.S_RESET_ST:
        state = "the core is in reset or was reset a moment ago"
    elif dhcsr.S_LOCKUP:
        state = "the core is locked up"
    elif dhcsr.S_SLEEP:
        state = "the core is asleep"
    else:
        state = "the core is running"
    return f"{state}: {dhcsr}"


class Control:
    """Halting, stepping and running as DHCSR writes.

    The methods that take a batch add accesses to it; the one that runs the batch reports by ``seen`` or
    by setting ``masked``. ``doubt`` is set while it is not known whether a batch with DHCSR writes ran.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.masked = False
        self.doubt = False

    def seen(self, word: int) -> DHCSR:
        """Take note of DHCSR as read."""
        dhcsr = DHCSR(word)
        # With C_DEBUGEN at 0 the other control bits mean nothing.
        self.masked = dhcsr.C_DEBUGEN and dhcsr.C_MASKINTS
        self.doubt = False
        return dhcsr

    async def look(self) -> DHCSR:
        """Read DHCSR."""
        return self.seen(await self._memory.read32(DHCSR.address))

    # ------------------------------------------------------------------------------------ sequences
    def request_halt(self, batch: Batch) -> None:
        """Ask a core in any state to halt; C_MASKINTS stays as it is."""
        batch.write(DHCSR.address, DHCSR.make(DBGKEY, C_DEBUGEN=1, C_HALT=1, C_MASKINTS=self.masked))

    def enable(self, batch: Batch) -> None:
        """Enable halting debug on a running core and leave it running."""
        batch.write(DHCSR.address, DHCSR.make(DBGKEY, C_DEBUGEN=1, C_MASKINTS=self.masked))

    @staticmethod
    def unmask(batch: Batch) -> None:
        """Let a halted core take interrupts again once it runs."""
        batch.write(DHCSR.address, DHCSR.make(DBGKEY, C_DEBUGEN=1, C_HALT=1))

    @staticmethod
    def single_step(batch: Batch) -> None:
        """Make a halted core carry out one instruction with interrupts masked."""
        batch.write(DHCSR.address, DHCSR.make(DBGKEY, C_DEBUGEN=1, C_HALT=1, C_MASKINTS=1))
        batch.write(DHCSR.address, DHCSR.make(DBGKEY, C_DEBUGEN=1, C_STEP=1, C_MASKINTS=1))

    def run(self, batch: Batch) -> None:
        """Make a halted core run with interrupts unmasked."""
        self.unmask(batch)
        batch.write(DHCSR.address, DHCSR.make(DBGKEY, C_DEBUGEN=1))

    @staticmethod
    def disable(batch: Batch) -> None:
        """End halting debug; interrupts must be unmasked by now."""
        batch.write(DHCSR.address, DBGKEY)

    # ------------------------------------------------------------------------------------ waiting
    async def halt(self, timeout: float) -> Halted:  # noqa: ASYNC109  the caller names the sentence
        """Ask for a halt until it is there or ``timeout`` seconds have passed, however often it takes.

        A core asleep or in reset may refuse the access itself at first; that is retried too, and what
        was refused last is raised when time is up.
        """
        if self.doubt:
            await self.look()
        deadline = trio.current_time() + timeout
        pause = pauses()
        first: DHCSR | None = None
        while True:
            batch = Batch()
            before = batch.read(DHCSR.address)
            self.request_halt(batch)
            after = batch.read(DHCSR.address)
            dfsr = batch.read(DFSR.address)
            registers = registers_if_halted(batch, after)
            try:
                await self._memory.run(batch)
            except (AccessFaultError, LinkError):
                if trio.current_time() >= deadline:
                    raise
            else:
                first = first or DHCSR(before.value)
                last = self.seen(after.value)
                if last.S_HALT or trio.current_time() >= deadline:
                    return Halted(first, last, dfsr.value, registers.value)
            await trio.sleep(pause())
