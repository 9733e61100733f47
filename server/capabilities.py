"""What a target is made of: core control and flash programming, as packet handlers may ask for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from ..arm.core import ConnectMode
from ..arm.identify import CoreInfo
from ..arm.memory import Memory
from ..arm.reset import ResetKind
from ..arm.stop import Stop
from .points import BreakpointTable, WatchpointTable

__all__ = ["Core", "FlashCapability", "GuardCapability"]


class Core(Protocol):
    """What is asked of core control; ``arm.core.CortexM`` says what each of these means."""

    @property
    def memory(self) -> Memory:
        """The memory seam."""
        ...

    @property
    def info(self) -> CoreInfo:
        """Which core this is."""
        ...

    @property
    def notices(self) -> list[str]:
        """Sentences for the user; whoever shows them takes them out."""
        ...

    @property
    def breakpoints(self) -> BreakpointTable:
        """The table of breakpoints."""
        ...

    @property
    def watchpoints(self) -> WatchpointTable:
        """The table of watchpoints."""
        ...

    @property
    def stop(self) -> Stop | None:
        """The snapshot of the present stop, None while running."""
        ...

    async def connect(self, mode: ConnectMode) -> None:
        """Switch halting debug on."""
        ...

    async def poll(self) -> Stop | None:
        """One look."""
        ...

    async def halt(self) -> Stop:
        """Ask for a halt and wait for it."""
        ...

    async def resume(self) -> None:
        """Write what changed and run."""
        ...

    async def step(self) -> Stop:
        """One instruction."""
        ...

    async def step_range(self, start: int, end: int, code: bytes, patience: float) -> Stop | None:
        """Instructions while pc stays in a range; None when there are more to come."""
        ...

    async def reset(self, *, halt: bool, kind: ResetKind = ResetKind.SYSTEM) -> Stop | None:
        """Reset the chip or, where it can be, the core alone."""
        ...

    async def read_register(self, regsel: int) -> int:
        """By REGSEL; cached while halted."""
        ...

    async def write_register(self, regsel: int, value: int) -> None:
        """By REGSEL."""
        ...

    async def answer_bkpt(self, result: int, reads: Iterable[tuple[int, int]] = ()) -> None:
        """r0 for the program's own BKPT instruction, written with the next run."""
        ...

    def repeat_bkpt(self) -> None:
        """Carry out the program's own BKPT instruction again."""
        ...

    async def settle(self) -> None:
        """Write what was left for the next run."""
        ...

    async def apply_points(self) -> None:
        """Bring what the target holds in line with the tables while it runs."""
        ...

    async def detach(self) -> None:
        """Leave no trace and let it run."""
        ...

    async def read_memory(self, address: int, length: int) -> bytes:
        """Without our own BKPTs."""
        ...

    async def write_memory(self, address: int, data: bytes) -> None:
        """Beneath our own BKPTs."""
        ...


class FlashCapability(Protocol):
    """What is asked of flash programming; ``flash.session.FlashSession`` says what each of these means."""

    def erase(self, address: int, length: int) -> None:
        """Note sectors to erase."""
        ...

    def write(self, address: int, data: bytes) -> None:
        """Note bytes to program."""
        ...

    async def finish(self) -> object:
        """Do it; str() of the result is a line for the user."""
        ...

    def discard(self) -> None:
        """Forget what was noted."""
        ...

    def preserve(self, address: int, length: int) -> None:
        """Note RAM that must survive ``finish``."""
        ...


class GuardCapability(Protocol):
    """What is asked of readout and write protection; ``flash.unlock.FlashGuard`` says what each of these means."""

    async def describe(self) -> list[str]:
        """A sentence for each thing worth knowing."""
        ...

    async def consequence(self) -> str:
        """What unlocking would do."""
        ...

    async def locked(self) -> bool:
        """Whether there is anything to unlock."""
        ...

    async def unlock(self) -> list[str]:
        """Do it; sentences about what was done."""
        ...
