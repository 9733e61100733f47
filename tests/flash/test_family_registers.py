"""The registers of the descriptions against published register data: offsets and bits, field by field."""

from __future__ import annotations

import functools
import inspect
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from haltpoint.arm.register import Register, Word
from haltpoint.flash.chips import chip_named
from haltpoint.flash.families import (
    paged,
    stm32f0,
    stm32f1,
    stm32f4,
    stm32f7,
    stm32g0,
    stm32g4,
    stm32h5,
    stm32h7,
    stm32l4,
    stm32wb,
)
from haltpoint.flash.family import Family

PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "stm32-registers.json"
HEADERS: dict[str, tuple[ModuleType, ...]] = {
    "stm32f103xe": (stm32f1,),
    "stm32f103xg": (stm32f1,),
    "stm32f429xx": (stm32f4,),
    "stm32f407xx": (stm32f4,),
    "stm32f215xx": (stm32f4,),
    "stm32f413xx": (stm32f4,),
    "stm32l431xx": (stm32l4, paged),
    "stm32l476xx": (stm32l4, paged),
    "stm32l496xx": (stm32l4, paged),
    "stm32l4r5xx": (stm32l4, paged),
    "stm32l4p5xx": (stm32l4, paged),
    "stm32g071xx": (stm32g0, paged),
    "stm32g0b1xx": (stm32g0, paged),
    "stm32c031xx": (stm32g0, paged),
    "stm32g431xx": (stm32g4, paged),
    "stm32g474xx": (stm32g4, paged),
    "stm32wb55xx": (stm32wb, paged),
    "stm32wle5xx": (stm32wb, paged),
    "stm32f091xc": (stm32f0,),
    "stm32f303xc": (stm32f0,),
    "stm32f746xx": (stm32f7,),
    "stm32f767xx": (stm32f7,),
    "stm32f722xx": (stm32f7,),
    "stm32h563xx": (stm32h5,),
    "stm32h573xx": (stm32h5,),
    "stm32h523xx": (stm32h5,),
    "stm32h503xx": (stm32h5,),
    "stm32h743xx": (stm32h7,),
    "stm32h723xx": (stm32h7,),
    "stm32h7a3xx": (stm32h7,),
}
BLOCKS = {"Flash": "FLASH", "Dbgmcu": "DBGMCU", "Wwdg": "WWDG"}
ALIASES = {"MER": "MER1", "RDPRT": "RDP", "BSY": "BSY1"}
OTHER = {"stm32h7a3xx": ("CR",), "stm32h743xx": ("CRH7A",), "stm32h723xx": ("CRH7A",)}
"""Registers of a module that are not those of this chip."""
FEW = {"stm32f091xc", "stm32f303xc"}
"""Most of their registers are described with STM32F1."""
ONLY_SOME = {
    "BKER", "MER1", "MER2", "PEMPTY", "RDERR", "OPTVERR", "SPRMOD", "DB1M", "OPERR", "ERRIE", "NWRP", "SNB", "PNB",
    "STRT", "END", "LATENCY", "DCEN", "DCRST", "FSTPG", "RDERRIE", "WDGTB", "DBG_SLEEP", "OPTERR", "MER",
    "RDPRT", "SWAP_BANK_OPT", "FSD", "PES", "OBKERR", "OBKWERR", "TZEN",
}  # fmt: skip
"""Fields that not every chip of the family has, or not of that width: fewer bits, never more or elsewhere."""


@functools.cache
def published() -> dict[str, Any]:
    if not PUBLISHED.exists():
        pytest.skip(f"{PUBLISHED} is not there: the descriptions are not compared with published registers")
    cmsis: dict[str, Any] = json.loads(PUBLISHED.read_text())["cmsis"]
    return cmsis


def block(header: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = published()["pool"][published()["headers"][header][name]]
    return found


def words(modules: tuple[ModuleType, ...]) -> list[type[Word]]:
    return [
        cls
        for module in modules
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, Word) and cls.__module__ == module.__name__
    ]


def block_of(cls: type[Word]) -> str:
    return next((block for prefix, block in BLOCKS.items() if cls.__name__.startswith(prefix)), "FLASH")


def register_name(cls: type[Word]) -> str:
    name = cls.__name__
    for prefix in BLOCKS:
        name = name.removeprefix(prefix)
    return {"WRP": "WRP1AR", "CRH7A": "CR", "SR1": "SR", "NSSR": "SR", "NSCR": "CR"}.get(name, name)


def offset_of(offsets: dict[str, int], name: str) -> int | None:
    """Headers call a register by its plain name, that of bank 1, the non-secure one, or the one with present values."""
    return next((offsets[full] for full in (name, f"{name}1", f"NS{name}", f"{name}_CUR") if full in offsets), None)


