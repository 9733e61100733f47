"""``haltpoint sim`` as a program: sockets, statistics, trace, signals, errors."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from support.usbip_client import ENTER_SWD, GET_VERSION, VERSION_V2J37M26, UsbipClient
from support.usbip_host import hosting

PATIENCE = 60  # seconds of the wall for a program to start or end


@contextmanager
def program(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A server process and what it said before clients may come."""
    command = [sys.executable, "-m", "haltpoint", "sim", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = []
        try:
            for line in process.stdout:
                lines.append(line.rstrip("\n"))
                if line.startswith("Listening"):
                    break
            yield process, lines
        finally:
            process.kill()


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


async def connected(address: str) -> UsbipClient:
    if address.startswith("/"):
        return UsbipClient(await trio.open_unix_socket(address))
    return UsbipClient(await trio.open_tcp_stream("127.0.0.1", int(address)))


async def use(address: str) -> None:
    """One client with a few commands, one of them unknown."""
    client = await connected(address)
    while await client.attach():  # the client before has gone, the server may not have noticed yet
        await client.aclose()
        client = await connected(address)
    assert await client.ask(GET_VERSION) == VERSION_V2J37M26
    await client.out(bytes([0xF3, 0x07]).ljust(16, b"\0"))
    assert (await client.ask(ENTER_SWD))[0] == 0x80
    assert (await client.ask(bytes([0xF2, 0x7F]).ljust(16, b"\0")))[0] == 0x42
    await client.ask(bytes([0xF2, 0x36, 0, 0xED, 0, 0xE0]).ljust(16, b"\0"))
    await client.ask(bytes([0xF2, 0x36, 0, 0, 0, 0x50]).ljust(16, b"\0"))
    await client.aclose()


def test_a_server_from_start_to_end(tmp_path: Path) -> None:
    stats, trace = tmp_path / "stats.json", tmp_path / "trace.txt"
    arguments = ("--port", "0", "--pause", "0", "--stats", str(stats), "--trace", str(trace))
    with program(*arguments, "sim:stm32f103c8", "sim:stm32f103rc,probe=stlink-v3") as (process, lines):
        assert lines[:2] == ["1-1: sim:stm32f103c8 (0483:374b)", "1-2: sim:stm32f103rc,probe=stlink-v3 (0483:374e)"]
        port = re.fullmatch(r"Listening on port (\d+) for USB/IP clients", lines[2])
        assert port is not None
        trio.run(use, port[1])
        process.send_signal(signal.SIGUSR1)
        assert process.stdout is not None
        assert process.stdout.readline() == f"Statistics written to {stats}\n"
        first = read(stats)
        trio.run(use, port[1])
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    board, other = read(stats)["boards"]
    assert first["boards"][0]["imports"] == 1
    assert (board["imports"], board["bulk"], other["bulk"]) == (2, 22, 0)
    assert board["pipes"]["bulk 0x01 out"] == {"transfers": 12, "bytes": 192, "stalls": 0, "errors": 0, "given_up": 0}
    assert board["pipes"]["bulk 0x81 in"]["transfers"] == 10
    assert board["commands"] == {"READDEBUGREG": 4, "GET_VERSION": 2, "DFU": 2, "ENTER": 2, "0xF2 0x7F": 2}
    assert board["unknown_commands"] == {"0xF2 0x7F": 2}
    assert board["statuses"] == {"none": 4, "OK": 4, "UNKNOWN_COMMAND": 2, "AP_FAULT": 2}
    assert board["seconds"] == pytest.approx(2 * first["boards"][0]["seconds"], abs=0.001)
    assert [line.split(None, 2)[2] for line in trace.read_text().splitlines()[:6]] == [
        "GET_VERSION: 29 5a 83 04 4b 37",
        "DFU 0x07:",
        "ENTER 0xA3: OK",
        "0xF2 0x7F: UNKNOWN_COMMAND",
        "READDEBUGREG 0xE000ED00: OK 0x411FC231",
        "READDEBUGREG 0x50000000: AP_FAULT 0x411FC231",
    ]


def test_a_server_on_a_unix_socket_removes_it(tmp_path: Path) -> None:
    path = tmp_path / "usbip"
    with program("--host", f"unix:{path}") as (process, lines):
        assert lines[-1] == f"Listening on unix:{path} for USB/IP clients"
        trio.run(use, str(path))
        process.terminate()
        assert process.wait(PATIENCE) == 0
    assert not path.exists()


def test_a_server_in_a_test_holds_its_boards() -> None:
    with hosting("sim:stm32f103c8", pause=0) as host:
        trio.run(use, str(host.port))
        assert host.call(lambda: host.board.seconds) == pytest.approx(0.0154, abs=0.0001)
        assert host.statistics()["boards"][0]["imports"] == 1
        assert host.lines[0].endswith("GET_VERSION: 29 5a 83 04 4b 37")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["stm32f103c8"], "'stm32f103c8' does not select a simulated board"),
        (["sim:stm32f103cc"], "stm32f103c8"),
        (["--host", "203.0.113.1"], "cannot be listened on"),
        (["--trace", "/nonexistent/trace"], "the trace cannot be written to /nonexistent/trace"),
        (["--pause", "-1"], "a pause is a number of seconds"),
        (["--port", "70000"], "a port is a number from 0 to 65535"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(arguments: list[str], sentence: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "haltpoint", "sim", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "haltpoint", "sim", "--port", str(port)],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert done.returncode == 2
    assert f"127.0.0.1:{port} cannot be listened on (Address already in use)" in done.stderr
