"""What a user does at a GDB prompt, with a real GDB and the blink firmware on a simulated board."""

import re
import signal
import subprocess

import pytest
from support.real_gdb import BLINK, ROOT, gdb_command, run_gdb, run_haltpoint, serving

BLANK = "sim:stm32f103c8"
BOARD = f"{BLANK},firmware={BLINK}"
SCRIPT = ROOT / "gdb_scripts" / "haltpoint.gdb"


def values(transcript: str) -> list[int]:
    """The values that `print` showed, in order."""
    return [int(text, 0) for text in re.findall(r"^\$\d+ = (0x[0-9a-f]+|-?\d+)", transcript, re.MULTILINE)]


def test_greeting_names_probe_voltage_chip_and_flash() -> None:
    with serving(BOARD) as server:
        probe, voltage, chip, flash = server.greeting.splitlines()[1:5]
        assert re.fullmatch(r"Probe: ST-Link/V2-1, firmware V2J37M26, serial number [0-9A-F]{24}", probe)
        assert voltage == "Target voltage: 3.25 V"
        assert chip == "Chip: STM32F103x8, Cortex-M3 r1p1"
        assert flash == "Flash: 64 KiB at 0x08000000"
        assert server.greeting.splitlines()[-1] == f"Listening on port {server.listening} for gdb connections"
        assert server.stop() == (0, "SIGTERM: letting the target go\n")


def test_detach_lets_the_firmware_run(through: str) -> None:
    with serving(BOARD + through) as server:
        before = values(run_gdb(server.port, ["print ticks", "detach"]))
        after = values(run_gdb(server.port, ["print ticks", "detach"]))
    assert after[0] > before[0]


