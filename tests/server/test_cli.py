"""The command line as programs: exit status, one sentence on stderr, and what gets imported."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from haltpoint import __version__

HEAVY = ("trio", "usb", "elftools", "unicorn", "pyftdi")


def haltpoint(*arguments: str, prelude: str = "") -> subprocess.CompletedProcess[str]:
    code = f"{prelude}\nimport sys\nfrom haltpoint.server.cli import main\nsys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@contextlib.contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A server and the lines it printed until it was ready."""
    command = [sys.executable, "-m", "haltpoint", "serve", "--port", "0", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        lines: list[str] = []
        while not lines or not lines[-1].startswith("Listening"):
            line = process.stdout.readline()
            assert line, process.communicate()
            lines.append(line.rstrip("\n"))
        yield process, lines
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=30)


def imported(statement: str) -> set[str]:
    """Which of the heavy packages, and of the simulator's modules, ``statement`` brings in."""
    code = f"""
import sys
try:
    {statement}
except SystemExit:
    pass
print(*(name for name in sys.modules if name.split(".")[0] in {HEAVY!r} or name.startswith("haltpoint.sim")), sep="\\n")
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return {name for line in run.stdout.splitlines() for name in (line, line.split(".")[0]) if name}


def test_version() -> None:
    run = haltpoint("--version")
    assert (run.returncode, run.stdout) == (0, f"haltpoint {__version__}\n")


def test_version_imports_nothing_heavy() -> None:
    assert not imported("from haltpoint.server.cli import main; main(['--version'])") & {*HEAVY, "haltpoint.sim"}


def test_serve_imports_no_simulator_and_no_elf_reader() -> None:
    loaded = imported("from haltpoint.server import board, listen, session; from haltpoint.probes import discovery")
    assert "trio" in loaded
    assert not loaded & {"elftools", "unicorn", "pyftdi", "haltpoint.sim"}


def test_list_loads_no_emulator() -> None:
    assert not imported("from haltpoint.server.cli import main; main(['list'])") & {"trio", "elftools", "unicorn"}


def test_list_names_simulated_boards() -> None:
    run = haltpoint("list")
    assert "--probe sim:stm32f103c8" in run.stdout
    assert "Traceback" not in run.stderr


def test_list_says_how_to_get_the_emulator() -> None:
    hidden = (
        "import importlib.util as u\nfind = u.find_spec\nu.find_spec = lambda n: None if n == 'unicorn' else find(n)"
    )
    assert "pip install 'haltpoint[sim]'" in haltpoint("list", prelude=hidden).stdout


USER_ERRORS = {
    "no command": ((), "COMMAND"),
    "unknown option": (("serve", "--prob", "x", "--bogus"), "--bogus"),
    "port too high": (("serve", "--port", "70000"), "0 to 65535"),
    "speed zero": (("serve", "--speed", "0"), "positive"),
    "connect mode": (("serve", "--connect", "gently"), "gently"),
    "unknown chip": (("serve", "--probe", "sim:stm32f103c8", "--chip", "STM32F103C9"), "STM32F103C8"),
    "unknown board": (("serve", "--probe", "sim:stm32f103c9"), "stm32f103c8"),
    "unknown board option": (("serve", "--probe", "sim:stm32f103c8,prob=stlink-v2"), "probe"),
    "firmware that is not there": (("serve", "--probe", "sim:stm32f103c8,firmware=/nowhere.elf"), "/nowhere.elf"),
    "unknown kind of probe": (("serve", "--probe", "jlink", "--port", "0"), "jlink"),
    "no such address": (("serve", "--probe", "sim:stm32f103c8", "--host", "203.0.113.1"), "--host"),
}


@pytest.mark.parametrize("name", USER_ERRORS)
def test_user_error(name: str) -> None:
    arguments, text = USER_ERRORS[name]
    run = haltpoint(*arguments)
    assert run.returncode == 2, run.stderr
    assert text in run.stderr
    assert run.stderr.startswith("haltpoint: ")
    assert "Traceback" not in run.stderr
    assert "Listening" not in run.stdout


TARGET_ERRORS = {
    "no power": ("sim:stm32f103c8,power=off", "0.00 V"),
    "no target": ("sim:stm32f103c8,target=none", "target"),
}


@pytest.mark.parametrize("name", TARGET_ERRORS)
def test_target_error(name: str) -> None:
    probe, text = TARGET_ERRORS[name]
    run = haltpoint("serve", "--probe", probe, "--port", "0")
    assert run.returncode == 1, run.stderr
    assert text in run.stderr
    assert "Traceback" not in run.stderr
    assert "Listening" not in run.stdout


def test_no_emulator() -> None:
    run = haltpoint("serve", "--probe", "sim:stm32f103c8", prelude="import sys; sys.modules['unicorn'] = None")
    assert run.returncode == 2
    assert "pip install 'haltpoint[sim]'" in run.stderr
    assert "Traceback" not in run.stderr


def test_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        run = haltpoint("serve", "--probe", "sim:stm32f103c8", "--port", str(port))
    assert run.returncode == 2
    assert f"Listening on 127.0.0.1:{port} failed: another program uses that port." in run.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_in_order(number: signal.Signals) -> None:
    with serving("--probe", "sim:stm32f103c8") as (process, lines):
        port = int(lines[-1].split()[3])
        assert lines[-1] == f"Listening on port {port} for gdb connections"
        text = "\n".join(lines)
        for fact in ("ST-Link/V2-1", "firmware V2J", " V\n", "STM32F103", "64 KiB at 0x08000000", "20 KiB at 0x2000"):
            assert fact in text
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"$?#3f")
            assert client.recv(1) == b"+"
            process.send_signal(number)
            _, errors = process.communicate(timeout=30)
        assert process.returncode == 0
        assert "Traceback" not in errors


@pytest.mark.parametrize("mode", ["halt", "attach", "under-reset"])
def test_connect_modes_serve(mode: str) -> None:
    with serving("--probe", "sim:stm32f103c8", "--connect", mode, "--chip", "stm32f103c8t6") as (process, lines):
        port = int(lines[-1].split()[3])
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"$?#3f")
            answer = b""
            while b"#" not in answer:
                answer += client.recv(1000)
        # The flash is empty: a core that ran has locked up, one held in reset has not begun.
        assert answer.startswith(b"+$T05thread:1;" if mode == "under-reset" else b"+$T0bthread:1;")
        process.terminate()
        process.communicate(timeout=30)
        assert process.returncode == 0
