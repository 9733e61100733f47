"""Chips that no one makes: a Cortex-M with RAM and one strict flash controller, for what knows no family.

There is no DBGMCU, no clock tree and no watchdog: nothing by which a debugger could tell what it has in front of it.
The controller is described in docs/simulated-chips.md; that page is its manual.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..bus import BusFault, Unmodelled
from ..chip import KIB, MS, SRAM, US, ChipModel, FlashBank, Ram
from ..errors import SelectorError
from ..fpec import KeySequence
from .operation import Operation
from .strict import StrictShadow

if TYPE_CHECKING:
    from ..machine import Machine

__all__ = ["GENERIC", "GENERIC_CHIPS", "GenericFlash", "GenericSoc"]

GENERIC = "generic"
"""The family's name."""
FACTORY = {"generic-m4": (32 * KIB, 48 * KIB)}
"""First address and end of what the maker has filled and the controller does not change."""

OFFSETS = {"KEY": 0x00, "CTRL": 0x04, "STATUS": 0x08, "ADDR": 0x0C, "ID": 0x10}
IDENTITY = 0x3143_564E  # "NVC1"
KEYS = (0xA5F0_1E2D, 0x5A0F_E1D2)
PROGRAM, ERASE, LOCK = 1, 2, 1 << 31
BUSY = 1
SEQUENCE, NOT_ERASED, PROTECTED, BAD_ADDRESS = (1 << n for n in range(4, 8))
ERRORS = SEQUENCE | NOT_ERASED | PROTECTED | BAD_ADDRESS
PROGRAM_TIME = 30 * US
ERASE_TIME, ERASE_TIME_PER_KIB = 4 * MS, MS // 4


class GenericFlash(StrictShadow):
    """The controller: its registers, and who judges stores to the array."""

    name = "NVC"
    base = 0x4001_0000
    size = 0x400
    open_lock_refuses_keys = False
    hides_flash = False
    debug_disabled = False

    def __init__(self, chip: ChipModel, machine: Machine) -> None:
        super().__init__()
        self.chip, self.bus = chip, machine.bus
        self.keys = KeySequence(*KEYS)
        self.control, self.flags, self.address = LOCK, 0, 0
        self.operation = Operation(machine.clock, self.show)

    # --- what bus and board ask

    def busy_until(self) -> int:
        """See FlashController."""
        return self.operation.end

    def ready_at(self, address: int, length: int, *, writing: bool) -> int:
        """See FlashUnit."""
        del writing
        return self.operation.end if self.chip.in_flash(address, length) else 0

    def reset(self) -> None:
        """System reset: an operation under way is torn."""
        self.operation.abort()
        self.keys.reset()
        self.control, self.flags, self.address = LOCK, 0, 0
        self.publish(OFFSETS["KEY"], 0)
        self.publish(OFFSETS["ID"], IDENTITY)
        self.show()

    def show(self) -> None:
        """Publish CTRL, STATUS and ADDR."""
        self.publish(OFFSETS["CTRL"], self.control)
        self.publish(OFFSETS["STATUS"], self.flags | (BUSY if self.operation.busy else 0))
        self.publish(OFFSETS["ADDR"], self.address)

    # --- registers

    def write(self, offset: int, value: int, width: int) -> None:
        """Whole words only; nothing but STATUS while busy."""
        self.operation.settle()
        if width != 4:
            raise BusFault(self.base + offset, "the flash controller takes words only")
        if offset == OFFSETS["STATUS"]:
            self.flags &= ~value
        elif self.operation.busy:
            raise BusFault(self.base + offset, "the flash controller is busy")
        elif offset == OFFSETS["KEY"]:
            self._write_key(value)
        elif offset == OFFSETS["CTRL"]:
            self._write_control(value)
        elif offset == OFFSETS["ADDR"]:
            self._write_address(value)
        elif offset != OFFSETS["ID"]:
            raise Unmodelled(f"NVC: write of 0x{value:08X} at offset 0x{offset:X}")
        self.show()

    def _write_key(self, value: int) -> None:
        if not self.control & LOCK:
            self.keys.locked_out = True  # keys to an open lock are a wrong sequence
            self.control = LOCK
        elif self.keys.offer(value):
            self.control &= ~LOCK
        if self.keys.locked_out:
            self.show()
            raise BusFault(self.base, "wrong key; locked until reset")

    def _write_control(self, value: int) -> None:
        if self.control & LOCK:
            raise BusFault(self.base + OFFSETS["CTRL"], "the flash controller is locked")
        if value & ~(PROGRAM | ERASE | LOCK) or value & (PROGRAM | ERASE) == PROGRAM | ERASE:
            raise Unmodelled(f"NVC_CTRL: 0x{value:08X} asks for what there is not")
        self.control = LOCK if value & LOCK else value
        if value & LOCK:
            self.keys.reset()

    def _write_address(self, value: int) -> None:
        """Erase the sector that begins there."""
        if self.control & LOCK:
            raise BusFault(self.base + OFFSETS["ADDR"], "the flash controller is locked")
        self.address = value
        size = dict(self.sectors()).get(value, 0)
        if self.control != ERASE or self.flags & ERRORS:
            self.flags |= SEQUENCE
        elif not size:
            self.flags |= BAD_ADDRESS
        elif self.protects(value):
            self.flags |= PROTECTED
        else:
            old = self.bus.peek(value, size)
            time = ERASE_TIME + size // KIB * ERASE_TIME_PER_KIB
            self._begin(time, lambda: self.bus.patch(value, bytes(byte & 0x55 for byte in old)))
            self.bus.patch(value, bytes([self.chip.erased]) * size)

    def sectors(self) -> list[tuple[int, int]]:
        """Start and size of each."""
        bank, found = self.chip.banks[0], []
        start = bank.base
        for size in bank.sectors:
            found.append((start, size))
            start += size
        return found

    def protects(self, address: int) -> bool:
        """Report whether the maker's own content is there."""
        first, end = FACTORY.get(self.chip.name, (0, 0))
        return first <= address < end

    # --- the array

    def flash_write(self, address: int, value: int, width: int) -> None:
        """Program a word that is erased."""
        self.operation.settle()
        if self.control != PROGRAM or self.operation.busy:
            raise BusFault(address, "the flash is not in programming mode, or busy")
        if width != 4:
            raise BusFault(address, f"the flash takes words only, not {width} bytes")
        old = self.bus.peek(address, 4)
        if self.flags & ERRORS:
            self.flags |= SEQUENCE
        elif self.protects(address):
            self.flags |= PROTECTED
        elif old != bytes([self.chip.erased]) * 4:
            self.flags |= NOT_ERASED
        else:
            new = value.to_bytes(4, "little")
            torn = bytes(was ^ (was ^ is_) & 0x55 for was, is_ in zip(old, new, strict=True))
            self._begin(PROGRAM_TIME, lambda: self.bus.patch(address, torn))
            self.bus.patch(address, new)
        self.show()

    def _begin(self, time: int, on_abort: Callable[[], None]) -> None:
        self.operation.begin(time, on_abort)
        self.show()


