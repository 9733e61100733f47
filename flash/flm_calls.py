"""Functions of a flash algorithm called one by one on the target, and what it means when one does not return well.

A call sets the core's registers and lets it run; the function has returned when the core is halted by the BKPT to which
LR led it, without a reset in between, with its stack pointer as before and the canary below the stack untouched.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import trio

from ..arm.memory import Memory
from ..arm.registers_core import Regsel
from ..arm.registers_debug import DFSR
from ..probes.access import Batch
from .diagnosis import ATTEMPT, CoreState, compare_upload, faults
from .errors import FlashError, LoaderError
from .flm_layout import CANARY, CallLayout
from .visit import Visit

__all__ = ["Call", "Caller", "Function"]

ALL_STOPS = DFSR.make(HALTED=1, BKPT=1, DWTTRAP=1, VCATCH=1, EXTERNAL=1)
STATIC_BASE = 9
"""R9, by REGSEL: AAPCS (IHI0042), "Core registers"."""
RESULT = 0
PATIENCE_FACTOR = 2.0
PATIENCE = 0.5
"""A call may last this many seconds more than its own limit times the factor."""
SHORTEST_NAP, LONGEST_NAP = 0.0005, 0.02
EXPECTED = 0.95
"""Of what the same function took the last time: until then nobody looks."""
READ_BACK = 4096
WORD = 4


@dataclass(frozen=True, slots=True)
class Function:
    """A function by name, where it begins, and its time limit in seconds."""

    name: str
    entry: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Call:
    """A call under way. ``what`` is how sentences name it, ``address`` where in flash it works."""

    function: Function
    what: str
    address: int
    started: float


class Caller:
    """Calls functions in a core that is being visited. ``idle`` is awaited between looks at a core that runs."""

    def __init__(self, visit: Visit, memory: Memory, layout: CallLayout, idle: Callable[[], Awaitable[None]]) -> None:
        self._visit = visit
        self._memory = memory
        self._layout = layout
        self._idle = idle
        self._seen: dict[str, float] = {}

    async def upload(self) -> None:
        """Write the algorithm and all around it to RAM, read it back and compare. Raises VerifyError."""
        image = self._layout.image()
        batch = Batch()
        batch.write_block(self._layout.base, image)
        slot = batch.read_block(self._layout.base, len(image))
        await self._memory.run(batch)
        compare_upload(self._layout.base, image, slot.value)

    async def begin(self, function: Function, *arguments: int, address: int, what: str = "") -> Call:
        """Let ``function`` run with up to four ``arguments``."""
        batch = Batch()
        batch.write(DFSR.address, ALL_STOPS)  # it must tell why this call ends
        await self._memory.run(batch)
        await self._visit.start(
            {
                **dict(enumerate(arguments)),
                STATIC_BASE: self._layout.static_base,
                Regsel.LR: self._layout.done | 1,
                Regsel.MSP: self._layout.stack_top,
                Regsel.PC: function.entry,
            }
        )
        what = what or f"{function.name} of {self._layout.algorithm.file}"
        return Call(function, what, address, trio.current_time())

    async def end(self, call: Call) -> int:
        """Wait until the function has returned; its result. Raises LoaderError."""
        name, limit = call.function.name, PATIENCE + PATIENCE_FACTOR * call.function.seconds
        await trio.sleep(call.started + EXPECTED * self._seen.get(name, 0.0) - trio.current_time())
        while True:
            status = await self._visit.status()
            if status.S_HALT or status.S_LOCKUP or status.S_RESET_ST:
                break
            waited = trio.current_time() - call.started
            if waited > limit:
                raise self._error(call, f"did not return within {waited:.1f} s", await self._visit.look())
            await self._idle()
            await trio.sleep(min(max(SHORTEST_NAP, waited / 8), LONGEST_NAP))
        self._seen[name] = trio.current_time() - call.started
        return await self._result(call)

    async def call(self, function: Function, *arguments: int, address: int, what: str = "") -> int:
        """Begin and end."""
        return await self.end(await self.begin(function, *arguments, address=address, what=what))

    async def _result(self, call: Call) -> int:
        state = await self._visit.look()
        if state.dhcsr.S_RESET_ST:
            raise self._error(call, "was cut short by a reset of the target", state)
        if not state.dhcsr.S_HALT:
            raise self._error(call, f"locked the core up ({await faults(self._memory)})", state)
        layout, stack = self._layout, state.registers[Regsel.MSP]
        if state.pc == layout.done and state.dfsr.BKPT and stack == layout.stack_top:
            return state.registers[RESULT]
        await self.check_stack(call)
        if state.dhcsr.S_LOCKUP or state.dfsr.VCATCH:
            where = await self._place(state)
            raise self._error(call, f"faulted at 0x{where:08X} ({await faults(self._memory)})", state)
        if state.pc != layout.done:
            seen = f"stopped at 0x{state.pc or 0:08X} and not where it should return to, 0x{layout.done:08X}"
        else:
            seen = f"came back with the stack pointer 0x{stack:08X} instead of 0x{layout.stack_top:08X}"
        raise self._error(call, f"{seen} ({state.dfsr})", state)

    async def check_stack(self, call: Call) -> None:
        """Raise LoaderError if the stack has not been large enough up to ``call``."""
        layout = self._layout
        if await self._memory.read32(layout.stack_bottom) != CANARY:
            size = layout.stack_top - layout.stack_bottom
            raise self._error(call, f"needs more than the {size} bytes of stack there are", await self._visit.look())

    async def _place(self, state: CoreState) -> int:
        """Where the fault was: the PC of the exception frame if there is one on the stack."""
        stack = state.registers[Regsel.MSP]
        if self._layout.stack_bottom <= stack <= self._layout.stack_top - 32 and not stack % WORD:
            return await self._memory.read32(stack + 24)
        return state.pc or 0

    def _error(self, call: Call, seen: str, state: CoreState) -> LoaderError:
        return LoaderError(
            f"{ATTEMPT} at 0x{call.address:08X}",
            f"{call.what} {seen}",
            "Check that the algorithm is for this chip and where its RAM is; reset the target (monitor reset halt), "
            "then load again.",
            pc=state.pc,
            dhcsr=state.dhcsr.value,
        )

    async def require_zero(self, call: Call) -> None:
        """Wait for the end; raises FlashError unless the result is 0."""
        result = await self.end(call)
        if result:
            raise FlashError(
                f"{ATTEMPT} at 0x{call.address:08X}",
                f"{call.what} returned {result} (0x{result:X}) instead of 0",
                "Reset the target (monitor reset halt) and load again; if that does not help, the algorithm is not for "
                "this chip, or the flash is protected.",
                address=call.address,
            )
