"""The flash controller of the STM32L0 and L1 (RM0367 3, RM0038 3): one interface to program memory and data EEPROM.

Erased is 0. PECR has three locks, one inside the other: PELOCK for everything, PRGLOCK for program memory, OPTLOCK
for option bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..bus import BusFault, Unmodelled
from ..chip import ChipModel, FlashBank
from ..flash_unit import check_pages
from ..fpec import KeySequence
from .family import FlashHost
from .nvm_options import NvmOptions
from .operation import Operation
from .strict import StrictShadow

__all__ = ["NvmArea", "NvmFlash", "NvmPlan"]

# PECR (RM0367 3.7.2)
PELOCK, PRGLOCK, OPTLOCK, PROG, DATA = (1 << n for n in range(5))
FIX, ERASE, FPRG, EOPIE, ERRIE, OBL_LAUNCH = (1 << n for n in (8, 9, 10, 16, 17, 18))
LOCKS = PELOCK | PRGLOCK | OPTLOCK
# SR (RM0367 3.7.7)
BSY, EOP, ENDHV, READY, WRPERR, PGAERR, SIZERR, NOTZEROERR = (1 << n for n in (0, 1, 2, 3, 8, 9, 10, 16))
PE_KEYS, PRG_KEYS = (0x89AB_CDEF, 0x0203_0405), (0x8C9D_AEBF, 0x1314_1516)
OPT_KEYS = (0xFBEA_D9C8, 0x2425_2627)
OFFSETS = {"ACR": 0, "PECR": 4, "PDKEYR": 8, "PEKEYR": 0xC, "PRGKEYR": 0x10, "OPTKEYR": 0x14, "SR": 0x18, "OPTR": 0x1C}
LEVEL_0, LEVEL_2 = 0xAA, 0xCC
IWDG_SOFTWARE = 1 << 20  # of OPTR


@dataclass(frozen=True)
class NvmPlan:
    """One member of the family. ``flags``: error bits of SR; ``ors``: a word that is not 0 is ORed, not refused."""

    base: int
    half_page: int  # bytes
    time: int  # ps of any operation
    flags: int
    acr_mask: int
    eeprom: tuple[int, int]
    factory: int  # of OPTR
    pages_per_bit: int
    protection_registers: tuple[int, ...]  # WRPR offsets
    ors: bool = False
    irq: int = 4


class NvmFlash(StrictShadow):
    """The register block; :class:`NvmArea` per bank and for the EEPROM takes the stores."""

    name = "FLASH"
    size = 0x400
    open_lock_refuses_keys = False

    def __init__(self, plan: NvmPlan, chip: ChipModel, host: FlashHost) -> None:
        super().__init__()
        self.plan, self.chip, self.host = plan, chip, host
        self.base = plan.base
        self.areas = [NvmArea(self, bank.base, bank.size, program=True) for bank in chip.banks]
        self.eeprom = NvmArea(self, *plan.eeprom, program=False)
        self.keys = {
            "PEKEYR": KeySequence(*PE_KEYS),
            "PRGKEYR": KeySequence(*PRG_KEYS),
            "OPTKEYR": KeySequence(*OPT_KEYS),
        }
        self.opens = {"PEKEYR": (PELOCK, 0), "PRGKEYR": (PRGLOCK, PELOCK), "OPTKEYR": (OPTLOCK, PELOCK)}
        self.option_word = plan.factory
        self.options = NvmOptions(self)
        self.protection = 0  # a bit per protected group of pages
        self.flags, self.control, self.acr = 0, LOCKS, 0
        self.operation = Operation(host.clock, self._finish)
        self._names = {offset: name for name, offset in OFFSETS.items()}

    # --- what the chip asks

    def controller(self, bank: FlashBank) -> NvmArea:
        """See FamilyFlash."""
        return self.areas[self.chip.banks.index(bank)]

    def map_memories(self) -> None:
        """See FamilyFlash."""
        bus = self.host.bus
        bus.add_flash("data EEPROM", self.eeprom.base, self.eeprom.size, self.eeprom)
        bus.patch(self.eeprom.base, bytes(self.eeprom.size))
        self.options.map_memories()

    def set_options(self, *, rdp: bool, iwdg_hardware: bool, protected: tuple[tuple[int, int], ...]) -> None:
        """See FamilyFlash; ``protected`` are ranges of pages, rounded to what one bit protects."""
        self.option_word = self.option_word & ~0xFF | (0x00 if rdp else LEVEL_0)
        if iwdg_hardware:
            self.option_word &= ~IWDG_SOFTWARE
        for first, last in protected:
            check_pages(self.chip, first, last, self.chip.flash_size // self.chip.page)
            for page in range(first, last + 1):
                self.protection |= 1 << page // self.plan.pages_per_bit
        self.options.manufacture(self.option_word, self.protection)

    @property
    def hardware_iwdg(self) -> bool:
        """See FamilyFlash."""
        return not self.option_word & IWDG_SOFTWARE

    @property
    def boots_system_memory(self) -> bool:
        """See FamilyFlash."""
        return False

    @property
    def level(self) -> int:
        """Readout protection: 0, 1 or 2."""
        return {LEVEL_0: 0, LEVEL_2: 2}.get(self.option_word & 0xFF, 1)

    @property
    def hides_flash(self) -> bool:
        """See FlashUnit."""
        return self.level > 0

    @property
    def debug_disabled(self) -> bool:
        """See FlashUnit."""
        return self.level == 2

    def ready_at(self, address: int, length: int, *, writing: bool) -> int:
        """See FlashUnit."""
        del writing
        inside = self.chip.in_flash(address, length) or self.eeprom.holds(address)
        return self.end if inside else 0

    # --- resets

    def power_on(self) -> None:
        """Power-on reset: options are loaded."""
        self.option_word, self.protection = self.options.load()
        self.reset()

    def reset(self) -> None:
        """System reset: an operation under way is torn."""
        self.operation.abort()
        for keys in self.keys.values():
            keys.reset()
        self._drop()
        self.flags, self.control, self.acr = 0, LOCKS, 0
        for offset in OFFSETS.values():
            self.publish(offset, 0)
        self.publish(OFFSETS["OPTR"], self.option_word)
        for index, offset in enumerate(self.plan.protection_registers):
            self.publish(offset, self.protection >> 32 * index)
        self.show()

    # --- registers

    def write(self, offset: int, value: int, width: int) -> None:
        """Whole words."""
        name = self._names.get(offset)
        if offset in self.plan.protection_registers or name in ("OPTR", "PDKEYR"):
            return
        if name is None or width != 4:
            raise Unmodelled(f"FLASH: write of 0x{value:X} ({width} bytes) at offset 0x{offset:X}")
        if name == "ACR":
            self.acr = value & self.plan.acr_mask
        elif name == "SR":
            self.flags &= ~(value & (self.plan.flags | EOP))
        elif name == "PECR":
            self._write_control(value)
        else:
            self._write_key(name, value)
        self.show()

    def _write_key(self, name: str, value: int) -> None:
        bit, outer = self.opens[name]
        keys = self.keys[name]
        if self.control & outer:
            return  # nothing while PELOCK is set (RM0367 3.3.4)
        if not self.control & bit:
            keys.locked_out = True  # keys to an open lock are a wrong sequence
            self.control |= bit
        elif keys.offer(value):
            self.control &= ~bit
        if keys.locked_out:
            self.show()
            raise BusFault(self.base + OFFSETS[name], "wrong key for the flash; locked until reset")

    def _write_control(self, value: int) -> None:
        if self.control & PELOCK or self.busy:
            return
        locks = (self.control | value) & LOCKS
        if locks & PELOCK:
            # Inferred: OpenOCD and st-flash lock after an erase, and then only add FPRG and PROG: real chips take it.
            locks, value = LOCKS, value & ~(PROG | DATA | ERASE | FPRG)
            for keys in self.keys.values():
                keys.reset()
        if value & OBL_LAUNCH and not locks & OPTLOCK:
            self.option_word, self.protection = self.options.load()
            self.host.reset_for_options()
            return
        self.control = locks | value & (PROG | DATA | FIX | ERASE | FPRG | EOPIE | ERRIE)
        if not value & FPRG:
            self._drop()

    def _drop(self) -> None:
        for area in (*self.areas, self.eeprom):
            area.buffer = b""

    def show(self) -> None:
        """Publish ACR, PECR and SR."""
        self.publish(OFFSETS["ACR"], self.acr)
        self.publish(OFFSETS["PECR"], self.control)
        self.publish(OFFSETS["SR"], self.flags | (BSY if self.busy else ENDHV) | READY)

    # --- operations

    @property
    def busy(self) -> bool:
        """SR.BSY."""
        return self.operation.busy

    @property
    def end(self) -> int:
        """Picosecond at which the operation under way ends; 0 when idle."""
        return self.operation.end

    def fail(self, flag: int) -> None:
        """Refuse with a flag of SR."""
        self._drop()
        self.flags |= flag & self.plan.flags
        if self.control & ERRIE:
            self.host.irq(self.plan.irq)
        self.show()

    def begin(self, on_abort: Callable[[], None]) -> None:
        """Be busy for the time of one operation."""
        self.settle()
        self.operation.begin(self.plan.time, on_abort)
        self.show()

    def settle(self) -> None:
        """Finish what ends right now: the bus lets a stalled store through at that very moment."""
        self.operation.settle()

    def _finish(self) -> None:
        self.flags |= EOP
        if self.control & EOPIE:
            self.host.irq(self.plan.irq)
        self.show()

    def protects(self, address: int) -> bool:
        """Report whether the page at ``address`` refuses program and erase."""
        if self.level == 1 and self.host.debug_active():
            return True
        page = (address - self.chip.flash_base) // self.chip.page
        return bool(self.protection >> page // self.plan.pages_per_bit & 1)


class NvmArea:
    """A bank of program memory, or the data EEPROM. Is the bus's FlashController for it."""

    def __init__(self, flash: NvmFlash, base: int, size: int, *, program: bool) -> None:
        self.flash, self.base, self.size, self.program = flash, base, size, program
        self.buffer = b""
        self.start = 0

    def holds(self, address: int) -> bool:
        """Report whether the address is inside."""
        return self.base <= address < self.base + self.size

    def busy_until(self) -> int:
        """See FlashController."""
        return self.flash.end

    def flash_write(self, address: int, value: int, width: int) -> None:
        """Erase a page, or program a word, a half-page or EEPROM bytes (RM0367 3.3.4)."""
        flash = self.flash
        flash.settle()
        if address < self.base:
            address += flash.chip.flash_base  # through the alias at 0
        control = flash.control
        if control & PELOCK or (self.program and (control & PRGLOCK or flash.protects(address))):
            flash.fail(WRPERR)
        elif self.program and width != 4:
            flash.fail(SIZERR)
        elif control & ERASE:
            self._erase(address)
        elif control & FPRG:
            self._gather(address, value)
        else:
            self._put(address, value.to_bytes(width, "little"))

    def _erase(self, address: int) -> None:
        flash = self.flash
        if not flash.control & PROG and self.program:
            flash.fail(PGAERR)
            return
        size = flash.chip.page if self.program else 4
        start = address // size * size
        old = flash.host.bus.peek(start, size)
        flash.begin(lambda: flash.host.bus.patch(start, bytes(byte & 0x55 for byte in old)))
        flash.host.bus.patch(start, bytes(size))

    def _gather(self, address: int, value: int) -> None:
        flash, size = self.flash, self.flash.plan.half_page
        if not self.buffer:
            self.start = address
        if not flash.control & PROG or self.start % size or address != self.start + len(self.buffer):
            flash.fail(PGAERR)
            return
        self.buffer += value.to_bytes(4, "little")
        if len(self.buffer) == size:
            data, self.buffer = self.buffer, b""
            self._put(self.start, data)

    def _put(self, address: int, data: bytes) -> None:
        flash, bus = self.flash, self.flash.host.bus
        old = bus.peek(address, len(data))
        if self.program and any(old):
            if not flash.plan.ors:
                flash.fail(NOTZEROERR)
                return
            data = bytes(was | new for was, new in zip(old, data, strict=True))
        torn = bytes(was | new & 0x55 for was, new in zip(old, data, strict=True))
        flash.begin(lambda: bus.patch(address, torn))
        bus.patch(address, data)
