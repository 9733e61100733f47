"""The target through the probe: halt, run, reset, power, and programs that use the chip."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.sim_client import OK, Client, entered

from haltpoint.sim.board import open_board
from haltpoint.sim.bus import Unmodelled

BLINK = Path(__file__).resolve().parents[2] / "examples" / "blink" / "blink.elf"
DHCSR, DCRSR, DCRDR, DEMCR, AIRCR, DFSR = 0xE000_EDF0, 0xE000_EDF4, 0xE000_EDF8, 0xE000_EDFC, 0xE000_ED0C, 0xE000_ED30
S_HALT, S_RESET_ST = 1 << 17, 1 << 25
RAM, FLASH = 0x2000_0000, 0x0800_0000


def halfwords(*codes: int) -> bytes:
    return b"".join(code.to_bytes(2, "little") for code in codes)


def register(client: Client, number: int) -> int:
    answer = client.debug(0x33, number, reply=8)
    assert answer[0] == OK
    return int.from_bytes(answer[4:], "little")


def set_register(client: Client, number: int, value: int) -> None:
    assert client.debug(0x34, number, *value.to_bytes(4, "little"), reply=2)[0] == OK


def halt(client: Client) -> None:
    assert client.write_register(DHCSR, 0xA05F_0003) == OK
    assert client.read_register(DHCSR)[1] & S_HALT


def run(client: Client, code: bytes, **registers: int) -> None:
    """Run ``code`` from RAM with interrupts masked."""
    halt(client)
    client.write(RAM, code.ljust(len(code) + 3 & -4, b"\0"))
    for name, value in registers.items():
        set_register(client, int(name.removeprefix("r")), value)
    set_register(client, 15, RAM)
    set_register(client, 16, 0x0100_0000)
    client.write_register(DHCSR, 0xA05F_000B)
    client.write_register(DHCSR, 0xA05F_0009)


@pytest.mark.parametrize("kind", ["stlink-v2", "stlink-v2-1", "stlink-v3", "stlink-clone"])
def test_halt_run_and_registers(kind: str) -> None:
    client = entered(f"probe={kind}")
    run(client, halfwords(0x3001, 0xE7FD), r0=0)  # adds r0, #1; b .-2
    client.board.sleep(1e-3)
    halt(client)
    count = register(client, 0)
    assert count > 1000
    everything = client.debug(0x3A, reply=88)
    assert everything[0] == OK
    assert int.from_bytes(everything[4:8], "little") == count
    assert int.from_bytes(everything[64:68], "little") in {RAM, RAM + 2}


def test_a_running_core_hands_out_the_last_dcrdr() -> None:
    client = entered()
    run(client, halfwords(0xE7FE), r0=0x1111, r1=0x2222)
    halt(client)
    assert register(client, 1) == 0x2222
    client.write_register(DHCSR, 0xA05F_0001)
    assert register(client, 0) == 0x2222  # status OK, value stale
    everything = client.debug(0x3A, reply=88)
    assert {everything[at : at + 4] for at in range(4, 80, 4)} == {(0x2222).to_bytes(4, "little")}


def test_reset_by_the_probe_and_by_the_core() -> None:
    client = entered()
    client.board.write_flash(FLASH, (0x2000_5000).to_bytes(4, "little") + (FLASH + 9).to_bytes(4, "little"))
    client.board.write_flash(FLASH + 8, halfwords(0xE7FE))
    halt(client)
    client.write_register(DEMCR, 1)
    assert client.debug(0x32, reply=2)[0] == OK
    client.board.sleep(2e-3)
    assert client.read_register(DHCSR)[1] & (S_HALT | S_RESET_ST) == S_HALT | S_RESET_ST
    assert register(client, 15) == FLASH + 8
    assert client.read_register(DFSR)[1] & 8


@pytest.mark.parametrize(
    ("options", "works"),
    [
        ("", True),
        ("nrst=none", False),
        ("nrst=swim,probe=stlink-clone", False),
        ("probe=stlink-v2", True),
    ],
)
def test_nrst(options: str, works: bool) -> None:
    client = entered(options)
    client.read_register(DHCSR)
    client.read_register(DHCSR)
    assert client.debug(0x3C, 0, reply=2)[0] == OK
    client.board.sleep(1e-3)
    assert client.debug(0x3C, 1, reply=2)[0] == OK
    assert bool(client.read_register(DHCSR)[1] & S_RESET_ST) is works


def test_the_pulse_does_nothing_unless_switched_on() -> None:
    for options, works in (("", False), ("quirks=pulse-works", True)):
        client = entered(options)
        client.read_register(DHCSR)
        client.read_register(DHCSR)
        client.debug(0x3C, 2, reply=2)
        assert bool(client.read_register(DHCSR)[1] & S_RESET_ST) is works


def test_old_v2_firmware_drives_another_pin_before_it_has_entered() -> None:
    client = Client(open_board("sim:stm32f103c8,probe=stlink-v2,level=J29"))
    client.command(0xF3, 7)
    client.debug(0x3C, 0, reply=2)
    assert not client.board.machine.in_reset
    client.debug(0x30, 0xA3, reply=2)
    client.debug(0x3C, 0, reply=2)
    assert client.board.machine.in_reset


def test_connect_under_reset_stops_at_the_first_instruction() -> None:
    if not BLINK.exists():
        pytest.skip("the example firmware has not been built")
    client = Client(open_board(f"sim:stm32f103c8,firmware={BLINK}"))
    client.command(0xF3, 7)
    client.debug(0x3C, 0, reply=2)
    assert client.debug(0x30, 0xA3, reply=2)[0] == OK
    client.write_register(DHCSR, 0xA05F_0003)
    client.write_register(DEMCR, 1)
    client.debug(0x3C, 1, reply=2)
    client.board.sleep(1e-3)
    assert client.read_register(DHCSR)[1] & S_HALT
    entry = int.from_bytes(client.board.read_flash(FLASH + 4, 4), "little")
    assert register(client, 15) == entry & ~1


def test_power_off_and_on_starts_the_firmware_again() -> None:
    client = entered()
    halt(client)
    client.board.power(on=False)
    client.board.power(on=True)
    client.enter()
    assert not client.read_register(DHCSR)[1] & S_HALT


def test_the_example_toggles_its_pin() -> None:
    if not BLINK.exists():
        pytest.skip("the example firmware has not been built")
    client = entered(f"firmware={BLINK}")
    seen = set()
    for _ in range(20):
        client.board.sleep(0.01)
        seen.add(client.read_register(0x4001_100C)[1] >> 13 & 1)
    assert seen == {0, 1}


# r0 FLASH registers, r1 flash address, r2 data: unlock is done by the host; strh; poll BSY; bkpt
PROGRAM = halfwords(0x800A, 0x68C3, 0x07DB, 0xD4FC, 0xBE00)  # strh; ldr r3,[r0,#12]; lsls r3,#31; bmi; bkpt


def unlock(client: Client) -> None:
    client.write_register(0x4002_2004, 0x4567_0123)
    client.write_register(0x4002_2004, 0xCDEF_89AB)


def test_a_loader_programs_and_polls() -> None:
    client = entered()
    unlock(client)
    client.write_register(0x4002_2010, 1)
    before = client.board.clock.horizon
    run(client, PROGRAM, r0=0x4002_2000, r1=FLASH, r2=0xBEEF)
    client.board.sleep(1e-3)
    assert client.read_register(DHCSR)[1] & S_HALT
    assert register(client, 15) == RAM + 8
    assert client.board.read_flash(FLASH, 2) == b"\xef\xbe"
    assert client.read_register(0x4002_200C)[1] == 0x20
    assert client.board.clock.horizon > before


def test_a_loader_polls_for_as_long_as_the_flash_takes() -> None:
    client = entered()
    unlock(client)
    client.write_register(0x4002_2010, 1)
    halt(client)
    client.write_register(DEMCR, 1 << 24)
    client.write_register(0xE000_1004, 0)
    client.write_register(0xE000_1000, 1)
    run(client, PROGRAM, r0=0x4002_2000, r1=FLASH, r2=0)
    client.board.sleep(1e-3)
    cycles = client.read_register(0xE000_1004)[1]
    assert 52.5 * 8 <= cycles <= 52.5 * 8 + 20


def test_a_loader_on_a_locked_flash_faults() -> None:
    client = entered()
    client.board.write_flash(FLASH, (0x2000_5000).to_bytes(4, "little") + (FLASH + 1).to_bytes(4, "little") * 15)
    halt(client)
    client.write_register(DEMCR, 1 << 10 | 1)
    client.write_register(AIRCR, 0x05FA_0004)
    client.board.sleep(1e-3)
    run(client, PROGRAM, r0=0x4002_2000, r1=FLASH + 0x100, r2=0)
    client.board.sleep(1e-3)
    assert client.read_register(DHCSR)[1] & S_HALT
    assert client.read_register(DFSR)[1] & 8  # vector catch, not the breakpoint
    assert client.read_register(0xE000_ED28)[1] & 0xFF00
    assert client.board.read_flash(FLASH + 0x100, 2) == b"\xff\xff"


def test_code_in_flash_stalls_while_it_is_programmed() -> None:
    client = entered()
    unlock(client)
    client.write_register(0x4002_2010, 1)
    halt(client)
    client.board.write_flash(FLASH, halfwords(0x800A, 0xBE00))  # strh r2, [r1]; bkpt
    set_register(client, 1, FLASH + 0x100)
    set_register(client, 2, 0)
    set_register(client, 15, FLASH)
    set_register(client, 16, 0x0100_0000)
    client.write_register(DEMCR, 1 << 24)
    client.write_register(0xE000_1004, 0)
    client.write_register(0xE000_1000, 1)
    client.write_register(DHCSR, 0xA05F_000B)
    client.write_register(DHCSR, 0xA05F_0009)
    client.board.sleep(1e-3)
    assert client.read_register(DHCSR)[1] & S_HALT
    assert client.read_register(0xE000_1004)[1] >= 52.5 * 8


def test_a_program_that_meets_what_is_not_modelled_stops_the_simulation() -> None:
    client = entered()
    client.write_register(0x4002_1018, 1 << 9)
    run(client, halfwords(0x6800, 0xE7FE), r0=0x4001_2400)  # ldr r0, [r0]
    client.board.sleep(1e-3)
    with pytest.raises(Unmodelled, match="ADC1"):
        client.read_register(DHCSR)


def test_power_loss_in_the_middle_of_a_write() -> None:
    client = entered()
    client.board.faults.power_loss(2)
    assert client.write(RAM, bytes(64)) == 0x12
    assert client.command(0xF7, reply=8)[4:] == bytes(4)
