"""Core registers by their DCRSR.REGSEL number, and the words they hold.

Armv7-M ARM DDI0403E: C1.6.3 (REGSEL), B1.4.2 (xPSR), B1.4.4 (CONTROL), B1.5.8 (EXC_RETURN).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from .register import Word, bit, bits

__all__ = ["EXC_RETURN", "SNAPSHOT", "XPSR", "Regsel", "Special", "advance_it_state", "register_name"]


class Regsel(IntEnum):
    """DCRSR.REGSEL (DDI0403E C1.6.3; those of two security states and VPR: DDI0553, DCRSR).

    R0 to R12 are their own numbers; so are S0 to S31, counted from 64.
    """

    SP = 13
    LR = 14
    PC = 15
    XPSR = 16
    MSP = 17
    PSP = 18
    SPECIAL = 20
    MSP_NS = 24
    PSP_NS = 25
    MSP_S = 26
    PSP_S = 27
    MSPLIM_S = 28
    PSPLIM_S = 29
    MSPLIM_NS = 30
    PSPLIM_NS = 31
    FPSCR = 33
    SPECIAL_S = 34
    SPECIAL_NS = 35
    VPR = 36
    S0 = 64
    S31 = 95


SNAPSHOT: Final = tuple(range(19))
"""What a stop reads: R0 to R12, SP, LR, PC, xPSR, MSP, PSP."""


class XPSR(Word):
    """APSR, IPSR and EPSR in one word (DDI0403E B1.4.2)."""

    IPSR = bits(0, 9)
    IT_HIGH = bits(10, 6)
    GE = bits(16, 4)
    T = bit(24)
    IT_LOW = bits(25, 2)
    Q = bit(27)
    V = bit(28)
    C = bit(29)
    Z = bit(30)
    N = bit(31)


class Special(Word):
    """REGSEL 20: four special registers packed in one word (DDI0403E C1.6.3)."""

    PRIMASK = bit(0)
    BASEPRI = bits(8, 8)
    FAULTMASK = bit(16)
    nPRIV = bit(24)
    SPSEL = bit(25)
    FPCA = bit(26)


class EXC_RETURN(Word):
    """What LR holds on entry to a handler (DDI0403E B1.5.8)."""

    MODE = bit(3)
    SPSEL = bit(2)
    NOFPFRAME = bit(4)
    PREFIX = bits(5, 27)

    @property
    def valid(self) -> bool:
        """Whether the word is an EXC_RETURN at all (Armv8-M clears bit 6 for a Non-secure stack)."""
        return self.value >> 8 == 0xFF_FFFF and self.value != 0xFFFF_FFFF


def register_name(regsel: int) -> str:
    """The name a user knows a register by: "r3", "pc", "s7"; "register 99" for a number without one."""
    if 0 <= regsel < Regsel.SP:
        return f"r{regsel}"
    if Regsel.S0 <= regsel <= Regsel.S31:
        return f"s{regsel - Regsel.S0}"
    names = {
        Regsel.XPSR: "xPSR",
        Regsel.SPECIAL: "CONTROL/FAULTMASK/BASEPRI/PRIMASK",
    }
    try:
        return names.get(Regsel(regsel), Regsel(regsel).name.lower())
    except ValueError:
        return f"register {regsel}"


def advance_it_state(xpsr: int) -> int:
    """``xpsr`` after one more instruction of an IT block (ITAdvance, DDI0403E A7.3.3)."""
    word = XPSR(xpsr)
    state = word.IT_HIGH << 2 | word.IT_LOW
    state = 0 if state & 7 == 0 else (state & 0xE0) | (state << 1 & 0x1F)
    return XPSR.make(xpsr, IT_HIGH=state >> 2, IT_LOW=state & 3)
