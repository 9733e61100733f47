"""Calls by BKPT: a program that asks its debugger for something by BKPT asks again soon.

The snapshot of a stop reads all registers, which takes an ST-Link longer than all the rest of such a call. So
after an answer the next looks read only what a call consists of, together with the memory that the last
calls pointed at: most of the time that is all there is to read, and it comes with the batch that runs the core.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast

from ..probes.access import Batch, Slot
from .address_map import RAM_END
from .registers_core import Regsel
from .registers_debug import DFSR, DHCSR

__all__ = ["Calls", "Glimpse"]

REGISTERS = (0, 1, Regsel.PC, Regsel.XPSR)
"""What a call consists of: r0 and r1, where it is made, and whether in an IT block."""

LOOKS = 16
"""Looks after an answer that expect another call."""

PLACES = 3
"""Call sites that are remembered: the instruction there is read with each look."""

WORDS = 24
"""Words read on the chance that the next call points at them."""

LONGEST = 16
"""Words; a longer piece of memory is read when it is asked for."""


@dataclass(frozen=True, slots=True)
class Glimpse:
    """DHCSR, and of a core that it shows halted DFSR, the registers of a call and words of memory."""

    dhcsr: int
    dfsr: int
    registers: Mapping[int, int] | None = None
    words: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """A glimpse on its way."""

    dhcsr: Slot[int]
    dfsr: Slot[int]
    registers: Slot[tuple[int, ...] | None]
    words: Mapping[int, Slot[int | None]]

    def glimpse(self) -> Glimpse:
        """What came of it, once its batch has run."""
        registers = self.registers.value
        if registers is None:
            return Glimpse(self.dhcsr.value, self.dfsr.value)
        words = {address: slot.value for address, slot in self.words.items() if slot.value is not None}
        return Glimpse(self.dhcsr.value, self.dfsr.value, dict(zip(REGISTERS, registers, strict=True)), words)


class Calls:
    """What is expected of the program's next call."""

    def __init__(self) -> None:
        self._looks = 0
        self._places: deque[int] = deque(maxlen=PLACES)
        self._reads: tuple[int, ...] = ()
        self._words: Mapping[int, int] = {}

    @property
    def expected(self) -> bool:
        """Whether the next look is to be a glimpse."""
        return self._looks > 0

    def expect(self, place: int, reads: Iterable[tuple[int, int]]) -> None:
        """A call at ``place`` was answered; ``reads`` are the (address, length) that it pointed at.

        They are remembered with those of calls before it: a program has a few places that it calls from in turn.
        """
        self._looks = LOOKS
        if place in self._places:
            self._places.remove(place)
        self._places.append(place)
        words = [
            word
            for address, length in reads
            if length <= 4 * LONGEST and address + length <= RAM_END
            for word in range(address & ~3, address + length, 4)
        ]
        self._reads = tuple(dict.fromkeys([*words, *self._reads]))[:WORDS]

    def ask(self, batch: Batch) -> Asked:
        """Add a glimpse to ``batch``."""
        self._looks -= 1
        dhcsr, dfsr = batch.read(DHCSR.address), batch.read(DFSR.address)
        batch.require(dhcsr, DHCSR.S_HALT.mask, DHCSR.S_HALT.mask)
        registers = cast("Slot[tuple[int, ...] | None]", batch.read_core(*REGISTERS))
        addresses = dict.fromkeys([*(place & ~3 for place in self._places), *self._reads])
        words = {address: cast("Slot[int | None]", batch.read(address)) for address in addresses}
        return Asked(dhcsr, dfsr, registers, words)

    def is_call(self, seen: Glimpse) -> bool:
        """Whether it shows a BKPT event and the instruction that made it."""
        if seen.registers is None or DFSR(seen.dfsr).value & ~DFSR.HALTED.mask != DFSR.BKPT.mask:
            return False
        return seen.registers[Regsel.PC] & ~3 in seen.words

    def keep(self, words: Mapping[int, int]) -> None:
        """These words were read of the core as it stands now."""
        self._words = words

    def memory(self, address: int, length: int) -> bytes | None:
        """A piece of memory that was read with the glimpse of the present stop; None when it was not."""
        first, end = address & ~3, address + length
        found = [self._words.get(word) for word in range(first, end, 4)] if self._words else [None]
        if None in found:
            return None
        data = b"".join(word.to_bytes(4, "little") for word in found if word is not None)
        return data[address - first : end - first]

    def forget(self) -> None:
        """Memory may have changed."""
        self._words = {}

    def end(self) -> None:
        """Nothing is expected any more: something else happened."""
        self._looks = 0
        self._reads = ()
        self._words = {}
