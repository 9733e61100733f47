"""Transfers over USB/IP: waiting, giving up, stalls, errors, standard requests, port resets."""

from __future__ import annotations

import trio
from support.usbip_client import ENTER_SWD, GET_MODE, GET_VERSION, IN, OUT, VERSION_V2J37M26, usbip_bench

DEBUG = 2
STALL, GIVEN_UP, SHUTDOWN, OVERFLOW, PROTOCOL, SHORT = -32, -104, -108, -75, -71, -121


async def test_a_command_and_its_reply() -> None:
    async with usbip_bench() as bench:
        client = await bench.attached()
        out = await client.out(GET_VERSION)
        assert (out.command, out.status, out.actual) == (3, 0, 16)
        reply = await client.read()
        assert (reply.status, reply.data) == (0, VERSION_V2J37M26)


async def test_an_in_transfer_waits_for_its_data(autojump_clock: trio.testing.MockClock) -> None:
    async with usbip_bench() as bench:
        client = await bench.attached()
        start = autojump_clock.current_time()
        waiting = await client.submit(IN, 64)
        command = await client.submit(OUT, data=GET_VERSION)
        answers = [await client.returned(), await client.returned()]
        assert [one.seqnum for one in answers] == [command, waiting]
        assert answers[1].data == VERSION_V2J37M26
        assert autojump_clock.current_time() == start, "the command brought the data, not a later look"


async def test_in_transfers_are_served_in_order() -> None:
    async with usbip_bench() as bench:
        client = await bench.attached()
        first, second = await client.submit(IN, 64), await client.submit(IN, 64)
        await client.submit(OUT, data=GET_VERSION)
        await client.submit(OUT, data=GET_MODE)
        answers = {one.seqnum: one for one in [await client.returned() for _ in range(4)]}
        assert answers[first].data == VERSION_V2J37M26
        assert len(answers[second].data) == 2


async def test_a_transfer_that_was_given_up_is_not_answered() -> None:
    async with usbip_bench() as bench:
        client = await bench.attached()
        victim = await client.submit(IN, 64)
        unlinked = await client.unlink(victim)
        answer = await client.returned()
        assert (answer.command, answer.seqnum, answer.status) == (4, unlinked, GIVEN_UP)
        assert (await client.out(GET_VERSION)).status == 0
        reply = await client.read()
        assert reply.seqnum != victim
        assert reply.data == VERSION_V2J37M26
        assert bench.served[0].export.carrier.counts[IN].given_up == 1


async def test_giving_up_what_is_over_or_never_was_is_answered_with_0() -> None:
    async with usbip_bench() as bench:
        client = await bench.attached()
        over = (await client.out(GET_VERSION)).seqnum
        for victim in (over, 999):
            await client.unlink(victim)
            answer = await client.returned()
            assert (answer.command, answer.status) == (4, 0)


async def test_a_stall_lasts_until_it_is_cleared() -> None:
    async with usbip_bench() as bench:
        client = await bench.attached()
        assert (await client.out(GET_VERSION[:15])).status == STALL
        assert (await client.out(GET_VERSION)).status == STALL
        assert (await client.control(0x82, 0, 0, OUT, 2)).data == b"\1\0"
        assert (await client.control(0x02, 1, 0, OUT)).status == 0
        assert (await client.control(0x82, 0, 0, OUT, 2)).data == b"\0\0"
        assert await client.ask(GET_VERSION) == VERSION_V2J37M26


async def test_a_stall_ends_a_transfer_that_waits() -> None:
    async with usbip_bench() as bench:
        client = await bench.attached()
        await client.submit(IN, 64)
        await client.submit(
            OUT, data=bytes([0xF7]).ljust(16, b"\0")
        )  # the voltage, which the boot loader does not know
        assert [(await client.returned()).status for _ in range(2)] == [0, STALL]


async def test_too_little_room_and_missing_endpoints_fail() -> None:
    async with usbip_bench() as bench:
        client = await bench.attached()
        await client.out(GET_VERSION)
        assert (await client.read(4)).status == OVERFLOW
        assert (await client.read(64, endpoint=0x8F)).status == PROTOCOL
        assert (await client.out(bytes(16), endpoint=0x0F)).status == PROTOCOL
        assert await client.ask(GET_VERSION) == VERSION_V2J37M26


async def test_standard_requests() -> None:
    async with usbip_bench() as bench:
        client = await bench.attached()
        device = await client.control(0x80, 6, 0x0100, 0, 64)  # what a kernel asks first
        assert (device.status, device.actual, device.data[:2]) == (0, 18, b"\x12\x01")
        assert (await client.control(0x80, 6, 0x0200, 0, 9)).actual == 9
        assert (await client.control(0x80, 6, 0x0200, 0, 512)).actual == 128
        assert (await client.control(0x80, 6, 0x0300, 0, 255)).data == b"\x04\x03\x09\x04"
        assert (await client.control(0x80, 6, 0x0302, 0x0409, 255)).data[2::2] == b"STM32 STLink"
        assert (await client.control(0x80, 6, 0x0F00, 0, 5)).status == STALL  # no BOS in a USB 2.0 device
        assert (await client.control(0x80, 6, 0x0600, 0, 10)).status == STALL  # a full-speed device has no qualifier
        assert (await client.control(0x80, 8, 0, 0, 1)).data == b"\1"
        assert (await client.control(0x80, 0, 0, 0, 2)).data == b"\0\0"
        assert (await client.control(0x81, 10, 0, 0, 1)).data == b"\0"
        assert (await client.control(0x00, 9, 1, 0)).status == 0
        assert (await client.control(0x00, 9, 7, 0)).status == STALL
        assert (await client.control(0x01, 11, 0, 3)).status == 0
        assert (await client.control(0x01, 11, 1, 0)).status == STALL
        assert (await client.control(0x02, 1, 0, 0x8F)).status == STALL
        assert (await client.control(0x02, 3, 0, IN)).status == 0
        assert (await client.read()).status == STALL
        assert (await client.control(0xC0, 1, 0, 0, 8)).status == STALL  # no vendor requests


async def test_a_port_reset_ends_what_waits_and_spares_the_target() -> None:
    async with usbip_bench() as bench:
        client = await bench.attached()
        await client.out(bytes([0xF3, 0x07]).ljust(16, b"\0"))
        await client.ask(ENTER_SWD)
        await client.out(GET_MODE)  # its reply is never fetched
        waiting = await client.submit(0x82, 64)
        reset = await client.control(0x23, 3, 4, 1)
        assert (reset.seqnum, reset.status) == (waiting, SHUTDOWN)
        assert (await client.returned()).status == 0
        assert (await client.ask(GET_MODE))[0] == DEBUG


async def test_a_short_transfer_is_an_error_for_who_says_so() -> None:
    async with usbip_bench() as bench:
        client = await bench.attached()
        for length, status in ((6, 0), (7, SHORT)):
            await client.submit(IN, length, flags=1)
            await client.submit(OUT, data=GET_VERSION)
            answers = {one.seqnum: one for one in (await client.returned(), await client.returned())}
            reply = answers[client.seqnum - 1]
            assert (reply.status, reply.data) == (status, VERSION_V2J37M26)


async def test_a_client_that_never_gives_up_leaves_nothing_behind() -> None:
    async with usbip_bench() as bench:
        client = await bench.attached()
        for _ in range(10):
            await client.submit(IN, 64)
        await client.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert await (await bench.attached()).ask(GET_VERSION) == VERSION_V2J37M26
