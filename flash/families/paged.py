"""What the flash controllers of STM32L4, L4+, G0, G4, C0, WB and WL have in common. RM0351 3.7, RM0440, RM0444 ..."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ...arm.register import Word, bit, bits
from ..family import Controller, EmptyFlag, Family, Flag, LoaderCode, Protection, Timing
from ..loaders.stm32l4 import LOADER
from ..memory_map import Sector
from ..steps import Step
from .common import READOUT_CURE, WRITE_CURE, kicks

__all__ = [
    "BSY",
    "CFGBSY",
    "EMPTY",
    "IWDG_KR",
    "WRP",
    "WRP_BANK_1",
    "WRP_BANK_2",
    "WWDG_CFR",
    "WWDG_CR",
    "Places",
    "clear_word",
    "describe",
    "protection",
    "rdp_level",
    "with_width",
]

KEYS = (0x4567_0123, 0xCDEF_89AB)
IWDG_KR = 0x4000_3000
WWDG_CR = 0x4000_2C00
WWDG_CFR = 0x4000_2C04
WRP_BANK_1 = {"WRP1AR": (0x2C, 1), "WRP1BR": (0x30, 1)}
WRP_BANK_2 = {"WRP2AR": (0x4C, 2), "WRP2BR": (0x50, 2)}
BSY = 1 << 16
CFGBSY = 1 << 18
"""G0, C0, WB, WL: between the first word of a unit and the end of its programming (RM0444 3.7.4)."""
EMPTY = 1 << 16
"""ACR of G0, C0, WB, WL (RM0444 3.7.1)."""
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
    """RM0351 3.7.6. BKER is at different places; PNB has fewer bits on some."""

    PG = bit(0)
    PER = bit(1)
    MER1 = bit(2)
    PNB = bits(3, 8)
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


@dataclass(frozen=True, slots=True)
class Places:
    """Offsets of registers: these are those of STM32L4."""

    key: int = 0x08
    status: int = 0x10
    control: int = 0x14
    options: int = 0x20
    ecc: tuple[int, ...] = (0x18,)


L4_PLACES = Places()


def describe(
    *,
    name: str,
    manual: str,
    base: int,
    busy: int,
    bank: int,
    areas: Mapping[str, tuple[int, int]],
    width: int,
    erase: Timing,
    program: Timing,
    steps: tuple[Step, ...],
    debug_setup: tuple[Step, ...],
    verify_per_byte: float = 0.65e-6,
    empty: EmptyFlag | None = None,
    places: Places = L4_PLACES,
    unit: int = 8,
    loader: LoaderCode = LOADER,
    trustzone: int = 0,
) -> Family:
    """A controller of this kind.

    ``bank`` is the mask of BKER (0: one bank), ``areas`` the offsets of WRP registers with their bank, ``width``
    the bits of a page number in them, ``trustzone`` the mask of OPTR.TZEN.
    """

    def erase_word(sector: Sector) -> int:
        return CR.PER.mask | sector.number << CR.PNB.lsb | (bank if sector.bank == 2 else 0)

    return Family(
        name=name,
        manual=manual,
        base=base,
        controllers=(
            Controller(
                "FLASH", 0x00, key=base + places.key, status=base + places.status, control=base + places.control
            ),
        ),
        keys=KEYS,
        lock=CR.LOCK.mask,
        start=CR.STRT.mask | CR.OPTSTRT.mask | CR.OBL_LAUNCH.mask,
        busy=busy,
        errors=ERRORS,
        clear_status=clear_word(),
        program_unit=unit,
        erased=0xFF,
        erase=lambda _size: erase,
        program=program,
        verify_per_byte=verify_per_byte,
        protection=protection(
            base + places.options,
            {name: (base + offset, number) for name, (offset, number) in areas.items()},
            width,
            trustzone,
        ),
        preparations=(*debug_setup, *steps, kicks(IWDG_KR)),
        debug_setup=debug_setup,
        watchdog_key=IWDG_KR,
        window_watchdog=WWDG_CR,
        ecc=tuple(base + place for place in places.ecc),
        loader=loader,
        erase_word=erase_word,
        program_word=CR.PG.mask,
        empty=empty,
    )


def clear_word() -> int:
    """What clears EOP and all errors, those of reading and of the option bytes included."""
    return SR.EOP.mask | SR.RDERR.mask | SR.OPTVERR.mask | sum(flag.mask for flag in ERRORS)


def rdp_level(option: int) -> int:
    """RM0351 3.5.1: level 0 and level 2 have a value each, all others mean level 1."""
    return {RDP_NONE: 0, RDP_FOR_EVER: 2}.get(option, 1)


def protection(optr: int, areas: Mapping[str, tuple[int, int]], width: int, trustzone: int) -> Protection:
    """``optr`` is the address of OPTR; ``areas`` gives address and bank of each register of a protected area."""
    return Protection(
        registers={"OPTR": optr, **{name: address for name, (address, _) in areas.items()}},
        level=lambda words: rdp_level(OPTR(words["OPTR"]).RDP),
        guarded=_guarded(tuple((name, bank) for name, (_, bank) in areas.items()), width),
        secure=lambda words: bool(words["OPTR"] & trustzone),
        readout_cure=READOUT_CURE,
        write_cure=WRITE_CURE,
    )


def _guarded(areas: tuple[tuple[str, int], ...], width: int) -> Callable[[Mapping[str, int], Sector], bool]:
    """Pages have ``width`` bits; those above read as ones."""
    mask = (1 << width) - 1

    def in_area(word: int, page: int) -> bool:
        return word & mask <= page <= word >> WRP.END.lsb & mask

    def guarded(words: Mapping[str, int], sector: Sector) -> bool:
        return any(bank == sector.bank and in_area(words[name], sector.number) for name, bank in areas)

    return guarded


def with_width(family: Family, width: int) -> Family:
    """The same controller in a chip whose page numbers have ``width`` bits in the registers of protected areas."""
    areas = tuple((name, int(name[3])) for name in family.protection.registers if name.startswith("WRP"))
    return replace(family, protection=replace(family.protection, guarded=_guarded(areas, width)))
