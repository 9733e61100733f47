"""The register tables: names, addresses, fields, and that nothing overlaps."""

from __future__ import annotations

import pytest

from haltpoint.arm import dap, registers_core, registers_coresight, registers_debug, registers_system
from haltpoint.arm.register import Register, Word, bit, bits
from haltpoint.arm.registers_core import Regsel, advance_it_state, register_name
from haltpoint.arm.registers_debug import DEMCR, DFSR, DHCSR, DWT_FUNCTION, FP_COMP, FP_CTRL
from haltpoint.arm.registers_system import AIRCR, CFSR, CPUID

TABLES = [registers_debug, registers_system]


def registers(module: object) -> list[type[Register]]:
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Register) and value is not Register
    ]


# Typed from the manual's summary tables, independently of the classes.
@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("DFSR", 0xE000ED30),
        ("DHCSR", 0xE000EDF0),
        ("DCRSR", 0xE000EDF4),
        ("DCRDR", 0xE000EDF8),
        ("DEMCR", 0xE000EDFC),
        ("FP_CTRL", 0xE0002000),
        ("FP_REMAP", 0xE0002004),
        ("FP_COMP", 0xE0002008),
        ("DWT_CTRL", 0xE0001000),
        ("DWT_CYCCNT", 0xE0001004),
        ("DWT_PCSR", 0xE000101C),
        ("DWT_COMP", 0xE0001020),
        ("DWT_MASK", 0xE0001024),
        ("DWT_FUNCTION", 0xE0001028),
        ("ICTR", 0xE000E004),
        ("SYST_CSR", 0xE000E010),
        ("SYST_RVR", 0xE000E014),
        ("SYST_CVR", 0xE000E018),
        ("SYST_CALIB", 0xE000E01C),
        ("NVIC_ISER", 0xE000E100),
        ("NVIC_ICER", 0xE000E180),
        ("NVIC_ISPR", 0xE000E200),
        ("NVIC_ICPR", 0xE000E280),
        ("NVIC_IABR", 0xE000E300),
        ("NVIC_IPR", 0xE000E400),
        ("CPUID", 0xE000ED00),
        ("ICSR", 0xE000ED04),
        ("VTOR", 0xE000ED08),
        ("AIRCR", 0xE000ED0C),
        ("SCR", 0xE000ED10),
        ("CCR", 0xE000ED14),
        ("SHPR", 0xE000ED18),
        ("SHCSR", 0xE000ED24),
        ("CFSR", 0xE000ED28),
        ("HFSR", 0xE000ED2C),
        ("MMFAR", 0xE000ED34),
        ("BFAR", 0xE000ED38),
        ("AFSR", 0xE000ED3C),
        ("CPACR", 0xE000ED88),
        ("MPU_TYPE", 0xE000ED90),
        ("MPU_CTRL", 0xE000ED94),
        ("MPU_RNR", 0xE000ED98),
        ("MPU_RBAR", 0xE000ED9C),
        ("MPU_RASR", 0xE000EDA0),
        ("FPCCR", 0xE000EF34),
        ("FPCAR", 0xE000EF38),
        ("FPDSCR", 0xE000EF3C),
        ("MVFR0", 0xE000EF40),
        ("MVFR1", 0xE000EF44),
    ],
)
def test_addresses(name: str, address: int) -> None:
    found = {register.__name__: register for module in TABLES for register in registers(module)}
    assert found[name].address == address


def test_every_memory_mapped_register_has_its_own_address() -> None:
    addresses = [register.address for module in TABLES for register in registers(module)]
    assert len(addresses) == len(set(addresses))
    assert all(address % 4 == 0 for address in addresses)


@pytest.mark.parametrize("module", [*TABLES, dap, registers_core, registers_coresight])
def test_all_lists_what_a_module_defines(module: object) -> None:
    defined = {
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Word) and value.__module__ == module.__name__  # type: ignore[attr-defined]
    }
    assert {name for name in defined if not name.startswith("_")} <= set(module.__all__)  # type: ignore[attr-defined]


# Words seen on silicon and what they mean.
@pytest.mark.parametrize(
    ("word", "names"),
    [
        (0x00030003, {"C_DEBUGEN", "C_HALT", "S_REGRDY", "S_HALT"}),
        (0x0103000F, {"C_DEBUGEN", "C_HALT", "C_STEP", "C_MASKINTS", "S_REGRDY", "S_HALT", "S_RETIRE_ST"}),
        (0x02030003, {"C_DEBUGEN", "C_HALT", "S_REGRDY", "S_HALT", "S_RESET_ST"}),
        (0x01090001, {"C_DEBUGEN", "S_REGRDY", "S_LOCKUP", "S_RETIRE_ST"}),
        (0x00040000, {"S_SLEEP"}),
    ],
)
def test_dhcsr_of_real_cores(word: int, names: set[str]) -> None:
    assert set(DHCSR(word).names) == names


