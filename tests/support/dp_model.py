"""A debug port with a MEM-AP, by the letter of IHI0031F, at the height of transactions; strict, and small.

It carries out what it accepts at once, refuses where it is told to, and poisons what means nothing. The layout
of the journal (what collects which result) is the driver's; everything behind it is the model's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from haltpoint.probes.debug_port import Transaction
from haltpoint.probes.ftdi.jtag import Jtag
from haltpoint.probes.ftdi.swd import Swd
from haltpoint.probes.ftdi.wire import Ack, Entry, Outcome

__all__ = ["DRW", "TAR", "ModelWire", "Program", "apply_program"]

CSW, TAR, DRW = 0x0, 0x4, 0xC
ORUNDETECT, STICKYORUN, STICKYERR, WDATAERR = 1 << 0, 1 << 1, 1 << 5, 1 << 7
REQUESTS, ACKNOWLEDGES = 5 << 28, 10 << 28
STICKY = STICKYORUN | STICKYERR | WDATAERR | 1 << 4
POISON = 0xDEAD_BEEF
WINDOW = 0x400

Program = Sequence[Transaction]


@dataclass
class Bus:
    """Memory that counts its writes; TAR; addresses at which it faults."""

    memory: dict[int, int] = field(default_factory=dict)
    faulty: Collection[int] = ()
    tar: int = 0
    csw: int = 0
    log: list[tuple[int, int]] = field(default_factory=list)

    def access(self, transaction: Transaction) -> tuple[int | None, bool]:
        """The value read, and whether it faulted."""
        if transaction.address != DRW:
            name = {CSW: "csw", TAR: "tar"}[transaction.address]
            if transaction.read:
                return getattr(self, name), False
            setattr(self, name, transaction.value)
            return None, False
        if self.tar in self.faulty:
            return None, True
        address = self.tar
        self.tar = address & -WINDOW | address + 4 & WINDOW - 1
        if transaction.read:
            return self.memory.get(address, address ^ 0x5A5A_5A5A), False
        self.memory[address] = transaction.value
        self.log.append((address, transaction.value))
        return None, False


class ModelWire:
    """A Wire whose target is the model. ``waits`` and ``damaged`` are chances, counted over all requests.

    At those of ``drops`` a WAIT costs the write in the buffer, which WDATAERR tells.
    """

    def __init__(self, kind: type[Jtag | Swd], bus: Bus, waits: Collection[int], damaged: Collection[int]) -> None:
        self._real = kind(None)  # type: ignore[arg-type]  # it only lays out journals
        self.name = self._real.name
        self.refuses_at_once = self._real.refuses_at_once
        self.has_abort_bits = self._real.has_abort_bits
        self.idle = 1
        self.bus = bus
        self.waits = waits
        self.damaged = damaged
        self.chance = 0
        self.flags = 0
        self.select = 0
        self.posted = POISON  # result of the last AP read
        self.captured = POISON  # JTAG: result of the last accepted access
        self.under_way = False
        self.buffered: Transaction | None = None  # SWD: an accepted write on its way
        self.drops: Collection[int] = ()
        self.entries = 0
        self.aborts = 0

    def enter(self) -> int:
        return 0x1BA0_1477

    def abort(self) -> None:
        self.aborts += 1

    def journal(self, batch: Program, start: int) -> list[Entry]:
        return self._real.journal(batch, start)

    def exchange(self, entries: Sequence[Entry]) -> list[Outcome]:
        self.entries += len(entries)
        one = self._packet if self.refuses_at_once else self._scan
        return [one(entry.transaction) for entry in entries]

    def _refused(self) -> bool:
        """Only while an access is under way can there be a reason to wait (B3.4.3, B4.2.4)."""
        self.chance += 1
        self.under_way = self.under_way and self.chance in self.waits
        return self.under_way

    def _ctrl_stat(self) -> int:
        return self.flags | (self.flags & REQUESTS) << 1

    def _overrun(self) -> None:
        if self.flags & ORUNDETECT:
            self.flags |= STICKYORUN

    def _start(self, transaction: Transaction) -> None:
        value, fault = self.bus.access(transaction)
        self.under_way = True
        if fault:
            self.flags |= STICKYERR
        elif value is not None:
            self.posted = value

    # ------------------------------------------------------------------------------------ SWD
    def _empty(self) -> None:
        """A write that was accepted reaches the bus before the next access is accepted."""
        if self.buffered is not None:
            transaction, self.buffered = self.buffered, None
            self._start(transaction)
            self.under_way = False

    def _packet(self, transaction: Transaction) -> Outcome:
        ap, read, address, value = transaction
        always = not ap and ((read and address in (0, 4)) or (not read and address == 0))
        if not always:
            if self.flags & STICKY:
                self._overrun()
                return Outcome(Ack.FAULT, POISON if read else None)
            if self._refused():
                self._overrun()
                if self.buffered and self.chance in self.drops:
                    self.buffered = None
                    self.flags |= WDATAERR
                return Outcome(Ack.WAIT, POISON if read else None)
            self._empty()
            if self.flags & STICKY:
                self._overrun()
                return Outcome(Ack.FAULT, POISON if read else None)
        if not read and self.chance in self.damaged and not always:
            self.flags |= WDATAERR
            return Outcome(Ack.OK, None)
        if ap:
            result = self.posted
            if read:
                self.posted = POISON
                self._start(transaction)
            else:
                self.buffered, self.under_way = transaction, True
            return Outcome(Ack.OK, result if read else None)
        if read:
            return Outcome(Ack.OK, {0: 0x1BA0_1477, 4: self._ctrl_stat(), 0xC: self.posted}[address])
        if address == 0:
            for bit, flag in ((4, STICKYORUN), (3, WDATAERR), (2, STICKYERR)):
                if value >> bit & 1:
                    self.flags &= ~flag
        elif address == 4:
            self.flags = self.flags & STICKY | value & (ORUNDETECT | REQUESTS)
        else:
            self.select = value
        return Outcome(Ack.OK, None)

    # ------------------------------------------------------------------------------------ JTAG
    def _scan(self, transaction: Transaction) -> Outcome:
        ap, read, address, value = transaction
        if self._refused():
            self._overrun()
            return Outcome(Ack.WAIT, POISON)
        captured = self.captured
        if ap:
            if not self.flags & STICKY:
                if read:
                    self.posted = POISON
                self._start(transaction)
            self.captured = self.posted
        elif read:
            self.captured = {0: 0, 4: self._ctrl_stat(), 0xC: 0}[address]
        elif address == 4:
            self.flags = self.flags & STICKY & ~value | value & (ORUNDETECT | REQUESTS)
        else:
            self.select = value
        return Outcome(Ack.OK, captured)


def apply_program(program: Program, bus: Bus) -> tuple[list[int | None], int | None]:
    """What a program does when nothing is refused: its results, and the position that faults."""
    results: list[int | None] = []
    for position, transaction in enumerate(program):
        if not transaction.ap:
            results.append(None)
            continue
        value, fault = bus.access(transaction)
        if fault:
            return results, position
        results.append(value)
    return results, None
