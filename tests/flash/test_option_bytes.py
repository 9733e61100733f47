"""Option bytes of every family: where they are, what is written to them, and that level 2 never is."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from haltpoint.arm.memory import InlineExecutor, Memory
from haltpoint.flash.chips import Chip, chip_named
from haltpoint.flash.errors import ProtectedError
from haltpoint.flash.families import DEVICES
from haltpoint.flash.option_writers import AREA, NVM_AREA, WRITERS, OptionWriter, checked
from haltpoint.flash.options import OPTIONS
from haltpoint.flash.protection import FOREVER, ProtectionState, describe_protection
from haltpoint.flash.unlock import _require_possible
from haltpoint.probes.access import Access, Poll, Read, ReadBlock, Result, Write
from haltpoint.probes.probe import ProbeInfo

PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "stm32-registers.json"
FAMILIES = {device.family.name: device for device in DEVICES}
HEADERS = {
    "STM32F1": "stm32f103xe",
    "STM32F0": "stm32f091xc",
    "STM32F3": "stm32f303xc",
    "STM32F2": "stm32f215xx",
    "STM32F4": "stm32f429xx",
    "STM32F7": "stm32f746xx",
    "STM32G0": "stm32g071xx",
    "STM32G0B/G0C": "stm32g0b1xx",
    "STM32C0": "stm32c031xx",
    "STM32G4": "stm32g474xx",
    "STM32L4": "stm32l476xx",
    "STM32L4+": "stm32l4r5xx",
    "STM32L5": "stm32l552xx",
    "STM32U5": "stm32u575xx",
    "STM32WB": "stm32wb55xx",
    "STM32WL": "stm32wle5xx",
    "STM32L0": "stm32l051xx",
    "STM32L1": "stm32l152xe",
    "STM32H7": "stm32h743xx",
    "STM32H72x/73x": "stm32h723xx",
    "STM32H7A/H7B": "stm32h7a3xx",
    "STM32H5": "stm32h563xx",
    "STM32H503": "stm32h503xx",
}
RDP_WORDS = {"_bytes": AREA, "_nvm": NVM_AREA}
ALL_ONES = 0xFFFF_FFFF


class Registers:
    """Words anywhere, the same until written; whatever is polled for comes true; remembers what is written."""

    info = ProbeInfo("registers", "0", "0", "registers")

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.words: dict[int, int] = {}
        self.quiet: dict[int, int] = {}
        self.written: list[tuple[int, int, int]] = []

    def read(self, address: int) -> int:
        word = self.words.setdefault(address, self.random.getrandbits(32))
        return word & self.quiet.get(address, ALL_ONES)

    def run(self, accesses: Sequence[Access]) -> list[Result]:
        return [self.one(access) for access in accesses]

    def one(self, access: Access) -> Result:
        if isinstance(access, ReadBlock):
            return self.random.randbytes(access.length)
        assert isinstance(access, (Read, Write, Poll))
        if isinstance(access, Write):
            self.words[access.address] = access.value
            self.written.append((access.address, access.value, access.width))
            return None
        return self.read(access.address)

    def voltage(self) -> float | None:
        return None

    def set_speed(self, khz: int) -> int:
        return khz

    def connect(self) -> None: ...

    def set_reset(self, asserted: bool) -> None: ...

    def close(self) -> None: ...


def chip_of(family: str) -> Chip:
    device = FAMILIES[family]
    return chip_named(device.parts[0].name(device.parts[0].pins[0]))


async def writes(family: str, seed: int) -> list[tuple[int, int, int]]:
    """What unlocking would write over registers that hold anything at all."""
    chip = chip_of(family)
    registers = Registers(seed)
    status = chip.family.controllers[0].status
    registers.quiet = {status: ~(chip.family.error_mask | chip.family.busy) & ALL_ONES}
    registers.quiet[chip.family.base + 0x1C] = ~(1 << 30) & ALL_ONES  # H7: OPTCHANGEERR
    await WRITERS[family](OptionWriter.of(Memory(registers, InlineExecutor()), chip, guarded=bool(seed % 2)))
    return registers.written


def readout_address(family: str) -> int:
    chip, writer = chip_of(family), WRITERS[family].__name__
    if writer in RDP_WORDS:
        return RDP_WORDS[writer]
    offsets = {"_optcr": 0x14, "_optr": 0x40 if family in ("STM32L5", "STM32U5") else 0x20}
    return chip.family.base + {**offsets, "_optsr": 0x20, "_product_state": 0x54}[writer]


def test_every_family_has_options_and_a_writer() -> None:
    assert set(OPTIONS) == set(FAMILIES) == set(WRITERS) == set(HEADERS)


@pytest.mark.parametrize("family", OPTIONS)
def test_only_level_0_passes(family: str) -> None:
    """Whatever the rest of the word is, a readout protection other than level 0 is refused; level 2 above all."""
    readout = OPTIONS[family].readout
    others = random.Random(family).getrandbits(32) & ~(((1 << readout.width) - 1) << readout.lsb)
    for value in range(1 << readout.width):
        word = others | value << readout.lsb
        if value == readout.none:
            assert checked(readout, readout.register, word) == word
        else:
            with pytest.raises(ProtectedError, match="which is not level 0"):
                checked(readout, readout.register, word)
    assert readout.forever != readout.none
    assert (readout.forever is None) == (family == "STM32F1"), "STM32F1 alone has no level 2"


@pytest.mark.parametrize("family", OPTIONS)
async def test_level_2_is_never_written(family: str) -> None:
    """Over random states of all registers, the field of the readout protection gets level 0, whatever was asked for."""
    readout, address = OPTIONS[family].readout, readout_address(family)
    mask = (1 << readout.width) - 1
    for seed in range(30):
        seen = [value for place, value, _ in await writes(family, seed) if place == address]
        assert all(value >> readout.lsb & mask == readout.none for value in seen)
        assert seen


@pytest.mark.parametrize("family", OPTIONS)
def test_level_2_is_told_and_refused(family: str) -> None:
    chip = chip_of(family)
    words = dict.fromkeys([*chip.family.protection.registers, *OPTIONS[family].registers], 0)
    state = ProtectionState(FOREVER, (), (), secure=False, words=words)
    assert "for ever" in describe_protection(chip, state)[0]
    with pytest.raises(ProtectedError, match="nothing undoes"):
        _require_possible(chip, state)


async def test_write_protection_ends_as_each_family_has_it() -> None:
    """By the register maps of ST's headers: the address and the word."""
    expected = {
        "STM32F4": [(0x4002_3C14, 0x0FFF_0000)],
        "STM32F7": [(0x4002_3C14, 0x00FF_0000)],
        "STM32L0": [(0x1FF8_0008, 0xFFFF_0000), (0x1FF8_000C, 0xFFFF_0000)],
        "STM32L1": [(0x1FF8_0008, 0xFFFF_0000), (0x1FF8_000C, 0xFFFF_0000)],
        "STM32H7": [(0x5200_203C, 0xFF), (0x5200_213C, 0xFF)],
        "STM32H7A/H7B": [(0x5200_203C, ALL_ONES), (0x5200_213C, ALL_ONES)],
        "STM32H5": [(0x4002_20EC, ALL_ONES), (0x4002_21EC, ALL_ONES)],
        "STM32H503": [(0x4002_20EC, 0xFF), (0x4002_21EC, 0xFF)],
    }
    for family, words in expected.items():
        seen = {place: value for place, value, _ in await writes(family, 1)}
        for place, bits in words:
            assert seen[place] & bits == bits, family
    for family, offsets in {"STM32L4": (0x2C, 0x30, 0x4C, 0x50), "STM32U5": (0x58, 0x5C, 0x68, 0x6C)}.items():
        seen = {place: value for place, value, _ in await writes(family, 1)}
        for offset in offsets:
            word = seen[FAMILIES[family].family.base + offset]
            assert word & 0xFF > word >> 16 & 0xFF, "the area ends before it starts"