@pytest.mark.parametrize("header", HEADERS)
def test_bits_are_where_the_headers_have_them(header: str) -> None:
    compared = 0
    for cls in words(HEADERS[header]):
        if cls.__name__.startswith(("Rcc", "Pwr", "Syscfg")) or cls.__name__ in OTHER.get(header, ()):
            continue
        bits = block(header, block_of(cls))["bits"].get(register_name(cls), {})
        theirs = {name.upper(): place for name, place in bits.items() if isinstance(place[0], int)}
        for name, field in cls.fields.items():
            short = name.upper().removeprefix("WRP1A_")
            found = next(
                (
                    place
                    for other, place in theirs.items()
                    if other in {short, ALIASES.get(short, short), f"WRP1A_{short}", f"DBG_{short}"}
                    or other.removeprefix("DBG_") == short.removeprefix("DBG_")
                ),
                None,
            )
            if found is None:
                assert name in ONLY_SOME or not theirs, f"{header}: {cls.__name__}.{name}"
                continue
            compared += 1
            assert found[0] == field.lsb, f"{header}: {cls.__name__}.{name}"
            assert found[1] == field.width or name in ONLY_SOME, f"{header}: {cls.__name__}.{name}"
            assert found[1] <= field.width or name in {"LATENCY", "NWRP", "PNB"}, f"{header}: {cls.__name__}.{name}"
    assert compared >= (0 if header in FEW else 10)


@pytest.mark.parametrize("header", HEADERS)
def test_flash_registers_are_where_the_headers_have_them(header: str) -> None:
    base = int(published()["headers"][header]["macros"].get("FLASH_R_BASE", "0x58004000"), 16)
    offsets = {name: int(row["off"], 16) for name, row in block(header, "FLASH")["regs"].items()}
    for cls in words(HEADERS[header]):
        offset = offset_of(offsets, register_name(cls))
        if issubclass(cls, Register) and cls.__name__.startswith("Flash") and offset is not None:
            assert cls.address == base + offset, cls.__name__
    for module in HEADERS[header]:
        for _, family in inspect.getmembers(module, lambda value: isinstance(value, Family)):
            assert family.base == base
            registers = family.controllers[0]
            assert registers.key - base == offset_of(offsets, "KEYR")
            assert registers.status - base == offset_of(offsets, "SR")
            assert registers.control - base == offset_of(offsets, "CR")
            if registers.clear:
                assert registers.clear - base == offset_of(offsets, "CCR")
            for name, address in family.protection.registers.items():
                if name in offsets:
                    assert address == base + offsets[name], name


AREAS = {
    "STM32L412KB": "stm32l412xx",
    "STM32L431RC": "stm32l431xx",
    "STM32L452RE": "stm32l452xx",
    "STM32L476RG": "stm32l476xx",
    "STM32L4P5AG": "stm32l4p5xx",
    "STM32L4R5AI": "stm32l4r5xx",
    "STM32G031K8": "stm32g031xx",
    "STM32G051K8": "stm32g051xx",
    "STM32G071RB": "stm32g071xx",
    "STM32G0B1RE": "stm32g0b1xx",
    "STM32C011F6": "stm32c011xx",
    "STM32C031C6": "stm32c031xx",
    "STM32C051C8": "stm32c051xx",
    "STM32C071RB": "stm32c071xx",
    "STM32C091RC": "stm32c091xx",
    "STM32G431RB": "stm32g431xx",
    "STM32G474RE": "stm32g474xx",
    "STM32G491RE": "stm32g491xx",
    "STM32WB55RG": "stm32wb55xx",
    "STM32WLE5JC": "stm32wle5xx",
    "STM32L552CE": "stm32l552xx",
    "STM32U535CE": "stm32u535xx",
    "STM32U575AI": "stm32u575xx",
    "STM32U599BJ": "stm32u599xx",
}


@pytest.mark.parametrize("name", AREAS)
def test_a_protected_area_is_read_as_wide_as_the_headers_have_it(name: str) -> None:
    """Bits that are reserved read as ones: they are no part of a page's number."""
    fields = block(AREAS[name], "FLASH")["bits"]["WRP1AR"]
    width = next(place[1] for field, place in fields.items() if field.endswith("STRT"))
    chip = chip_named(name)
    mask = (1 << width) - 1
    none = dict.fromkeys(chip.family.protection.registers, 4294967295 & ~(mask << 16))
    none["OPTR"] = 0xFFFF_FFAA
    none["SFR"] = 1 << 8
    first = 3
    words = {**none, "WRP1AR": (0xFFFF_FFFF & ~(mask | mask << 16)) | first | first + 1 << 16}
    numbers = [
        sector.number
        for region in chip.flash
        for sector in map(region.sector, region.sectors(region.start, region.end))
        if sector.bank == 1 and chip.family.protection.guarded(words, sector)
    ]
    assert numbers == [first, first + 1]
    assert not any(chip.family.protection.guarded(none, region.sector(region.start)) for region in chip.flash)
