"""DMA: memory that changes although the core stands still."""

from __future__ import annotations

from support.sim_client import Client, entered

DMA, RAM, AHBENR = 0x4002_0000, 0x2000_0000, 0x4002_1014
DHCSR = 0xE000_EDF0
CCR, CNDTR, CPAR, CMAR = 8, 12, 16, 20


def halted() -> Client:
    client = entered()
    client.write_register(DHCSR, 0xA05F_0003)
    client.write_register(AHBENR, 0x15)
    return client


def set_up(client: Client, count: int, source: int, target: int, control: int) -> None:
    client.write_register(DMA + CNDTR, count)
    client.write_register(DMA + CPAR, source)
    client.write_register(DMA + CMAR, target)
    client.write_register(DMA + CCR, control)


def test_memory_to_memory() -> None:
    client = halted()
    client.write(RAM, bytes(range(200)))
    set_up(client, 50, RAM, RAM + 0x400, 0x4000 | 0x0A00 | 0x00C0 | 1)
    client.board.sleep(1e-3)
    assert client.read(RAM + 0x400, 200) == bytes(range(200))
    assert client.read_register(DMA)[1] & 0xF == 7
    assert client.read_register(DMA + CNDTR)[1] == 0
    client.write_register(DMA + 4, 0xF)
    assert client.read_register(DMA)[1] == 0


def test_a_paced_circular_channel_writes_for_ever() -> None:
    client = halted()
    client.write_register(0x4002_1018, 1 << 2)
    client.write_register(0x4001_080C, 0x5A)  # the "converter": port A's output register
    client.board.soc.dmas[0].request(1, 10_000)
    set_up(client, 16, 0x4001_080C, RAM, 0x0A00 | 0x80 | 0x20 | 1)
    for _ in range(3):
        client.write(RAM, bytes(64))
        client.board.sleep(10e-3)
        assert client.read(RAM, 64) == b"\x5a\0\0\0" * 16


def test_switching_its_clock_off_stops_it() -> None:
    client = halted()
    client.write_register(0x4002_1018, 1 << 2)
    client.write_register(0x4001_080C, 0x5A)
    client.board.soc.dmas[0].request(1, 10_000)
    set_up(client, 16, 0x4001_080C, RAM, 0x0A00 | 0x80 | 0x20 | 1)
    client.board.sleep(5e-3)
    client.write_register(AHBENR, 0x14)
    client.write(RAM, bytes(64))
    client.board.sleep(10e-3)
    assert client.read(RAM, 64) == bytes(64)
    assert client.read_register(DMA + CCR)[1] == 0  # no clock, no answer
    client.write_register(AHBENR, 0x15)
    client.board.sleep(10e-3)
    assert client.read(RAM, 64) == b"\x5a\0\0\0" * 16


def test_a_transfer_to_nowhere_stops_with_an_error() -> None:
    client = halted()
    set_up(client, 4, 0x6000_0000, RAM, 0x4000 | 0x0A00 | 0x80 | 1)
    client.board.sleep(1e-3)
    assert client.read_register(DMA)[1] & 8
    assert not client.read_register(DMA + CCR)[1] & 1


def test_a_system_reset_stops_it() -> None:
    client = halted()
    client.board.soc.dmas[0].request(1, 10_000)
    set_up(client, 16, RAM + 0x100, RAM, 0x0A00 | 0x80 | 0x20 | 1)
    client.write_register(0xE000_ED0C, 0x05FA_0004)
    client.board.sleep(5e-3)
    client.write_register(AHBENR, 0x15)
    assert client.read_register(DMA + CCR)[1] == 0
