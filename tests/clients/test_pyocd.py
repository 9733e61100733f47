"""pyOCD 0.46 on simulated boards: its commands, its GDB server, and its own functional tests.

HALTPOINT_PYOCD names the program where it is not on the PATH. HALTPOINT_PYOCD_CHECKOUT is a checkout of its
repository, whose test/ folder holds the functional tests.
"""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.usbip_clients import Bench, Firmware, free_port, gdb, need, symbol, wait_for

Simulate = Callable[..., Bench]
Build = Callable[..., Firmware]

TARGET = ["-t", "stm32f103rc"]  # the one of the family that pyOCD has built in, with the memories of an STM32F103RE
BOARD = "sim:stm32f103re"
SERIAL = "0668FF323637414257071827"

# Runs one functional test as the programs' own runner does, but in a process of its own.
RUNNER = """
import importlib, logging, sys
sys.path.insert(0, sys.argv[1])
logging.basicConfig(level=logging.INFO)
from pyocd.core.helpers import ConnectHelper
from test_util import get_session_options
with ConnectHelper.session_with_chosen_probe(open_session=False, **get_session_options()) as session:
    board = session.board
test = getattr(importlib.import_module(sys.argv[2]), sys.argv[3])()
test.n = 0
result = test.run(board)
print("RESULT", "passed" if result.passed else "failed")
"""

FUNCTIONAL = {
    "basic_test": "BasicTest",
    "commander_test": "CommanderTest",
    "commands_test": "CommandsTest",
    "concurrency_test": "ConcurrencyTest",
    "connect_test": "ConnectTest",
    "cortex_test": "CortexTest",
    "debug_context_test": "DebugContextTest",
    "flash_loader_test": "FlashLoaderTest",
    "flash_test": "FlashTest",
    "json_lists_test": "JsonListsTest",
    "speed_test": "SpeedTest",
    "user_script_test": "UserScriptTest",
}


def program() -> str:
    return os.environ.get("HALTPOINT_PYOCD") or need("pyocd")


def pyocd(bench: Bench, *arguments: str, name: str = "") -> str:
    """Run pyOCD; its words."""
    return bench.run([program(), *arguments], name=name and f"pyocd: {name}").check().text


def test_list(simulate: Simulate) -> None:
    text = pyocd(simulate(BOARD), "list", name="list")
    assert re.search(rf"0 +STM32 STLink +{SERIAL}", text)


def test_commander(simulate: Simulate, blink: Firmware) -> None:
    bench = simulate(f"{BOARD},firmware={blink.elf}")
    commands = ["halt", "status", "reg pc", "write32 0x20000100 0x11223344 0x55667788", "read8 0x20000100 8"]
    commands += ["reset halt", "reg pc", f"break {symbol(blink, 'remember')}", "continue", "sleep 200", "status"]
    commands += ["reg pc", "step", "reg r0", "read32 0x08000000 8"]
    line = ["commander", *TARGET]
    for command in commands:
        line += ["-c", command]
    text = pyocd(bench, *line, name="commander")
    assert "Successfully halted device" in text
    assert re.search(r"20000100: +44 33 22 11 +88 77 66 55", text)
    start = int.from_bytes(blink.image[4:8], "little") & ~1
    places = [int(place, 16) for place in re.findall(r"pc = (0x[0-9a-f]+)", text)]
    assert places[1:3] == [start, int(symbol(blink, "remember"), 16)]
    assert re.search(rf"08000000: +{int.from_bytes(blink.image[:4], 'little'):08x} {start + 1:08x}", text)


