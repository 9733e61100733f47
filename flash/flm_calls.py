"""Functions of a flash algorithm called on the target, and what it means when one does not return well.

A call sets the core's registers and lets it run; the function has returned when the core is halted by the BKPT to which
LR led it, without a reset in between, with its stack pointer as before and the canary below the stack untouched.
Several calls of one function may be a list, which code of ours on the target works off until one of them fails.
"""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import trio

from ..arm.memory import Memory
from ..arm.registers_core import Regsel
from ..arm.registers_debug import DFSR
from ..probes.access import Batch
from .diagnosis import ATTEMPT, CoreState, compare_upload, faults
from .errors import FlashError, LoaderError
from .flm_layout import CANARY, CallLayout
from .sanitize import ALL_STOPS
from .visit import Visit

__all__ = ["Caller", "Calls", "Function", "arguments"]

STATIC_BASE = 9
"""R9, by REGSEL: AAPCS (IHI0042), "Core registers"."""
RESULT, LEFT = 0, 1
PATIENCE_FACTOR = 2.0
PATIENCE = 0.5
"""A call may last this many seconds more than its own limit times the factor."""
SHORTEST_NAP, LONGEST_NAP = 0.0005, 0.02
EXPECTED = 0.95
"""Of what the same took the last time: until then nobody looks."""
FRAME_SIZE, FRAME_PC = 32, 24
WORD = 4


