"""Reset, halt, resume, step.

GDB keeps the registers it knows until a stop reply comes, and no command ends with one: after ``monitor
reset halt`` it still shows the old pc. A stop that it did not ask for ends GDB 13 with an internal error, in all-stop
mode (``remote_notif_process: Assertion `nc != except' failed``) as in non-stop mode (see ``non_stop``). What a server
can do about it is done here (``gdb_scripts`` does the rest, and ``run`` and ``start`` show the truth):

- each command that moved the core says where the core stands now, and the first one how to make GDB look;
- every step and resume starts from where the core really stands, whatever GDB believes;
- after ``gdb_sync`` the next step carries out nothing and reports where the core stands; IDEs send it
  together with ``stepi`` for just that.
"""

from __future__ import annotations

import trio

from ...arm.reset import ResetKind
from ...arm.stop import Stop
from ...probes.errors import TargetError, UserError
from ..client import Client

__all__ = ["choose_reset", "halt", "reset", "reset_by_pin", "reset_halt", "resume", "say_where", "step", "sync", "wait"]

FLUSH_HINT = "GDB still shows the registers from before; 'maintenance flush register-cache' makes it look again.\n"

_HALTS = {"run": False, "go": False, "halt": True, "init": True, "-halt": True, "-h": True}

_KINDS = {
    **dict.fromkeys(("system", "sysresetreq", "sw", "sw_system", "software", "default"), ResetKind.SYSTEM),
    **dict.fromkeys(("hardware", "hw", "pin", "nrst", "srst"), ResetKind.HARDWARE),
    **dict.fromkeys(("core", "vectreset", "sw_core"), ResetKind.CORE),
}
"""Ours, and the words of OpenOCD and pyOCD."""

_NUMBERED = {"1": ResetKind.CORE, "2": ResetKind.HARDWARE}
"""J-Link's; all others reset the chip. After a reset by number its server leaves the core halted."""

POLL = 0.01
LONGEST_WAIT = 60.0


async def reset(client: Client, arguments: list[str]) -> None:
    """``reset [run|halt|init] [system|hardware|core]``: without a word as OpenOCD's, the chip runs."""
    stand, kind = False, None
    for word in (argument.lower() for argument in arguments):
        if word in _HALTS:
            stand = _HALTS[word]
        elif word in _KINDS:
            kind = _KINDS[word]
        elif word.isdecimal():
            stand, kind = True, _NUMBERED.get(word, ResetKind.SYSTEM)
        else:
            raise UserError(
                f"The monitor command 'reset {' '.join(arguments)}'",
                f"'reset' cannot take '{word}'",
                "It takes halt or run, and system, hardware or core, as in 'monitor reset halt'.",
            )
    await _reset(client, stand=stand, kind=kind)


async def reset_halt(client: Client, _arguments: list[str]) -> None:
    """As ``reset halt``."""
    await _reset(client, stand=True, kind=None)


async def reset_by_pin(client: Client, _arguments: list[str]) -> None:
    """As ``reset hardware halt``."""
    await _reset(client, stand=True, kind=ResetKind.HARDWARE)


async def _reset(client: Client, *, stand: bool, kind: ResetKind | None) -> None:
    stop = await client.target.reset(halt=stand, kind=kind)
    what = "The core alone" if (kind or client.target.reset_kind) is ResetKind.CORE else "The chip"
    if not stand:
        await client.say(f"{what} was reset and runs.\n")
        return
    if stop is None:
        raise TargetError("Stopping at the reset vector", "the core runs on after the reset", "Try 'monitor halt'.")
    await client.say(f"{what} was reset. ")
    await say_where(client, stop)


async def choose_reset(client: Client, arguments: list[str]) -> None:
    """``cortex_m reset_config sysresetreq|vectreset``: how the target is reset from now on."""
    kinds = [_KINDS[word.lower()] for word in arguments if word.lower() in _KINDS]
    if kinds:
        client.target.reset_kind = kinds[-1]
    await client.say(f"Resets are of the kind '{client.target.reset_kind.value}' (system, hardware, core).\n")


async def halt(client: Client, _arguments: list[str]) -> None:
    """Stop the core."""
    await say_where(client, await client.target.halt())


async def resume(client: Client, _arguments: list[str]) -> None:
    """Let it run."""
    await client.target.resume()
    await client.say("The core runs; GDB learns of it at its next continue or step.\n")


async def step(client: Client, _arguments: list[str]) -> None:
    """One instruction."""
    await say_where(client, await client.target.step())


async def wait(client: Client, arguments: list[str]) -> None:
    """``wait_halt [MS]``: until the core stands by itself."""
    seconds = min(int(arguments[0]) / 1000 if arguments and arguments[0].isdecimal() else 5.0, LONGEST_WAIT)
    with trio.move_on_after(seconds):
        while await client.target.poll() is None:  # noqa: ASYNC110  there is no event: a probe is asked
            await trio.sleep(POLL)
    if client.target.stop is None:
        raise TargetError("Waiting for the core to stop", f"it runs on after {seconds:g} s", "Try 'monitor halt'.")
    await say_where(client, client.target.stop)


async def sync(client: Client, _arguments: list[str]) -> None:
    """See above."""
    client.report_without_step = True


async def say_where(client: Client, stop: Stop) -> None:
    """Where the core stands, and why when that was a fault."""
    await client.say(f"The core stands at pc 0x{stop.pc:08x}, sp 0x{stop.sp:08x}.\n")
    explanation = await client.target.explain(stop)
    if explanation:
        await client.say(explanation + "\n")
    if not client.told_to_flush:
        client.told_to_flush = True
        await client.say(FLUSH_HINT)
