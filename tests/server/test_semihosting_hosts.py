"""GDB's console without files, the server's terminal, and programs that mean harm."""

from __future__ import annotations

import io
import logging
import os
from pathlib import Path

import pytest
from support.semihosting import BKPT, FTDI, STLINK, FakeGdb, Program, on_semihosting_board

from haltpoint.server.semihosting.service import HostKind, SemihostingOptions

CONSOLE = SemihostingOptions(HostKind.CONSOLE)
FAILED = 0xFFFF_FFFF


def said(log: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in log.records if "semihosting" in record.name and record.levelno > logging.DEBUG]


@pytest.mark.parametrize("selector", [STLINK, FTDI], ids=["stlink", "ftdi"])
def test_gdbs_console_shows_output_and_there_are_no_files(selector: str, caplog: pytest.LogCaptureFixture) -> None:
    program = Program()
    program.write(2, "ünï".encode()[:1])
    program.write(2, "ünï".encode()[1:] + b"code\n")
    program.write(3, b"err\n")
    end, _ = program.read(1, 8)
    character = program.call(0x07)
    opened = [program.open(b"/etc/passwd", 0) for _ in range(3)]
    errno = program.call(0x13)
    removed = program.with_block(0x0E, program.text(b"x\0"), 1)
    system = program.with_block(0x12, program.text(b"reboot\0"), 6)

    async def scenario(gdb: FakeGdb) -> None:
        results = await gdb.run(program)
        assert "ünïcode\nerr\n" in gdb.client.console
        assert gdb.requests == []
        assert results[end] == 8, "its end"
        assert [results[index] for index in (character, *opened, removed, system)] == [FAILED] * 6
        assert results[errno] == 13

    on_semihosting_board(scenario, CONSOLE, selector=selector)
    sentence = (
        f"SYS_OPEN of the program's at {BKPT:#010x} answers -1. It opens '/etc/passwd'; files are there with "
        "--semihosting gdb (GDB's own) or with --semihosting server --semihosting-root DIR."
    )
    assert said(caplog).count(sentence) == 1, "however often it tries"


def test_off_is_a_stop_at_the_instruction() -> None:
    async def scenario(gdb: FakeGdb) -> None:
        program = Program()
        program.write(2, b"x")
        await gdb.load(program)
        assert (await gdb.go())[:3] == b"T05"
        assert await gdb.client.ask(b"pf") == BKPT.to_bytes(4, "little").hex().encode()
        assert gdb.client.console == ""

    on_semihosting_board(scenario, SemihostingOptions(HostKind.OFF))


def test_non_stop_mode_has_no_console_so_the_terminal_shows_it(capsys: pytest.CaptureFixture[str]) -> None:
    program = Program()
    for _ in range(20):
        program.write(2, b"the same line\n")

    async def scenario(gdb: FakeGdb) -> None:
        await gdb.load(program)
        assert await gdb.client.ask(b"QNonStop:1") == b"OK"
        assert await gdb.client.ask(b"vCont;c") == b"OK"
        stop = await gdb.notification()
        assert stop == b"Stop:W00"
        assert gdb.client.console == ""

    on_semihosting_board(scenario, CONSOLE)
    assert capsys.readouterr().out == "the same line\n" * 20


# The server's terminal and files


