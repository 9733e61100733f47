"""The flash program and erase controller of the STM32F1 (PM0075), with its locks, refusals and times.

One :class:`FlashBankController` per bank (XL-density parts have two, PM0068); :class:`Fpec` is the register block they
share. What the manual leaves open is decided here and marked "guess".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .bus import Bus, BusFault, Peripheral, Unmodelled
from .chip import ChipModel, FlashBank, FlashTiming
from .clock import Event, VirtualClock

if TYPE_CHECKING:
    from .option_bytes import OptionBytes

__all__ = ["FlashBankController", "Fpec", "FpecHost"]

KEY1, KEY2 = 0x4567_0123, 0xCDEF_89AB

# FLASH_SR (PM0075 3.4). Bit 1 is reserved; a real STM32F103 reads it as 1 together with BSY.
BSY, SR_RESERVED_1, PGERR, WRPRTERR, EOP = 0x01, 0x02, 0x04, 0x10, 0x20
SR_FLAGS = PGERR | WRPRTERR | EOP

# FLASH_CR (PM0075 3.5)
PG, PER, MER, OPTPG, OPTER, STRT, LOCK = 0x01, 0x02, 0x04, 0x10, 0x20, 0x40, 0x80
OPTWRE, ERRIE, EOPIE = 0x200, 0x400, 0x1000
CR_OPERATIONS = PG | PER | MER | OPTPG | OPTER
CR_PLAIN = CR_OPERATIONS | ERRIE | EOPIE
CR_RESET = LOCK

ACR_RESET = 0x30
ACR_LATENCY_AND_HALF_CYCLE = 0x0F
PRFTBE, PRFTBS = 0x10, 0x20

FLASH_IRQ = 4  # of the F1


@dataclass
class FpecHost:
    """What the controller needs of the rest of the chip."""

    clock: VirtualClock
    bus: Bus
    hsi_on: Callable[[], bool]
    debug_active: Callable[[], bool]
    irq: Callable[[int], None]
    line: int = FLASH_IRQ


class KeySequence:
    """KEY1 then KEY2 opens; anything else locks out until the next reset (PM0075 2.3.1)."""

    def __init__(self, first: int = KEY1, second: int = KEY2) -> None:
        self.first, self.second = first, second
        self.reset()

    def reset(self) -> None:
        """Forget a lock-out."""
        self.half_way = False
        self.locked_out = False

    def offer(self, key: int) -> bool:
        """Take one key; True when the sequence is complete. ``locked_out`` tells of a wrong one."""
        if self.locked_out:
            return False
        complete = self.half_way and key == self.second
        self.locked_out = not complete and (self.half_way or key != self.first)
        self.half_way = not self.half_way and not self.locked_out
        return complete


class FlashBankController:
    """KEYR, SR, CR, AR of one bank and the operations they start. Is the bus's FlashController for the array."""

    def __init__(self, fpec: Fpec, bank: FlashBank, timing: FlashTiming) -> None:
        self.fpec = fpec
        self.bank = bank
        self.timing = timing
        self.host = fpec.host
        self.keys = KeySequence()
        self.flags = 0
        self.control = CR_RESET
        self.address = 0
        self._end = 0
        self._operation: Event | None = None
        self._on_abort: Callable[[], None] = _nothing

    # --- what the bus asks

    def busy_until(self) -> int:
        """See FlashController."""
        return self._end if self.busy else 0

    def flash_write(self, address: int, value: int, width: int) -> None:
        """Program a half-word: PM0075 2.3.2."""
        if address < self.fpec.chip.flash_size:
            address += self.fpec.chip.flash_base  # through the alias at 0
        if self.control & LOCK or not self.control & (PG | OPTPG):
            raise BusFault(address, "the flash is not in programming mode")  # guess: the manual only says "no effect"
        if width != 2:
            raise BusFault(address, f"the flash takes half-words only, not {width} bytes")
        if self.control & CR_OPERATIONS != PG or not self.host.hsi_on():
            self._refuse(PGERR)
        elif self.fpec.is_protected(address):
            self._refuse(WRPRTERR)
        else:
            self._program(address, value)

    def _program(self, address: int, value: int) -> None:
        old = int.from_bytes(self.host.bus.peek(address, 2), "little")
        if old != 0xFFFF and value != 0:
            self._refuse(PGERR)
            return
        torn = old & (value | 0x5555)
        self.begin(self.timing.program, lambda: self._patch(address, torn))
        self._patch(address, value)

    def _patch(self, address: int, value: int) -> None:
        self.host.bus.patch(address, value.to_bytes(2, "little"))

    # --- registers

    def write_key(self, value: int) -> None:
        """FLASH_KEYR. A wrong key is a bus error (PM0075 2.3.1)."""
        if self.busy:
            return
        if not self.control & LOCK:
            if self.fpec.open_lock_refuses_keys:
                self.keys.locked_out = True
                self._set_control(CR_RESET)
        elif self.keys.offer(value):
            self._set_control(self.control & ~LOCK)
        elif self.keys.locked_out:
            raise BusFault(self.fpec.base + 4 + self.bank.registers, "wrong key for the flash; locked until reset")

    def write_status(self, value: int) -> None:
        """FLASH_SR: error flags and EOP are cleared by writing 1."""
        self.flags &= ~(value & SR_FLAGS)
        self.publish()

    def write_control(self, value: int) -> None:
        """FLASH_CR: nothing while locked or busy; LOCK is only set; OPTWRE is only cleared."""
        if self.busy or self.control & LOCK:
            return
        if value & LOCK:
            self.keys.half_way = False
            self._set_control(LOCK)
            return
        self._set_control((value & CR_PLAIN) | (self.control & value & OPTWRE))
        if value & STRT:
            self._start()

    def write_address(self, value: int) -> None:
        """FLASH_AR: held while busy."""
        if not self.busy:
            self.address = value

    def enable_option_writes(self) -> None:
        """Set OPTWRE, after the right keys in FLASH_OPTKEYR."""
        if not self.control & LOCK:
            self._set_control(self.control | OPTWRE)

    def _set_control(self, value: int) -> None:
        self.control = value
        self.publish()

    def publish(self) -> None:
        """Show SR and CR to whoever polls."""
        shift = self.bank.registers
        self.fpec.publish(0x0C + shift, self.flags | (BSY | SR_RESERVED_1 if self.busy else 0))
        self.fpec.publish(0x10 + shift, self.control)

    # --- operations

    @property
    def busy(self) -> bool:
        """FLASH_SR.BSY."""
        return self._operation is not None

    def _start(self) -> None:
        operation = self.control & CR_OPERATIONS
        if not operation:
            return
        if operation not in (PER, MER, OPTER) or not self.host.hsi_on():
            self._refuse(PGERR)  # two operations at once, such as PG left set from before: nothing is erased
        elif operation == PER:
            self._erase_page()
        elif operation == MER:
            self._erase_bank()
        elif self.control & OPTWRE:
            self._set_control(self.control | STRT)
            self.fpec.options.erase(self)

    def _erase_page(self) -> None:
        bank = self.bank
        if not bank.base <= self.address < bank.base + bank.size:
            raise Unmodelled(f"flash: page erase with FLASH_AR = 0x{self.address:08X}, outside the bank")
        page = self.address - self.address % bank.page
        if self.fpec.is_protected(page):
            self._refuse(WRPRTERR)
        else:
            self._erase(page, bank.page, self.timing.erase_page)

    def _erase_bank(self) -> None:
        if self.fpec.has_write_protection(self.bank):
            self._refuse(WRPRTERR)
        else:
            self._erase(self.bank.base, self.bank.size, self.timing.erase_all)

    def _erase(self, start: int, length: int, duration: int) -> None:
        self.control |= STRT
        old = self.host.bus.peek(start, length)
        torn = bytes(byte | 0xAA for byte in old)
        self.begin(duration, lambda: self.host.bus.patch(start, torn))
        self.host.bus.patch(start, b"\xff" * length)

    def begin(self, duration: int, on_abort: Callable[[], None]) -> None:
        """Be busy for ``duration`` ps; ``on_abort`` leaves half-done work behind if a reset comes in between."""
        if self._operation is not None:
            self._operation.cancel()  # a store that the bus had stalled follows directly
        self._end = max(self.host.clock.now, self._end) + duration
        self._operation = self.host.clock.at(self._end, self._finish)
        self._on_abort = on_abort
        self.publish()

    def _finish(self) -> None:
        self._operation = None
        self.control &= ~STRT
        self.flags |= EOP
        self.publish()
        if self.control & EOPIE:
            self.host.irq(self.host.line)

    def _refuse(self, flag: int) -> None:
        self.flags |= flag
        self.publish()
        if self.control & ERRIE:
            self.host.irq(self.host.line)

    def refuse_programmed(self) -> None:
        """Set PGERR for an option byte that is not erased."""
        self._refuse(PGERR)

    def reset(self) -> None:
        """System reset: an operation under way is torn."""
        if self._operation is not None:
            self._operation.cancel()
            self._operation = None
            self._on_abort()
        self._end = 0
        self.keys.reset()
        self.flags = 0
        self.control = CR_RESET
        self.address = 0
        self.publish()


