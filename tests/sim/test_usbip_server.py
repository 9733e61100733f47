"""The USB/IP server over streams in memory: transfers, clients that come and go, plugs, malformed input."""

from __future__ import annotations

import logging
import random

import pytest
import trio
from support.usbip_client import (
    ENTER_SWD,
    GET_MODE,
    GET_VERSION,
    IN,
    OUT,
    VERSION_V2J37M26,
    UsbipBench,
    UsbipClient,
    import_request,
    submit,
    usbip_bench,
)

from haltpoint.sim.bus import Unmodelled

DEBUG, DFU = 2, 0
GIVEN_UP = -104
RAM = 0x2000_0100


def debug(*code: int) -> bytes:
    return bytes([0xF2, *code]).ljust(16, b"\0")


def write_register(address: int, value: int) -> bytes:
    return debug(0x35, *address.to_bytes(4, "little"), *value.to_bytes(4, "little"))


def read_register(address: int) -> bytes:
    return debug(0x36, *address.to_bytes(4, "little"))


async def enter(client: UsbipClient) -> None:
    await client.out(bytes([0xF3, 0x07]).ljust(16, b"\0"))
    assert (await client.ask(ENTER_SWD))[0] == 0x80


# --- operations


async def test_the_list_shows_every_board_with_a_number_of_its_own() -> None:
    async with usbip_bench("sim:stm32f103c8", "sim:stm32f103rc,probe=stlink-v3") as bench:
        client = await bench.connect()
        assert await client.devices() == [("1-1", 2, 0x0483, 0x374B), ("1-2", 3, 0x0483, 0x374E)]
        assert await client.devices() == [("1-1", 2, 0x0483, 0x374B), ("1-2", 3, 0x0483, 0x374E)]


async def test_a_held_device_is_busy_until_its_client_leaves() -> None:
    async with usbip_bench() as bench:
        first = await bench.attached()
        second = await bench.connect()
        assert await second.attach() == 1
        await first.aclose()
        await trio.testing.wait_all_tasks_blocked()
        third = await bench.connect()
        assert await third.attach() == 0
        assert await third.ask(GET_VERSION) == VERSION_V2J37M26


async def test_a_device_that_does_not_exist_cannot_be_imported() -> None:
    async with usbip_bench() as bench:
        client = await bench.connect()
        assert await client.attach("1-9") == 4
        assert await client.attach("") == 4


# --- clients that leave


async def test_release_drops_data_and_keeps_the_target() -> None:
    async with usbip_bench(pause=0) as bench:
        client = await bench.attached()
        await enter(client)
        assert (await client.ask(write_register(RAM, 0xC0FFEE00)))[0] == 0x80
        await client.out(GET_VERSION)  # a reply that nobody fetches
        await client.out(debug(0x08, *RAM.to_bytes(4, "little"), 64, 0))  # and data that never comes
        await client.submit(0x82, 64)  # a transfer that waits
        await trio.testing.wait_all_tasks_blocked()
        before = bench.board.clock.horizon
        await client.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert bench.board.clock.horizon == before
        again = await bench.attached()
        assert (await again.ask(GET_MODE))[0] == DEBUG
        answer = await again.ask(read_register(RAM))
        assert (answer[0], int.from_bytes(answer[4:], "little")) == (0x80, 0xC0FFEE00)
        assert bench.served[0].export.carrier.waiting == 0


@pytest.mark.parametrize("rest", [0, 1, 47, 48, 50])
async def test_a_client_that_dies_inside_a_header_releases_its_device(rest: int) -> None:
    async with usbip_bench() as bench:
        client = await bench.attached()
        await client.stream.send_all(submit(1, OUT, 16, GET_VERSION, devid=client.devid)[:rest])
        await client.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert await (await bench.attached()).ask(GET_VERSION) == VERSION_V2J37M26


async def test_a_client_that_never_reads_harms_nobody() -> None:
    async with usbip_bench("sim:stm32f103c8", "sim:stm32f103c8,serial=1") as bench:
        deaf = await bench.attached("1-1")
        for _ in range(50):
            await deaf.submit(0x80, 512, setup=bytes.fromhex("8006000200000002"))
        other = await bench.attached("1-2")
        assert await other.ask(GET_VERSION) == VERSION_V2J37M26


async def test_too_many_waiting_transfers_close_the_connection() -> None:
    async with usbip_bench() as bench:
        client = await bench.attached()
        flood = b"".join(submit(n, IN, 64, devid=client.devid) for n in range(1, 4200))
        await client.stream.send_all(flood)
        assert await client.at_end()
        assert await (await bench.attached()).ask(GET_VERSION) == VERSION_V2J37M26


# --- malformed input


async def test_a_malformed_header_ends_that_connection_alone(caplog: pytest.LogCaptureFixture) -> None:
    async with usbip_bench("sim:stm32f103c8", "sim:stm32f103c8,serial=1") as bench:
        good, bad = await bench.attached("1-1"), await bench.attached("1-2")
        await bad.stream.send_all(b"\xff" * 48)
        assert await bad.at_end()
        assert "0xFFFFFFFF is not a command of USB/IP" in caplog.text
        assert await good.ask(GET_VERSION) == VERSION_V2J37M26
        assert await (await bench.attached("1-2")).ask(GET_VERSION) == VERSION_V2J37M26
        assert bench.server.malformed == 1


async def test_a_transfer_for_another_device_ends_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    async with usbip_bench() as bench:
        client = await bench.attached()
        await client.stream.send_all(submit(1, OUT, 16, GET_VERSION, devid=client.devid + 1))
        assert await client.at_end()
        assert "asks for device 0x00010003, but imported 0x00010002" in caplog.text
        assert bench.board.stats.bulk == 0


