"""How accesses become transactions of a MEM-AP: pure data, no probe (IHI0031F C2.2, C2.6).

A word costs one DRW transaction once CSW and TAR are right; TAR is written again at every 1 KiB boundary.
Core registers go through the banked data registers, which reach DHCSR, DCRSR and DCRDR without moving TAR.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from ..probes.access import Access, Poll, Read, ReadBlock, ReadCore, Require, Result, Write, WriteBlock, WriteCore
from ..probes.attempt import Attempt
from ..probes.debug_port import CTRL_STAT, SELECT, Transaction
from .dap import AP_BD0, AP_CSW, AP_DRW, AP_TAR, AUTO_INCREMENT_WRAP, AddrInc, Size, csw_word
from .dap import SELECT as SELECT_WORD
from .registers_core import register_name
from .registers_debug import DCRDR, DCRSR, DHCSR

__all__ = ["NotReadyError", "Place", "Plan", "PortState", "attempt_for", "pieces", "select_word"]

Values: TypeAlias = Sequence[int | None]

SIZES: Final = {1: Size.BYTE, 2: Size.HALFWORD, 4: Size.WORD}
LINE: Final = 16  # bytes that the banked data registers reach
MANY_RANGES: Final = 32

_READ_DRW = Transaction(ap=True, read=True, address=AP_DRW.address)
_CHECKPOINT = Transaction(ap=False, read=True, address=CTRL_STAT)


class NotReadyError(Exception):
    """A core register transfer was not complete (DHCSR.S_REGRDY) when its result was read; ``index`` in the batch."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


@dataclass(slots=True)
class PortState:
    """What SELECT, CSW and TAR hold; None where that is not known."""

    select: int | None = None
    csw: int | None = None
    tar: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A transaction that reaches the bus: its position, the address, the access it belongs to.

    ``tar`` is what TAR holds while it is carried out, ``width`` how far it moves then.
    """

    position: int
    address: int
    tar: int
    index: int
    width: int


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Transactions in a row: ``count`` of ``width`` bytes from ``address`` on, or all with TAR at ``tar``."""

    position: int
    count: int
    address: int
    width: int
    index: int
    tar: int | None = None

    def places(self, first: int, last: int) -> Iterator[Place]:
        for position in range(max(first, self.position), min(last + 1, self.position + self.count)):
            address = self.address + (position - self.position) * self.width
            yield Place(position, address, address if self.tar is None else self.tar, self.index, self.width)


def pieces(address: int, length: int) -> list[tuple[int, int, int]]:
    """Cut a block into (address, count, width) of aligned accesses, none of which crosses a TAR boundary."""
    end = address + length
    found: list[tuple[int, int, int]] = []
    while address < end:
        width = next(w for w in (4, 2, 1) if address % w == 0 and address + w <= end)
        stop = min(end, address - address % AUTO_INCREMENT_WRAP + AUTO_INCREMENT_WRAP)
        count = (stop - address) // width if width == 4 else 1
        found.append((address, count, width))
        address += count * width
    return found


def select_word(ap: int, register: int) -> int:
    """SELECT for an access port's register."""
    return SELECT_WORD.make(APSEL=ap, APBANKSEL=register >> 4)


