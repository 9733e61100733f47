"""One bank of an STM32H74x's flash: its registers, the write buffer, program and erase (RM0433 4.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..bus import BusFault
from ..chip import FlashBank
from ..clock import Event
from ..damage import Damage, EccArray
from ..fpec import KeySequence

if TYPE_CHECKING:
    from .word_flash import WordFlash

__all__ = ["BANK", "WordBank"]

# CR (RM0433 4.9.4)
LOCK, PG, SER, BER, FW, START = (1 << n for n in (0, 1, 2, 3, 6, 7))
PSIZE_SHIFT, SNB_SHIFT = 4, 8
CR_RESET, CR_MASK = 0x31, 0x0FDF_0F7E & ~(FW | START)
EOPIE = 1 << 16
# SR (RM0433 4.9.5)
BSY, WBNE, QW, EOP, WRPERR, PGSERR, STRBERR, INCERR = (1 << n for n in (0, 1, 2, 16, 17, 18, 19, 21))
DBECCERR = 1 << 26
FLAGS = 0x1FEF_0000
BLOCKING = WRPERR | PGSERR | STRBERR | INCERR | 1 << 22
KEYS = (0x4567_0123, 0xCDEF_89AB)
BANK = {"KEYR": 0x04, "CR": 0x0C, "SR": 0x10, "CCR": 0x14, "WPSN_CUR": 0x38, "WPSN_PRG": 0x3C}
SECOND = 0x100
WORD = 32


class WordBank(EccArray):
    """KEYR, CR, SR, CCR of one bank and its operations. Is the bus's FlashController for the array."""

    def __init__(self, flash: WordFlash, index: int, bank: FlashBank) -> None:
        self.flash, self.index = flash, index
        self.base, self.size, self.page = bank.base, bank.size, bank.page
        self.sectors = bank.size // bank.page
        self.shift = SECOND * index
        self.keys = KeySequence(*KEYS)
        self.stored_protection = self.protection = self.requested_protection = (1 << self.sectors) - 1
        self.flags, self.control = 0, CR_RESET
        self.programmed: set[int] = set()
        self.damage = Damage(WORD, self._met, refuses=True)
        self.operation: Event | None = None
        self._on_abort: Callable[[], None] = _nothing
        self._end = 0
        self._drop()
        self.writers: dict[str, Callable[[int], None]] = {
            "KEYR": self._write_key,
            "CR": self._write_control,
            "SR": _ignore,
            "CCR": self._clear,
            "WPSN_CUR": _ignore,
            "WPSN_PRG": self._write_protection,
        }

    def _drop(self) -> None:
        self.word_address = 0
        self.data: dict[int, int] = {}

    def holds(self, address: int, length: int) -> bool:
        """Report whether any of these bytes is in this bank."""
        return address < self.base + self.size and address + length > self.base

    def reset(self) -> None:
        """System reset."""
        if self.operation is not None:
            self.operation.cancel()
            self.operation = None
            self._on_abort()
        self._end = 0
        self.keys.reset()
        self.flags, self.control = 0, CR_RESET
        self._drop()
        self.show()

    def show(self) -> None:
        """Publish CR, SR and the write protection."""
        busy = self.operation is not None
        status = self.flags | (BSY | QW if busy else 0) | (WBNE if self.data else 0)
        words = {"CR": self.control, "SR": status, "KEYR": 0, "CCR": 0}
        words |= {"WPSN_CUR": self.protection, "WPSN_PRG": self.requested_protection}
        for name, value in words.items():
            self.flash.publish(BANK[name] + self.shift, value)

    # --- registers

    def _write_key(self, value: int) -> None:
        if not self.control & LOCK:
            self.keys.locked_out = True  # keys to an open lock are a wrong sequence
            self.control |= LOCK
        elif self.keys.offer(value):
            self.control &= ~LOCK
        self.show()

    def _clear(self, value: int) -> None:
        self.flags &= ~(value & FLAGS)
        self.show()

    def _write_protection(self, value: int) -> None:
        if not self.flash.options_locked:
            self.requested_protection = value & (1 << self.sectors) - 1
            self.show()

    def _write_control(self, value: int) -> None:
        self._settle()
        if self.control & LOCK or self.operation is not None:
            return
        if value & LOCK:
            self.keys.reset()
            self.control = value & CR_MASK | LOCK
            self._drop()
        else:
            self.control = value & CR_MASK
            if not value & PG:
                self._drop()
            if value & FW and self.data:
                self._program()
            elif value & START:
                self._erase()
        self.show()

    # --- operations

    def busy_until(self) -> int:
        """See FlashController."""
        return self._end if self.operation is not None else 0

    def _fail(self, flag: int) -> None:
        self._drop()
        self.flags |= flag
        if self.control & flag:  # the interrupt enables stand at the flags' places
            self.flash.host.irq(self.flash.plan.irq)
        self.show()

    def _begin(self, duration: int, on_abort: Callable[[], None]) -> None:
        clock = self.flash.host.clock
        start = max(clock.now, self.busy_until())
        if self.operation is not None:
            self.operation.cancel()
        self._end = start + duration
        self.operation = clock.at(self._end, self._finish)
        self._on_abort = on_abort
        self.show()

    def _settle(self) -> None:
        if self.operation is not None and self.flash.host.clock.now >= self._end:
            self.operation.cancel()
            self._finish()

    def _finish(self) -> None:
        self.operation = None
        self.flags |= EOP
        if self.control & EOPIE:
            self.flash.host.irq(self.flash.plan.irq)
        self.show()

    def _protects(self, sector: int) -> bool:
        if self.flash.level == 1 and self.flash.host.debug_active():
            return True
        return not self.protection >> sector & 1

    def flash_write(self, address: int, value: int, width: int) -> None:
        """Take bytes of a flash word into the write buffer: RM0433 4.3.9."""
        self._settle()
        if self.control & LOCK or not self.control & PG or self.control & (SER | BER) or self.flags & BLOCKING:
            self._fail(PGSERR)
        elif self._protects((address - self.base) // self.page):
            self._fail(WRPERR)
        elif self.data and address // WORD != self.word_address // WORD:
            self._fail(INCERR)
        else:
            self.word_address = address // WORD * WORD
            self._gather(address - self.word_address, value, width)

    def _gather(self, offset: int, value: int, width: int) -> None:
        if any(offset + n in self.data for n in range(width)):
            self._fail(STRBERR)
            return
        for n in range(width):
            self.data[offset + n] = value >> 8 * n & 0xFF
        if len(self.data) == WORD:
            self._program()
        else:
            self.show()

    def _program(self) -> None:
        bus, address = self.flash.host.bus, self.word_address
        old = bus.peek(address, WORD)
        new = bytes(self.data.get(n, 0xFF) for n in range(WORD))
        content = bytes(was & now for was, now in zip(old, new, strict=True))
        if (address in self.programmed or old != b"\xff" * WORD) and old != new:
            self.damage.spoil(address, WORD)
        self.programmed.add(address)
        self._drop()
        left = bytes(was & (now | 0x55) for was, now in zip(old, content, strict=True))
        size = self.control >> PSIZE_SHIFT & 3
        self._begin(self.flash.plan.timing.program[size], lambda: self._tear(address, old, left))
        bus.patch(address, content)

    def _erase(self) -> None:
        size = self.control >> PSIZE_SHIFT & 3
        timing = self.flash.plan.timing
        if self.flags & BLOCKING or self.control & PG or not self.control & (SER | BER):
            self._fail(PGSERR)
        elif self.control & BER:
            if any(self._protects(sector) for sector in range(self.sectors)):
                self._fail(WRPERR)
            else:
                self._wipe(self.base, self.size, timing.bank[size])
        else:
            sector = self.control >> SNB_SHIFT & 7
            if self._protects(sector):
                self._fail(WRPERR)
            else:
                self._wipe(self.base + sector * self.page, self.page, timing.sector[size])

    def _wipe(self, start: int, length: int, duration: int) -> None:
        bus = self.flash.host.bus
        old = bus.peek(start, length)
        left = bytes(byte | 0xAA for byte in old)
        self.programmed = {at for at in self.programmed if not start <= at < start + length}
        self._begin(duration, lambda: self._tear(start, old, left))
        bus.patch(start, b"\xff" * length)
        self.damage.heal(start, length)

    def _tear(self, address: int, old: bytes, left: bytes) -> None:
        self.flash.host.bus.patch(address, left)
        self.torn(address, old, left)

    def _met(self, address: int) -> None:
        """Somebody reads a flash word with two errors: a flag, and a bus error (RM0433 4.3.12)."""
        self.flags |= DBECCERR
        if self.control & DBECCERR:
            self.flash.host.irq(self.flash.plan.irq)
        self.show()
        raise BusFault(address, "two errors in a flash word")


def _nothing() -> None:
    return


def _ignore(_: int) -> None:
    return