def test_a_dropped_connection_takes_its_breakpoints_along(through: str) -> None:
    with serving(BOARD + through) as server:
        first = run_gdb(server.port, ["break remember", "continue", "print rounds", "kill -9 0"])
        assert "Breakpoint 1, remember" in first
        gdb = subprocess.Popen(
            gdb_command(server.port, "break scale", "continue", 'python print("stopped", flush=True)'),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert gdb.stdout is not None
        while "stopped" not in gdb.stdout.readline():
            pass
        gdb.kill()
        gdb.communicate()
        second = run_gdb(server.port, ["print rounds", "tbreak wait_ms", "continue", "info registers pc"])
    assert "Temporary breakpoint 1, wait_ms" in second, "the killed session's breakpoint at scale did not hit"


def test_unmapped_memory_is_an_error_not_zeros(through: str) -> None:
    with serving(BOARD + through) as server:
        transcript = run_gdb(
            server.port, ["set mem inaccessible-by-default off", "x/wx 0x30000000", "x/wx 0x20000000", "detach"]
        )
    assert "Cannot access memory at address 0x30000000" in transcript
    assert re.search(r"0x20000000\b.*:\s+0x00000003", transcript), "and the session goes on"


def test_a_second_client_is_refused_with_a_sentence(through: str) -> None:
    with serving(BOARD + through) as server:
        first = subprocess.Popen(
            gdb_command(server.port, 'python print("connected", flush=True)'),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert first.stdout is not None
        while "connected" not in first.stdout.readline():
            pass
        second = run_gdb(server.port, [])
        first.send_signal(signal.SIGTERM)
        first.communicate()
        third = run_gdb(server.port, ["print factor", "detach"])
    assert "Haltpoint serves one GDB at a time and another one is connected" in second
    assert values(third) == [3]


def test_software_breakpoints_in_flash_use_comparators(through: str) -> None:
    # GDB itself asks for hardware breakpoints there, unless its user has told it that flash is RAM.
    as_ram = ["print 0", "delete mem 1", "mem 0x08000000 0x08010000 rw"]
    with serving(BOARD + through) as server:
        transcript = run_gdb(
            server.port, [*as_ram, "set breakpoint auto-hw off", "break remember", "continue", "continue"]
        )
    assert transcript.count("Breakpoint 1, remember") == 2


def test_the_seventh_breakpoint_is_refused_with_the_number_there_is(through: str) -> None:
    places = ["main", "scale", "remember", "wait_ms", "led_init", "systick_init", "SysTick_Handler"]
    with serving(BOARD + through, "--flash-breakpoints", "off") as server:
        transcript = run_gdb(server.port, [*(f"break {place}" for place in places), "continue", "monitor info"])
        _, log = server.stop()
    assert "Cannot insert hardware breakpoint" in transcript
    sentence = "the core has 6 hardware breakpoints and all of them are in use"
    assert sentence in log
    assert sentence in transcript, "GDB 13 swallows the error's text; it comes with the next monitor command"


def test_stepping_stays_out_of_the_interrupt_handler(through: str) -> None:
    with serving(BOARD + through) as server:
        # SysTick every 41 cycles instead of every 8000.
        often = ["set {int} 0xe000e014 = 40", "set {int} 0xe000e018 = 0"]
        commands = ["break wait_ms", "continue", "delete", *often, "print ticks", *["stepi 8"] * 8, "print ticks"]
        transcript = run_gdb(server.port, [*commands, "info symbol $pc"])
    assert "SysTick_Handler" not in transcript
    assert re.search(r"wait_ms( \+ \d+)? in section \.text", transcript)
    before, after = values(transcript)
    assert after > before, "interrupts are served between the steps"


def test_next_over_a_line_that_waits_for_an_interrupt_ends(through: str) -> None:
    with serving(BOARD + through) as server:
        commands = ["break wait_ms", "continue", "next", "print ticks", "next", "print ticks", "bt"]
        transcript = run_gdb(server.port, commands)
        steps = [asked for each in server.tee.exchanges for asked, _, _ in each.log if asked.startswith(b"vCont;r")]
    before, after = values(transcript)
    assert after >= before + 10, "it waits for ten milliseconds"
    assert re.search(r"#0 +main \(\) at main\.c", transcript), "and nowhere else does the step end"
    assert len(steps) < 10


def test_a_fault_stops_with_its_explanation(through: str) -> None:
    with serving(BOARD + through) as server:
        transcript = run_gdb(
            server.port,
            ["set $pc = 0x0800f000", "continue", "monitor reset halt", "flushregs", "print $pc == Reset_Handler"],
        )
    assert re.search(r"Program received signal SIG(ILL|SEGV)", transcript)
    assert "HardFault at pc 0x0800f000: the instruction is undefined: erased flash" in transcript
    assert values(transcript)[-1] == 1


def test_run_kill_and_start_keep_the_connection(through: str) -> None:
    with serving(BOARD + through) as server:
        transcript = run_gdb(
            server.port,
            [
                "kill",
                "start",
                "print rounds",
                "kill",
                "break scale",
                "run",
                "print rounds",
                "info breakpoints",
                "detach",
            ],
        )
    assert "Temporary breakpoint 1, main" in transcript
    assert "Breakpoint 2, scale" in transcript
    assert values(transcript) == [0, 0]


def test_loading_over_itself_twice_is_fine(through: str) -> None:
    with serving("sim:stm32f103rc" + through) as server:
        commands = [
            "load",
            "compare-sections",
            "load",
            "compare-sections",
            "monitor reset halt",
            "tbreak main",
            "continue",
        ]
        transcript = run_gdb(server.port, commands)
    assert transcript.count("matched.") == 4
    assert "MIS-MATCHED" not in transcript
    assert "Temporary breakpoint 1, main" in transcript


@pytest.mark.parametrize(
    ("option", "cure"),
    [("wrp=0", "write-protected"), ("rdp=1", "readout protection")],
)
def test_protected_flash_is_named(option: str, cure: str, through: str) -> None:
    with serving(f"{BLANK},{option}{through}") as server:
        transcript = run_gdb(server.port, ["load", "monitor info"])
        _, log = server.stop()
    assert "matched" not in transcript
    assert cure in log.lower()
    assert cure in transcript.lower(), "the sentence reaches GDB's console with the next monitor command"


def test_the_gdb_script(through: str) -> None:
    with serving(BLANK + through) as server:
        commands = [
            f"source {SCRIPT}",
            f"haltpoint connect 127.0.0.1:{server.port}",
            "haltpoint load",
            "next",
            "haltpoint restart",
            "print rounds",
            "haltpoint reset",
            "print $pc == Reset_Handler",
            "set $pc = 0x0800f000",
            "continue",
            "haltpoint faults",
        ]
        transcript = run_gdb(server.port, commands, connect=False)
    assert transcript.count("main () at main.c") >= 2
    assert values(transcript)[-2:] == [0, 1]
    assert "UNDEFINSTR: undefined instruction" in transcript
    assert "FORCED" in transcript


def test_the_gdb_script_makes_gdb_look_at_the_registers_after_each_monitor_command(through: str) -> None:
    with serving(BOARD + through) as server:
        transcript = run_gdb(
            server.port, [f"source {SCRIPT}", "monitor reset halt", "print $pc == Reset_Handler", "monitor info", "bt"]
        )
    assert values(transcript) == [1]
    assert "#0  Reset_Handler ()" in transcript


def test_under_reset_stops_at_the_reset_vector(through: str) -> None:
    with serving(BOARD + through, "--connect", "under-reset") as server:
        transcript = run_gdb(server.port, ["print $pc == Reset_Handler", "print ticks"])
    assert values(transcript)[0] == 1


def test_port_in_use() -> None:
    with serving(BOARD) as server:
        run = run_haltpoint("serve", "--probe", BOARD, "--port", str(server.listening))
    assert run.returncode == 2
    assert f"Listening on 127.0.0.1:{server.listening} failed: another program uses that port." in run.stderr
