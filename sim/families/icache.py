"""The instruction cache of STM32U5 and H5 as firmware drives it (RM0456, ICACHE). Its content is never stale here."""

from __future__ import annotations

from ..registers import Plain, RegisterFile
from .words import words

__all__ = ["InstructionCache"]

CR, SR, FCR = 0x00, 0x04, 0x0C
CACHEINV = 1 << 1
BSYENDF = 1 << 1
_REGISTERS = """
    CR    00 4 00030005
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


class InstructionCache(RegisterFile):
    """Invalidation is over at once, the one that follows a reset too."""

    def __init__(self, base: int) -> None:
        plan = {w.offset: Plain(name, w.reset, w.mask, 0) for name, w in words(_REGISTERS).items()}
        super().__init__("ICACHE", base, plan, lambda: True)

    def write_word(self, offset: int, value: int) -> None:
        """CACHEINV ends with BSYENDF, which FCR clears."""
        if offset == FCR:
            self.values[SR] &= ~(value & BSYENDF)
            return
        super().write_word(offset, value)
        if offset == CR and value & CACHEINV:
            self.values[SR] = BSYENDF
