"""The command set by firmware level, status codes, and the ways accesses fail."""

from __future__ import annotations

import errno

import pytest
import usb.core
from support.sim_client import OK, Client, entered

from haltpoint.sim.board import open_board
from haltpoint.sim.bus import Unmodelled

RAM = 0x2000_0000
HOLE = 0x6000_0000
UNKNOWN, BAD_AP, ALIGNMENT, FAULT, OLD_FAULT, WAIT = 0x42, 0x1D, 0x0A, 0x11, 0x01, 0x10


@pytest.mark.parametrize(
    ("options", "version"),
    [
        ("probe=stlink-v2", "294783044837"),
        ("probe=stlink-v2,level=J27", "26c783044837"),
        ("probe=stlink-v2-1", "295a83044b37"),
        ("probe=stlink-v3", "300083044e37"),
        ("probe=stlink-clone", "244483044837"),
    ],
)
def test_version_bytes(options: str, version: str) -> None:
    client = Client(open_board(f"sim:stm32f103c8,{options}"))
    assert client.command(0xF1, 0x80, reply=6).hex() == version


def test_extended_version_is_only_in_a_v3() -> None:
    client = Client(open_board("sim:stm32f103c8,probe=stlink-v3"))
    assert client.command(0xFB, 0x80, reply=12).hex() == "03010a030100000083044e37"
    assert Client(open_board("sim:stm32f103c8")).command(0xFB, 0x80, reply=12) == bytes([UNKNOWN, 0])


def test_modes() -> None:
    client = Client(open_board("sim:stm32f103c8,probe=stlink-v3"))
    assert client.command(0xF5, reply=2)[0] == 0
    client.command(0xF3, 7)
    assert client.command(0xF5, reply=2) == b"\x01\x03"
    assert client.debug(0x36, 0, 0, 0, 0x20, reply=8)[0] == 0x07
    assert client.debug(0x30, 0xA3, reply=2)[0] == OK
    assert client.command(0xF5, reply=2)[0] == 2
    assert client.debug(0x30, 0xA4, reply=2)[0] == 0x0E
    client.debug(0x21)
    assert client.command(0xF5, reply=2)[0] == 1
    assert client.debug(0x30, 0xA4, reply=2)[0] == OK
    client.debug(0x21)
    client.command(0xF4, 0)
    assert client.command(0xF5, reply=2)[0] == 3


def test_voltage() -> None:
    client = entered()
    answer = client.command(0xF7, reply=8)
    reference, sample = int.from_bytes(answer[:4], "little"), int.from_bytes(answer[4:], "little")
    assert 2.4 * sample / reference == pytest.approx(3.25, abs=0.01)
    client.board.power(on=False)
    assert client.command(0xF7, reply=8)[4:] == bytes(4)
    assert entered("probe=stlink-clone").command(0xF7, reply=8) == bytes(8)


def test_voltage_is_unknown_to_the_boot_loader() -> None:
    client = Client(open_board("sim:stm32f103c8"))
    with pytest.raises(usb.core.USBError) as caught:
        client.command(0xF7, reply=8)
    assert caught.value.errno == errno.EPIPE


@pytest.mark.parametrize(("protocol", "codes"), [(0xA3, "7714a01b00000000"), (0xA4, "7704a03b41004116")])
def test_idcodes(protocol: int, codes: str) -> None:
    client = Client(open_board("sim:stm32f103c8"))
    client.enter(protocol)
    assert client.debug(0x31, reply=12).hex() == "80000000" + codes


@pytest.mark.parametrize("options", ["target=none", "power=off"])
def test_nothing_on_the_wire(options: str) -> None:
    client = Client(open_board(f"sim:stm32f103c8,{options}"))
    assert client.enter() == 0x09
    client.debug(0x21)
    assert client.debug(0x30, 0xA4, reply=2)[0] == 0x05


def test_power_lost_needs_a_new_entry() -> None:
    client = entered()
    client.board.power(on=False)
    assert client.read_register(RAM)[0] == 0x12
    client.board.power(on=True)
    assert client.read_register(RAM)[0] == 0x0B
    assert client.enter() == OK
    assert client.read_register(0xE004_2000) == (OK, 0x2003_6410)