async def test_transfers_before_an_import_are_refused() -> None:
    async with usbip_bench() as bench:
        client = await bench.connect()
        await client.stream.send_all(submit(1, OUT, 16, GET_VERSION))
        assert await client.at_end()


async def test_a_thousand_damaged_headers(caplog: pytest.LogCaptureFixture) -> None:
    """Random bytes, and good requests with random damage, before and after an import; the board is as it was."""
    caplog.set_level(logging.CRITICAL)
    chance = random.Random(1109)
    async with usbip_bench("sim:stm32f103c8", "sim:stm32f103c8,serial=1") as bench:
        witness = await bench.attached("1-2")
        client = await bench.attached()
        await enter(client)
        assert (await client.ask(write_register(RAM, 0xC0FFEE00)))[0] == 0x80
        await client.aclose()
        await trio.testing.wait_all_tasks_blocked()
        for round_number in range(1000):
            await one_attack(bench, chance)
            if not round_number % 50:
                assert await witness.ask(GET_VERSION) == VERSION_V2J37M26
        again = await bench.attached()
        assert (await again.ask(GET_MODE))[0] == DEBUG
        answer = await again.ask(read_register(RAM))
        assert int.from_bytes(answer[4:], "little") == 0xC0FFEE00
        assert bench.server.malformed > 300
        assert not any(export.problem for export in bench.server.exports)


async def one_attack(bench: UsbipBench, chance: random.Random) -> None:
    client = await bench.connect()
    if chance.random() < 0.8:
        assert await client.attach() == 0
        good = submit(1, chance.choice([OUT, IN, 0x80]), 16, GET_VERSION, devid=client.devid)
    else:
        good = import_request("1-1")
    damaged = bytearray(good if chance.random() < 0.7 else chance.randbytes(48))
    for _ in range(chance.randrange(1, 6)):
        damaged[chance.randrange(min(len(damaged), 48))] = chance.randrange(256)
    # A command that still is one may do what it says: only harmless ones may come out of the damage.
    damaged[48:] = GET_VERSION[: len(damaged) - 48]
    await client.stream.send_all(bytes(damaged))
    await trio.testing.wait_all_tasks_blocked()
    await client.aclose()
    await trio.testing.wait_all_tasks_blocked()


# --- plugs and failures


async def test_unplugging_ends_the_connection_and_plugging_in_gives_a_new_number() -> None:
    async with usbip_bench() as bench:
        client = await bench.attached()
        await enter(client)
        await client.submit(IN, 64)
        bench.board.unplug()
        assert await client.at_end()
        other = await bench.connect()
        assert await other.devices() == []
        assert await other.attach() == 4
        bench.board.plug()
        assert await other.devices() == [("1-1", 3, 0x0483, 0x374B)]
        assert await other.attach() == 0
        assert (await other.ask(GET_MODE))[0] == DFU


async def test_unplugging_in_the_middle_of_a_transfer() -> None:
    async with usbip_bench() as bench:
        client = await bench.attached()
        await client.submit(IN, 64)
        bench.board.faults.unplug(1)
        await client.submit(OUT, data=GET_VERSION)
        assert await client.at_end()
        bench.board.plug()
        assert await (await bench.attached()).ask(GET_VERSION) == VERSION_V2J37M26


async def test_plugging_in_again_at_once_does_not_confuse_the_old_client_with_the_new() -> None:
    async with usbip_bench() as bench:
        old = await bench.attached()
        bench.board.unplug()
        bench.board.plug()
        bench.board.probe.send(IN, b"of the new device")
        new = await bench.attached()
        assert new.devid == old.devid + 1
        assert await old.at_end()
        await trio.testing.wait_all_tasks_blocked()
        assert (await new.read()).data == b"of the new device", "the old client's end did not reset the new device"


async def test_a_transfer_that_is_lost_ends_when_it_is_given_up() -> None:
    async with usbip_bench() as bench:
        client = await bench.attached()
        for endpoint, data in ((OUT, GET_VERSION), (IN, b"")):
            bench.board.faults.time_out(1)
            lost = await client.submit(endpoint, 64 if endpoint == IN else 0, data)
            await client.unlink(lost)
            assert (await client.returned()).status == GIVEN_UP
        assert await client.ask(GET_VERSION) == VERSION_V2J37M26


async def test_a_paced_board_that_cannot_be_simulated_is_unplugged(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    del autojump_clock

    def fail() -> None:
        raise Unmodelled("ADC1 at 0x40012400")

    async with usbip_bench(pace=True) as bench:
        client = await bench.attached()
        clock = bench.board.clock
        clock.at(clock.now + 50_000_000_000, fail)
        assert await client.at_end()
        assert bench.served[0].export.problem == "ADC1 at 0x40012400"
        assert "Traceback" not in caplog.text


async def test_what_cannot_be_simulated_costs_one_board(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_command: bytes) -> None:
        raise Unmodelled("ADC1 at 0x40012400")

    async with usbip_bench("sim:stm32f103c8", "sim:stm32f103c8,serial=1") as bench:
        client, other = await bench.attached("1-1"), await bench.attached("1-2")
        bench.board.stlink.on_command = fail
        await client.submit(OUT, data=GET_VERSION)
        assert await client.at_end()
        assert await other.ask(GET_VERSION) == VERSION_V2J37M26
        assert "ADC1" in bench.served[0].export.problem
        assert "1-1" in caplog.text
        assert [busid for busid, *_ in await (await bench.connect()).devices()] == ["1-2"]
