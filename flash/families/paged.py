"""What the flash controllers of STM32L4, L4+, G0, G4, C0, WB and WL have in common. RM0351 3.7, RM0440, RM0444 ..."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...arm.register import Word, bit, bits
from ..family import Flag, Protection
from ..memory_map import Sector

__all__ = ["CR", "ERRORS", "KEYS", "OPTR", "SR", "WRP", "clear_word", "protection", "rdp_level"]

KEYS = (0x4567_0123, 0xCDEF_89AB)
RDP_NONE, RDP_FOR_EVER = 0xAA, 0xCC


class SR(Word):
    """RM0351 3.7.5. Errors and EOP are cleared by writing 1."""

    EOP = bit(0)
    OPERR = bit(1)
    PROGERR = bit(3)
    WRPERR = bit(4)
    PGAERR = bit(5)
    SIZERR = bit(6)
    PGSERR = bit(7)
    MISERR = bit(8)
    FASTERR = bit(9)
    RDERR = bit(14)
    OPTVERR = bit(15)
    BSY = bit(16)


class CR(Word):
    """RM0351 3.7.6. PNB and BKER differ between families; a page is chosen by ``Family.erase_word``."""

    PG = bit(0)
    PER = bit(1)
    MER1 = bit(2)
    PNB = bits(3, 8)
    BKER = bit(11)
    MER2 = bit(15)
    STRT = bit(16)
    OPTSTRT = bit(17)
    FSTPG = bit(18)
    EOPIE = bit(24)
    ERRIE = bit(25)
    RDERRIE = bit(26)
    OBL_LAUNCH = bit(27)
    OPTLOCK = bit(30)
    LOCK = bit(31)


class OPTR(Word):
    """RM0351 3.7.8: the option bytes as loaded at reset."""

    RDP = bits(0, 8)


class WRP(Word):
    """RM0351 3.7.11: one of the areas that are write-protected, in pages, both ends included; none if STRT > END."""

    STRT = bits(0, 8)
    END = bits(16, 8)


ERRORS = (
    Flag("OPERR", SR.OPERR.mask, "the operation failed"),
    Flag("PROGERR", SR.PROGERR.mask, "the place to be programmed was not erased"),
    Flag("WRPERR", SR.WRPERR.mask, "the page is write-protected, or protected against reading out its code"),
    Flag("PGAERR", SR.PGAERR.mask, "the address was not that of a whole unit of programming"),
    Flag("SIZERR", SR.SIZERR.mask, "the data came in pieces of a wrong size"),
    Flag("PGSERR", SR.PGSERR.mask, "the controller was not set up as the operation needs it"),
    Flag("MISERR", SR.MISERR.mask, "data for fast programming came too late"),
    Flag("FASTERR", SR.FASTERR.mask, "fast programming was interrupted"),
)


def clear_word() -> int:
    """What clears EOP and all errors, those of reading and of the option bytes included."""
    return SR.EOP.mask | SR.RDERR.mask | SR.OPTVERR.mask | sum(flag.mask for flag in ERRORS)


def rdp_level(option: int) -> int:
    """RM0351 3.5.1: level 0 and level 2 have a value each, all others mean level 1."""
    return {RDP_NONE: 0, RDP_FOR_EVER: 2}.get(option, 1)


def protection(optr: int, areas: Mapping[str, tuple[int, int]], in_area: Callable[[int, int], bool]) -> Protection:
    """``optr`` is the address of OPTR; ``areas`` gives address and bank of each register of a protected area.

    ``in_area`` gets such a register's word and a page's number in its bank.
    """

    def guarded(words: Mapping[str, int], sector: Sector) -> bool:
        return any(bank == sector.bank and in_area(words[name], sector.number) for name, (_, bank) in areas.items())

    return Protection(
        registers={"OPTR": optr, **{name: address for name, (address, _) in areas.items()}},
        level=lambda words: rdp_level(OPTR(words["OPTR"]).RDP),
        guarded=guarded,
        readout_cure="write 0xAA to the RDP option byte with a tool that does so, then switch the board off and on.",
        write_cure="Set the WRP option bytes so that each area ends before it starts, with a tool that does so.",
    )
