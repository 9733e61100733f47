"""The breakpoint table, and the difference between it and what the target holds.

Adding and removing edits the table only. Core control writes the difference when the core is about to
run: GDB takes all breakpoints out at every stop and puts them back at every resume, which so costs nothing.

Software breakpoints are BKPT instructions in RAM. What they replaced is kept here, put back into every
read and updated by every write that passes through core control.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from ..probes.access import Batch
from ..probes.errors import TargetError
from .address_map import RAM_END
from .fpb import CODE_END, Fpb
from .registers_debug import FP_COMP, FP_CTRL

__all__ = ["BKPT", "BreakpointKind", "Breakpoints", "bkpt_number"]

BKPT = 0xBE00
"""BKPT #0 (DDI0403E A7.7.17)."""


def bkpt_number(halfword: int) -> int | None:
    """The number in a BKPT instruction, None for any other instruction."""
    return halfword & 0xFF if halfword & 0xFF00 == BKPT else None


class BreakpointKind(Enum):
    """How a breakpoint is made."""

    HARDWARE = "hardware"
    SOFTWARE = "software"
    FLASH = "flash"
    """BKPT in flash. Whoever can program flash puts it there before the core runs, and says so in ``in_flash``."""


class Breakpoints:
    """The table of breakpoints by address. Addresses are halfword aligned; bit 0 is ignored."""

    def __init__(self) -> None:
        self._table: dict[int, BreakpointKind] = {}
        self._fpb = Fpb(1, 0)
        self._written: list[int | None] = []
        # What stood where BKPT now stands in the target's memory.
        self._originals: dict[int, int] = {}
        self.in_flash: dict[int, int] = {}
        """Where BKPT stands in flash, wanted or left over, with what it replaced."""
        self.extra: frozenset[int] = frozenset()
        """Where a running core stops besides, for core control's own purposes; there must be room for them."""

    # ------------------------------------------------------------------------------------ the table
    def add(self, address: int, kind: BreakpointKind) -> None:
        """Set a breakpoint; setting it again changes its kind. Raises TargetError when no comparator fits."""
        address &= ~1
        if kind is BreakpointKind.HARDWARE:
            self._fpb.check((other for other in self._of(kind) if other != address), address)
        self._table[address] = kind

    def remove(self, address: int) -> None:
        """Remove the breakpoint at ``address``, of whatever kind; nothing happens when there is none."""
        self._table.pop(address & ~1, None)

    def clear(self) -> None:
        """Remove all."""
        self._table.clear()
        self.extra = frozenset()

    def at(self, address: int) -> BreakpointKind | None:
        """Kind of the breakpoint at ``address``, None when there is none."""
        return self._table.get(address & ~1)

    def __contains__(self, address: int) -> bool:
        return self.at(address) is not None

    def __len__(self) -> int:
        return len(self._table)

    def wanted_in_flash(self) -> set[int]:
        """Addresses where BKPT shall stand in flash."""
        return set(self._of(BreakpointKind.FLASH))

    @property
    def all_in_flash(self) -> bool:
        """Whether BKPT stands in flash wherever it shall."""
        return self.wanted_in_flash() <= self.in_flash.keys()

    def with_comparator(self) -> list[int]:
        """Addresses of the hardware breakpoints."""
        return self._of(BreakpointKind.HARDWARE)

    def left_over(self, address: int) -> bool:
        """Whether a BKPT stands in flash there that nobody wants any more."""
        return address in self.in_flash and address not in self._table

    def _of(self, kind: BreakpointKind) -> list[int]:
        return [address for address, its_kind in self._table.items() if its_kind is kind]

    # ------------------------------------------------------------------------------------ hardware
    def use(self, fp_ctrl: int) -> None:
        """Take the unit as FP_CTRL describes it. The comparators' contents count as unknown."""
        unit = FP_CTRL(fp_ctrl)
        self._fpb = Fpb(2 if unit.REV else 1, unit.comparators)
        self.extra = frozenset()
        self.forget_written()

    @property
    def cached(self) -> bool:
        """Whether the core may have an instruction cache: all that have one have version 2 of the unit."""
        return self._fpb.version > 1

    def forget_written(self) -> None:
        """Something else may have changed the unit (a reset, a power cycle): write all of it next time."""
        self._written = [None] * (self._fpb.count + 1)

    def in_ram(self, place: int) -> bool:
        """Whether the core can be stopped there by a BKPT instruction only."""
        return self._fpb.version == 1 and CODE_END <= place < RAM_END

    def room_for(self, places: Iterable[int]) -> bool:
        """Whether the core can be stopped at all of ``places`` besides those of the table."""
        used = self._of(BreakpointKind.HARDWARE)
        try:
            for place in places:
                if not self.in_ram(place):
                    self._fpb.check(used, place)
                    used.append(place)
        except TargetError:
            return False
        return True

    def write_hardware(self, batch: Batch, without: int | None = None) -> list[int | None]:
        """Add what is missing in the unit to ``batch``; the contents afterwards, for ``written``.

        ``without`` is an address to be stepped over: its breakpoint stays out for now.
        """
        if not self._fpb.count:
            return []
        extra = sorted(place for place in self.extra if not self.in_ram(place))
        addresses = dict.fromkeys([*self._of(BreakpointKind.HARDWARE), *extra])
        wanted = self._fpb.words(addresses, without)
        for index, (word, there) in enumerate(zip(wanted, self._written[1:], strict=True)):
            if word != there:
                batch.write(FP_COMP.at(index), word)
        enable = FP_CTRL.make(KEY=1, ENABLE=1)
        if self._written[0] != enable:
            batch.write(FP_CTRL.address, enable)
        return [enable, *wanted]

    def written(self, contents: list[int | None]) -> None:
        """The batch ``write_hardware`` added to has run."""
        self._written = contents

    def write_all_off(self, batch: Batch) -> None:
        """Clear every comparator and switch the unit off."""
        if not self._fpb.count:
            return
        for index in range(self._fpb.count):
            batch.write(FP_COMP.at(index), 0)
        batch.write(FP_CTRL.address, FP_CTRL.make(KEY=1, ENABLE=0))

    # ------------------------------------------------------------------------------------ software
    @property
    def installed(self) -> dict[int, int]:
        """Addresses where BKPT stands in memory now, with what it replaced."""
        return dict(self._originals)

    def software_wanted(self, without: int | None = None) -> list[int]:
        """Addresses where BKPT shall stand."""
        extra = sorted(place for place in self.extra if self.in_ram(place))
        wanted = dict.fromkeys([*self._of(BreakpointKind.SOFTWARE), *extra])
        return [address for address in wanted if address != without]

    def replaced(self, address: int, original: int) -> None:
        """BKPT now stands at ``address`` instead of ``original``."""
        self._originals[address] = original

    def restored(self, address: int) -> None:
        """No BKPT of ours stands at ``address`` any more."""
        self._originals.pop(address, None)

    @staticmethod
    def refused(address: int, read: int) -> TargetError:
        """What is wrong when BKPT was written at ``address`` and ``read`` came back."""
        return TargetError(
            f"Setting a software breakpoint at {address:#010x}",
            f"wrote BKPT ({BKPT:#06x}), read back {read:#06x}: the memory there cannot be written",
            "Delete this breakpoint, or use a hardware breakpoint (in GDB: hbreak).",
        )

    def hide(self, address: int, data: bytes) -> bytes:
        """``data`` as read from ``address``, with what our BKPTs replaced."""
        return self._overlay(address, data, {**self.in_flash, **self._originals})

    def keep(self, address: int, data: bytes) -> bytes:
        """``data`` to be written at ``address``, with our BKPTs kept in it."""
        return self._overlay(address, data, dict.fromkeys(self._originals, BKPT))

    def wrote(self, address: int, data: bytes) -> None:
        """``data`` was written at ``address``: that is what our BKPTs hide from now on."""
        for place, original in self._originals.items():
            halfword = bytearray(original.to_bytes(2, "little"))
            for lane in range(2):
                if address <= place + lane < address + len(data):
                    halfword[lane] = data[place + lane - address]
            self._originals[place] = int.from_bytes(halfword, "little")

    @staticmethod
    def _overlay(address: int, data: bytes, halfwords: dict[int, int]) -> bytes:
        result = bytearray(data)
        for place, halfword in halfwords.items():
            for lane, byte in enumerate(halfword.to_bytes(2, "little")):
                if address <= place + lane < address + len(data):
                    result[place + lane - address] = byte
        return bytes(result)