GATES = [
    (0x3E, 12, 15, 0),
    (0x43, 2, 22, None),
    (0x44, 2, 24, None),
    (0x45, 8, 24, 0),
    (0x47, 2, 26, 0),
    (0x4B, 2, 28, 0),
    (0x53, 8, 32, 2),
    (0x56, 128, 36, 6),
]


@pytest.mark.parametrize(("code", "length", "level", "v3"), GATES)
def test_commands_come_with_firmware_levels(code: int, length: int, level: int, v3: int | None) -> None:
    operands = (0, 0) if code != 0x47 else (0, 0, 0, 0x20, 2, 0)
    before = entered(f"probe=stlink-v2,level=J{level - 1}")
    assert before.debug(code, *operands, reply=length) == bytes([UNKNOWN, 0])
    since = entered(f"probe=stlink-v2,level=J{level}")
    assert len(since.debug(code, *operands, reply=length)) == length
    if v3 is None:
        assert entered("probe=stlink-v3").debug(code, *operands, reply=length) == bytes([UNKNOWN, 0])
    elif v3 > 1:
        assert entered(f"probe=stlink-v3,level=J{v3 - 1}").debug(code, *operands, reply=length) == bytes([UNKNOWN, 0])


def test_some_firmware_stalls_on_what_it_does_not_know() -> None:
    client = entered("probe=stlink-clone,quirks=stall-unknown")
    with pytest.raises(usb.core.USBError) as caught:
        client.debug(0x99, reply=2)
    assert caught.value.errno == errno.EPIPE


# --- memory


@pytest.mark.parametrize("kind", ["stlink-v2", "stlink-v2-1", "stlink-v3", "stlink-clone"])
def test_words_and_bytes(kind: str) -> None:
    client = entered(f"probe={kind}")
    data = bytes(range(256)) * 24
    client.debug(0x08, 0, 0, 0, 0x20, 0, 24, data=data)
    assert client.debug(0x3B, reply=2)[0] == OK
    assert client.read(RAM, 6144) == data
    assert client.read(RAM + 5, 64, code=0x0C) == data[5:69]
    client.debug(0x0D, 3, 0, 0, 0x20, 2, 0, data=b"\xaa\xbb")
    assert client.read(RAM, 8)[:6] == b"\x00\x01\x02\xaa\xbb\x05"


def test_half_words() -> None:
    client = entered()
    assert client.write(RAM, b"\x11\x22\x33\x44", code=0x48) == OK
    assert client.read(RAM + 2, 2, code=0x47) == b"\x33\x44"


def test_one_byte_comes_as_two() -> None:
    client = entered()
    client.write(RAM, b"\x11\x22\x33\x44")
    answer = client.read(RAM + 1, 1, code=0x0C)
    assert len(answer) == 2
    assert answer[0] == 0x22


@pytest.mark.parametrize(
    ("code", "address", "length"),
    [(0x07, RAM + 2, 4), (0x07, RAM, 6), (0x47, RAM + 1, 2), (0x47, RAM, 3), (0x07, RAM, 6148), (0x0C, RAM, 65)],
)
def test_alignment_and_limits(code: int, address: int, length: int) -> None:
    client = entered()
    client.read(address, length, code=code)
    assert client.status()[0] == ALIGNMENT


def test_a_v3_takes_more_bytes_at_once() -> None:
    client = entered("probe=stlink-v3")
    client.read(RAM, 512, code=0x0C)
    assert client.status()[0] == OK


def test_an_empty_data_phase_stalls_a_v3() -> None:
    client = entered("probe=stlink-v3")
    with pytest.raises(usb.core.USBError) as caught:
        client.debug(0x07, 0, 0, 0, 0x20, 0, 0, reply=4)
    assert caught.value.errno == errno.EPIPE


def test_blocks_cross_4_kib() -> None:
    client = entered()
    client.write(RAM, b"AAAA")
    client.write(RAM + 0xFF8, b"BBBBCCCCDDDD")
    assert client.read(RAM + 0xFF8, 12) == b"BBBBCCCCDDDD"
    assert client.read(RAM, 4) == b"AAAA"