class Plan:
    """Transactions for accesses, and how to read the results.

    ``state`` is what will hold when they have been carried out. With ``checkpoints``, CTRL/STAT is read
    wherever TAR alone could not tell which access failed.
    """

    def __init__(self, state: PortState, ap: int, *, checkpoints: bool) -> None:
        self.state = replace(state)
        self.transactions: list[Transaction] = []
        self.decoders: list[Callable[[Values], Result]] = []
        self.hidden: list[int] = []
        """Positions of DHCSR reads that nobody asked for; reading clears its sticky bits."""
        self._ap = ap
        self._checkpoints = checkpoints
        self._stretches: list[_Stretch] = []
        self._ranges: list[tuple[int, int, int]] = []

    def add(self, index: int, access: Access) -> None:
        """Append an access that is number ``index`` in its batch."""
        match access:
            case Read(address, width):
                position = self._read_one(index, address, width)
                self.decoders.append(lambda values: _lanes(values[position], address, width))
            case Poll(address):
                position = self._read_one(index, address, 4)
                self.decoders.append(lambda values: values[position])
            case Write(address, value, width):
                self._block(index, address, (value & (1 << 8 * width) - 1).to_bytes(width, "little"))
                self.decoders.append(lambda _: None)
            case ReadBlock(address, length):
                self._read_block(index, address, length)
            case WriteBlock(address, data):
                self._block(index, address, data)
                self.decoders.append(lambda _: None)
            case ReadCore(registers):
                self._read_core(index, registers)
            case WriteCore(register, value):
                self._write_core(index, register, value & 0xFFFF_FFFF)
            case Require():
                self.decoders.append(lambda _: None)

    # ------------------------------------------------------------------------------------ registers of the port
    def _ap_write(self, register: int, value: int) -> None:
        self._bank(register)
        self.transactions.append(Transaction(ap=True, read=False, address=register & 0xC, value=value))

    def _bank(self, register: int) -> None:
        wanted = select_word(self._ap, register)
        if self.state.select != wanted:
            self.transactions.append(Transaction(ap=False, read=False, address=SELECT, value=wanted))
            self.state.select = wanted

    def _aim(self, address: int, width: int) -> None:
        """Make CSW and TAR right for accesses of ``width`` from ``address`` on."""
        csw = csw_word(SIZES[width], AddrInc.SINGLE)
        if self.state.csw != csw:
            self._ap_write(AP_CSW.address, csw)
            self.state.csw = csw
        if self.state.tar != address:
            self._ap_write(AP_TAR.address, address)
            self.state.tar = address
        self._bank(AP_DRW.address)

    def _moved(self, index: int, address: int, count: int, width: int) -> None:
        """Note ``count`` DRW transactions that have just been appended."""
        position = len(self.transactions) - count
        self._stretches.append(_Stretch(position, count, address, width, index))
        end = address + count * width
        self.state.tar = end if end % AUTO_INCREMENT_WRAP else None

    def _checkpoint(self, index: int, low: int, high: int) -> None:
        """Separate this access from earlier ones with the same TAR, so that TAR tells them apart."""
        if not self._checkpoints:
            return
        if len(self._ranges) >= MANY_RANGES or any(
            low < range_high and range_low < high and other != index for range_low, range_high, other in self._ranges
        ):
            self.transactions.append(_CHECKPOINT)
            self._ranges.clear()
        self._ranges.append((low, high, index))

    # ------------------------------------------------------------------------------------ memory
    def _read_one(self, index: int, address: int, width: int) -> int:
        self._checkpoint(index, address, address + width)
        self._aim(address, width)
        self.transactions.append(_READ_DRW)
        self._moved(index, address, 1, width)
        return len(self.transactions) - 1

    def _read_block(self, index: int, start: int, length: int) -> None:
        self._checkpoint(index, start, start + length)
        parts: list[tuple[int, int, int, int]] = []
        for address, count, width in pieces(start, length):
            self._aim(address, width)
            parts.append((len(self.transactions), address, count, width))
            self.transactions += [_READ_DRW] * count
            self._moved(index, address, count, width)
        self.decoders.append(lambda values: b"".join(_bytes_of(values, *part) for part in parts))

    def _block(self, index: int, start: int, data: bytes) -> None:
        self._checkpoint(index, start, start + len(data))
        for address, count, width in pieces(start, len(data)):
            self._aim(address, width)
            offset = address - start
            part = data[offset : offset + count * width]
            words = (
                struct.unpack(f"<{count}I", part)
                if width == 4
                else (int.from_bytes(part, "little") << 8 * (address & 3),)
            )
            drw = AP_DRW.address
            self.transactions += [Transaction(ap=True, read=False, address=drw, value=word) for word in words]
            self._moved(index, address, count, width)

    # ------------------------------------------------------------------------------------ core registers
    def _banked(self, address: int, value: int | None) -> int:
        """Access one of the debug registers by its banked data register; the position."""
        register = AP_BD0.address + address % LINE
        self._bank(register)
        read = value is None
        self.transactions.append(Transaction(ap=True, read=read, address=register & 0xC, value=value or 0))
        return len(self.transactions) - 1

    def _aim_at_core(self, index: int) -> int:
        """Point TAR at the debug registers; the position of the first transaction there."""
        line = DHCSR.address
        self._checkpoint(index, line, line + 1)
        self._aim(line, 4)
        return len(self.transactions)

    def _read_core(self, index: int, registers: Sequence[int]) -> None:
        if not registers:
            self.decoders.append(lambda _: ())
            return
        start = self._aim_at_core(index)
        places: list[tuple[int, int]] = []
        for register in registers:
            self._banked(DCRSR.address, register)
            ready = self._banked(DHCSR.address, None)
            places.append((ready, self._banked(DCRDR.address, None)))
        self.hidden += [ready for ready, _ in places]
        self._note_core(start, index)
        self.decoders.append(lambda values: _registers(values, places, index))

    def _write_core(self, index: int, register: int, value: int) -> None:
        start = self._aim_at_core(index)
        self._banked(DCRDR.address, value)
        self._banked(DCRSR.address, DCRSR.make(REGSEL=register, REGWnR=1))
        ready = self._banked(DHCSR.address, None)
        self.hidden.append(ready)
        self._note_core(start, index)

        def decode(values: Values) -> None:
            _registers(values, [(ready, ready)], index)

        self.decoders.append(decode)

    def _note_core(self, start: int, index: int) -> None:
        count = len(self.transactions) - start
        self._stretches.append(_Stretch(start, count, DCRDR.address, 0, index, tar=DHCSR.address))

    # ------------------------------------------------------------------------------------ failures
    def places(self, first: int, last: int) -> list[Place]:
        """The transactions from ``first`` to ``last`` that reach the bus."""
        return [place for stretch in self._stretches for place in stretch.places(first, last)]

    def place_after(self, position: int) -> Place:
        """The first transaction from ``position`` on that reaches the bus, else the last one."""
        after = [stretch for stretch in self._stretches if position < stretch.position + stretch.count]
        stretch = after[0] if after else self._stretches[-1]
        end = stretch.position + stretch.count
        return next(stretch.places(min(position, end - 1), end - 1))

    def index_at(self, position: int) -> int:
        """Which access the transaction at ``position`` is for."""
        return next(
            (stretch.index for stretch in self._stretches if position < stretch.position + stretch.count),
            self._stretches[-1].index if self._stretches else 0,
        )