@dataclass(frozen=True, slots=True)
class Function:
    """A function by the name that sentences give it, where it begins, and the limit for one call in seconds.

    ``shown`` of its arguments are of interest to a user; the first is an address in flash if it is ``addressed``.
    """

    name: str
    entry: int
    seconds: float
    shown: int = 3
    addressed: bool = True


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls under way: the arguments of each, and since when."""

    function: Function
    each: Sequence[tuple[int, ...]]
    started: float

    def attempt(self, number: int = 0) -> str:
        """What is being tried, as sentences begin."""
        return f"{ATTEMPT} at 0x{self.each[number][0]:08X}" if self.function.addressed else ATTEMPT

    def named(self, number: int) -> str:
        """One of them."""
        shown = self.each[number][: self.function.shown]
        return f"{self.function.name}({', '.join(f'0x{argument:X}' for argument in shown)})"

    def __str__(self) -> str:
        return self.named(0) if len(self.each) == 1 else f"one of the calls from {self.named(0)} to {self.named(-1)}"


def arguments(each: Sequence[tuple[int, ...]]) -> bytes:
    """The list of calls as the target reads it."""
    return b"".join(struct.pack("<3I", *(*call, 0, 0)[:3]) for call in each)


class Caller:
    """Calls functions in a core that is being visited. ``idle`` is awaited between looks at a core that runs."""

    def __init__(self, visit: Visit, memory: Memory, layout: CallLayout, idle: Callable[[], Awaitable[None]]) -> None:
        self._visit = visit
        self._memory = memory
        self._layout = layout
        self._idle = idle
        self._seen: dict[tuple[str, int], float] = {}
        self._under_way: Calls | None = None

    async def upload(self) -> None:
        """Write the algorithm and all around it to RAM, read it back and compare. Raises VerifyError."""
        image = self._layout.image()
        batch = Batch()
        batch.write_block(self._layout.base, image)
        slot = batch.read_block(self._layout.base, len(image))
        await self._memory.run(batch)
        compare_upload(self._layout.base, image, slot.value)

    async def begin(self, function: Function, *call: int) -> Calls:
        """Let ``function`` run, with up to four arguments."""
        return await self._begin(function, [call], function.entry, call)

    async def begin_each(self, function: Function, each: Sequence[tuple[int, ...]], place: int) -> Calls:
        """Let ``function`` run several times; ``arguments`` of all are at ``place``."""
        if len(each) == 1:
            return await self.begin(function, *each[0])
        return await self._begin(function, each, self._layout.each, (function.entry | 1, place, len(each)))

    async def _begin(
        self, function: Function, each: Sequence[tuple[int, ...]], entry: int, registers: tuple[int, ...]
    ) -> Calls:
        await self._memory.write32(DFSR.address, ALL_STOPS)  # it must tell why this call ends
        await self._visit.start(
            {
                **dict(enumerate(registers)),
                STATIC_BASE: self._layout.static_base,
                Regsel.LR: self._layout.done | 1,
                Regsel.MSP: self._layout.stack_top,
                Regsel.PC: entry,
            }
        )
        self._under_way = Calls(function, each, trio.current_time())
        return self._under_way

    async def end(self, calls: Calls) -> None:
        """Wait until all have returned 0. Raises FlashError for a result that is not, LoaderError for no result."""
        state = await self._wait(calls)
        self._under_way = None
        await self._require_return(calls, state)
        result = state.registers[RESULT]
        if result:
            await self.check_stack(calls)
            left = state.registers[LEFT] if len(calls.each) > 1 else 1
            number = len(calls.each) - min(max(left, 1), len(calls.each))
            raise FlashError(
                calls.attempt(number),
                f"{calls.named(number)} of {self._layout.algorithm.file} returned {result} instead of 0",
                "Reset the target (monitor reset halt) and load again; if that does not help, the algorithm is not for "
                "this chip, or the flash is protected.",
                address=calls.each[number][0] if calls.function.addressed else None,
            )

    async def settle(self) -> None:
        """Wait for what is under way, if anything is; raises what ``end`` raises."""
        if self._under_way is not None:
            await self.end(self._under_way)

    async def _wait(self, calls: Calls) -> CoreState:
        key = (calls.function.name, len(calls.each))
        limit = PATIENCE + PATIENCE_FACTOR * calls.function.seconds * len(calls.each)
        await self._sleep_until(calls.started + EXPECTED * self._seen.get(key, 0.0))
        while True:
            state = await self._visit.look()
            waited = trio.current_time() - calls.started
            if state.dhcsr.S_HALT or state.dhcsr.S_LOCKUP or state.dhcsr.S_RESET_ST:
                self._seen[key] = waited
                return state
            if waited > limit:
                await self.check_stack(calls)
                raise self._error(calls, f"did not return within {waited:.1f} s", state)
            await self._idle()
            await trio.sleep(min(max(SHORTEST_NAP, waited / 8), LONGEST_NAP))

    async def _sleep_until(self, moment: float) -> None:
        while (left := moment - trio.current_time()) > 0:
            await trio.sleep(min(left, LONGEST_NAP))
            await self._idle()

    async def _require_return(self, calls: Calls, state: CoreState) -> None:
        if state.dhcsr.S_RESET_ST:
            raise self._error(calls, "was cut short by a reset of the target", state)
        if not state.dhcsr.S_HALT:
            raise self._error(calls, f"locked the core up ({await faults(self._memory)})", state)
        layout, stack = self._layout, state.registers[Regsel.MSP]
        if state.pc == layout.done and state.dfsr.BKPT and stack == layout.stack_top:
            return
        await self.check_stack(calls)
        if state.dhcsr.S_LOCKUP or state.dfsr.VCATCH:
            where = await self._place(state)
            raise self._error(calls, f"faulted at 0x{where:08X} ({await faults(self._memory)})", state)
        if state.pc != layout.done:
            seen = f"stopped at 0x{state.pc or 0:08X} and not where it should return to, 0x{layout.done:08X}"
        else:
            seen = f"came back with the stack pointer 0x{stack:08X} instead of 0x{layout.stack_top:08X}"
        raise self._error(calls, f"{seen} ({state.dfsr})", state)

    async def check_stack(self, calls: Calls) -> None:
        """Raise LoaderError if the stack has not been large enough up to ``calls``."""
        layout = self._layout
        if await self._memory.read32(layout.stack_bottom) != CANARY:
            size = layout.stack_top - layout.stack_bottom
            raise self._error(calls, f"needs more than the {size} bytes of stack there are", await self._visit.look())

    async def _place(self, state: CoreState) -> int:
        """Where the fault was: the PC of the exception frame if there is one on the stack."""
        stack = state.registers[Regsel.MSP]
        if self._layout.stack_bottom <= stack <= self._layout.stack_top - FRAME_SIZE and not stack % WORD:
            return await self._memory.read32(stack + FRAME_PC)
        return state.pc or 0

    def _error(self, calls: Calls, seen: str, state: CoreState) -> LoaderError:
        return LoaderError(
            calls.attempt(),
            f"{calls} of {self._layout.algorithm.file} {seen}",
            "Check that the algorithm is for this chip and where its RAM is; reset the target (monitor reset halt), "
            "then load again.",
            pc=state.pc,
            dhcsr=state.dhcsr.value,
        )