def test_blocks_can_be_made_to_wrap_where_the_access_port_does() -> None:
    client = entered("quirks=tar-wrap")
    client.write(RAM, b"AAAA")
    client.write(RAM + 0xFFC, b"BBBB")
    client.write(RAM + 0x1000, b"CCCC")
    assert client.read(RAM + 0xFFC, 8) == b"BBBBAAAA"


def test_a_failed_read_hands_out_old_bytes() -> None:
    client = entered()
    client.write(RAM, b"old data" * 4)
    client.read(RAM, 32)
    assert client.read(HOLE, 32) == b"old data" * 4
    assert client.status() == (FAULT, HOLE)


def test_a_read_over_the_end_gives_what_there_is_and_the_first_bad_address() -> None:
    client = entered()
    end = RAM + 20 * 1024
    client.write(end - 8, b"12345678")
    client.write(RAM, b"x" * 16)
    client.read(RAM, 16)
    assert client.read(end - 8, 16) == b"12345678" + b"x" * 8
    assert client.status() == (FAULT, end)


def test_the_status_is_that_of_the_last_access() -> None:
    client = entered()
    client.read(HOLE, 4)
    assert client.status()[0] == FAULT
    assert client.status()[0] == FAULT
    client.read(RAM, 4)
    assert client.status() == (OK, 0)


def test_old_firmware_has_another_word_for_faults() -> None:
    client = entered("probe=stlink-clone")
    client.read(HOLE, 4)
    assert client.status()[0] == OLD_FAULT


def test_writes_that_fail() -> None:
    client = entered()
    assert client.write(HOLE, b"1234") == FAULT
    assert client.write_register(HOLE, 1) == FAULT
    assert client.write(0x1FFF_F000, b"1234") == FAULT  # system memory is ROM


def test_debug_registers() -> None:
    client = entered()
    assert client.write_register(RAM, 0xCAFE_F00D) == OK
    assert client.read_register(RAM) == (OK, 0xCAFE_F00D)
    status, stale = client.read_register(HOLE)
    assert (status, stale) == (FAULT, 0xCAFE_F00D)


@pytest.mark.parametrize(("knob", "code"), [("wait", WAIT), ("fault", FAULT)])
def test_wait_and_fault_can_be_injected(knob: str, code: int) -> None:
    client = entered()
    client.write(RAM, b"old!")
    getattr(client.board.faults, knob)(2, times=2)
    assert client.write(RAM, b"new1") == OK
    assert client.write(RAM, b"new2") == code
    assert client.read_register(RAM)[0] == code
    assert client.read_register(RAM) == (OK, int.from_bytes(b"new1", "little"))


def test_access_port_zero_is_open_by_itself_unless_asked_otherwise() -> None:
    assert entered().read_register(RAM)[0] == OK
    strict = entered("quirks=init-ap-for-memory")
    assert strict.read_register(RAM)[0] == BAD_AP
    strict.read(RAM, 4)
    assert strict.status()[0] == BAD_AP
    assert strict.debug(0x4B, 0, reply=2)[0] == OK
    assert strict.read_register(RAM)[0] == OK
    strict.debug(0x21)
    strict.enter()
    assert strict.read_register(RAM)[0] == BAD_AP  # leaving debug mode closes all
    assert entered("probe=stlink-clone,quirks=init-ap-for-memory").read_register(RAM)[0] == OK


def test_other_access_ports_are_not_there() -> None:
    client = entered()
    client.read(RAM, 4, ap=1)
    assert client.status()[0] == BAD_AP
    assert client.debug(0x4B, 1, reply=2)[0] == BAD_AP


def test_a_sticky_error_lasts_until_the_status_is_fetched_or_until_abort() -> None:
    assert entered().read_register(HOLE)[0] == FAULT
    strict = entered("quirks=sticky-until-abort")
    strict.read_register(HOLE)
    assert strict.read_register(RAM)[0] == 0x19
    assert strict.debug(0x46, 0xFF, 0xFF, 0, 0, 0x1E, 0, 0, 0, reply=2)[0] == OK
    assert strict.read_register(RAM)[0] == OK