def _lanes(value: int | None, address: int, width: int) -> int:
    """The bytes of a DRW word that an access of ``width`` at ``address`` means; the other lanes are stale."""
    assert value is not None
    return value >> 8 * (address & 3) & (1 << 8 * width) - 1


def _bytes_of(values: Values, position: int, address: int, count: int, width: int) -> bytes:
    if width == 4:
        return struct.pack(f"<{count}I", *values[position : position + count])
    return _lanes(values[position], address, width).to_bytes(width, "little")


def _registers(values: Values, places: Sequence[tuple[int, int]], index: int) -> tuple[int, ...]:
    for ready, _ in places:
        if not DHCSR(values[ready] or 0).S_REGRDY:
            raise NotReadyError(index)
    return tuple(values[data] or 0 for _, data in places)


def attempt_for(access: Access, index: int) -> Attempt:
    """What an access is, in the words of an error."""
    match access:
        case Read(address, width):
            return Attempt("Reading", address, width, index)
        case Poll(address):
            return Attempt("Reading", address, 4, index)
        case ReadBlock(address, length):
            return Attempt("Reading", address, length, index)
        case Write(address, _, width):
            return Attempt("Writing", address, width, index)
        case WriteBlock(address, data):
            return Attempt("Writing", address, len(data), index)
        case WriteCore(register):
            return Attempt(f"Writing core register {register_name(register)}", index=index)
        case ReadCore(registers):
            return Attempt(f"Reading core register {', '.join(map(register_name, registers))}", index=index)
        case _:
            return Attempt("Accessing the target", index=index)
