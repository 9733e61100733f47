"""Stop mode: a chip that sleeps deeply has no clock for its bus, so the access port never gets an answer.

Sleep (SLEEPDEEP 0) leaves the bus running: test_boards_asleep.py.
"""

from __future__ import annotations

import pytest
import trio
from support.boards import ENTRY, Bench, on_board
from support.chip_bench import Chip

from haltpoint.arm.core import ConnectMode
from haltpoint.probes.errors import HaltpointError

DHCSR, DEMCR, SCR, SYST_CSR = 0xE000_EDF0, 0xE000_EDFC, 0xE000_ED10, 0xE000_E010
WFI, WFE, BACK = 0xBF30, 0xBF20, 0xE7FD
DEEP = 4
S_SLEEP, S_HALT = 1 << 18, 1 << 17
FLASH, RAM = 0x0800_0000, 0x2000_0000
BOARDS = {
    "stm32f103c8": 0xE004_2004,
    "stm32l431rc": 0xE004_2004,
    "stm32f407vg": 0xE004_2004,
    "stm32u575zi": 0xE004_4004,
}
PROBES = {"stlink": "", "ftdi-jtag": ",probe=ft2232h,wire=jtag", "ftdi-swd": ",probe=ft2232h,wire=swd"}
# ldr r0, =SCR (movw, movt); movs r1, #4; str r1, [r0]; wfi; b to the wfi
TO_STOP = (0xF64E, 0x5010, 0xF2CE, 0x0000, 0x2104, 0x6001, WFI, BACK)


def asleep(board: str, *, scr: int = DEEP, sleep: int = WFI, systick: bool = False, stop_kept: bool = False) -> Chip:
    """A core that was put to sleep from RAM, with its vectors there."""
    chip = Chip(board)
    chip.halt()
    table = [RAM + 0x1000, RAM + 0x201, *[(RAM + 0x300) | 1] * 15]
    chip.board.machine.ap_write_words(RAM, b"".join(word.to_bytes(4, "little") for word in table))
    code = b"".join(half.to_bytes(2, "little") for half in (sleep, 0x3001, BACK - 1, 0xBF00))
    chip.board.machine.ap_write_words(RAM + 0x200, code)
    chip.board.machine.ap_write_words(RAM + 0x300, bytes.fromhex("0137704700000000"))  # adds r7, #1; bx lr
    chip[0xE000_ED08] = RAM
    chip[SCR] = scr
    if systick:
        chip[SYST_CSR + 4], chip[SYST_CSR + 8], chip[SYST_CSR] = 1000, 0, 7
    if stop_kept:
        chip[BOARDS[board]] = 2
    for number, value in ((0, 0), (7, 0), (13, RAM + 0x1000), (16, 1 << 24), (15, RAM + 0x200)):
        chip.set_register(number, value)
    chip[DHCSR] = 0xA05F_0001
    chip.sleep(1e-3)
    return chip


@pytest.mark.parametrize("board", BOARDS)
def test_the_clock_is_gone_in_deep_sleep_alone(board: str) -> None:
    assert asleep(board).board.machine.core.clock_stopped
    assert not asleep(board, scr=0).board.machine.core.clock_stopped


@pytest.mark.parametrize("board", BOARDS)
def test_dbg_stop_keeps_it(board: str) -> None:
    chip = asleep(board, stop_kept=True)
    assert not chip.board.machine.core.clock_stopped
    assert chip[DHCSR] & S_SLEEP


def test_systick_does_not_wake_it() -> None:
    chip = asleep("stm32f103c8", systick=True)
    chip.sleep(0.1)
    assert chip.board.machine.core.clock_stopped
    assert chip.board.machine.core.engine.read_registers()[7] == 0


def test_with_dbg_stop_systick_does() -> None:
    chip = asleep("stm32f103c8", systick=True, stop_kept=True)
    chip.sleep(0.1)
    chip.halt()
    assert chip.register(7) > 100


def test_an_interrupt_wakes_it_and_time_goes_on() -> None:
    chip = asleep("stm32f103c8")
    machine = chip.board.machine
    chip[0xE000_E100] = 1  # past the probe
    machine.set_irq(0)
    chip.sleep(1e-3)
    assert machine.core.clock_stopped, "asleep again after its handler"
    assert machine.core.engine.read_registers()[7] == 1


def test_the_independent_watchdog_wakes_it_by_reset() -> None:
    chip = Chip("stm32f103c8")
    chip.board.write_flash(FLASH, (RAM + 0x1000).to_bytes(4, "little") + (FLASH + 0x101).to_bytes(4, "little"))
    chip.board.write_flash(FLASH + 0x100, b"".join(half.to_bytes(2, "little") for half in TO_STOP))
    chip.power_cycle()
    chip[0x4000_3000] = 0x5555
    chip[0x4000_3008] = 40
    chip[0x4000_3000] = 0xCCCC
    chip.sleep(0.5)
    assert chip[0x4002_1024] & 1 << 29, "IWDGRSTF"


@pytest.mark.parametrize("options", list(PROBES.values()), ids=list(PROBES))
def test_attaching_fails_and_connecting_under_reset_does_not(options: str) -> None:
    async def scenario(bench: Bench) -> None:
        await trio.sleep(0.01)
        bench.board.machine.run_until_now()
        assert bench.board.machine.core.clock_stopped
        with pytest.raises(HaltpointError, match="WAIT"):
            await bench.core.connect(ConnectMode.ATTACH)
        with pytest.raises(HaltpointError, match="WAIT"):
            await bench.core.connect(ConnectMode.HALT)
        if "ft2232h" not in options:
            await bench.core.connect(ConnectMode.UNDER_RESET)
            stop = bench.core.stop
            assert stop is not None
            assert stop.pc == ENTRY

    on_board(scenario, code=TO_STOP, options=options, mode=None)
