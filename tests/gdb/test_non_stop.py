"""Non-stop mode at a GDB prompt: memory, variables, breakpoints and monitor commands while the core runs."""

import re

from support.gdb_dialogue import Dialogue, gdb
from support.real_gdb import BLINK, serving

BOARD = f"sim:stm32f103c8,firmware={BLINK}"
RUNNING = '* 1    Thread 1 "Cortex-M3" (running) (running)'


def connected(port: int) -> tuple[str, ...]:
    return ("set non-stop on", f"target extended-remote 127.0.0.1:{port}")


def value(answer: str) -> int:
    found = re.search(r"= (-?\d+)", answer)
    assert found, answer
    return int(found[1])


def ticks(user: Dialogue) -> int:
    return value(user.say("print ticks"))


def test_everything_works_while_the_core_runs(by: str) -> None:
    with serving(BOARD + by) as server, gdb(*connected(server.port)) as user:
        assert "Program stopped." in user.transcript
        user.say("continue &")
        before = ticks(user)
        assert ticks(user) > before
        assert "The core runs." in user.say("monitor info")
        user.say("set variable factor = 5")
        assert value(user.say("print factor")) == 5
        assert re.search(r"0xe000ed00:\s+0x411fc231", user.say("x/wx 0xe000ed00"))
        assert RUNNING in user.say("info threads")
        assert "Selected thread is running" in user.say("info registers pc")


def test_breakpoints_set_and_deleted_while_the_core_runs(by: str) -> None:
    with serving(BOARD + by) as server, gdb(*connected(server.port)) as user:
        user.say("continue &")
        user.say("break remember")
        assert "Breakpoint 1, remember (value=" in user.wait(r"main\.c:\d+\n")
        rounds = value(user.say("print rounds"))
        assert "#1 " in user.say("bt")
        user.say("continue &")
        user.wait("Breakpoint 1, remember")
        assert value(user.say("print rounds")) == rounds + 1
        user.say("delete")
        user.say("continue &")
        assert RUNNING in user.say("info threads")
        assert ticks(user) < ticks(user)


def test_interrupt_step_finish_and_reset(by: str) -> None:
    with serving(BOARD + by) as server, gdb(*connected(server.port)) as user:
        user.say("tbreak remember")
        user.say("continue")
        assert "main () at main.c" in user.say("finish")
        assert re.search(r"\n\d+\t", user.say("next") + user.say("next"))
        user.say("continue &")
        user.send("interrupt")
        user.wait(r"Program stopped\.")
        assert "#0 " in user.say("bt")
        before = value(user.say("print (int) $pc"))
        assert value(user.say("stepi") + user.say("print (int) $pc")) != before
        user.say("continue &")
        user.say("monitor reset halt")
        user.wait(r"Reset_Handler \(\)")
        assert "main () at main.c" in user.say("tbreak main") + user.say("continue")
        assert value(user.say("print rounds")) == 0


def test_a_fault_while_running_stops_and_is_explained_by_the_next_monitor_command(by: str) -> None:
    with serving(BOARD + by) as server, gdb(*connected(server.port)) as user:
        user.say("set $pc = 0x0800f000")
        user.send("continue &")
        user.wait(r"Program received signal SIG(ILL|SEGV)")
        assert "HardFault at pc 0x0800f000: the instruction is undefined" in user.say("monitor info")


def test_detach_disconnect_and_kill_leave_the_core_running_without_breakpoints(by: str) -> None:
    with serving(BOARD + by) as server:
        with gdb(*connected(server.port)) as user:
            user.say("break scale")
            user.say("continue &")
            user.wait("Breakpoint 1")
            user.say("continue &")
            assert "detached" in user.say("detach")
            assert "The core runs." in user.say("monitor info")
            assert "Ending remote debugging" in user.say("disconnect")
            for command in connected(server.port)[1:]:
                user.say(command)
            user.say("continue &")
            user.say("kill")
            assert "Temporary breakpoint 2, main" in user.say("start")
            assert value(user.say("print rounds")) == 0
            user.say("break scale")
            user.say("continue &")
        with gdb(*connected(server.port)) as user:
            user.say("continue &")
            before = value(user.say("print rounds"))
            while value(user.say("print rounds")) == before:
                pass
            assert RUNNING in user.say("info threads"), "the vanished session's breakpoint at scale did not hit"
