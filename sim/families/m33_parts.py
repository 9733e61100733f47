"""What STM32U5 and H5 have alike: general-purpose DMA, and timers and serial ports at the same places."""

from __future__ import annotations

from collections.abc import Iterable

from .plain import Gate

__all__ = ["general_dma", "serial_ports", "timers"]

TIMERS_1 = {f"TIM{n + 2}": (0x4000_0000 + 0x400 * n, n) for n in range(6)}
TIMERS_2 = {"TIM1": (0x4001_2C00, 11), "TIM8": (0x4001_3400, 13)}


def timers(first: str, second: str) -> tuple[tuple[str, int, Gate], ...]:
    """Those that both have; the names of the two registers with their clocks."""
    return (*_gated(TIMERS_1.items(), first), *_gated(TIMERS_2.items(), second))


def _gated(found: Iterable[tuple[str, tuple[int, int]]], register: str) -> Iterable[tuple[str, int, Gate]]:
    return ((name, base, (register, bit)) for name, (base, bit) in found)


def serial_ports(first: str, second: str) -> tuple[tuple[str, int, Gate], ...]:
    """The same of these."""
    return (
        ("USART1", 0x4001_3800, (second, 14)),
        ("USART2", 0x4000_4400, (first, 17)),
        ("USART3", 0x4000_4800, (first, 18)),
    )


def general_dma(name: str, base: int, gate: Gate, channels: int) -> tuple[str, int, Gate | None, str, dict[str, int]]:
    """A GPDMA as a register file; a channel that is enabled is not modelled."""
    lines = ["SECCFGR 0 0 FFFF", "PRIVCFGR 4 0 FFFF", "MISR C 0 0", "SMISR 10 0 0"]
    for n in range(channels):
        at = 0x50 + 0x80 * n
        lines += [f"C{n}LBAR {at:X} 0 FFFF0000", f"C{n}FCR {at + 0xC:X} 0 0", f"C{n}SR {at + 0x10:X} 1 0"]
        lines += [f"C{n}CR {at + 0x14:X} 0 00C37F07", f"C{n}TR1 {at + 0x40:X} 0 FFFFFFFF"]
        names = ("TR2", "BR1", "SAR", "DAR")
        lines += [f"C{n}{name} {at + 0x44 + 4 * k:X} 0 FFFFFFFF" for k, name in enumerate(names)]
        lines += [f"C{n}LLR {at + 0x7C:X} 0 FFFFFFFF"]
    return name, base, gate, "\n".join(lines), {f"C{n}CR": 1 for n in range(channels)}
