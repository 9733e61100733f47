"""Debug port, access port and RW_MISC."""

from __future__ import annotations

import pytest
from support.sim_client import OK, Client, entered

from haltpoint.sim.board import open_board

DP = 0xFFFF
RAM = 0x2000_0000


def read(client: Client, port: int, register: int) -> tuple[int, int]:
    answer = client.debug(0x45, *port.to_bytes(2, "little"), *register.to_bytes(2, "little"), reply=8)
    return answer[0], int.from_bytes(answer[4:], "little")


def write(client: Client, port: int, register: int, value: int) -> int:
    operands = (*port.to_bytes(2, "little"), *register.to_bytes(2, "little"), *value.to_bytes(4, "little"))
    return client.debug(0x46, *operands, reply=2)[0]


@pytest.fixture
def client() -> Client:
    client = entered()
    client.debug(0x4B, 0, reply=2)
    return client


def test_identity(client: Client) -> None:
    assert read(client, DP, 0x0) == (OK, 0x1BA0_1477)
    assert read(client, 0, 0xFC) == (OK, 0x1477_0011)
    assert read(client, 0, 0xF8) == (OK, 0xE00F_F003)
    assert read(client, 0, 0x00) == (OK, 0x2300_0040)
    assert read(client, 1, 0xFC) == (OK, 0)
    assert read(client, 9, 0xFC)[0] == 0x1D


def test_control_status(client: Client) -> None:
    assert read(client, DP, 0x4) == (OK, 0xF000_0040)
    client.board.faults.fault()
    client.board.stlink.state.quirks.sticky_until_abort = True
    client.read_register(RAM)
    assert read(client, DP, 0x4)[0] == 0x19
    write(client, DP, 0x0, 0x1E)
    assert read(client, DP, 0x4) == (OK, 0xF000_0040)


def test_power_requests_are_acknowledged_one_by_one(client: Client) -> None:
    assert write(client, DP, 0x4, 0x1000_0F00) == OK
    assert read(client, DP, 0x4) == (OK, 0x3000_0F40)
    assert client.read_register(RAM)[0] == OK
    assert write(client, DP, 0x4, 0x0000_0F00) == OK
    assert read(client, DP, 0x4) == (OK, 0x0000_0F40)
    assert client.read_register(RAM)[0] == 0x0B, "the debug domain is off"
    assert read(client, 0, 0xFC)[0] == 0x0B
    assert write(client, DP, 0x4, 0x5000_0000) == OK
    assert client.read_register(RAM)[0] == OK
    write(client, DP, 0x4, 0)
    client.debug(0x21)
    assert client.enter() == OK, "and entering the mode powers up"
    assert client.read_register(RAM)[0] == OK


def test_all_but_idr_needs_init_ap() -> None:
    client = entered()
    assert read(client, 0, 0xFC)[0] == OK
    assert read(client, 0, 0x00)[0] == 0x1D
    assert write(client, 0, 0x04, RAM) == 0x1D
    old = entered("level=J26")
    assert read(old, 0, 0x00)[0] == OK


def test_close_ap() -> None:
    client = entered()
    client.debug(0x4B, 0, reply=2)
    assert client.debug(0x4C, 0, reply=2)[0] == OK
    assert read(client, 0, 0x00)[0] == 0x1D
    assert entered("level=J28").debug(0x4C, 0, reply=2)[0] == 0x1D  # its famous bogus answer


def test_memory_through_the_access_port(client: Client) -> None:
    write(client, 0, 0x00, 0x2300_0012)
    write(client, 0, 0x04, RAM)
    write(client, 0, 0x0C, 0x1111_1111)
    write(client, 0, 0x0C, 0x2222_2222)
    assert read(client, 0, 0x04) == (OK, RAM + 8)
    assert client.read(RAM, 8) == b"\x11" * 4 + b"\x22" * 4
    write(client, 0, 0x04, RAM)
    assert read(client, 0, 0x14) == (OK, 0x2222_2222)  # banked data register 1
    write(client, 0, 0x00, 0x2300_0010)
    write(client, 0, 0x04, RAM + 5)
    assert read(client, 0, 0x0C)[1] >> 8 & 0xFF == 0x22  # a byte sits on its lane
    assert read(client, 0, 0x04)[1] == RAM + 6


def test_the_address_increment_wraps_at_4_kib(client: Client) -> None:
    write(client, 0, 0x00, 0x2300_0012)
    write(client, 0, 0x04, RAM + 0xFFC)
    write(client, 0, 0x0C, 0)
    assert read(client, 0, 0x04) == (OK, RAM)


def test_banked_debug_port_registers_need_j32() -> None:
    assert read(entered(), DP, 0x14)[0] == OK
    assert read(entered("level=J31"), DP, 0x14)[0] == 0x08


def test_jtag_reads_of_j24_to_j31_come_one_late() -> None:
    client = Client(open_board("sim:stm32f103c8,level=J28"))
    client.enter(0xA4)
    assert read(client, DP, 0x4)[1] == 0
    assert read(client, DP, 0x0)[1] == 0xF000_0040


def misc(client: Client, *items: tuple[int, int]) -> tuple[list[int], list[int]]:
    codes = bytes(code for code, _ in items)
    data = codes.ljust(len(codes) + 3 & -4, b"\0") + b"".join(word.to_bytes(4, "little") for _, word in items)
    client.debug(0x51, *len(items).to_bytes(4, "little"), data=data)
    answer = client.debug(0x52, reply=8 * len(items))
    assert len(answer) == 8 * len(items)
    words = [int.from_bytes(answer[at : at + 4], "little") for at in range(0, len(answer), 4)]
    return words[: len(items)], words[len(items) :]


def test_a_misc_batch(client: Client) -> None:
    values, statuses = misc(client, (5, 0), (1, RAM), (2, 0x1234_5678), (3, RAM), (3, 0xE004_2000))
    assert statuses == [OK] * 5
    assert values[3:] == [0x1234_5678, 0x2003_6410]


def test_nothing_after_a_failure_is_done_in_a_misc_batch(client: Client) -> None:
    client.write(RAM, bytes(4))
    _, statuses = misc(client, (3, RAM), (3, 0x6000_0000), (1, RAM), (2, 1))
    assert statuses == [OK, 0x11, 0x11, 0x11]
    assert client.read(RAM, 4) == bytes(4)


def test_misc_limits() -> None:
    client = entered()
    values, statuses = misc(client, *[(3, RAM)] * 64)
    assert len(values) == 64
    assert set(statuses) == {OK}
    assert client.debug(0x51, 65, 0, 0, 0, reply=2)[0] == 0x08
    v3 = entered("probe=stlink-v3")
    assert len(misc(v3, *[(3, RAM)] * 1227)[0]) == 1227