async def test_what_firmware_has_asked_for_is_not_stored_along() -> None:
    """STM32H5: what is stored is a product state of Open, and TrustZone as it is in force, over any words before."""
    base, chip = FAMILIES["STM32H5"].family.base, chip_of("STM32H5")
    registers = Registers(1)
    registers.quiet = {chip.family.controllers[0].status: 0}
    registers.words = {
        base + 0x50: 0x8000_ED18,
        base + 0x54: 0x5C18,
        base + 0x70: 0xC300_0034,
        base + 0x74: 0xB400_0034,
    }
    await WRITERS["STM32H5"](OptionWriter.of(Memory(registers, InlineExecutor()), chip, guarded=True))
    assert registers.words[base + 0x54] == 0x8000_ED18
    assert registers.words[base + 0x74] == 0xC300_0034


async def test_read_protection_alone_leaves_write_protection() -> None:
    for family in ("STM32L4", "STM32H7", "STM32L0"):
        assert not {place for place, *_ in await writes(family, 0)} & {0x4002_202C, 0x5200_203C, 0x1FF8_0008}


def published() -> dict[str, Any]:
    if not PUBLISHED.exists():
        pytest.skip(f"{PUBLISHED} is not there: the options are not compared with published registers")
    cmsis: dict[str, Any] = json.loads(PUBLISHED.read_text())["cmsis"]
    return cmsis


ALIASES = {"OBR": ("OBR", "OPTR"), "OPTSR_CUR": ("OPTSR",), "OPTSR2_CUR": ("OPTSR2",), "OPTCR": ("OPTCR",)}
SAME = {"SWAP_BANK_OPT": "SWAP_BANK", "WDG_SW": "IWDG_SW"}


@pytest.mark.parametrize("family", OPTIONS)
def test_fields_are_where_the_headers_have_them(family: str) -> None:
    data = published()
    flash = data["pool"][data["headers"][HEADERS[family]]["FLASH"]]
    offsets = {name: int(row["off"], 16) for name, row in flash["regs"].items()}
    for register, offset in OPTIONS[family].registers.items():
        assert offsets.get(register, offsets.get("OPTR")) == offset
    for option in OPTIONS[family].options:
        names = ALIASES.get(option.register, (option.register,))
        bits = next(flash["bits"][name] for name in names if name in flash["bits"])
        fields = {name.upper(): place for name, place in bits.items()}
        place = fields.get(option.name.upper()) or fields.get(SAME.get(option.name, "").upper())
        assert place == [option.lsb, option.width], f"{family}: {option.name}"
