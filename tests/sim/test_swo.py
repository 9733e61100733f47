"""From the stimulus ports of the ITM over the TPIU's line to the probe's trace endpoint."""

from __future__ import annotations

import pytest
from support.sim_client import OK, Client, entered

ITM, TPIU, DEMCR, DBGMCU_CR = 0xE000_0000, 0xE004_0000, 0xE000_EDFC, 0xE004_2004
TER, TCR = ITM + 0xE00, ITM + 0xE80
ACPR, SPPR, FFCR = TPIU + 0x010, TPIU + 0x0F0, TPIU + 0x304
SETTINGS = {DEMCR: 1 << 24, DBGMCU_CR: 0x20, ACPR: 3, SPPR: 2, FFCR: 0, TER: 0xFFFF_FFFF, TCR: 0x0001_0009}
BAUD = 2_000_000


def start(client: Client, baud: int = BAUD) -> int:
    return client.debug(0x40, *(4096).to_bytes(2, "little"), *baud.to_bytes(4, "little"), reply=2)[0]


def ready(**changed: int) -> Client:
    """A client whose probe listens; ``changed`` are settings by name."""
    client = entered()
    for address, value in (SETTINGS | {globals()[name]: value for name, value in changed.items()}).items():
        client.board.machine.ap_write(address, value, 4)
    assert start(client) == OK
    return client


def put(client: Client, port: int, value: int, width: int = 1) -> None:
    """What a store of the program does, and the time the line needs for it."""
    client.board.machine.bus.write(ITM + 4 * port, value, width)
    client.board.sleep(50e-6)


def heard(client: Client) -> bytes:
    count = int.from_bytes(client.debug(0x42, reply=2), "little")
    return bytes(client.device.read(0x82, count, 1000)) if count else b""


def test_packets_bear_port_and_size() -> None:
    client = ready()
    put(client, 0, 0x41)
    put(client, 1, 0x4241, 2)
    put(client, 31, 0x4443_4241, 4)
    assert heard(client) == b"\x01A" + b"\x0aAB" + b"\xfbABCD"
    assert heard(client) == b"", "what was handed out is gone"


@pytest.mark.parametrize(
    "setting",
    [
        {"DEMCR": 0},
        {"TCR": 0},
        {"TER": 2},
        {"DBGMCU_CR": 0},
        {"DBGMCU_CR": 0x60},
        {"SPPR": 1},
        {"FFCR": 2},
        {"ACPR": 4},
    ],
    ids=lambda setting: "".join(f"{name}={value:x}" for name, value in setting.items()),
)
def test_nothing_arrives_unless_all_is_set(setting: dict[str, int]) -> None:
    client = ready(**setting)
    put(client, 0, 0x41)
    assert heard(client) == b""


def test_the_probe_hears_what_is_within_three_percent() -> None:
    client = ready()
    for baud, expected in ((BAUD * 98 // 100, b"\x01A"), (BAUD * 95 // 100, b"")):
        start(client, baud)
        put(client, 0, 0x41)
        assert heard(client) == expected


def test_the_line_is_slower_than_the_program() -> None:
    client = ready()
    write, read = client.board.machine.bus.write, client.board.machine.bus.read
    assert read(ITM, 4) == 1
    for _ in range(5):
        write(ITM, 0x41, 1)
    assert read(ITM, 4) == 0, "the FIFO is full"
    write(ITM, 0x42, 1)
    client.board.sleep(1e-3)
    client.board.machine.run_until_now()
    assert read(ITM, 4) == 1
    write(ITM, 0x43, 1)
    assert heard(client) == b"\x01A" * 5 + b"\x70" + b"\x01C", "B was lost, and an overflow packet says so"


def test_the_receiver_keeps_4096_bytes() -> None:
    client = ready()
    for _ in range(2100):
        put(client, 0, 0x41)
    count = int.from_bytes(client.debug(0x42, reply=2), "little")
    assert count == 4096


def test_stopped_and_over_jtag_nothing_is_heard() -> None:
    client = ready()
    client.debug(0x41, reply=2)
    put(client, 0, 0x41)
    assert heard(client) == b""
    client.debug(0x21)
    client.enter(0xA4)
    start(client)
    put(client, 0, 0x41)
    assert heard(client) == b"", "the pin is TDO"


def test_rates_beyond_the_probe_are_refused() -> None:
    assert start(ready(), 3_000_000) == 0x41
