"""STM32F0: F091 (RM0091). Cortex-M0; the flash controller is the F1's, with other option bytes."""

from __future__ import annotations

from collections.abc import Mapping

from ..chip import KIB, MS, SRAM, US, ChipModel, FlashBank, FlashTiming, Ram
from ..flash_unit import check_pages
from ..fpec import LOCK, OPTWRE, FlashBankController, Fpec, FpecHost
from ..option_bytes import BASE as OPTION_BASE
from ..option_bytes import SIZE as OPTION_SIZE
from ..option_bytes import OptionBytes
from .clocks import ClockPlan, Oscillator
from .debug_mcu import DebugPlan
from .family import DmaPlan, Family, FlashHost, SystemMemory
from .plain import PlainPlan
from .words import words

__all__ = ["F0_CHIPS", "F0_FAMILIES"]

OBL_LAUNCH = 1 << 13
LEVEL_2 = 0xCC

_RCC = words(
    """
    CR       00 00000080 000D00F9
    CFGR     04 0 F73FC7F3
    CIR      08 0 FF00
    APB2RSTR 0C 0 475A01
    APB1RSTR 10 0 7AFE4933
    AHBENR   14 14 15E0057
    APB2ENR  18 0 475AE1
    APB1ENR  1C 0 7AFE4933
    BDCR     20 0 0001831C
    CSR      24 0 1
    AHBRSTR  28 0 15E0000
    CFGR2    2C 0 F
    CFGR3    30 0 301D3
    CR2      34 80 100FD
    """
)
# the PLL is in CR too
_RCC["CR"] = words("CR 00 00000081 010D00F9")["CR"]


def _inputs(name: str, registers: Mapping[str, int]) -> str:
    return ("HSI", "HSI", "HSE", "HSI48")[registers["CFGR"] >> 15 & 3] if name == "PLL" else ""


def _frequency(name: str, registers: Mapping[str, int], hse: int) -> int:
    if name != "PLL":
        return {"HSI": 8_000_000, "HSE": hse, "HSI48": 48_000_000}[name]
    source = _frequency(_inputs(name, registers), registers, hse)
    divider = 2 if not registers["CFGR"] >> 15 & 3 else (registers["CFGR2"] & 0xF) + 1
    return source // divider * min((registers["CFGR"] >> 18 & 0xF) + 2, 16)


_CLOCKS = ClockPlan(
    base=0x4002_1000,
    registers=_RCC,
    oscillators=(
        Oscillator("HSI", "CR", 1 << 0, 1 << 1, 2 * US),
        Oscillator("HSE", "CR", 1 << 16, 1 << 17, 2 * MS),
        Oscillator("PLL", "CR", 1 << 24, 1 << 25, 200 * US),
        Oscillator("HSI14", "CR2", 1 << 0, 1 << 1, 2 * US),
        Oscillator("HSI48", "CR2", 1 << 16, 1 << 17, 6 * US),
        Oscillator("LSI", "CSR", 1, 2, 85 * US),
    ),
    sources=("HSI", "HSE", "PLL", "HSI48"),
    frequency=_frequency,
    inputs=_inputs,
    limit_hz=48_000_000,
    apb_shifts=(8, 8),
    holds={"CFGR2": ("PLL", 0xF)},
    refuse={"BDCR": 1},
    remove_flags=1 << 24,
    start_ready=("HSI",),
)


class F0Options(OptionBytes):
    """Three levels of protection; loaded by power and OBL_LAUNCH (RM0091 4)."""

    key = 0xAA

    def load(self) -> tuple[int, int]:
        """Return FLASH_OBR, laid out as RM0091 3.5.7 has it, and FLASH_WRPR."""
        old, wrpr = super().load()
        level = 0 if not self.read_protected else 2 if self.fpec.host.bus.peek(OPTION_BASE, 1)[0] == LEVEL_2 else 1
        self.level = level
        data = old >> 10 & 0xFFFF
        return old & 1 | (1 if level == 1 else 3 if level else 0) << 1 | self.user << 8 | data << 16, wrpr


