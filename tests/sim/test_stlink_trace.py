"""The trace of probe commands, seen over USB/IP."""

from __future__ import annotations

from support.usbip_client import ENTER_SWD, IN, usbip_bench

STALL = -32
RAM = 0x2000_0100


def debug(*code: int) -> bytes:
    return bytes([0xF2, *code]).ljust(16, b"\0")


async def test_the_trace_shows_how_each_command_ended() -> None:
    async with usbip_bench(pause=0) as bench:
        client = await bench.attached()
        await client.out(bytes([0xF3, 0x07]).ljust(16, b"\0"))
        await client.ask(ENTER_SWD)
        ram, nothing = RAM.to_bytes(4, "little"), (0x5000_0000).to_bytes(4, "little")
        await client.out(debug(0x08, *ram, 8, 0))
        await client.out(b"abcd")
        await client.out(b"efgh")
        await client.out(debug(0x08, *nothing, 4, 0))
        await client.out(b"lost")
        await client.ask(debug(0x3E))
        await client.ask(debug(0x07, *ram, 8, 0))
        await client.ask(debug(0x07, *nothing, 4, 0))
        await client.out(debug(0x51, 2))
        await client.out(bytes([3, 3, 0, 0]) + ram + nothing)
        await client.ask(debug(0x52))
        await client.out(debug(0x36, *ram))
        await client.out(debug(0x21))
        await client.read()
        await client.ask(debug(0x36, *ram))
        lines = [line.split(None, 2)[2] for line in bench.lines[2:]]
        assert lines == [
            "WRITEMEM_32 0x20000100 +8: OK 61 62 63 64 65 66 67 68",
            "WRITEMEM_32 0x50000000 +4: AP_FAULT at 0x50000000 6c 6f 73 74",
            "GETLASTRWSTATUS2: AP_FAULT 00 00 00 50 00 00 00 00",
            "READMEM_32 0x20000100 +8: OK 61 62 63 64 65 66 67 68",
            "READMEM_32 0x50000000 +4: AP_FAULT at 0x50000000 61 62 63 64",
            "RW_MISC_OUT 2 items: AP_FAULT at 0x50000000 03 03 00 00 00 01 00 20 00 00 00 50",
            "RW_MISC_IN: AP_FAULT 61 62 63 64 00 00 00 00",
            "READDEBUGREG 0x20000100: no reply was fetched",
            "EXIT:",
            "READDEBUGREG 0x20000100: COMMAND_WAIT",
        ]


async def test_the_trace_shows_stalls_and_commands_that_a_firmware_lacks() -> None:
    async with usbip_bench("sim:stm32f103c8,quirks=stall-unknown") as bench:
        client = await bench.attached()
        await client.out(bytes([0xF7]).ljust(16, b"\0"))
        assert (await client.read()).status == STALL
        await client.control(0x02, 1, 0, IN)
        await client.out(debug(0x7E))
        assert (await client.read()).status == STALL
        assert [line.split(None, 2)[2] for line in bench.lines] == ["GET_TARGET_VOLTAGE: STALL", "0xF2 0x7E: STALL"]
        commands = bench.served[0].commands
        assert commands is not None
        assert dict(commands.unknown) == {"0xF2 0x7E": 1}
