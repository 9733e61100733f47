"""The caches of STM32U5 and H5 as firmware drives them (RM0456). Their content is never stale here."""

from __future__ import annotations

from ..registers import Plain, RegisterFile
from .words import words

__all__ = ["DATA_CACHE", "INSTRUCTION_CACHE", "Cache"]

CR, SR, FCR = 0x00, 0x04, 0x0C
CACHEINV, STARTCMD = 1 << 1, 1 << 11
BSYENDF, CMDENDF = 1 << 1, 1 << 4
INSTRUCTION_CACHE = """
    CR    00 4 000F0005
    SR    04 0 0
    IER   08 0 6
    FCR   0C 0 0
    HMONR 10 0 0
    MMONR 14 0 0
    CRR0  20 200 BFFF9EFF
    CRR1  24 200 BFFF9EFF
    CRR2  28 200 BFFF9EFF
    CRR3  2C 200 BFFF9EFF
"""
DATA_CACHE = """
    CR     00 0 80FF0701
    SR     04 0 0
    IER    08 0 16
    FCR    0C 0 0
    RHMONR 10 0 0
    RMMONR 14 0 0
    WHMONR 20 0 0
    WMMONR 24 0 0
    CMDRSADDRR 28 0 FFFFFFF0
    CMDREADDRR 2C 0 FFFFFFF0
"""


class Cache(RegisterFile):
    """Every invalidation is over at once, the one that follows a reset too."""

    def __init__(self, name: str, base: int, registers: str) -> None:
        plan = {w.offset: Plain(key, w.reset, w.mask, 0) for key, w in words(registers).items()}
        super().__init__(name, base, plan, lambda: True)

    def write_word(self, offset: int, value: int) -> None:
        """CACHEINV ends with BSYENDF, a command with CMDENDF; FCR clears both."""
        if offset == FCR:
            self.values[SR] &= ~value
            return
        super().write_word(offset, value)
        if offset == CR:
            self.values[SR] |= (BSYENDF if value & CACHEINV else 0) | (CMDENDF if value & STARTCMD else 0)
