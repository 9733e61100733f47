"""A program of newlib's (rdimon): printf, scanf, files and an exit status, with a real GDB and each kind of host."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from support import gdb_dialogue
from support.real_gdb import run_gdb, serving

SOURCES = Path(__file__).parent / "newlib"
BOARD = "sim:stm32f103c8"
ROWS = "".join(f"row {row}\n" for row in range(20))
CONSOLE_OUTPUT = "What is your name?\n", "to stderr: 42\n"


@pytest.fixture(scope="session")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, built here."""
    compiler = shutil.which("arm-none-eabi-gcc")
    if compiler is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    specs = subprocess.run([compiler, "-print-file-name=rdimon.specs"], capture_output=True, text=True, check=True)
    if not Path(specs.stdout.strip()).is_absolute():
        pytest.skip("newlib (libnewlib-arm-none-eabi) is not installed")
    elf = tmp_path_factory.mktemp("newlib") / "talk.elf"
    options = ["-mcpu=cortex-m3", "-mthumb", "-O1", "-g", "-T", str(SOURCES / "talk.ld")]
    libraries = ["--specs=nano.specs", "--specs=rdimon.specs"]
    sources = [str(SOURCES / name) for name in ("start.c", "talk.c")]
    subprocess.run([compiler, *options, *libraries, *sources, "-o", str(elf)], check=True)
    return elf


def started(port: int, elf: Path) -> AbstractContextManager[gdb_dialogue.Dialogue]:
    """A GDB that is connected."""
    return gdb_dialogue.gdb(f"target extended-remote 127.0.0.1:{port}", elf=elf)


@pytest.mark.parametrize("probe", ["", ",probe=ft2232h,wire=swd"], ids=["stlink", "ftdi-swd"])
def test_gdbs_console_files_and_exit_code(
    probe: str, talk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # GDB's directory is where the program's files are
    with serving(BOARD + probe, "--semihosting", "gdb") as server, started(server.port, talk) as gdb:
        gdb.say("load")
        gdb.send("run")
        gdb.wait("What is your name\\?\n")
        gdb.send("World")
        rest = gdb.wait(r"exited with code 07\]\n")
        for line in (
            "Hello, World!\n",
            "to stderr: 42\n",
            "20 rows, the last is row 19\n",
            "No such file or directory\n",
        ):
            assert line in rest
        assert "= 7\n" in gdb.say("print $_exitcode")
        assert "No threads." in gdb.say("info threads")
        gdb.say("tbreak main")
        gdb.send("run")
        gdb.wait("main \\(\\)")
        assert "main" in gdb.say("backtrace"), "it can be run again"
    assert (tmp_path / "talk.txt").read_text() == ROWS


def test_gdbs_ctrl_c_while_the_program_reads(talk: Path) -> None:
    with serving(BOARD, "--semihosting", "gdb") as server, started(server.port, talk) as gdb:
        gdb.say("load")
        gdb.send("run")
        gdb.wait("What is your name\\?\n")
        gdb.interrupt()
        gdb.wait("Program received signal SIGINT")
        assert "main" in gdb.say("backtrace")
        gdb.send("continue")
        gdb.wait("Continuing")
        gdb.send("again")
        gdb.wait("Hello, again!\n")


def test_the_console_alone_has_no_files(talk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with serving(BOARD) as server:
        transcript = run_gdb(server.port, ["load", "run", "print $_exitcode"], elf=talk)
        _, errors = server.stop()
    for line in (*CONSOLE_OUTPUT, "no file: Permission denied\n", "exited with code 03]"):
        assert line in transcript
    assert "Hello" not in transcript, "there is nothing to be read"
    assert "It opens 'talk.txt'; files are there with --semihosting gdb" in errors
    assert list(tmp_path.iterdir()) == []


def test_the_servers_terminal_and_directory(talk: Path, tmp_path: Path) -> None:
    options = ("--semihosting", "server", "--semihosting-root", str(tmp_path))
    with serving(BOARD, *options) as server:
        transcript = run_gdb(server.port, ["load", "run", "print $_exitcode"], elf=talk)
        server.process.terminate()
        output, errors = server.process.communicate()
    assert "exited with code 07]" in transcript
    assert "rows" not in transcript
    assert "What is your name?\n" in output
    assert "20 rows, the last is row 19\n" in output
    assert "to stderr: 42\n" in errors
    assert (tmp_path / "talk.txt").read_text() == ROWS


def test_semihosting_off_stops_where_the_program_asks(talk: Path) -> None:
    with serving(BOARD, "--semihosting", "off") as server:
        transcript = run_gdb(server.port, ["load", "run", "x/i $pc"], elf=talk)
    assert "Program received signal SIGTRAP" in transcript
    assert "bkpt\t0x00ab" in transcript
