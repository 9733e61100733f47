"""Reset and clock control of the STM32F1 (RM0008 section 7), as far as it moves the core clock and gates others."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntFlag

from .bus import Peripheral, Unmodelled
from .clock import Event, VirtualClock

__all__ = ["Rcc", "ResetCause"]

US = 1_000_000
HSI_HZ = 8_000_000

# RCC_CR (RM0008 7.3.1)
HSION, HSIRDY, HSEON, HSERDY, PLLON, PLLRDY = 1 << 0, 1 << 1, 1 << 16, 1 << 17, 1 << 24, 1 << 25
CR_PLAIN = HSION | 0xF8 | HSEON | 1 << 18 | 1 << 19 | PLLON
CR_RESET = 0x83
HSICAL = 0x5D << 8  # factory calibration, different on every part
# RCC_CFGR (7.3.2)
PLLSRC, PLLXTPRE = 1 << 16, 1 << 17
CFGR_PLAIN = 0x077F_FFF3
CFGR_PLL = PLLSRC | PLLXTPRE | 0xF << 18
# RCC_CSR (7.3.10)
LSION, LSIRDY, RMVF = 1, 2, 1 << 24

READY_TIMES = {HSION: 2 * US, HSEON: 2000 * US, PLLON: 200 * US, LSION: 85 * US}

OFFSETS = {
    "CR": 0x00,
    "CFGR": 0x04,
    "CIR": 0x08,
    "APB2RSTR": 0x0C,
    "APB1RSTR": 0x10,
    "AHBENR": 0x14,
    "APB2ENR": 0x18,
    "APB1ENR": 0x1C,
    "BDCR": 0x20,
    "CSR": 0x24,
}
RESET_VALUES = {"CR": CR_RESET, "AHBENR": 0x14}
MASKS = {
    "CIR": 0x1F00,
    "APB2RSTR": 0x0038_FFFD,
    "APB1RSTR": 0x3AFE_C9FF,
    "AHBENR": 0x0557,
    "APB2ENR": 0x0038_FFFD,
    "APB1ENR": 0x3AFE_C9FF,
}
AHB_PRESCALERS = (2, 4, 8, 16, 64, 128, 256, 512)


class ResetCause(IntFlag):
    """The reset flags of RCC_CSR."""

    PIN = 1 << 26
    POWER = 1 << 27
    SOFTWARE = 1 << 28
    IWDG = 1 << 29
    WWDG = 1 << 30
    LOW_POWER = 1 << 31


class Rcc(Peripheral):
    """Clocks of the chip. ``on_core_clock`` is told each new core frequency in Hz."""

    name = "RCC"
    base = 0x4002_1000
    size = 0x400
    shadow = True

    def __init__(self, clock: VirtualClock, on_core_clock: Callable[[int], None], *, hse: int = 8_000_000) -> None:
        self.clock = clock
        self.hse = hse
        self.on_core_clock = on_core_clock
        self.cause = ResetCause.SOFTWARE
        self.flags = ResetCause(0)
        self.core_hz = HSI_HZ
        self.registers = dict.fromkeys(OFFSETS, 0)
        self._ready: dict[int, Event] = {}
        self._names = {offset: name for name, offset in OFFSETS.items()}
        self.on_peripheral_reset: Callable[[str, int], None] = lambda _register, _bits: None
        self.on_gates: Callable[[], None] = lambda: None

    # --- resets

    def power_on(self) -> None:
        """Power-on reset: only POR and PIN flags."""
        self.cause = ResetCause.POWER
        self.flags = ResetCause(0)
        self.registers["BDCR"] = 0
        self.reset()

    def reset(self) -> None:
        """System reset: HSI drives everything; CSR keeps its flags and gains one."""
        for event in self._ready.values():
            event.cancel()
        self._ready.clear()
        keep = {"BDCR": self.registers["BDCR"]}
        self.registers = {name: RESET_VALUES.get(name, 0) for name in OFFSETS} | keep
        self.registers["CR"] |= HSICAL
        self.flags |= self.cause | ResetCause.PIN  # every reset source pulls NRST low
        self.cause = ResetCause.SOFTWARE
        self._update()

    # --- registers

    def write(self, offset: int, value: int, width: int) -> None:
        """Registers take words, half-words and bytes (RM0008 7.3)."""
        name = self._names.get(offset & ~3)
        if name is None:
            raise Unmodelled(f"RCC: write of 0x{value:X} ({width} bytes) at offset 0x{offset:X}")
        if width != 4:
            shift = offset % 4 * 8
            lanes = ((1 << width * 8) - 1) << shift
            value = self._word(name) & ~lanes | value << shift & lanes
        special = {"CR": self._write_cr, "CFGR": self._write_cfgr, "BDCR": self._write_bdcr, "CSR": self._write_csr}
        if name in special:
            special[name](value)
        else:
            self._write_plain(name, value & MASKS[name])
        self._update()

    def _write_plain(self, name: str, value: int) -> None:
        self.registers[name] = value
        if name.endswith("RSTR"):
            self.on_peripheral_reset(name.replace("RSTR", "ENR"), value)
        if name in ("AHBENR", "APB1ENR"):
            self.on_gates()

    def _write_cr(self, value: int) -> None:
        old = self.registers["CR"]
        new = (old & (HSIRDY | HSERDY | PLLRDY)) | HSICAL | (value & CR_PLAIN)
        source = self.registers["CFGR"] >> 2 & 3
        needed = (HSION, HSEON, PLLON)[source]
        new |= old & needed  # the clock in use cannot be switched off
        if source == 2:
            new |= old & (HSEON if self.registers["CFGR"] & PLLSRC else HSION)
        self.registers["CR"] = new
        for enable in (HSION, HSEON, PLLON):
            self._switch("CR", enable, running=enable != HSEON or self.hse > 0)

    def _switch(self, name: str, enable: int, *, running: bool = True) -> None:
        ready = enable << 1
        event = self._ready.get(enable)
        if not self.registers[name] & enable:
            self.registers[name] &= ~ready
            if event is not None:
                event.cancel()
        elif running and not self.registers[name] & ready and (event is None or not event.pending):
            due = self.clock.now + READY_TIMES[enable]
            self._ready[enable] = self.clock.at(due, lambda: self._become_ready(name, ready))

    def _become_ready(self, name: str, ready: int) -> None:
        self.registers[name] |= ready
        self._update()

    def _write_cfgr(self, value: int) -> None:
        old = self.registers["CFGR"]
        new = (old & 0xC) | (value & CFGR_PLAIN)
        if self.registers["CR"] & PLLON:
            new = new & ~CFGR_PLL | old & CFGR_PLL  # PLL settings hold while it runs
        if new & 3 == 3:
            raise Unmodelled("RCC: SW = 3 selects no clock")
        self.registers["CFGR"] = new

    def _write_bdcr(self, value: int) -> None:
        if value & 1:
            raise Unmodelled("RCC: the 32 kHz oscillator (BDCR.LSEON)")
        self.registers["BDCR"] = value & 0x0001_8304

    def _write_csr(self, value: int) -> None:
        if value & RMVF:
            self.flags = ResetCause(0)
        self.registers["CSR"] = (self.registers["CSR"] & LSIRDY) | (value & LSION)
        self._switch("CSR", LSION)

    # --- the clock tree

    def _update(self) -> None:
        registers = self.registers
        wanted = registers["CFGR"] & 3
        if registers["CR"] & (HSIRDY, HSERDY, PLLRDY)[wanted]:
            registers["CFGR"] = registers["CFGR"] & ~0xC | wanted << 2
        for name, offset in OFFSETS.items():
            self.publish(offset, self._word(name))
        hz = self._core_frequency()
        if hz != self.core_hz:
            self.core_hz = hz
            self.on_core_clock(hz)

    def _word(self, name: str) -> int:
        return self.registers[name] | (int(self.flags) if name == "CSR" else 0)

    def _core_frequency(self) -> int:
        cfgr = self.registers["CFGR"]
        source = (HSI_HZ, self.hse, self._pll_frequency())[cfgr >> 2 & 3]
        prescaler = cfgr >> 4 & 0xF
        return source // AHB_PRESCALERS[prescaler - 8] if prescaler >= 8 else source

    def _pll_frequency(self) -> int:
        cfgr = self.registers["CFGR"]
        multiplier = min((cfgr >> 18 & 0xF) + 2, 16)
        if not cfgr & PLLSRC:
            return HSI_HZ // 2 * multiplier
        return (self.hse // 2 if cfgr & PLLXTPRE else self.hse) * multiplier

    def apb_hz(self, bus: int) -> int:
        """Frequency of PCLK1 or PCLK2 in Hz."""
        code = self.registers["CFGR"] >> (8 if bus == 1 else 11) & 7
        return self.core_hz >> (code - 3 if code >= 4 else 0)

    @property
    def hsi_on(self) -> bool:
        """The flash controller needs this oscillator to program and erase (PM0075 2.3)."""
        return bool(self.registers["CR"] & HSIRDY)

    def enabled(self, register: str, bit: int) -> bool:
        """Report whether the peripheral clock at ``bit`` of AHBENR, APB2ENR or APB1ENR runs."""
        return bool(self.registers[register] >> bit & 1)
