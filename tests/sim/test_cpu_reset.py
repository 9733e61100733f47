"""Resets, the reset pin, and what an F103 answers about itself (DDI0403E B1.5.5, C1; values from silicon)."""

from __future__ import annotations

import pytest
from support.cortex import (
    AIRCR,
    CODE,
    CPUID,
    DEMCR,
    DFSR,
    DHCSR,
    FLASH,
    MS,
    RAM,
    STACK,
    Bench,
    running,
)
from support.thumb import Asm

# --- reset


def reset(bench: Bench) -> None:
    bench.write(AIRCR, 0x05FA_0004)


def test_system_reset_into_the_vector_catch() -> None:
    bench = running()
    bench.dhcsr(1)
    bench.write(DEMCR, 0x0100_0501)
    bench.machine.core.debug.dfsr = type(bench.machine.core.debug.dfsr)(0)
    registers = [bench.register_while_running(n) for n in range(13)]
    reset(bench)
    bench.clock.advance(53 * MS)
    assert bench.read(DHCSR) == 0x0203_0003
    assert bench.read(DHCSR) == 0x0003_0003
    assert bench.read(DFSR) == 9
    assert bench.read(DEMCR) == 0x0100_0501
    assert bench.read(AIRCR) == 0xFA05_0000
    assert [bench.register(n) for n in range(13)] == registers
    assert bench.register(14) == 0xFFFF_FFFF
    assert (bench.register(13), bench.register(15), bench.register(16)) == (STACK, CODE, 0x0100_0000)
    assert bench.register(20) == 0


def test_system_reset_without_catch_shows_reset_while_it_lasts() -> None:
    bench = running().halt()
    bench.dhcsr(1)
    reset(bench)
    seen = []
    for _ in range(5):
        bench.clock.advance(MS // 8)
        seen.append(bench.read(DHCSR))
    assert seen == [0x0201_0001] * 3 + [0x0301_0001, 0x0101_0001]


def test_nrst_is_low_for_as_long_as_a_real_part_pulls_it() -> None:
    bench = running()
    reset(bench)
    bench.machine.run_until_now()
    bench.clock.advance(455 * MS // 1000)
    bench.machine.run_until_now()
    assert bench.machine.in_reset
    bench.clock.advance(10 * MS // 1000)
    bench.machine.run_until_now()
    assert not bench.machine.in_reset


def test_reset_clears_c_halt() -> None:
    bench = running().halt()
    reset(bench)
    bench.clock.advance(MS)
    assert bench.read(DHCSR) == 0x0301_0001


def test_aircr_needs_its_key() -> None:
    bench = running()
    bench.write(AIRCR, 0xFA05_0004)
    bench.write(AIRCR, 0x0000_0004)
    bench.clock.advance(MS)
    assert bench.read(DHCSR) == 0x0101_0000


def test_firmware_resets_itself() -> None:
    code = Asm(CODE).load(4, RAM).ldr(5, 4).adds(5, 1).str_(5, 4).poke(AIRCR, 0x05FA_0004).label("end").b("end")
    bench = Bench().program(code).start()
    bench.clock.advance(5 * MS)
    bench.machine.run_until_now()
    assert bench.words(RAM, 1) == (11,)
    assert bench.register_while_running(14) == 0xFFFF_FFFF


def test_vectreset_resets_the_core_alone() -> None:
    bench = running(Asm(CODE).poke(0x4000_1000, 7).label("end").b("end"))
    bench.write(AIRCR, 0x05FA_0001)
    bench.run(1)
    assert not bench.machine.in_reset
    assert bench.read(DHCSR) & 1 << 25
    assert bench.read(0x4000_1000) == 7
    reset(bench)
    bench.machine.run_until_now()
    assert bench.read(0x4000_1000) == 0


def test_the_reset_pin_holds_the_core_and_a_halt_asked_for_meanwhile_is_kept() -> None:
    bench = running()
    seen: list[str] = []
    bench.machine.on_reset(lambda: seen.append("reset"))
    bench.machine.hold_reset(True)
    assert seen == ["reset"]
    bench.dhcsr(3)
    bench.clock.advance(MS)
    assert bench.read(DHCSR) == 0x0201_0003
    assert bench.read(DHCSR) == 0x0201_0003
    bench.machine.hold_reset(False)
    bench.clock.advance(MS)
    assert bench.read(DHCSR) == 0x0203_0003
    assert bench.read(DHCSR) == 0x0003_0003
    assert bench.register(15) == CODE


def test_vector_catch_under_the_reset_pin() -> None:
    bench = running()
    bench.machine.hold_reset(True)
    bench.dhcsr(1)
    bench.write(DEMCR, 1)
    bench.machine.hold_reset(False)
    bench.clock.advance(MS)
    assert bench.read(DHCSR) == 0x0203_0003
    assert bench.read(DFSR) == 9


def test_power_off_forgets_the_debugger() -> None:
    bench = running().halt()
    bench.write(DEMCR, 0x0100_0001)
    bench.machine.power_off()
    bench.machine.power_on()
    bench.run(10)
    assert bench.read(DHCSR) == 0x0301_0000
    assert bench.read(DEMCR) == 0


# --- what an F103 reads


@pytest.mark.parametrize(
    ("address", "value"),
    [
        (CPUID, 0x411F_C231),
        (AIRCR, 0xFA05_0000),
        (0xE000_E004, 1),
        (0xE000_ED90, 0),
        (0xE000_EFD0, 0x04),
        (0xE000_EFE0, 0x00),
        (0xE000_EFE4, 0xB0),
        (0xE000_EFE8, 0x1B),
        (0xE000_EFF0, 0x0D),
        (0xE000_EFF4, 0xE0),
        (0xE000_2000, 0x260),
        (0xE000_2FE0, 0x03),
        (0xE000_1000, 0),
        (0xE000_1FF0, 0),
        (0xE000_0FF0, 0),
        (0xE004_0FE0, 0x23),
        (0xE004_0FC8, 0xCA0),
        (0xE00F_F000, 0xFFF0_F003),
        (0xE00F_F010, 0xFFF4_1003),
        (0xE00F_F014, 0xFFF4_2002),
        (0xE00F_F018, 0),
        (0xE00F_FFE0, 0x10),
        (0xE00F_FFE4, 0x04),
        (0xE00F_FFE8, 0x0A),
        (0xE00F_FFF4, 0x10),
        (0xE000_EF34, 0),
    ],
    ids=hex,
)
def test_identification(address: int, value: int) -> None:
    assert running().read(address) == value


def test_dwt_and_itm_answer_only_with_trcena() -> None:
    bench = running()
    bench.write(DEMCR, 1 << 24)
    assert bench.read(0xE000_1000) == 0x4000_0000
    assert bench.read(0xE000_1FE0) == 0x02
    assert bench.read(0xE000_0FE0) == 0x01
    assert bench.read(0xE000_0FF4) == 0xE0


def test_flash_is_read_through_both_of_its_addresses() -> None:
    bench = running()
    assert bench.machine.ap_read_words(0, 2) == bench.machine.ap_read_words(FLASH, 2)
    assert bench.machine.ap_read(FLASH + 4, 1) == 0x01
    assert bench.machine.ap_read(FLASH + 6, 2) == 0x0800
