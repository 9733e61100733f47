"""Peripherals that are little more than registers: ports, timers, serial ports and the like (RM0008).

A register that is plain here holds what was written. A bit that would start something that is not modelled (a timer's
CEN, an interface's enable) raises Unmodelled, and so does every access to a peripheral of which only the place is
known. A peripheral whose clock is off reads as zero and ignores writes, as on silicon.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from .bus import Peripheral, Unmodelled

__all__ = ["ApbPeripheral", "Crc", "Plain", "Port", "RegisterFile", "Usart", "register_files"]

Enabled = Callable[[], bool]


def _always() -> bool:
    return True


class ApbPeripheral(Peripheral):
    """Word registers behind a bridge: narrow writes reach the register on all lanes (RM0008 3.1), narrow reads pick."""

    clock_on: Enabled = staticmethod(_always)
    gate: tuple[str, int] | None = None  # its bit in an enable register of RCC, which is also its reset bit

    def read(self, offset: int, width: int) -> int:
        """See Peripheral; 0 without a clock."""
        if not self.clock_on():
            return 0
        return self.read_word(offset & ~3) >> offset % 4 * 8 & (1 << width * 8) - 1

    def write(self, offset: int, value: int, width: int) -> None:
        """See Peripheral; ignored without a clock."""
        if self.clock_on():
            self.write_word(offset & ~3, value * {1: 0x0101_0101, 2: 0x0001_0001, 4: 1}[width])

    def read_word(self, offset: int) -> int:
        """Return the register at ``offset``."""
        raise Unmodelled(f"{self.name}: read at offset 0x{offset:X}")

    def write_word(self, offset: int, value: int) -> None:
        """Store into the register at ``offset``."""
        raise Unmodelled(f"{self.name}: write of 0x{value:08X} at offset 0x{offset:X}")


@dataclass(frozen=True)
class Plain:
    """A register that holds what is written. ``refuse``: bits that would start what is not modelled."""

    name: str
    reset: int = 0
    mask: int = 0xFFFF
    refuse: int = 0


class RegisterFile(ApbPeripheral):
    """A peripheral made of plain registers; with none, every access raises Unmodelled."""

    def __init__(self, name: str, base: int, plan: dict[int, Plain], clock_on: Enabled, size: int = 0x400) -> None:
        self.name, self.base, self.size = name, base, size
        self.plan = plan
        self.clock_on = clock_on
        self.values: dict[int, int] = {}
        self.on_write: Callable[[int], None] = lambda _offset: None

    def reset(self) -> None:
        """See Peripheral."""
        self.values = {offset: plain.reset for offset, plain in self.plan.items()}

    def read_word(self, offset: int) -> int:
        """See ApbPeripheral."""
        if offset not in self.values:
            return super().read_word(offset)
        return self.values[offset]

    def write_word(self, offset: int, value: int) -> None:
        """See ApbPeripheral."""
        if offset not in self.values:
            super().write_word(offset, value)
            return
        plain = self.plan[offset]
        if value & plain.refuse:
            raise Unmodelled(f"{self.name}_{plain.name}: 0x{value:08X} starts something that is not modelled")
        self.values[offset] = value & plain.mask
        self.on_write(offset)


_PORT = {
    0x00: Plain("CRL", 0x4444_4444, 0xFFFF_FFFF),
    0x04: Plain("CRH", 0x4444_4444, 0xFFFF_FFFF),
    0x08: Plain("IDR", 0, 0),
    0x0C: Plain("ODR"),
    0x10: Plain("BSRR", 0, 0),
    0x14: Plain("BRR", 0, 0),
    0x18: Plain("LCKR", 0, 0x1_FFFF),
}


class Port(RegisterFile):
    """A GPIO port (RM0008 9.2). Nothing is connected: inputs read what the output register holds."""

    def __init__(self, name: str, base: int, clock_on: Enabled) -> None:
        super().__init__(name, base, _PORT, clock_on)

    def write_word(self, offset: int, value: int) -> None:
        """BSRR and BRR act on ODR; set wins over reset."""
        odr = self.values[0x0C]
        if offset == 0x10:
            odr = odr & ~(value >> 16) | value & 0xFFFF
        elif offset == 0x14:
            odr &= ~value & 0xFFFF
        else:
            super().write_word(offset, value)
            odr = self.values[0x0C]
        self.values[0x0C] = self.values[0x08] = odr


_USART = {
    0x00: Plain("SR", 0xC0, 0),
    0x04: Plain("DR"),
    0x08: Plain("BRR"),
    0x0C: Plain("CR1", 0, 0x3FFF),
    0x10: Plain("CR2", 0, 0x7F7F),
    0x14: Plain("CR3", 0, 0x07FF),
    0x18: Plain("GTPR"),
}


class Usart(RegisterFile):
    """A serial port (RM0008 27.6) whose transmitter is always ready; ``sent`` is what it has sent."""

    def __init__(self, name: str, base: int, clock_on: Enabled) -> None:
        super().__init__(name, base, _USART, clock_on)
        self.sent = bytearray()

    def write_word(self, offset: int, value: int) -> None:
        """A write to SR has no effect; DR sends when UE and TE are set."""
        if offset == 0x00:
            return
        if offset == 0x04:
            if self.values[0x0C] & 0x2008 == 0x2008:
                self.sent.append(value & 0xFF)
            return
        super().write_word(offset, value)

    def read_word(self, offset: int) -> int:
        """Nothing is ever received."""
        return 0xC0 if offset == 0x00 else super().read_word(offset)


class Crc(ApbPeripheral):
    """The CRC unit (RM0008 4): CRC-32 with polynomial 0x04C11DB7 over whole words."""

    name = "CRC"
    base = 0x4002_3000

    def __init__(self, clock_on: Enabled) -> None:
        self.clock_on = clock_on
        self.value = 0xFFFF_FFFF
        self.independent = 0

    def reset(self) -> None:
        """See Peripheral."""
        self.value, self.independent = 0xFFFF_FFFF, 0

    def read_word(self, offset: int) -> int:
        """DR, IDR, CR."""
        return {0: self.value, 4: self.independent, 8: 0}.get(offset) or 0

    def write_word(self, offset: int, value: int) -> None:
        """DR takes a word, CR.RESET starts again."""
        if offset == 0:
            crc = self.value ^ value
            for _ in range(32):
                crc = (crc << 1 ^ (0x04C1_1DB7 if crc & 0x8000_0000 else 0)) & 0xFFFF_FFFF
            self.value = crc
        elif offset == 4:
            self.independent = value & 0xFF
        elif offset == 8 and value & 1:
            self.value = 0xFFFF_FFFF


_TIMER = {
    0x00: Plain("CR1", 0, 0x3FF, refuse=1),
    0x04: Plain("CR2"),
    0x08: Plain("SMCR"),
    0x0C: Plain("DIER", 0, 0x7FFF),
    0x10: Plain("SR", 0, 0),
    0x14: Plain("EGR", 0, 0),
    0x18: Plain("CCMR1"),
    0x1C: Plain("CCMR2"),
    0x20: Plain("CCER"),
    0x24: Plain("CNT"),
    0x28: Plain("PSC"),
    0x2C: Plain("ARR"),
    0x30: Plain("RCR"),
    0x34: Plain("CCR1"),
    0x38: Plain("CCR2"),
    0x3C: Plain("CCR3"),
    0x40: Plain("CCR4"),
    0x44: Plain("BDTR"),
    0x48: Plain("DCR"),
}
_AFIO = {offset: Plain(f"word {offset // 4}", 0, 0xFFFF_FFFF) for offset in (0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x1C)}
_EXTI = {
    0x00: Plain("IMR", 0, 0xF_FFFF),
    0x04: Plain("EMR", 0, 0xF_FFFF),
    0x08: Plain("RTSR", 0, 0xF_FFFF),
    0x0C: Plain("FTSR", 0, 0xF_FFFF),
    0x10: Plain("SWIER", 0, 0, refuse=0xF_FFFF),
    0x14: Plain("PR", 0, 0),
}
_PWR = {0x00: Plain("CR", 0, 0x1F3), 0x04: Plain("CSR", 0, 0x100)}
_BKP = {offset: Plain(f"DR{offset // 4}") for offset in range(0x04, 0x2C, 4)}

# name, base, enable register, enable bit, only on high density
_APB1, _APB2, _AHB = "APB1ENR", "APB2ENR", "AHBENR"
_TIMERS = (
    ("TIM2", 0x4000_0000, _APB1, 0, False),
    ("TIM3", 0x4000_0400, _APB1, 1, False),
    ("TIM4", 0x4000_0800, _APB1, 2, False),
    ("TIM5", 0x4000_0C00, _APB1, 3, True),
    ("TIM6", 0x4000_1000, _APB1, 4, True),
    ("TIM7", 0x4000_1400, _APB1, 5, True),
    ("TIM1", 0x4001_2C00, _APB2, 11, False),
    ("TIM8", 0x4001_3400, _APB2, 13, True),
)
_USARTS = (
    ("USART1", 0x4001_3800, _APB2, 14, False),
    ("USART2", 0x4000_4400, _APB1, 17, False),
    ("USART3", 0x4000_4800, _APB1, 18, False),
    ("UART4", 0x4000_4C00, _APB1, 19, True),
    ("UART5", 0x4000_5000, _APB1, 20, True),
)
_PLACES = (
    ("SPI2", 0x4000_3800, _APB1, 14, False),
    ("SPI3", 0x4000_3C00, _APB1, 15, True),
    ("I2C1", 0x4000_5400, _APB1, 21, False),
    ("I2C2", 0x4000_5800, _APB1, 22, False),
    ("USB", 0x4000_5C00, _APB1, 23, False),
    ("USB SRAM", 0x4000_6000, _APB1, 23, False),
    ("CAN", 0x4000_6400, _APB1, 25, False),
    ("DAC", 0x4000_7400, _APB1, 29, True),
    ("ADC1", 0x4001_2400, _APB2, 9, False),
    ("ADC2", 0x4001_2800, _APB2, 10, False),
    ("SPI1", 0x4001_3000, _APB2, 12, False),
    ("ADC3", 0x4001_3C00, _APB2, 15, True),
    ("SDIO", 0x4001_8000, _AHB, 10, True),
)


def register_files(ports: str, *, high_density: bool, enabled: Callable[[str, int], bool]) -> list[ApbPeripheral]:
    """Return the plain peripherals of a chip. ``enabled(register, bit)`` looks into RCC."""
    found: list[ApbPeripheral] = [
        RegisterFile("EXTI", 0x4001_0400, _EXTI, _always),
        RegisterFile("RTC", 0x4000_2800, {}, _always),
    ]

    def gated(register: str, bit: int, make: Callable[[Enabled], ApbPeripheral]) -> None:
        one = make(lambda: enabled(register, bit))
        one.gate = (register, bit)
        found.append(one)

    gated(_APB2, 0, lambda on: RegisterFile("AFIO", 0x4001_0000, _AFIO, on))
    gated(_APB1, 28, lambda on: RegisterFile("PWR", 0x4000_7000, _PWR, on))
    gated(_APB1, 27, lambda on: RegisterFile("BKP", 0x4000_6C00, _BKP, on))
    gated(_AHB, 6, Crc)
    for index, letter in enumerate(ports):
        gated(_APB2, 2 + index, partial(Port, f"GPIO{letter}", 0x4001_0800 + 0x400 * index))
    for name, base, register, bit, _ in _present(_TIMERS, high_density):
        gated(register, bit, partial(RegisterFile, name, base, _TIMER))
    for name, base, register, bit, _ in _present(_USARTS, high_density):
        gated(register, bit, partial(Usart, name, base))
    for name, base, register, bit, _ in _present(_PLACES, high_density):
        gated(register, bit, partial(RegisterFile, name, base, {}))
    return found


def _present(
    rows: tuple[tuple[str, int, str, int, bool], ...], high_density: bool
) -> list[tuple[str, int, str, int, bool]]:
    return [row for row in rows if high_density or not row[4]]
