"""The flash controller of the STM32L4 and its relatives (RM0351 3, RM0394 3): whole units with ECC, strict sequences.

The same controller, with other registers and units, is in the G0, G4, C0, WB, WL, L5 and U5; an EccPlan says in what
they differ. It answers misuse with flags in SR and refuses to go on until they are cleared; only a wrong key is a bus
error.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..bus import BusFault, Unmodelled
from ..chip import ChipModel, FlashBank
from ..fpec import KeySequence
from .ecc_bank import EccBank, OneTimeArea
from .ecc_options import EccOptions
from .ecc_plan import (
    ACR_EMPTY,
    BLOCKING,
    BSY,
    CFGBSY,
    DBG_SWEN,
    DCEN,
    DCRST,
    EOP,
    EOPIE,
    ERRIE,
    FSTPG,
    ICEN,
    ICRST,
    KEYS,
    LOCK,
    OBL_LAUNCH,
    OPERR,
    OPTION_KEYS,
    OPTLOCK,
    OPTSTRT,
    PEMPTY,
    PER,
    PG,
    PGSERR,
    POWER_DOWN_KEYS,
    RUN_PD,
    STRT,
    WRPERR,
    EccPlan,
)
from .ecc_report import EccReport
from .family import FlashHost
from .operation import Operation
from .strict import StrictShadow

__all__ = ["EccFlash"]

WITHOUT_SECURITY = ("SECKEYR", "SECSR", "SECCR", "OPSR")
"""Registers that read 0 and ignore writes while TrustZone is off; OPSR is read-only and shows no torn operation."""


class EccFlash(StrictShadow):
    """The register block and the operations; one :class:`EccBank` per bank takes the stores."""

    name = "FLASH"
    size = 0x400
    open_lock_refuses_keys = False

    def __init__(self, plan: EccPlan, chip: ChipModel, host: FlashHost) -> None:
        super().__init__()
        self.plan, self.chip, self.host = plan, chip, host
        self.base = plan.base
        self.report = EccReport(self)
        self.banks = [EccBank(self, index, bank) for index, bank in enumerate(chip.banks)]
        self.options = EccOptions(plan.options, self)
        self.keys = KeySequence(*KEYS)
        self.option_keys = KeySequence(*OPTION_KEYS)
        self.power_keys = KeySequence(*POWER_DOWN_KEYS)
        self.flags = 0
        self.control = LOCK | OPTLOCK
        self.empty = False
        self.may_power_down = False
        self.operation = Operation(host.clock, self._finish)
        self._active_bank = 0
        names = {offset: name for name, offset in plan.registers.items()}
        writers: dict[str, Callable[[int], None]] = {
            "ACR": self._write_acr,
            "PDKEYR": self._write_power_key,
            "KEYR": self._write_key,
            "OPTKEYR": self._write_option_key,
            "SR": self._write_status,
            "CR": self._write_control,
            "ECCR": partial(self.report.write, "ECCR"),
            "ECC2R": partial(self.report.write, "ECC2R"),
            **dict.fromkeys(WITHOUT_SECURITY, _ignore),
        }
        self._writers = {offset: writers[name] for offset, name in names.items() if name in writers}
        self._control_bits = self._all_control_bits()

    def _all_control_bits(self) -> int:
        plan = self.plan
        first, width = plan.page_bits
        bits = PG | PER | (FSTPG if plan.row else 0) | plan.control | ((1 << width) - 1) << first | sum(plan.mass_bits)
        bits |= plan.burst[0] if plan.burst is not None else 0
        return bits | (1 << plan.bank_bit if plan.bank_bit is not None else 0)

    # --- what the chip asks

    def controller(self, bank: FlashBank) -> EccBank:
        """See FamilyFlash."""
        return self.banks[self.chip.banks.index(bank)]

    def map_memories(self) -> None:
        """See FamilyFlash."""
        self.options.map_memories()
        if self.plan.one_time is not None:
            base, size = self.plan.one_time
            self.host.bus.add_flash("OTP", base, size, OneTimeArea(self))

    def set_options(self, *, rdp: bool, iwdg_hardware: bool, protected: tuple[tuple[int, int], ...]) -> None:
        """See FamilyFlash."""
        self.options.manufacture(rdp=rdp, iwdg_hardware=iwdg_hardware, protected=protected)

    @property
    def hardware_iwdg(self) -> bool:
        """See FamilyFlash."""
        return self.options.hardware_iwdg

    @property
    def boots_system_memory(self) -> bool:
        """See FamilyFlash: with the empty flag set, main flash is not booted (RM0394 2.6)."""
        return self.empty

    @property
    def hides_flash(self) -> bool:
        """See FlashUnit."""
        return self.options.level > 0

    @property
    def debug_disabled(self) -> bool:
        """See FlashUnit."""
        return self.options.level == 2

    def ready_at(self, address: int, length: int, *, writing: bool) -> int:
        """See FlashUnit."""
        control = self.base + self.plan.registers["CR"]
        if self.plan.stalls_control and writing and address <= control < address + length:
            return self.end
        if not self.chip.in_flash(address, length):
            return 0
        if writing:
            return self.end
        return max(bank.busy_until() for bank in self.banks if bank.holds(address, length))

    # --- resets

    def power_on(self) -> None:
        """Power-on reset: options are loaded, and the empty flag is found anew."""
        self.options.load()
        self._look_for_content()
        self.reset()

    def reset(self) -> None:
        """System reset: an operation under way is torn. Options are only loaded by power or OBL_LAUNCH."""
        self.operation.abort()
        for keys in (self.keys, self.option_keys, self.power_keys):
            keys.reset()
        for bank in self.banks:
            bank.drop()
            bank.mass_erased = False
        self.flags = 0
        self.control = LOCK | OPTLOCK
        self.may_power_down = False
        self.acr = self.plan.acr[0]
        for name, offset in self.plan.registers.items():
            if name not in ("SR", "CR", "ACR"):
                self.publish(offset, 0)
        self.report.reset()
        self.options.show()
        self.show()

    def content_given(self) -> None:
        """See FlashUnit."""
        self._look_for_content()
        self.show()

    def _look_for_content(self) -> None:
        first = self.host.bus.peek(self.chip.flash_base, 4)
        self.empty = bool(self.plan.empty) and first == b"\xff\xff\xff\xff"

    # --- registers

    def write(self, offset: int, value: int, width: int) -> None:
        """Whole words."""
        if self.options.has(offset) and width == 4:
            self.options.write(offset, value)
            return
        writer = self._writers.get(offset)
        if writer is None or width != 4:
            raise Unmodelled(f"FLASH: write of 0x{value:X} ({width} bytes) at offset 0x{offset:X}")
        writer(value)

    def _write_acr(self, value: int) -> None:
        if self.acr & ICEN:
            value &= ~ICRST  # only a cache that is off can be reset (RM0351 3.7.1)
        if self.acr & DCEN:
            value &= ~DCRST
        if value & RUN_PD & self.plan.acr[1] and self.may_power_down:
            raise Unmodelled("FLASH: ACR.RUN_PD puts the flash into power-down")
        if self.plan.empty == "ACR":
            self.empty = bool(value & ACR_EMPTY)
        if self.acr & ~value & DBG_SWEN & self.plan.acr[1]:
            raise Unmodelled("FLASH: clearing ACR.DBG_SWEN takes the debug port away")
        reset, mask = self.plan.acr
        self.acr = (reset & ~mask | value & mask) & ~(RUN_PD | (ACR_EMPTY if self.plan.empty == "ACR" else 0))
        self.show()

    def _write_power_key(self, value: int) -> None:
        self.may_power_down = self.may_power_down or self._offer(self.power_keys, value)

    def _write_key(self, value: int) -> None:
        if self._offer(self.keys, value):
            self.control &= ~LOCK
            self.keys.locked_out = True  # keys to an open lock are a wrong sequence
            self.show()

    def _write_option_key(self, value: int) -> None:
        if self.control & LOCK:
            raise BusFault(self.base + self.plan.registers["OPTKEYR"], "option keys before the flash was unlocked")
        if self._offer(self.option_keys, value):
            self.control &= ~OPTLOCK
            self.option_keys.locked_out = True
            self.show()

    def _offer(self, keys: KeySequence, value: int) -> bool:
        opened = keys.offer(value)
        if keys.locked_out:
            if not opened:
                self.control |= LOCK if keys is self.keys else OPTLOCK
                self.show()
            raise BusFault(self.base, "wrong key for the flash; locked until reset")
        return opened

    def _write_status(self, value: int) -> None:
        self.flags &= ~(value & self.plan.flags)
        if self.plan.empty == "SR" and value & PEMPTY:
            self.empty = not self.empty
        self.show()

    def _write_control(self, value: int) -> None:
        self.settle()
        if self.busy or self.control & LOCK or (self.plan.shows_configuration and any(b.waiting for b in self.banks)):
            return
        if value & LOCK:
            self.keys.reset()
            self.option_keys.reset()
            self.control = value & self._control_bits | LOCK | OPTLOCK
            self.show()
            return
        option_lock = (self.control | value) & OPTLOCK
        if option_lock and not self.control & OPTLOCK:
            self.option_keys.reset()
        self.control = value & self._control_bits | option_lock
        if not value & (PG | FSTPG):
            for bank in self.banks:
                bank.drop()
        self.show()
        self._launch(value, may_change_options=not option_lock)

    def _launch(self, value: int, *, may_change_options: bool) -> None:
        if value & OBL_LAUNCH and may_change_options:
            self.options.load()
            self._look_for_content()
            self.host.reset_for_options()
        elif value & OPTSTRT and may_change_options:
            self.options.start()
        elif value & STRT:
            self._start_erase()

    def show(self) -> None:
        """Publish ACR, SR and CR."""
        registers, plan = self.plan.registers, self.plan
        busy = 0
        if self.busy:
            busy = plan.second_busy if plan.second_busy and self._active_bank else BSY
        if plan.shows_configuration and (self.busy or any(bank.waiting for bank in self.banks)):
            busy |= CFGBSY
        if plan.waiting and any(bank.waiting for bank in self.banks):
            busy |= plan.waiting
        self.publish(registers["SR"], self.flags | busy | (PEMPTY if self.empty and plan.empty == "SR" else 0))
        self.publish(registers["CR"], self.control)
        self.publish(registers["ACR"], self.acr | (ACR_EMPTY if self.empty and plan.empty == "ACR" else 0))

    # --- operations

    @property
    def busy(self) -> bool:
        """SR.BSY."""
        return self.operation.busy

    @property
    def end(self) -> int:
        """Picosecond at which the operation under way ends; 0 when idle."""
        return self.operation.end

    def busy_until(self, index: int) -> int:
        """Until when bank ``index`` answers neither accesses nor fetches: the other bank can be read meanwhile.

        In a fast row one unit is taken ahead.
        """
        if index != self._active_bank:
            return 0
        return max(self.end - self.plan.timing.fast, 0) if self.control & FSTPG else self.end

    def fail(self, flag: int) -> None:
        """Refuse with a flag of SR; the operation does not take place."""
        for bank in self.banks:
            bank.drop()
        self.flags |= flag & self.plan.flags
        if self.control & ERRIE:
            self.flags |= OPERR  # only set with its interrupt enabled (RM0351 3.7.5)
            self.host.irq(self.plan.irq)
        self.show()

    def begin(self, duration: int, on_abort: Callable[[], None], bank: int = 0) -> None:
        """Be busy for ``duration`` ps; ``on_abort`` leaves half-done work behind if a reset comes in between."""
        self.operation.begin(duration, on_abort)
        self._active_bank = bank
        self.show()

    def settle(self) -> None:
        """Finish what ends right now: the bus lets a stalled store through at that very moment."""
        self.operation.settle()

    def _finish(self) -> None:
        self.control &= ~(STRT | OPTSTRT)
        if self.control & EOPIE:
            self.flags |= EOP  # only set with its interrupt enabled (RM0351 3.7.5)
            self.host.irq(self.plan.irq)
        self.show()

    # --- erase

    def _start_erase(self) -> None:
        control = self.control
        masses = [bit for bit in self.plan.mass_bits if control & bit]
        if not control & PER and not masses:
            raise Unmodelled("FLASH: STRT without PER or MER is unpredictable (RM0351 3.7.6)")
        if self.flags & BLOCKING or control & (PG | FSTPG) or (control & PER and masses):
            self.fail(PGSERR)
        elif control & PER:
            self._erase_page()
        else:
            self._erase_banks([self.plan.mass_bits.index(bit) for bit in masses])

    def _erase_page(self) -> None:
        first, width = self.plan.page_bits
        number = self.control >> first & (1 << width) - 1
        index = 0 if self.plan.bank_bit is None else self.control >> self.plan.bank_bit & 1
        if index >= len(self.banks) or number >= self.banks[index].pages:
            raise Unmodelled(f"FLASH: erase of page {number} of bank {index + 1}, which {self.chip.name} has not")
        bank = self.banks[index]
        if self.options.protects(index, number):
            self.fail(WRPERR)
            return
        bank.mass_erased = False
        self._erase(bank, bank.base + number * bank.page, bank.page, self.plan.timing.erase_page)

    def _erase_banks(self, indices: list[int]) -> None:
        chosen = [self.banks[index] for index in indices if index < len(self.banks)]
        if len(self.plan.mass_bits) == 1:
            chosen = self.banks
        if not chosen:
            raise Unmodelled(f"FLASH: mass erase of a bank that {self.chip.name} has not")
        if any(self.options.protects_any(bank.index, bank.pages) for bank in chosen):
            self.fail(WRPERR)
            return
        for bank in chosen:
            self._erase(bank, bank.base, bank.size, self.plan.timing.erase_all)
            bank.mass_erased = True

    def _erase(self, bank: EccBank, start: int, length: int, duration: int) -> None:
        self.control |= STRT
        self.begin(duration, bank.wipe(start, length), bank.index)

    def mass_erase_all(self) -> None:
        """Erase everything at once: what leaving read protection costs."""
        for bank in self.chip.banks:
            self.controller(bank).wipe(bank.base, bank.size)


def _ignore(_: int) -> None:
    return