def test_other_words_of_real_cores() -> None:
    assert FP_CTRL(0x00000261).comparators == 6
    assert FP_CTRL(0x00000261).REV == 0
    assert FP_CTRL(0x10000081).comparators == 8
    assert FP_CTRL(0x10000081).REV == 1
    assert set(DFSR(9).names) == {"HALTED", "VCATCH"}
    assert set(DEMCR(0x01000501).names) == {"TRCENA", "VC_HARDERR", "VC_BUSERR", "VC_CORERESET"}
    assert CPUID(0x411FC231).PartNo == 0xC23
    assert AIRCR.make(KEY=0x5FA, SYSRESETREQ=1) == 0x05FA0004
    assert CFSR.DIVBYZERO.mask == 1 << 25


def test_arrays() -> None:
    assert [FP_COMP.at(n) for n in (0, 1, 7)] == [0xE0002008, 0xE000200C, 0xE0002024]
    assert DWT_FUNCTION.at(3) == 0xE0001058
    with pytest.raises(ValueError, match="exists once"):
        DHCSR.at(1)


def test_overlapping_fields_are_refused_when_the_class_is_made() -> None:
    with pytest.raises((TypeError, RuntimeError)):
        type("Broken", (Word,), {"A": bits(0, 4), "B": bit(3)})


def test_words_print_what_is_set() -> None:
    assert str(DHCSR(0x00030003)) == "DHCSR=0x00030003 (C_DEBUGEN C_HALT S_REGRDY S_HALT)"
    assert str(CPUID(0x411FC231)).endswith("(Revision=0x1 PartNo=0xc23 Architecture=0xf Variant=0x1 Implementer=0x41)")


def test_register_names() -> None:
    assert [register_name(n) for n in (0, 12, 13, 14, 15, 16, 17, 18, 33, 64, 95, 99)] == [
        *("r0", "r12", "sp", "lr", "pc", "xPSR", "msp", "psp", "fpscr", "s0", "s31", "register 99")
    ]
    assert "PRIMASK" in register_name(Regsel.SPECIAL)


@pytest.mark.parametrize(
    ("state", "after"),
    [
        (0b0000_0000, 0),  # not in an IT block
        (0b0000_1000, 0),  # last instruction of a block
        (0b0000_0100, 0b0000_1000),  # ITT: first -> second
        (0b0001_1101, 0b0001_1010),
    ],
)
def test_it_state_advances(state: int, after: int) -> None:
    def packed(it: int) -> int:
        return 0x0100_0000 | (it & 3) << 25 | (it >> 2) << 10

    assert advance_it_state(packed(state)) == packed(after)


@pytest.mark.parametrize(("word", "kind"), dap.KNOWN_DPIDRS.items())
def test_known_debug_ports_agree_with_their_own_fields(word: int, kind: dap.DpKind) -> None:
    assert kind.version == dap.DPIDR(word).VERSION
    assert dap.DPIDR(word).DESIGNER == 0x23B  # Arm
    assert (kind.minimal and kind.version > 0) == dap.DPIDR(word).MIN


def test_csw_words_seen_on_the_wire() -> None:
    assert dap.csw_word(dap.Size.WORD, dap.AddrInc.OFF) == 0x23000002
    assert dap.csw_word(dap.Size.WORD, dap.AddrInc.SINGLE) == 0x23000012
    assert dap.csw_word(dap.Size.BYTE, dap.AddrInc.OFF, kept=0x23000040) == 0x23000040


def test_ap_ids_of_real_chips() -> None:
    for word in (0x14770011, 0x24770011):
        assert dap.AP_IDR(word).DESIGNER == 0x23B
        assert dap.AP_IDR(word).TYPE == dap.ApKind.AHB3
        assert dap.AP_IDR(word).CLASS == 8  # MEM-AP
    assert dap.AP_IDR(0x54770002).TYPE == dap.ApKind.APB2_OR_3
    assert dap.AP_IDR(0x14770015).TYPE == dap.ApKind.AHB5


def test_rom_table_entries() -> None:
    entry = registers_coresight.RomEntry(0xFFF0F003)
    assert entry.PRESENT
    assert entry.component(0xE00FF000) == 0xE000E000
    assert registers_coresight.RomEntry(0xFFF03003).component(0xE00FF000) == 0xE0002000
    assert not registers_coresight.RomEntry(0xFFF42002).PRESENT


def test_component_ids() -> None:
    assert registers_coresight.component_class(0xB105100D) is registers_coresight.ComponentClass.ROM_TABLE
    assert registers_coresight.component_class(0xB105E00D) is registers_coresight.ComponentClass.GENERIC_IP
    assert registers_coresight.component_class(0x0D0D0D0D) is None
    assert registers_coresight.designer_and_part(0x00000A0410) == (0x20, 0x410)  # ST, 0x410
    assert registers_coresight.designer_and_part(0x4000BB003) == (0x23B, 0x003)  # Arm FPB