def test_what_is_not_modelled_is_never_ok() -> None:
    client = entered()
    client.write_register(0x4002_1018, 1 << 9)  # ADC1 clock on
    assert client.read_register(0x4001_2400)[0] == FAULT
    assert "ADC1" in client.board.wire.unmodelled[0]
    loud = entered("quirks=raise-unmodelled")
    loud.write_register(0x4002_1018, 1 << 9)
    with pytest.raises(Unmodelled, match="ADC1"):
        loud.read_register(0x4001_2400)


def test_read_protection_hides_the_flash_from_the_debugger() -> None:
    client = entered("rdp=1")
    assert client.read_register(0x0800_0000)[0] == FAULT
    assert client.read_register(0x0000_0000)[0] == FAULT
    assert client.read_register(RAM)[0] == OK
    assert client.read_register(0x4002_201C)[1] & 2


def test_flash_that_is_busy_makes_the_probe_wait() -> None:
    client = entered()
    client.write_register(0x4002_2004, 0x4567_0123)
    client.write_register(0x4002_2004, 0xCDEF_89AB)
    client.write_register(0x4002_2014, 0x0800_0000)
    client.write_register(0x4002_2010, 0x42)
    assert client.read_register(0x4002_200C) == (OK, 3)  # registers do not wait
    assert client.read_register(0x0800_0000)[0] == WAIT
    client.board.sleep(0.02)
    assert client.read_register(0x0800_0000) == (OK, 0xFFFF_FFFF)


def test_programming_through_the_probe() -> None:
    client = entered()
    client.write_register(0x4002_2004, 0x4567_0123)
    client.write_register(0x4002_2004, 0xCDEF_89AB)
    client.write_register(0x4002_2010, 1)
    assert client.write(0x0800_0000, b"0123456789abcdef", code=0x48) == OK
    client.board.sleep(1e-3)
    assert client.board.read_flash(0x0800_0000, 16) == b"0123456789abcdef"
    assert client.write(0x0800_0010, b"1234") == FAULT  # word stores are refused


# --- speeds


def test_divisors_of_a_v2() -> None:
    client = entered("probe=stlink-v2")
    assert client.debug(0x43, 1, 0, reply=2)[0] == OK
    assert client.debug(0x43, 4, 0, reply=2)[0] == 0x41
    begin = client.board.seconds
    client.read(RAM, 1024)
    usual = client.board.seconds - begin
    client.debug(0x43, 40, 0, reply=2)
    begin = client.board.seconds
    client.read(RAM, 1024)
    assert client.board.seconds - begin > 5 * usual


def test_frequencies_of_a_v3() -> None:
    client = entered("probe=stlink-v3")
    answer = client.debug(0x62, 0, reply=52)
    words = [int.from_bytes(answer[at : at + 4], "little") for at in range(4, 52, 4)]
    assert words[:9] == [3300, 7, 24000, 8000, 3300, 1000, 200, 50, 5]
    answer = client.debug(0x61, 0, 0, *(4000).to_bytes(4, "little"), reply=8)
    assert (answer[0], int.from_bytes(answer[4:], "little")) == (OK, 3300)
    assert client.debug(0x61, 0, 0, 1, 0, 0, 0, reply=8)[0] == 0x08
    assert client.debug(0x63, 2, reply=8)[0] == 0x40


def test_trace_is_empty() -> None:
    client = entered()
    assert client.debug(0x40, 0, 0x10, *(2_000_000).to_bytes(4, "little"), reply=2)[0] == OK
    assert client.debug(0x42, reply=2) == bytes(2)
    assert client.debug(0x41, reply=2)[0] == OK


def test_board_identifiers() -> None:
    assert entered().debug(0x56, reply=128)[:6] == b"\x80\0" + b"0700"
    assert entered("probe=stlink-v2").debug(0x56, reply=128)[2:] == bytes(126)


def test_st_flash_writes_32_kib_at_once() -> None:
    """To an STM32F4; OpenOCD's 6144 bytes are the limit of reads."""
    client = entered(chip="stm32f407vg")
    data = bytes(range(256)) * 128
    client.write(RAM, data)
    assert client.read(RAM, 6144) == data[:6144]
    assert client.read(RAM + 0x8000 - 4, 4) == data[-4:]
