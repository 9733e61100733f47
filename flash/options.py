"""What option bytes say, family by family: where each stands and what it means for somebody who debugs.

Only those that matter for debugging are here. Places are those of the registers that show what is in force; the
manual is the one that the family's description names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["OPTIONS", "Option", "OptionSet", "Readout", "options_of"]


@dataclass(frozen=True, slots=True)
class Option:
    """A field of the register ``register``, and what its values mean; one without a meaning is not worth a sentence."""

    name: str
    register: str
    lsb: int
    width: int
    meanings: Mapping[int, str]

    def value(self, words: Mapping[str, int]) -> int:
        """What the field holds."""
        return words[self.register] >> self.lsb & ((1 << self.width) - 1)

    def sentence(self, words: Mapping[str, int]) -> str:
        """What that means, "" if it is not worth a sentence."""
        value = self.value(words)
        meaning = self.meanings.get(value, "")
        shown = f"0x{value:02X}" if self.width > 4 else str(value)
        return f"{meaning} (option {self.name} = {shown})." if meaning else ""


@dataclass(frozen=True, slots=True)
class Readout:
    """The field that holds the readout protection; ``none`` is level 0, ``forever`` level 2 (None: there is none)."""

    register: str
    lsb: int
    width: int
    none: int
    forever: int | None


@dataclass(frozen=True, slots=True)
class OptionSet:
    """``registers``: offsets, from the flash controller's base, of what is read besides the family's protection.

    ``regression``: whether level 0 can be reached again by writing it.
    """

    readout: Readout
    registers: Mapping[str, int]
    options: tuple[Option, ...]
    regression: bool = True


HARDWARE = "The independent watchdog runs from each reset on: a program has to reload it"
SOFTWARE = "The independent watchdog runs only when the program has started it"
WINDOW = "The window watchdog runs from each reset on"
STOP, STANDBY, SHUTDOWN = (f"Entering {mode} mode resets the chip" for mode in ("Stop", "Standby", "Shutdown"))
SWAPPED = "The flash banks are swapped: bank 2 is seen first"
SECURE = "TrustZone is in use"
BOOT_BANK_2 = "The chip starts from bank 2, which is then seen at the flash's first address"


def _watchdog(register: str, bit: int, name: str = "IWDG_SW") -> Option:
    return Option(name, register, bit, 1, {0: HARDWARE, 1: SOFTWARE})


def _at_0(register: str, **bits: tuple[int, str]) -> tuple[Option, ...]:
    return tuple(Option(name, register, bit, 1, {0: text}) for name, (bit, text) in bits.items())


def _at_1(register: str, **bits: tuple[int, str]) -> tuple[Option, ...]:
    return tuple(Option(name, register, bit, 1, {1: text}) for name, (bit, text) in bits.items())


def _low_power(register: str, stop: int, *, shutdown: bool = False) -> tuple[Option, ...]:
    names = {"nRST_STOP": STOP, "nRST_STDBY": STANDBY, "nRST_SHDW": SHUTDOWN}
    modes = list(names.items())[: 3 if shutdown else 2]
    return tuple(Option(name, register, stop + n, 1, {0: text}) for n, (name, text) in enumerate(modes))


def _brown_out(register: str, lsb: int, width: int, levels: Mapping[int, float]) -> Option:
    """``levels``: about so many volts at that value; the others are what every chip has."""
    meanings = {value: f"A supply below about {volts} V resets the chip" for value, volts in levels.items()}
    return Option("BOR_LEV", register, lsb, width, meanings)


BOR_F4 = {0: 2.7, 1: 2.4, 2: 2.1}
BOR_L4 = {1: 2.0, 2: 2.2, 3: 2.5, 4: 2.8}
BOR_H7 = {1: 2.1, 2: 2.4, 3: 2.7}


BYTES = Readout("RDP", 0, 8, none=0xAA, forever=0xCC)
OPTR = Readout("OPTR", 0, 8, none=0xAA, forever=0xCC)
OPTCR = Readout("OPTCR", 8, 8, none=0xAA, forever=0xCC)

F1 = OptionSet(
    Readout("RDP", 0, 8, none=0xA5, forever=None),
    {"OBR": 0x1C},
    (_watchdog("OBR", 2), *_low_power("OBR", 3)),
)
F0 = OptionSet(BYTES, {"OBR": 0x1C}, (_watchdog("OBR", 8), *_low_power("OBR", 9)))
F4 = OptionSet(
    OPTCR,
    {"OPTCR": 0x14},
    (_watchdog("OPTCR", 5, "WDG_SW"), *_low_power("OPTCR", 6), _brown_out("OPTCR", 2, 2, BOR_F4)),
)
F7 = OptionSet(
    OPTCR,
    {"OPTCR": 0x14},
    (
        _watchdog("OPTCR", 5),
        *_at_0("OPTCR", WWDG_SW=(4, WINDOW)),
        *_low_power("OPTCR", 6),
        _brown_out("OPTCR", 2, 2, BOR_F4),
    ),
)
COMMON = (_watchdog("OPTR", 16), *_at_0("OPTR", WWDG_SW=(19, WINDOW)))
L4_SMALL = (*COMMON, *_low_power("OPTR", 12, shutdown=True), _brown_out("OPTR", 8, 3, BOR_L4))
L4 = OptionSet(OPTR, {"OPTR": 0x20}, (*L4_SMALL, *_at_1("OPTR", BFB2=(20, BOOT_BANK_2))))
G0_OPTIONS = (*COMMON, *_low_power("OPTR", 13, shutdown=True))
G0 = OptionSet(OPTR, {"OPTR": 0x20}, G0_OPTIONS)
G0B = OptionSet(OPTR, {"OPTR": 0x20}, (*G0_OPTIONS, *_at_0("OPTR", nSWAP_BANK=(20, SWAPPED))))
WB = OptionSet(
    OPTR,
    {"OPTR": 0x20},
    (*COMMON, *_low_power("OPTR", 12, shutdown=True), _brown_out("OPTR", 9, 3, BOR_L4)),
)
L5 = OptionSet(OPTR, {"OPTR": 0x40}, (*L4_SMALL, *_at_1("OPTR", SWAP_BANK=(20, SWAPPED), TZEN=(31, SECURE))))
L0 = OptionSet(
    Readout("RDP", 0, 8, none=0xAA, forever=0xCC),
    {"OBR": 0x1C},
    (_watchdog("OBR", 20), *_low_power("OBR", 21)),
)
H7 = OptionSet(
    Readout("OPTSR_PRG", 8, 8, none=0xAA, forever=0xCC),
    {"OPTSR_CUR": 0x1C},
    (
        _watchdog("OPTSR_CUR", 4, "IWDG1_SW"),
        *_at_0("OPTSR_CUR", NRST_STOP_D1=(6, STOP), NRST_STBY_D1=(7, STANDBY)),
        _brown_out("OPTSR_CUR", 2, 2, BOR_H7),
    ),
)
H7_SWAP = OptionSet(H7.readout, H7.registers, (*H7.options, *_at_1("OPTSR_CUR", SWAP_BANK_OPT=(31, SWAPPED))))
STATES = {
    0x17: "The product state is Provisioning",
    0x2E: "The product state is iRoT-Provisioned",
    0xC6: "The product state is TZ-Closed",
    0x72: "The product state is Closed",
    0x5C: "The product state is Locked, for ever",
    0xED: "The product state is Open",
}
H50 = OptionSet(
    Readout("OPTSR_PRG", 8, 8, none=0xED, forever=0x5C),
    {"OPTSR_CUR": 0x50},
    (
        Option("PRODUCT_STATE", "OPTSR_CUR", 8, 8, STATES),
        _watchdog("OPTSR_CUR", 3),
        *_at_0("OPTSR_CUR", WWDG_SW=(4, WINDOW), NRST_STOP=(6, STOP), NRST_STDBY=(7, STANDBY)),
        *_at_1("OPTSR_CUR", SWAP_BANK=(31, SWAPPED)),
    ),
    regression=False,
)
H5 = OptionSet(
    H50.readout,
    {**H50.registers, "OPTSR2_CUR": 0x70},
    (*H50.options, Option("TZEN", "OPTSR2_CUR", 24, 8, {0xB4: SECURE})),
    regression=False,
)

OPTIONS: dict[str, OptionSet] = {
    "STM32F0": F0,
    "STM32F1": F1,
    "STM32F2": F4,
    "STM32F3": F0,
    "STM32F4": F4,
    "STM32F7": F7,
    "STM32G0": G0,
    "STM32G0B/G0C": G0B,
    "STM32C0": G0,
    "STM32G4": L4,
    "STM32H5": H5,
    "STM32H503": H50,
    "STM32H7": H7_SWAP,
    "STM32H72x/73x": H7,
    "STM32H7A/H7B": H7_SWAP,
    "STM32L0": L0,
    "STM32L1": L0,
    "STM32L4": L4,
    "STM32L4+": L4,
    "STM32L5": L5,
    "STM32U5": L5,
    "STM32WB": WB,
    "STM32WL": WB,
}
"""By the name of the family."""


def options_of(family: str) -> OptionSet | None:
    """The set of that family; None for flash that is not an STM32's."""
    return OPTIONS.get(family)