class Fpec(Peripheral):
    """The register block at 0x40022000 (PM0075 section 3)."""

    name = "FLASH"
    base = 0x4002_2000
    size = 0x400
    shadow = True

    def __init__(self, chip: ChipModel, host: FpecHost, option_class: type[OptionBytes] | None = None) -> None:
        from .option_bytes import OptionBytes

        options = option_class if option_class is not None else OptionBytes
        self.chip = chip
        self.host = host
        self.banks = [FlashBankController(self, bank, chip.timing) for bank in chip.banks]
        self.option_keys = KeySequence()
        # Keys to an open lock: some reports say they lock out until reset, but OpenOCD's "flash protect" sends them and
        # works on real parts. Ignored unless switched on (quirk open-lock-refuses-keys).
        self.open_lock_refuses_keys = False
        self.options = options(self)
        self._writers: dict[int, Callable[[int], None]] = {0x00: self._write_acr, 0x08: self._write_option_key}
        for bank in self.banks:
            shift = bank.bank.registers
            self._writers[0x04 + shift] = bank.write_key
            self._writers[0x0C + shift] = bank.write_status
            self._writers[0x10 + shift] = bank.write_control
            self._writers[0x14 + shift] = bank.write_address

    def write(self, offset: int, value: int, width: int) -> None:
        """Registers take whole words only (PM0075 section 3)."""
        writer = self._writers.get(offset)
        if offset in (0x1C, 0x20):
            return  # OBR and WRPR are read-only
        if writer is None or width != 4:
            raise Unmodelled(f"FLASH: write of 0x{value:X} ({width} bytes) at offset 0x{offset:X}")
        writer(value)

    def _write_acr(self, value: int) -> None:
        prefetch = PRFTBE | PRFTBS if value & PRFTBE else 0
        self.publish(0x00, (value & ACR_LATENCY_AND_HALF_CYCLE) | prefetch)

    def _write_option_key(self, value: int) -> None:
        if self.option_keys.offer(value):
            self.banks[0].enable_option_writes()
            self.option_keys.reset()
        elif self.option_keys.locked_out:
            raise BusFault(self.base + 8, "wrong key for the option bytes; locked until reset")

    def reset(self) -> None:
        """System reset; the option bytes are loaded again (PM0075 2.5)."""
        self.option_keys.reset()
        self.publish(0x00, ACR_RESET)
        for bank in self.banks:
            bank.reset()
        self.load_options()

    def load_options(self) -> None:
        """Load the option bytes and show them in OBR and WRPR."""
        obr, wrpr = self.options.load()
        self.publish(0x1C, obr)
        self.publish(0x20, wrpr)

    # --- what the debugger meets

    @property
    def hides_flash(self) -> bool:
        """See FlashUnit: with read protection a debugger gets no data (PM0075 2.4.1)."""
        return self.options.read_protected

    debug_disabled = False

    def content_given(self) -> None:
        """See FlashUnit: nothing looks at the content."""

    def ready_at(self, address: int, length: int, *, writing: bool) -> int:
        """See FlashUnit: the array stalls while any bank is busy, the registers never do."""
        del writing
        return max(bank.busy_until() for bank in self.banks) if self.chip.in_flash(address, length) else 0

    # --- protection

    def is_protected(self, address: int) -> bool:
        """Report whether the page at ``address`` refuses program and page erase now."""
        chip = self.chip
        page = (address - chip.flash_base) // chip.page
        if self.options.read_protected and (self.host.debug_active() or page < chip.pages_per_protection_bit):
            return True  # PM0075 2.4.1
        return not self.options.write_protection >> min(page // chip.pages_per_protection_bit, 31) & 1

    def has_write_protection(self, bank: FlashBank) -> bool:
        """Report whether any page of ``bank`` is write-protected; its mass erase is then refused."""
        first = bank.first_protection_bit
        pages = bank.size // bank.page
        count = min(max(pages // self.chip.pages_per_protection_bit, 1), 32 - first)
        mask = ((1 << count) - 1) << first
        return self.options.write_protection & mask != mask

    def mass_erase_all(self) -> None:
        """Erase everything at once: what leaving read protection costs (PM0075 2.4.2)."""
        for bank in self.chip.banks:
            self.host.bus.patch(bank.base, b"\xff" * bank.size)


def _nothing() -> None:
    return