class F0Flash(Fpec):
    """The register block with OBL_LAUNCH. Has what FamilyFlash asks for."""

    options: F0Options

    def __init__(self, chip: ChipModel, host: FlashHost) -> None:
        super().__init__(
            chip, FpecHost(host.clock, host.bus, lambda: True, host.debug_active, host.irq, line=3), F0Options
        )
        self.reset_for_options = host.reset_for_options
        self._shown = (0, 0)

    def controller(self, bank: FlashBank) -> FlashBankController:
        """See FamilyFlash."""
        return self.banks[self.chip.banks.index(bank)]

    def map_memories(self) -> None:
        """See FamilyFlash."""
        self.host.bus.add_flash("option bytes", OPTION_BASE, OPTION_SIZE, self.options)

    def set_options(self, *, rdp: bool, iwdg_hardware: bool, protected: tuple[tuple[int, int], ...]) -> None:
        """See FamilyFlash; ``protected`` are ranges of pages."""
        bits, per_bit = 0xFFFF_FFFF, self.chip.pages_per_protection_bit
        for first, last in protected:
            check_pages(self.chip, first, last, self.chip.flash_size // self.chip.page)
            for page in range(first, last + 1):
                bits &= ~(1 << min(page // per_bit, 31))
        content = F0Options.factory(rdp=rdp, user=0xFE if iwdg_hardware else 0xFF, write_protection=bits)
        self.host.bus.patch(OPTION_BASE, content)

    @property
    def hardware_iwdg(self) -> bool:
        """See FamilyFlash."""
        return self.options.hardware_watchdog

    @property
    def boots_system_memory(self) -> bool:
        """See FamilyFlash."""
        return False

    @property
    def debug_disabled(self) -> bool:  # type: ignore[override]  # an attribute in the F1, which has no such level
        """See FlashUnit."""
        return self.options.level == 2

    def power_on(self) -> None:
        """Power-on reset."""
        self._shown = self.options.load()
        self.reset()

    def load_options(self) -> None:
        """System reset: nothing is loaded, what is in force is shown."""
        self.publish(0x1C, self._shown[0])
        self.publish(0x20, self._shown[1])

    def write(self, offset: int, value: int, width: int) -> None:
        """See Fpec; OBL_LAUNCH loads the option bytes and resets the chip (RM0091 3.5.5)."""
        control = self.banks[0].control
        if offset == 0x10 and width == 4 and value & OBL_LAUNCH and not control & LOCK and control & OPTWRE:
            self._shown = self.options.load()
            self.reset_for_options()
            return
        super().write(offset, value & ~(OBL_LAUNCH if offset == 0x10 else 0), width)


_A1, _A2 = "APB1ENR", "APB2ENR"
_PLAIN = PlainPlan(
    port_base=0x4800_0000,
    port_gate=("AHBENR", 17),
    port_mode=(0x2800_0000, 0, 0),
    timers=(
        ("TIM2", 0x4000_0000, (_A1, 0)),
        ("TIM3", 0x4000_0400, (_A1, 1)),
        ("TIM6", 0x4000_1000, (_A1, 4)),
        ("TIM7", 0x4000_1400, (_A1, 5)),
        ("TIM14", 0x4000_2000, (_A1, 8)),
        ("TIM1", 0x4001_2C00, (_A2, 11)),
        ("TIM15", 0x4001_4000, (_A2, 16)),
        ("TIM16", 0x4001_4400, (_A2, 17)),
        ("TIM17", 0x4001_4800, (_A2, 18)),
    ),
    usarts=(
        ("USART1", 0x4001_3800, (_A2, 14)),
        ("USART2", 0x4000_4400, (_A1, 17)),
        ("USART3", 0x4000_4800, (_A1, 18)),
    ),
    files=(
        ("PWR", 0x4000_7000, (_A1, 28), "CR 00 0 1FF\nCSR 04 0 FF00", {}),
        ("SYSCFG", 0x4001_0000, (_A2, 0), "CFGR1 00 0 7FFFFF03\nCFGR2 18 0 107", {}),
    ),
    crc=(0x4002_3000, ("AHBENR", 6)),
    places=(
        (0x4000_0000, 0x4000_8000),
        (0x4001_0000, 0x4001_8000),
        (0x4002_0000, 0x4002_4400),
        (0x4800_0000, 0x4800_1800),
    ),
)
F0_FAMILIES = {
    "f091": Family(
        clocks=_CLOCKS,
        debug=DebugPlan(
            {0x04: 6, 0x08: 0x0220_1D33, 0x0C: 0x7_0800}, (0x08, 12), (0x08, 11), 0x4001_5800, gate=(_A2, 22)
        ),
        system=SystemMemory(0x1FFF_D800, 0x2000, 0x1FFF_F7CC, 0x1FFF_F7AC),
        plain=_PLAIN,
        remap="SYSCFG",
        make_flash=F0Flash,
        wwdg_gate=(_A1, 11),
        wwdg_prescaler=(7, 2),
        dmas=(
            DmaPlan("DMA1", 0x4002_0000, 7, 0, (9, 10, 10, 11), "AHBENR", selection=True),
            DmaPlan("DMA2", 0x4002_0400, 5, 1, (10, 10, 11), "AHBENR", selection=True),
        ),
        lsi_hz=40_000,
    )
}
F0_CHIPS = (
    ChipModel(
        name="stm32f091rc",
        description="STM32F091RC, 256 KiB flash, Cortex-M0",
        rams=(Ram("SRAM", SRAM, 32 * KIB),),
        banks=(FlashBank(0x0800_0000, 256 * KIB, 2 * KIB),),
        idcode=0x2001_6442,
        boundary_scan_id=0,
        rom_table_part=0x442,
        ports="ABCDEF",
        unique_id=bytes.fromhex("1d0027000d50425333323320"),
        interrupts=32,
        family="f091",
        core="cortex-m0",
        priority_bits=2,
        pages_per_protection_bit=2,
        timing=FlashTiming(erase_page=30 * MS, erase_all=30 * MS),
        dpidr=0x0BB1_1477,
        jtag_id=0,
        ap_idr=0x0477_0021,
    ),
)
