"""Every operation of Arm's specification, as a program on a simulated board sees it with GDB's files and console."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from support.semihosting import BKPT, CHUNK, FTDI, STLINK, FakeGdb, Program, on_semihosting_board

from haltpoint.server.semihosting.operations import OPERATIONS
from haltpoint.server.semihosting.service import HostKind, SemihostingOptions

GDB = SemihostingOptions(HostKind.GDB, command_line="firmware --fast", date=lambda: 1_800_000_000.9)
FAILED = 0xFFFF_FFFF

# Arm, "Semihosting for AArch32 and AArch64", the list of operations.
SPECIFIED = {
    "SYS_CLOCK": 0x10,
    "SYS_CLOSE": 0x02,
    "SYS_ELAPSED": 0x30,
    "SYS_ERRNO": 0x13,
    "SYS_EXIT": 0x18,
    "SYS_EXIT_EXTENDED": 0x20,
    "SYS_FLEN": 0x0C,
    "SYS_GET_CMDLINE": 0x15,
    "SYS_HEAPINFO": 0x16,
    "SYS_ISERROR": 0x08,
    "SYS_ISTTY": 0x09,
    "SYS_OPEN": 0x01,
    "SYS_READ": 0x06,
    "SYS_READC": 0x07,
    "SYS_REMOVE": 0x0E,
    "SYS_RENAME": 0x0F,
    "SYS_SEEK": 0x0A,
    "SYS_SYSTEM": 0x12,
    "SYS_TICKFREQ": 0x31,
    "SYS_TIME": 0x11,
    "SYS_TMPNAM": 0x0D,
    "SYS_WRITE": 0x05,
    "SYS_WRITEC": 0x03,
    "SYS_WRITE0": 0x04,
}


def test_the_table_has_what_the_specification_lists() -> None:
    assert {operation.name: operation.number for operation in OPERATIONS} == SPECIFIED


def run(
    program: Program,
    check: Callable[[FakeGdb, list[int]], Awaitable[None]],
    *,
    options: SemihostingOptions = GDB,
    selector: str = STLINK,
) -> None:
    async def scenario(gdb: FakeGdb) -> None:
        await check(gdb, await gdb.run(program))

    on_semihosting_board(scenario, options, selector=selector)


@pytest.mark.parametrize("selector", [STLINK, FTDI], ids=["stlink", "ftdi"])
def test_a_file_is_written_measured_read_back_renamed_and_removed(selector: str) -> None:
    program = Program()
    text = bytes(range(32, 127)) * 30  # more than one of GDB's memory packets
    assert len(text) > 2 * CHUNK
    opened = program.open(b"data.txt", 6)  # w+
    handle = 4
    done = [program.write(handle, text), program.with_block(0x0A, handle, 95)]
    length = program.with_block(0x0C, handle)
    whole, buffer = program.read(handle, len(text) - 95)
    short, end = program.read(handle, 7)
    done += [program.with_block(0x02, handle)]
    closed_twice = program.with_block(0x02, handle)
    old, new = program.text(b"data.txt\0"), program.text(b"saved.txt\0")
    done += [program.with_block(0x0F, old, 8, new, 9)]
    done += [program.with_block(0x0E, old, 8) - 1]  # ... which is not there any more
    gone = program.with_block(0x0E, old, 8)

    async def check(gdb: FakeGdb, results: list[int]) -> None:
        assert results[opened] == handle
        assert [results[index] for index in done[:-1]] == [0, 0, 0, 0]
        assert results[length] == len(text)
        assert results[whole] == 0
        assert await gdb.read(buffer, len(text) - 95) == text[95:]
        assert results[short] == 7, "the end of the file: nothing was filled"
        assert await gdb.read(end, 7) == bytes(7)
        assert results[closed_twice] == results[gone] == FAILED
        assert gdb.files == {"saved.txt": bytearray(text)}

    run(program, check, selector=selector)


@pytest.mark.parametrize(
    ("mode", "flags"),
    list(enumerate([0, 0, 2, 2, 0x601, 0x601, 0x602, 0x602, 0x209, 0x209, 0x20A, 0x20A])),
)
def test_modes_are_those_of_fopen(mode: int, flags: int) -> None:
    program = Program()
    program.open(b"f", mode)

    async def check(gdb: FakeGdb, _results: list[int]) -> None:
        name, opened, permissions = gdb.requests[0].removeprefix("open,").split(",")
        assert name.endswith("/2"), "the NUL counts"
        assert (int(opened, 16), int(permissions, 16)) == (flags, 0o666)

    run(program, check)


def test_the_console_is_standard_input_output_and_error() -> None:
    program = Program()
    streams = [program.open(b":tt", mode) for mode in (0, 4, 8)]
    ttys = [program.with_block(0x09, handle) for handle in (1, 2, 3)]
    lengths = program.with_block(0x0C, 2)
    out, err = program.write(2, b"out\n"), program.write(3, b"err\n")
    line, buffer = program.read(1, 80)
    character = program.call(0x07)
    program.call(0x03, program.text(b"c"))
    program.call(0x04, program.text(b"d" * 100 + b"\0not this"))
    program.with_block(0x02, 2)
    still = program.write(2, b"!")

    async def check(gdb: FakeGdb, results: list[int]) -> None:
        assert [results[index] for index in streams] == [1, 2, 3]
        assert [results[index] for index in ttys] == [1, 1, 1]
        assert results[lengths] == results[out] == results[err] == results[still] == 0
        assert [request.split(",")[1] for request in gdb.requests if request.startswith("write")] == ["1", "2", "1"]
        assert bytes(gdb.output) == b"out\nerr\n!"
        assert gdb.client.console == "c" + "d" * 100, "what the server had to read itself is not read again by GDB"
        assert results[line] == 80 - 5
        assert await gdb.read(buffer, 6) == b"typed\0"
        assert results[character] == ord("x")

    async def scenario(gdb: FakeGdb) -> None:
        gdb.typed = b"typed"
        first = True

        def answer(request: str) -> bytes | None:
            nonlocal first
            if request.startswith("read") and not first:
                gdb.typed = b"x"
            first = first and not request.startswith("read")
            return None

        gdb.answer = answer
        await check(gdb, await gdb.run(program))

    on_semihosting_board(scenario, GDB)


def test_the_features_file_says_what_there_is() -> None:
    program = Program()
    name = b":semihosting-features"
    opened = [program.open(name, 0), program.open(name, 1)]
    refused = program.open(name, 4)
    length = program.with_block(0x0C, 4)
    tty = program.with_block(0x09, 4)
    magic, first = program.read(4, 4)
    seek = program.with_block(0x0A, 5, 4)
    features, second = program.read(5, 10)
    written = program.write(4, b"?")
    closed = program.with_block(0x02, 4)

    async def check(gdb: FakeGdb, results: list[int]) -> None:
        assert [results[index] for index in opened] == [4, 5]
        assert results[refused] == results[written] == FAILED
        assert [results[index] for index in (length, tty, magic, seek, features, closed)] == [5, 0, 0, 0, 9, 0]
        assert await gdb.read(first, 4) == b"SHFB"
        assert (await gdb.read(second, 1))[0] == 3, "SH_EXT_EXIT_EXTENDED and SH_EXT_STDOUT_STDERR"
        assert gdb.requests == [], "GDB is not asked for it"

    run(program, check)


def test_errors_have_their_numbers() -> None:
    program = Program()
    missing = program.open(b"no-such-file", 0)
    errno = program.call(0x13)
    is_error = [program.with_block(0x08, status) for status in (0, 7, -1, -5)]
    bad = program.write(77, b"x")
    bad_errno = program.call(0x13)

    async def check(_gdb: FakeGdb, results: list[int]) -> None:
        assert (results[missing], results[errno]) == (FAILED, 2)
        assert [results[index] for index in is_error] == [0, 0, 1, 1]
        assert (results[bad], results[bad_errno]) == (FAILED, 9)

    run(program, check)


def test_time_passes() -> None:
    program = Program()
    clock, date, frequency = program.call(0x10), program.call(0x11), program.call(0x31)
    ticks = [program.space(8), program.space(8)]
    elapsed = [program.call(0x30, ticks[0]), program.call(0x30, ticks[1])]

    async def check(gdb: FakeGdb, results: list[int]) -> None:
        assert results[clock] < 100
        assert results[date] == 1_800_000_000
        assert results[frequency] == 1_000_000
        assert [results[index] for index in elapsed] == [0, 0]
        first, second = [int.from_bytes(await gdb.read(address, 8), "little") for address in ticks]
        assert 0 < second - first < 100_000

    run(program, check)


def test_names_sizes_and_the_command_line() -> None:
    program = Program()
    buffer, name, again, heap = (program.space(size) for size in (32, 40, 40, 16))
    program.memory[heap] = b"\xee" * 16
    block = program.block(buffer, 32)
    cmdline = program.call(0x15, block)
    small = program.with_block(0x15, buffer, 15)
    named = [program.with_block(0x0D, name, 7, 40), program.with_block(0x0D, again, 7, 40)]
    unnamed = program.with_block(0x0D, name, 256, 40)
    program.with_block(0x16, heap)
    command = program.text(b"ls -l\0")
    system = program.with_block(0x12, command, 5)

    async def check(gdb: FakeGdb, results: list[int]) -> None:
        assert [results[index] for index in (cmdline, *named)] == [0, 0, 0]
        assert results[small] == results[unnamed] == FAILED
        assert (await gdb.read(buffer, 16)) == b"firmware --fast\0"
        assert await gdb.read(block + 4, 4) == (15).to_bytes(4, "little")
        assert await gdb.read(name, 40) == await gdb.read(again, 40)
        assert (await gdb.read(name, 40)).rstrip(b"\0").endswith(b".tmp")
        assert await gdb.read(heap, 16) == bytes(16)
        assert results[system] == 5
        assert gdb.requests[-1] == f"system,{command:x}/6"

    run(program, check)


@pytest.mark.parametrize(
    ("number", "words", "reply"),
    [
        (0x18, None, b"W00"),
        (0x20, (0x20026, 0), b"W00"),
        (0x20, (0x20026, 42), b"W2a"),
        (0x20, (0x20026, -1), b"Wff"),
        (0x20, (0x20023, 0), b"W01"),
    ],
)
def test_an_exit_is_reported_with_its_status(number: int, words: tuple[int, ...] | None, reply: bytes) -> None:
    async def scenario(gdb: FakeGdb) -> None:
        program = Program()
        program.open(b"left-open", 4)
        program.call(number, 0x20026 if words is None else program.block(*words))
        await gdb.load(program)
        assert await gdb.go() == reply
        assert gdb.open == {}, "its files are closed"
        assert await gdb.client.ask(b"?") == reply, "a program that has ended does not run again by itself"
        assert b"thread id" not in await gdb.client.ask(b"qXfer:threads:read::0,1000")
        assert (await gdb.client.ask(b"vRun;"))[:3] == b"T05"
        assert b'thread id="1"' in await gdb.client.ask(b"qXfer:threads:read::0,1000")
        assert await gdb.go() == reply

    on_semihosting_board(scenario, GDB)


def test_exit_for_a_reason_that_is_an_error() -> None:
    async def scenario(gdb: FakeGdb) -> None:
        program = Program()
        program.call(0x18, 0x20023)
        await gdb.load(program)
        assert await gdb.go() == b"W01"

    on_semihosting_board(scenario, GDB)


def pc_of(stop: bytes) -> int:
    """Register 15 of a stop reply."""
    field = next(part for part in stop.split(b";") if part.startswith(b"0f:"))
    return int.from_bytes(bytes.fromhex(field[3:].decode()), "little")


def test_ctrl_c_instead_of_an_operation_stops_at_it_and_it_is_asked_for_again() -> None:
    async def scenario(gdb: FakeGdb) -> None:
        program = Program()
        written = program.write(2, b"hello\n")
        await gdb.load(program)
        gdb.answer = lambda _request: b"F-1,4,C"
        stop = await gdb.go()
        assert stop[:3] == b"T02"
        assert pc_of(stop) == BKPT
        gdb.answer = lambda _request: None
        assert await gdb.go() == b"W00"
        assert len(gdb.requests) == 2
        assert bytes(gdb.output) == b"hello\n"
        assert await gdb.results(program) == [0]
        assert written == 0

    on_semihosting_board(scenario, GDB)


def test_ctrl_c_during_an_operation_that_took_place_stops_behind_it() -> None:
    async def scenario(gdb: FakeGdb) -> None:
        program = Program()
        program.write(2, b"hello\n")
        await gdb.load(program)
        gdb.answer = lambda _request: b"F6,0,C"
        assert (await gdb.go())[:3] == b"T02"
        assert await gdb.client.ask(b"p0") == b"00000000", "the program's result is in r0"
        gdb.answer = lambda _request: None
        assert await gdb.go() == b"W00"
        assert len(gdb.requests) == 1, "it is not repeated"
        assert await gdb.results(program) == [0]

    on_semihosting_board(scenario, GDB)


def test_a_step_over_a_call_is_one_step() -> None:
    async def scenario(gdb: FakeGdb) -> None:
        program = Program()
        program.open(b":tt", 4)
        await gdb.load(program)
        await gdb.client.ask(b"Z1,%x,2" % BKPT)
        stop = await gdb.go()
        assert pc_of(stop) == BKPT
        await gdb.client.ask(b"z1,%x,2" % BKPT)
        stop = await gdb.go(b"vCont;s:1")
        assert stop[:3] == b"T05"
        assert pc_of(stop) == BKPT + 2
        assert await gdb.client.ask(b"p0") == b"02000000"

    on_semihosting_board(scenario, GDB)


def test_a_breakpoint_behind_a_call_is_met() -> None:
    async def scenario(gdb: FakeGdb) -> None:
        program = Program()
        for _ in range(3):
            program.write(2, b"x")
        await gdb.load(program)
        await gdb.client.ask(b"Z1,%x,2" % (BKPT + 2))
        for _ in range(3):
            assert pc_of(await gdb.go()) == BKPT + 2
        assert len(gdb.output) == 3

    on_semihosting_board(scenario, GDB)


@pytest.mark.parametrize(("selector", "most", "rate"), [(STLINK, 5, 200), (FTDI, 5, 400)], ids=["stlink", "ftdi"])
@pytest.mark.parametrize("kind", [HostKind.GDB, HostKind.CONSOLE])
def test_a_hundred_writes_cost_few_transfers_and_little_time(
    kind: HostKind, selector: str, most: int, rate: int
) -> None:
    async def scenario(gdb: FakeGdb) -> None:
        program = Program()
        block = program.block(2, program.text(b"this is a line of usual length\n"), 31)
        for _ in range(100):
            program.call(0x05, block)
        await gdb.client.go_no_ack()
        await gdb.load(program)
        gdb.board.stats.reset()
        began = gdb.board.seconds
        assert await gdb.go() == b"W00"
        assert gdb.board.stats.bulk <= 100 * most + 50
        assert gdb.board.seconds - began <= 100 / rate
        assert (gdb.output.decode() + gdb.client.console).count("this is a line of usual length\n") == 100

    on_semihosting_board(scenario, SemihostingOptions(kind), selector=selector)
