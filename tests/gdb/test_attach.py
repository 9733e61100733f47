"""``--connect attach`` at a GDB prompt: the core runs on until the user stops it."""

import re

from support.gdb_dialogue import gdb
from support.real_gdb import BLINK, run_gdb, serving

BOARD = f"sim:stm32f103c8,firmware={BLINK}"


DHCSR = 0xE000_EDF0


def values(transcript: str) -> list[int]:
    return [int(text, 0) for text in re.findall(r"^\$\d+ = (0x[0-9a-f]+|-?\d+)", transcript, re.MULTILINE)]


def test_the_core_runs_on_while_gdb_looks_around_and_continues(by: str) -> None:
    with serving(BOARD + by, "--connect", "attach") as server:
        looks = ["print ticks", f"print *(int *) {DHCSR:#x} >> 17 & 1"] * 5
        transcript = run_gdb(
            server.port,
            [*looks, "info registers pc r0", "set var factor = 5", "print factor", "monitor info", *looks, "detach"],
        )
        later = values(run_gdb(server.port, ["print ticks", "print factor"]))
    seen = values(transcript)
    assert seen.pop(10) == 5
    assert set(seen[1::2]) == {0}, "S_HALT"
    counted = seen[::2]
    assert counted == sorted(counted)
    assert counted[0] < counted[-1], "the counter stood still, and with it the core"
    assert re.search(r"pc +0x80[0-9a-f]+ ", transcript)
    assert re.search(r"r0 +<unavailable>", transcript)
    assert "The core runs." in transcript
    assert later[0] > counted[-1]
    assert later[1] == 5


def test_a_breakpoint_set_in_passing_hits(by: str) -> None:
    with serving(BOARD + by, "--connect", "attach") as server:
        transcript = run_gdb(server.port, ["break remember", "continue", "bt", "print rounds", "next", "detach"])
    assert "Breakpoint 1, remember (value=" in transcript
    assert re.search(r"#1 .* in main \(\)", transcript)
    assert "unavailable" not in transcript.split("Breakpoint 1, remember")[1]


def test_ctrl_c_after_continue_stops(by: str) -> None:
    with (
        serving(BOARD + by, "--connect", "attach") as server,
        gdb(f"target extended-remote 127.0.0.1:{server.port}") as user,
    ):
        user.send("continue")
        user.wait("Continuing")
        user.interrupt()
        user.wait("Program received signal SIGINT")
        registers = user.say("info registers") + user.say("info registers")
        assert "unavailable" not in registers
        assert values(user.say("print ticks")) == values(user.say("print ticks"))


def test_stepi_stops_where_the_core_is(by: str) -> None:
    with serving(BOARD + by, "--connect", "attach") as server:
        transcript = run_gdb(server.port, ["stepi", "info registers r0 pc", "print ticks", "print ticks"])
    assert "unavailable" not in transcript.split("+ info registers")[1]
    assert len(set(values(transcript))) == 1


def test_non_stop_attaches_without_a_halt_too(by: str) -> None:
    with (
        serving(BOARD + by, "--connect", "attach") as server,
        gdb("set non-stop on", f"target extended-remote 127.0.0.1:{server.port}") as user,
    ):
        first = values(user.say("print ticks"))
        assert "The core runs." in user.say("monitor info")
        user.say("continue &")
        assert values(user.say("print ticks")) > first
        user.send("interrupt")
        user.wait(r"Program stopped\.")
        assert "The core stands" in user.say("monitor info")