class GenericSoc:
    """Core, RAM, flash and its controller. Has what sim/soc.py's AnySoc asks for."""

    def __init__(self, chip: ChipModel, machine: Machine) -> None:
        self.chip, self.machine = chip, machine
        self.flash = GenericFlash(chip, machine)
        for ram in chip.rams:
            machine.bus.add_ram(ram.name, ram.base, ram.size)
        for bank in chip.banks:
            machine.bus.add_flash("flash", bank.base, bank.size, self.flash)
            machine.bus.patch(bank.base, bytes([chip.erased]) * bank.size)
        first, end = FACTORY.get(chip.name, (0, 0))
        machine.bus.patch(first, b"\xc3" * (end - first))
        machine.bus.add_peripheral(self.flash)

    def set_options(self, *, rdp: bool, iwdg_hardware: bool, protected: tuple[tuple[int, int], ...]) -> None:
        """There are no option bytes."""
        if rdp or iwdg_hardware or protected:
            raise SelectorError(f"{self.chip.name} has no option bytes: rdp, wrp and iwdg are for other chips.")

    def debug_pins_taken(self) -> bool:
        """See AnySoc."""
        return False

    def expect_pin_reset(self) -> None:
        """There are no reset flags."""


def _chip(name: str, core: str, sectors: tuple[tuple[int, int], ...], ram: int, *, erased: int = 0xFF) -> ChipModel:
    sizes = tuple(size * KIB for count, size in sectors for _ in range(count))
    small = core == "cortex-m0+"
    return ChipModel(
        name=name,
        description=f"{name}, {sum(sizes) // KIB} KiB flash, no maker",
        rams=(Ram("SRAM", SRAM, ram * KIB),),
        banks=(FlashBank(0, sum(sizes), min(sizes), sectors=sizes),),
        idcode=0,
        boundary_scan_id=0,
        rom_table_part=0,
        ports="",
        unique_id=b"",
        interrupts=32,
        family=GENERIC,
        core=core,
        core_hz=16_000_000,
        priority_bits=2 if small else 4,
        dpidr=0x0BC1_1477 if small else 0x2BA0_1477,
        jtag_id=0 if small else 0x4BA0_0477,
        ap_idr=0x0477_0031 if small else 0x2477_0011,
        erased=erased,
        flash_at_0=False,
    )


GENERIC_CHIPS = (
    _chip("generic-m0plus", "cortex-m0+", ((8, 1), (6, 4), (1, 32)), 8),
    _chip("generic-m3", "cortex-m3", ((4, 2), (3, 8), (2, 32)), 16, erased=0),
    _chip("generic-m4", "cortex-m4", ((1, 32), (6, 16)), 32),
)
