"""An MPU that firmware left on, met by a loader in RAM (DDI0403E B3.5)."""

from __future__ import annotations

import pytest
from support.cortex import CFSR, CODE, HFSR, MMFAR, RAM, SHCSR, STACK, Bench
from support.thumb import Asm

MPU_TYPE, MPU_CTRL, MPU_RNR, MPU_RBAR, MPU_RASR = (0xE000_ED90 + 4 * n for n in range(5))
FULL, READ_ONLY, NONE = 3 << 24, 6 << 24, 0
XN = 1 << 28
SIZE_32K = 14 << 1 | 1


def loader(rasr: int, *, control: int = 5, regions: int = 8) -> Bench:
    """Firmware sets one region over SRAM and enables the MPU; then a loader is started in SRAM."""
    code = Asm(CODE).poke(SHCSR, 7 << 16).poke(MPU_RNR, 0).poke(MPU_RBAR, RAM).poke(MPU_RASR, rasr)
    code.poke(MPU_CTRL, control).label("loop").b("loop").label("fault").b("fault")
    bench = Bench(mpu_regions=regions).program(code, {3: "fault", 4: "fault"}).start().run(100).halt()
    ram = Asm(RAM).load(0, RAM + 0x100).ldr(1, 0).adds(1, 1).str_(1, 0).label("loop").adds(2, 1).b("loop")
    bench.machine.ap_write_words(RAM, ram.assemble())
    bench.write(RAM + 0x100, 41)
    bench.set_register(2, 0)
    bench.set_register(13, STACK)
    bench.set_register(15, RAM)
    bench.dhcsr(1)
    bench.run(100)
    return bench


def test_full_access_lets_the_loader_run() -> None:
    bench = loader(FULL | SIZE_32K)
    assert bench.read(CFSR) == 0
    assert bench.read(RAM + 0x100) == 42
    assert bench.register_while_running(2) > 20


def test_execute_never_faults_its_first_instruction() -> None:
    bench = loader(FULL | XN | SIZE_32K)
    assert bench.read(CFSR) == 1
    assert bench.words(STACK - 8, 1) == (RAM,)
    assert bench.register_while_running(2) == 0


def test_read_only_faults_its_store_and_its_stacking() -> None:
    bench = loader(READ_ONLY | SIZE_32K)
    assert bench.read(CFSR) == 0x92  # DACCVIOL, MSTKERR, MMARVALID
    assert bench.read(MMFAR) == RAM + 0x100
    assert bench.read(RAM + 0x100) == 41


def test_no_access_faults_too() -> None:
    bench = loader(NONE | SIZE_32K)
    assert bench.read(CFSR) & 1
    assert bench.register_while_running(2) == 0


def test_without_a_region_for_it_and_without_privdefena_nothing_runs() -> None:
    bench = loader(FULL | SIZE_32K, control=1)
    assert bench.read(CFSR) & 1
    assert bench.read(HFSR) in {0, 1 << 30}


@pytest.mark.parametrize("address", [MPU_CTRL, MPU_RASR])
def test_a_chip_without_mpu_ignores_it(address: int) -> None:
    bench = loader(XN | SIZE_32K, regions=0)
    assert bench.read(MPU_TYPE) == 0
    assert bench.read(address) == 0
    assert bench.read(RAM + 0x100) == 42


def test_the_debugger_is_not_stopped_and_can_switch_it_off() -> None:
    bench = loader(NONE | SIZE_32K)
    assert bench.read(MPU_TYPE) == 0x800
    assert bench.read(RAM + 0x100) == 41
    bench.halt()
    bench.write(MPU_CTRL, 0)
    bench.set_register(13, STACK)
    bench.set_register(15, RAM)
    bench.dhcsr(1)
    bench.run(100)
    assert bench.read(RAM + 0x100) == 42


def test_an_unaligned_store_that_traps_changes_nothing() -> None:
    code = Asm(CODE).poke(0xE000_ED14, 8).load(0, RAM + 0x102).load(1, 0x1122_3344).str_(1, 0).label("fault").b("fault")
    bench = Bench().program(code, {3: "fault"}).start().run(50)
    assert bench.read(CFSR) == 1 << 24
    assert bench.words(RAM + 0x100, 2) == (0, 0)
