"""Register maps of the families against ST's published ones, where that file is at hand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.chip_bench import Chip

from haltpoint.sim.chips import CHIPS
from haltpoint.sim.families.catalogue import family_of

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
BOARDS = {
    "stm32l431rc": "L431",
    "stm32l496ag": "L496",
    "stm32f405rg": "F405",
    "stm32f407vg": "F407",
    "stm32f429zi": "F429",
}
NEWER = {
    "stm32f091rc": "F091",
    "stm32g071rb": "G071",
    "stm32g0b1re": "G0B1",
    "stm32c031c6": "C031",
    "stm32g431rb": "G431",
    "stm32g474re": "G474",
    "stm32wb55rg": "WB55",
    "stm32wle5jc": "WLE5",
    "stm32h743zi": "H743",
    "stm32f746zg": "F746",
    "stm32u575zi": "U575",
    "stm32h563zi": "H563",
}
DIFFERENT = re.compile(
    r"DMA._CCR[678]|DMA2_.*"  # ST describes channels and controllers that the part has not
    r"|IWDG_(HWCFGR|VERR|IPIDR|SIDR|PR)|RCC_(CR|ICSCR|AHBENR|CSR)|PWR_(CR1|D3CR)"  # copied from other chips
    r"|PWR_SR2"  # the flash is ready, the low-power regulator is on
    r"|(FLASH|Flash)_(ACR|OBR|OPTS?R?.*|SEC.*|CR1|PRAR.*|SCAR.*|WPSN.*|BOOT.*|SFR|SRRVR|ECCR2)"  # each part's own
    r"|(FLASH|Flash)_(IPCCBR|C2.*|CRC.*)|RCC_C[12]_?A.*|PWR_(CR5|C2.*|EXTSCR|SUBGHZSPICR)"  # no model
    r"|DBGMCU_C2.*|SYSCFG_.*|FLASH_(NSBOOT.*|OEM.*|PRIV.*|HDP.R_.*)|DBGMCU_(SR|DBG_AUTH.*|[PC]IDR.)"
    r"|(ICache|ICACHE|DCACHE)_SR"  # the invalidation after a reset is over at once
    r"|.*_(IDC|IDCODER?|OPTR|PCROP.*|WRP.*)"
)

FAMILY_CHIPS = sorted(name for name, chip in CHIPS.items() if chip.family not in {"f1", "generic"})

# Where ST's file is wrong or gives a value that each part has of its own (stm32-data.md 2 and 4), with the reason.
OWN = "the factory's value is each chip's own"
EXCUSED: dict[tuple[str, str], str] = {
    ("*", "IDCODE"): OWN,
    ("*", "OPTR"): OWN,
    ("*", "OPTCR"): OWN,
    ("*", "OPTCR1"): OWN,
    ("*", "PCROP1SR"): OWN,
    ("*", "PCROP1ER"): OWN,
    ("*", "PCROP2SR"): OWN,
    ("*", "PCROP2ER"): OWN,
    ("*", "WRP1AR"): OWN,
    ("*", "WRP1BR"): OWN,
    ("*", "WRP2AR"): OWN,
    ("*", "WRP2BR"): OWN,
    ("L431", "PCROP2SR"): "one bank",
    ("L431", "PCROP2ER"): "one bank",
    ("L431", "WRP2AR"): "one bank",
    ("L431", "WRP2BR"): "one bank",
    ("*", "SR"): "shows the empty flag here",
    ("F407", "CR"): "PWR_CR.VOS is 1 after reset (RM0090 5.4.1)",
    ("F405", "CR"): "PWR_CR.VOS is 1 after reset (RM0090 5.4.1)",
    ("*", "CSR"): "PWR: VOSRDY; RCC: the reset flags, looked at in their own test",
}

WRONG_VALUES = {("stm32f746zg", "IWDG_WINR"): "FFF, as everywhere else"}
WRONG_BITS = {("L431", "AHB1RSTR"): "CRCRST is bit 12, as in the enable register and in the CMSIS header"}


def load(name: str) -> Any:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not beside the repository")
    return json.loads(path.read_text())


def published(board: str) -> Iterator[tuple[str, int, dict[str, list[Any]]]]:
    svd = load("stm32-registers.json")["svd"]
    device = next(value for key, value in svd["devices"].items() if (BOARDS | NEWER)[board] in key)
    for name, (base, key) in device["periph"].items():
        yield name, int(base, 16), svd["pool"][key]


def enable_everything(chip: Chip) -> dict[int, int]:
    """Let every peripheral have its clock; return the RCC registers as they were."""
    clocks = family_of(chip.board.chip).clocks
    before = {}
    for name, word in clocks.registers.items():
        before[clocks.base + word.offset] = chip[clocks.base + word.offset]
        if "ENR" in name:
            chip[clocks.base + word.offset] = word.mask
    return before


@pytest.mark.parametrize("board", BOARDS)
def test_bases_offsets_and_reset_values(board: str) -> None:
    chip = Chip(board)
    before = enable_everything(chip)
    count = 0
    for peripheral, base, registers in published(board):
        for register, facts in registers.items():
            address = base + int(facts[0], 16)
            excuse = EXCUSED.get(("*", register)) or EXCUSED.get((BOARDS[board], register))
            if excuse and not (register == "CR" and peripheral != "PWR"):
                continue
            value = before.get(address, chip[address] if address not in before else 0)
            care = 0xFFFF_0000 ^ 0xFFFF_FFFF if peripheral == "RCC" and register == "CR" else 0xFFFF_FFFF
            assert value & care == int(facts[2], 16) & care, f"{peripheral}_{register}"
            count += 1
    assert count > 50


@pytest.mark.parametrize("board", NEWER)
def test_registers_of_the_newer_ones(board: str) -> None:
    chip = Chip(board)
    before = enable_everything(chip)
    count = 0
    for peripheral, base, registers in published(board):
        for register, facts in registers.items():
            name = f"{peripheral}_{register}"
            if not DIFFERENT.fullmatch(name) and (board, name) not in WRONG_VALUES:
                address = base + int(facts[0], 16)
                value = before[address] if address in before else chip[address]
                assert value == int(facts[2], 16), name
                count += 1
    assert count > 30


@pytest.mark.parametrize("board", [*BOARDS, *NEWER])
def test_writable_bits_of_the_clock_registers(board: str) -> None:
    clocks = family_of(CHIPS[board]).clocks
    for peripheral, base, registers in published(board):
        if peripheral == "RCC":
            assert base == clocks.base
            for register, facts in registers.items():
                fields = facts[4].values()
                bits = sum(((1 << f[1]) - 1) << f[0] for f in fields if len(f) < 3 or f[2] != "r")
                if (BOARDS.get(board), register) in WRONG_BITS or re.match("C[12]_?A", register):
                    continue
                if "ENR" in register or "RSTR" in register:
                    assert clocks.registers[register].mask == bits, register
                    assert clocks.registers[register].offset == int(facts[0], 16)


def records() -> dict[str, Any]:
    return {name.lower(): record for record in load("stm32-chips.json")["chips"] for name in record["names"]}


@pytest.mark.parametrize("board", FAMILY_CHIPS)
def test_memories_and_identities(board: str) -> None:
    chip, record = CHIPS[board], records()[board]
    assert chip.dev_id == int(record["dev_id"], 16)
    family = family_of(chip)
    assert family.system.flash_size_register == int(record["sys"]["flashsize"], 16)
    assert family.system.unique_id == int(record["sys"]["uid"], 16)
    assert family.debug.base == int(record["periph"]["dbgmcu"][0], 16)
    assert family.clocks.base == int(record["periph"]["rcc"][0], 16)
    memory = record["mem"][-1]
    banks: dict[str, list[tuple[int, int, int]]] = {}
    for region, start, size, erase, _, erased in memory["flash"]:
        if region.startswith("BANK"):
            banks.setdefault(region[:6], []).append((int(start, 16), size, erase))
            assert erased == (0 if chip.family in ("l051", "l152") else 0xFF)
    assert len(banks) == len(chip.banks)
    for bank, regions in zip(chip.banks, banks.values(), strict=True):
        assert bank.base == regions[0][0]
        assert bank.size == sum(size for _, size, _ in regions)
        sectors = [erase for _, size, erase in regions for _ in range(size // erase)]
        assert list(bank.sectors or [bank.page] * (bank.size // bank.page)) == sectors
    rams = {(int(row[1], 16), row[2], "noexec" not in row) for row in memory["ram"]}
    here = {(at, ram.size, ram.executable) for ram in chip.rams for at in (ram.base, *ram.aliases)}
    if board == "stm32g431rb":
        rams.discard((0x1000_0000, 10240, True))  # not seen there in the simulator: it raises Unmodelled
    if board == "stm32f746zg":
        here.discard((0, 16384, True))  # ITCM, which that file leaves out
    assert here == rams


@pytest.mark.parametrize("board", FAMILY_CHIPS)
def test_the_signature_reads_the_size(board: str) -> None:
    chip = Chip(board)
    system = family_of(chip.board.chip).system
    assert chip.board.machine.ap_read(system.flash_size_register, 2) == chip.board.chip.flash_size // 1024
    assert chip.board.machine.ap_read(system.unique_id, 1) == chip.board.chip.unique_id[0]