def test_the_terminal_and_files_below_the_root(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_bytes(b"0123456789")
    program = Program()
    program.write(2, b"out\n")
    program.write(3, b"err\n")
    reading, writing = program.open(b"docs/a.txt", 0), program.open(b"./b.txt", 4)
    program.with_block(0x0A, 4, 4)
    part, buffer = program.read(4, 100)
    length = program.with_block(0x0C, 4)
    tty = program.with_block(0x09, 4)
    written = program.write(5, b"x" * 9000)
    readonly = program.write(4, b"no")
    appending = program.open(b"b.txt", 8)
    program.write(6, b"end")
    renamed = program.with_block(0x0F, program.text(b"b.txt\0"), 5, program.text(b"docs/c.txt\0"), 10)
    removed = program.with_block(0x0E, program.text(b"docs/a.txt\0"), 10)

    async def scenario(gdb: FakeGdb) -> None:
        results = await gdb.run(program)
        assert [results[index] for index in (reading, writing, appending)] == [4, 5, 6]
        assert [results[index] for index in (part, length, tty, written, renamed, removed)] == [94, 10, 0, 0, 0, 0]
        assert results[readonly] == FAILED
        assert await gdb.read(buffer, 7) == b"456789\0"
        assert gdb.requests == []

    on_semihosting_board(scenario, SemihostingOptions(HostKind.SERVER, tmp_path))
    out, err = capsys.readouterr()
    assert (out, err) == ("out\n", "err\n")
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == ["docs", "docs/c.txt"]
    assert (tmp_path / "docs" / "c.txt").read_bytes() == b"x" * 9000 + b"end"


def test_input_is_waited_for_and_ctrl_c_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    stdin = io.FileIO(reading)
    monkeypatch.setattr("sys.stdin", stdin)
    program = Program()
    line, buffer = program.read(1, 80)
    character = program.call(0x07)

    async def scenario(gdb: FakeGdb) -> None:
        await gdb.load(program)
        await gdb.client.send(b"vCont;c")
        await gdb.client.raw(b"\x03")
        stop = await gdb.client.reply()
        assert stop[:3] == b"T02"
        os.write(writing, b"typed\n")
        await gdb.client.send(b"vCont;c")
        while await gdb.read(buffer, 1) == b"\0":
            pass
        os.write(writing, b"!")
        assert await gdb.client.reply() == b"W00"
        results = await gdb.results(program)
        assert (results[line], results[character]) == (74, ord("!"))
        assert await gdb.read(buffer, 7) == b"typed\n\0"

    on_semihosting_board(scenario, SemihostingOptions(HostKind.SERVER))
    os.close(writing)
    stdin.close()


# Hostile programs

RAM, RAM_END, NOWHERE = 0x2000_0000, 0x2000_5000, 0x3000_0000
WILD: dict[str, tuple[int, tuple[int, ...] | int]] = {
    "an operation that does not exist": (0x99, 0),
    "one of the reserved ones": (0x17, 0),
    "a number of 32 bits": (0xFFFF_FFFF, 0),
    "a block out of memory": (0x05, NOWHERE),
    "a block at the end of the address space": (0x05, 0xFFFF_FFFC),
    "a block that begins in RAM and ends behind it": (0x0F, RAM_END - 8),
    "a buffer out of memory": (0x05, (2, NOWHERE, 16)),
    "a length beyond memory": (0x05, (2, RAM, 0xFFFF_FFFF)),
    "a length just beyond memory": (0x05, (2, RAM + 8, 0x5000)),
    "a buffer in flash to be filled": (0x06, (1, 0x0800_0000, 16)),
    "a buffer in nothing to be filled": (0x06, (1, NOWHERE, 16)),
    "a name of 4 GiB": (0x01, (RAM, 0, 0xFFFF_FFFF)),
    "a name without its NUL": (0x01, (0x2000_3000, 0, 3)),
    "a name with a NUL inside": (0x01, (0x2000_3010, 0, 3)),
    "a name out of memory": (0x01, (NOWHERE, 0, 3)),
    "a mode that does not exist": (0x01, (0x2000_3020, 12, 1)),
    "a handle that was never given": (0x02, (4711,)),
    "a handle of -1": (0x05, (0xFFFF_FFFF, RAM, 1)),
    "a seek in the console": (0x0A, (2, 0)),
    "text out of memory": (0x04, NOWHERE),
    "a character out of memory": (0x03, NOWHERE),
    "ticks into flash": (0x30, 0x0800_0000),
    "heap information into nothing": (0x16, (NOWHERE,)),
    "a temporary name into nothing": (0x0D, (NOWHERE, 1, 100)),
    "a command of 4 GiB": (0x12, (RAM, 0xFFFF_FFFF)),
}
DATA = {0x2000_3000: b"abcdefgh", 0x2000_3010: b"a\0bc\0", 0x2000_3020: b"x\0"}


@pytest.mark.parametrize("kind", [HostKind.GDB, HostKind.CONSOLE, HostKind.SERVER])
def test_hostile_operations_answer_minus_one_and_the_server_lives(
    kind: HostKind, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    program = Program(memory=dict(DATA))
    for number, parameter in WILD.values():
        program.call(number, parameter if isinstance(parameter, int) else program.block(*parameter))
    alive = program.with_block(0x08, 0)

    async def scenario(gdb: FakeGdb) -> None:
        results = await gdb.run(program)
        wrong = [what for what, result in zip(WILD, results, strict=False) if result != FAILED]
        assert wrong == []
        assert results[alive] == 0
        assert not any(request.startswith(("write", "read", "open", "system")) for request in gdb.requests)

    on_semihosting_board(scenario, SemihostingOptions(kind, tmp_path if kind is HostKind.SERVER else None))
    assert list(tmp_path.iterdir()) == []
    sentences = said(caplog)
    assert len(sentences) == len(set(sentences))
    wild = "It points at 16 bytes at 0x30000000, where there is no memory for them."
    assert f"SYS_WRITE of the program's at {BKPT:#010x} answers -1. {wild}" in sentences
    assert any("Semihosting operation 0x99" in sentence and "no operation 0x99" in sentence for sentence in sentences)


def test_text_without_an_end_stops_where_memory_ends() -> None:
    program = Program(memory={RAM_END - 0x800: b"A" * 0x800})
    text = program.call(0x04, RAM_END - 0x700)

    async def scenario(gdb: FakeGdb) -> None:
        results = await gdb.run(program)
        assert results[text] == 0
        assert gdb.client.console.count("A") == 0x700

    on_semihosting_board(scenario, CONSOLE)


def test_no_more_than_so_many_files() -> None:
    program = Program()
    opened = [program.open(b"f", 4) for _ in range(70)]

    async def scenario(gdb: FakeGdb) -> None:
        results = await gdb.run(program)
        assert sum(results[index] != FAILED for index in opened) == 64
        assert gdb.open == {}, "closed at the exit"

    on_semihosting_board(scenario, SemihostingOptions(HostKind.GDB))


def test_an_answer_that_cannot_be_is_not_believed() -> None:
    program = Program()
    written = program.write(2, b"abc")

    async def scenario(gdb: FakeGdb) -> None:
        gdb.answer = lambda _request: b"F7fffffff"
        results = await gdb.run(program)
        assert results[written] == FAILED

    on_semihosting_board(scenario, SemihostingOptions(HostKind.GDB))


# At GDB's prompt


async def monitor(gdb: FakeGdb, line: str) -> str:
    """What a monitor command says."""
    gdb.client.console = ""
    reply = await gdb.client.ask(b"qRcmd," + line.encode().hex().encode())
    assert reply in {b"OK", b"E01"}
    return gdb.client.console


def test_the_host_is_changed_at_the_prompt() -> None:
    async def scenario(gdb: FakeGdb) -> None:
        program = Program()
        for _ in range(4):
            program.write(2, b"x")
        await gdb.load(program)
        assert (await gdb.go())[:3] == b"T05", "it was off"
        assert await monitor(gdb, "arm semihosting enable") == "The program gets GDB's console and no files.\n"
        await monitor(gdb, "reset halt")
        assert await gdb.go() == b"W00"
        assert gdb.client.console.endswith("xxxx")
        assert gdb.requests == []
        assert "GDB's console and files" in await monitor(gdb, "arm semihosting_fileio enable")
        await gdb.client.ask(b"vRun;")
        assert await gdb.go() == b"W00"
        assert len(gdb.requests) == 4
        assert "no files" in await monitor(gdb, "arm semihosting_fileio disable")
        assert "terminal" in await monitor(gdb, "semihosting server")
        assert "terminal" in await monitor(gdb, "semihosting IOClient 3")
        assert "There are gdb, console, server, off." in await monitor(gdb, "semihosting telnet")
        assert "nothing" in await monitor(gdb, "semihosting disable")

    on_semihosting_board(scenario, SemihostingOptions(HostKind.OFF))
