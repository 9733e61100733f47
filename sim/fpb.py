"""Flash Patch and Breakpoint unit (DDI0403E C1.11; version 2 as in DDI0489 and DDI0553)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .bus import BusFault, Peripheral, Unmodelled
from .romtable import core_ids

if TYPE_CHECKING:
    from .core import Core

__all__ = ["Fpb"]

_KEY = 1 << 1
_COMP_BITS = 0xDFFF_FFFD


class Fpb(Peripheral):
    """Code and literal comparators. Breakpoints are modelled; remapping is refused loudly.

    ARMv6-M calls the unit BPU: comparators for breakpoints alone. Version 2 compares whole addresses, anywhere.
    """

    name = "FPB"
    base = 0xE000_2000
    size = 0x1000

    def __init__(self, core: Core) -> None:
        self.core = core
        self.code, self.literal = core.profile.breakpoints, core.profile.literals
        self.whole = core.profile.patch_version == 2
        self.ids = core_ids("cortex-m3").fpb
        self.enabled = False
        self.remap = 0x2000_0000
        self.comparators = [0] * (self.code + self.literal)
        self._addresses: set[int] = set()
        self.hidden: set[int] = set()
        self._watches: dict[int, Callable[[], None]] = {}

    def power_on(self) -> None:
        """Power-on reset: unit off, comparators off."""
        self.enabled = False
        self.remap = 0x2000_0000
        self.comparators = [0] * (self.code + self.literal)
        self._arm()

    def reset(self) -> None:
        """System reset: the unit is in the debug domain and keeps its state."""

    def matches(self, address: int) -> bool:
        """Tell whether an enabled comparator holds the instruction at ``address``."""
        return address in self._addresses

    def guards(self, address: int) -> bool:
        """Tell whether ``address`` is an IT instruction whose block holds a breakpoint."""
        return address in self._watches and address not in self._addresses

    def step_through(self, address: int) -> None:
        """Execute an IT block instruction by instruction, so that a breakpoint inside it is seen."""
        core = self.core
        count = 1 + _it_length(core.bus.peek(address, 2))
        for _ in range(count):
            core.step_one()
            if core.debug.halted or core.exceptions.pending or core.engine.pc in self.hidden:
                return

    def read(self, offset: int, width: int) -> int:
        """Word registers; what is not there reads 0."""
        if width != 4 or offset & 3:
            raise BusFault(self.base + offset, "the FPB takes word accesses only")
        if offset == 0:
            return (self.whole << 28) | self.literal << 8 | self.code << 4 | self.enabled
        if offset == 4:
            return self.remap if self.literal else 0
        index = (offset - 8) // 4
        return self.comparators[index] if 0 <= index < len(self.comparators) else self.ids.get(offset, 0)

    def write(self, offset: int, value: int, width: int) -> None:
        """FP_CTRL needs KEY = 1; comparators may be written at any time."""
        if width != 4 or offset & 3:
            raise BusFault(self.base + offset, "the FPB takes word accesses only")
        index = (offset - 8) // 4
        if offset == 0:
            if value & _KEY:
                self.enabled = bool(value & 1)
        elif offset == 4:
            self.remap = value & 0x1FFF_FFE0 | 0x2000_0000
        elif 0 <= index < len(self.comparators):
            self.comparators[index] = value & (0xFFFF_FFFF if self.whole else _COMP_BITS)
        else:
            return
        self._arm()

    def _arm(self) -> None:
        addresses: set[int] = set()
        if self.enabled:
            for index, word in enumerate(self.comparators):
                if word & 1:
                    addresses |= self._breakpoints(index, word)
        self._addresses = addresses
        wanted = {self._watch_address(address) for address in addresses}
        self.hidden = addresses - wanted
        for address in [address for address in self._watches if address not in wanted]:
            self._watches.pop(address)()
        for address in wanted - self._watches.keys():
            self._watches[address] = self.core.engine.watch_code(address, self._on_match)

    def _breakpoints(self, index: int, word: int) -> set[int]:
        if self.whole:
            return {word & ~1}
        replace = word >> 30
        if not self.literal and replace == 0:
            return set()
        if replace == 0 or index >= self.code:
            raise Unmodelled(
                f"FPB: FP_COMP{index} = 0x{word:08X} asks for a remap; the simulator only models breakpoints"
            )
        base = word & 0x1FFF_FFFC
        return {base} if replace == 1 else {base + 2} if replace == 2 else {base, base + 2}

    def _watch_address(self, address: int) -> int:
        """Return the address to stop at: an IT block can only be stopped before its IT instruction."""
        for back in range(2, 18, 2):
            try:
                length = _it_length(self.core.bus.peek(address - back, 2))
            except BusFault:
                break
            if length and self._begins(address - back) and self._block_holds(address - back, length, address):
                return address - back
        return address

    def _begins(self, address: int) -> bool:
        """Whether an instruction begins here: not where an odd number of first halves of wide ones comes before."""
        firsts = 0
        try:
            while self.core.bus.peek(address - 2 * firsts - 1, 1)[0] >= _WIDE_HIGH:
                firsts += 1
        except BusFault:
            pass  # the memory begins here
        return firsts % 2 == 0

    def _block_holds(self, it: int, length: int, address: int) -> bool:
        at = it + 2
        for _ in range(length):
            if at == address:
                return True
            at += 4 if int.from_bytes(self.core.bus.peek(at, 2), "little") >= 0xE800 else 2
        return False

    def _on_match(self, _: int) -> None:
        if not self.core.stepping:
            self.core.engine.stop_before()


_WIDE_HIGH = 0xE8
"""High byte of the first half of a 32-bit instruction, at least (A5.1)."""


def _it_length(half: bytes) -> int:
    """Number of instructions in the block of an IT instruction, 0 if it is none (A7.7.38)."""
    word = int.from_bytes(half, "little")
    mask = word & 0xF
    if word >> 8 != 0xBF or not mask:
        return 0
    return 4 - ((mask & -mask).bit_length() - 1)