def test_load_uses_its_crc_analyzer(simulate: Simulate, build: Build) -> None:
    """A second load finds by CRC, computed on the target, that every page is there already."""
    firmware = build("ticking")
    bench = simulate(BOARD)
    first = pyocd(bench, "load", *TARGET, str(firmware.elf), name="load 4 KiB")
    assert re.search(r"programmed 4096 bytes \(2 pages\), identical 0 bytes", first), first
    second = pyocd(bench, "load", *TARGET, str(firmware.elf), name="load again")
    assert re.search(r"programmed 0 bytes \(0 pages\), identical 4096 bytes \(2 pages\)", second), second
    pyocd(bench, "commander", *TARGET, "-c", "halt", "-c", f"savemem 0x08000000 {len(firmware.image)} back.bin")
    assert (bench.folder / "back.bin").read_bytes() == firmware.image


def test_load_64_kib(simulate: Simulate) -> None:
    bench = simulate(BOARD)
    (bench.folder / "image.bin").write_bytes(bytes(range(256)) * 256)
    line = [program(), "load", *TARGET, "--base-address", "0x08000000", "image.bin"]
    run = bench.run(line, name="pyocd: load 64 KiB").check()
    assert "programmed 65536 bytes" in run.text
    assert run.seconds < 30


@pytest.mark.parametrize("probe", ["stlink-v2", "stlink-v3", "stlink-v2,level=J28", "stlink-v2,level=J24"])
def test_other_probes(simulate: Simulate, blink: Firmware, probe: str) -> None:
    bench = simulate(f"{BOARD},probe={probe}")
    pyocd(bench, "load", *TARGET, str(blink.elf), name=f"load, {probe}")
    pyocd(bench, "commander", *TARGET, "-c", "halt", "-c", f"savemem 0x08000000 {len(blink.image)} back.bin")
    assert (bench.folder / "back.bin").read_bytes() == blink.image


def test_gdb_on_top(simulate: Simulate, blink: Firmware) -> None:
    bench = simulate(BOARD)
    port = free_port()
    line = [program(), "gdbserver", *TARGET, "--port", str(port), "--telnet-port", "0"]
    with bench.starting(line, name="pyocd: gdbserver: load, break, continue, watch, step") as server:
        wait_for(server, "GDB server listening on port")
        told = gdb(
            port,
            [
                "load",
                "monitor reset halt",
                "break remember",
                "continue",
                "bt",
                "delete",
                "watch total",
                "continue",
                "print total",
                "stepi",
                "compare-sections",
                "detach",
            ],
            blink.elf,
        ).text
        server.wait(timeout=30)  # one session is all it serves
    assert "Start address 0x08" in told
    assert "Breakpoint 1, remember (value=1)" in told
    assert re.search(r"#1 .* in main \(\)", told)
    assert "SIGTRAP" in told.split("watchpoint 2: total")[1], "pyOCD does not say that it was the watchpoint"
    assert "$1 = 1\n" in told
    assert told.count("matched.") == 2


@pytest.mark.parametrize("module", list(FUNCTIONAL))
def test_functional(simulate: Simulate, build: Build, module: str) -> None:
    checkout = os.environ.get("HALTPOINT_PYOCD_CHECKOUT")
    if not checkout:
        pytest.skip("HALTPOINT_PYOCD_CHECKOUT does not name a checkout of pyOCD")
    firmware = build("spin")
    # A probe without board identifiers: they would make pyOCD choose the firmware of that board.
    bench = simulate(f"{BOARD},probe=stlink-v2,firmware={firmware.elf}")
    tests = bench.folder / "test"
    shutil.copytree(Path(checkout) / "test", tests, ignore=shutil.ignore_patterns("unit", "output"))
    shutil.copytree(Path(checkout) / "src" / "gdb_test_program", bench.folder / "src" / "gdb_test_program")
    (tests / "output").mkdir()
    (bench.folder / "pyocd.yaml").write_text(f"target_override: stm32f103rc\ntest_binary: {firmware.bin}\n")
    python = Path(program()).with_name("python3")
    assert python.exists(), f"{program()} has no Python beside it"
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    line = ["env", f"PATH={path}", str(python), "-c", RUNNER, str(tests), module, FUNCTIONAL[module]]
    run = bench.run(line, name=f"pyocd: its {module}", patience=300)
    assert "RESULT passed" in run.text, run.text
