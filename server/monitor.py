"""Monitor commands: what the user types behind ``monitor`` at the GDB prompt, as a table.

GDB keeps the registers it knows until a stop reply comes, and no command ends with one: after ``monitor
reset halt`` it still shows the old pc. What a server can do about it is done here (``gdb_scripts`` does the rest):

- each command that moved the core says where the core stands now, and the first one how to make GDB look;
- every step and resume starts from where the core really stands, whatever GDB believes;
- after ``gdb_sync`` the next step carries out nothing and reports where the core stands; IDEs send it
  together with ``stepi`` for just that.
"""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ..arm.stop import Stop
from ..probes.errors import TargetError, UserError
from .client import Client
from .semihosting.monitor import change_file_io, change_host

__all__ = ["COMMANDS", "Command", "run_command"]

CONFIRMATION = "erase-everything"
FLUSH_HINT = "GDB still shows the registers from before; 'maintenance flush register-cache' makes it look again.\n"


@dataclass(frozen=True, slots=True)
class Command:
    """``names``: the name and its synonyms, each of one or more words. ``arguments`` is how help shows them."""

    names: tuple[str, ...]
    help: str
    run: Callable[[Client, list[str]], Awaitable[None]]
    arguments: str = ""


async def run_command(client: Client, line: str) -> None:
    """Carry out one line. Raises UserError for what is no command, HaltpointError for what failed."""
    words = line.split()
    if not words:
        await _help(client, [])
        return
    for count in range(len(words), 0, -1):
        command = BY_NAME.get(" ".join(words[:count]).lower())
        if command is not None:
            break
    else:
        raise UserError(f"The monitor command '{line.strip()}'", "there is no such command", _nearest(line))
    arguments = words[count:]
    if arguments and not command.arguments:
        raise UserError(
            f"The monitor command '{line.strip()}'",
            f"'{command.names[0]}' cannot take '{' '.join(arguments)}'",
            _nearest(line),
        )
    await command.run(client, arguments)


def _nearest(line: str) -> str:
    names = [name for command in COMMANDS for name in command.names[:1]]
    close = difflib.get_close_matches(" ".join(line.split()).lower(), names, n=1, cutoff=0.0)
    return f"The nearest command is 'monitor {close[0]}'; 'monitor help' lists all."


async def _help(client: Client, arguments: list[str]) -> None:
    """All commands, or those whose name begins as asked."""
    wanted = " ".join(arguments).lower()
    shown = [command for command in COMMANDS if command.names[0].startswith(wanted)]
    if not shown:
        raise UserError(f"Help for '{wanted}'", "there is no such command", _nearest(wanted))
    for command in shown:
        usage = f"{command.names[0]} {command.arguments}".strip()
        await client.say(f"{usage:<16} {command.help}\n")


async def _reset_run(client: Client, _arguments: list[str]) -> None:
    await client.target.reset(halt=False)
    await client.say("The chip was reset and runs.\n")


async def _reset_halt(client: Client, _arguments: list[str]) -> None:
    stop = await client.target.reset(halt=True)
    if stop is None:
        raise TargetError("Stopping at the reset vector", "the core runs on after the reset", "Try 'monitor halt'.")
    await client.say("The chip was reset. ")
    await _say_where(client, stop)


async def _halt(client: Client, _arguments: list[str]) -> None:
    await _say_where(client, await client.target.halt())


async def _say_where(client: Client, stop: Stop) -> None:
    await client.say(f"The core stands at pc 0x{stop.pc:08x}, sp 0x{stop.sp:08x}.\n")
    explanation = await client.target.explain(stop)
    if explanation:
        await client.say(explanation + "\n")
    if not client.told_to_flush:
        client.told_to_flush = True
        await client.say(FLUSH_HINT)


async def _resume(client: Client, _arguments: list[str]) -> None:
    await client.target.resume()
    await client.say("The core runs; GDB learns of it at its next continue or step.\n")


async def _info(client: Client, _arguments: list[str]) -> None:
    for fact in client.target.facts:
        await client.say(fact + "\n")
    if client.target.guard is not None:
        for line in await client.target.guard.describe():
            await client.say(line + "\n")
    stop = client.target.stop
    where = "The core runs." if stop is None else f"The core stands at pc 0x{stop.pc:08x} ({stop.reason.value})."
    await client.say(where + "\n")


async def _unlock(client: Client, arguments: list[str]) -> None:
    """Only with the word that says what it may cost."""
    guard = client.target.guard
    if arguments != [CONFIRMATION]:
        if guard is not None:
            await client.say(await guard.consequence() + "\n")
        said = f"'{' '.join(arguments)}' is not that word" if arguments else "it has not been confirmed"
        raise UserError("Unlocking the flash", said, f"If that is what you want: monitor unlock {CONFIRMATION}")
    for line in await client.target.unlock():
        await client.say(line + "\n")
    stop = client.target.stop
    if stop is not None:
        await _say_where(client, stop)


async def _sync(client: Client, _arguments: list[str]) -> None:
    client.report_without_step = True


async def _nothing(_client: Client, _arguments: list[str]) -> None:
    """For scripts written for other servers: there is nothing to be done."""


COMMANDS: tuple[Command, ...] = (
    Command(("help", "?"), "show the commands, or those whose name begins with WORD", _help, "[WORD]"),
    Command(("reset", "reset 0"), "reset the chip and let it run", _reset_run),
    Command(
        ("reset halt", "reset_halt", "jtag_reset"), "reset the chip and stop at its first instruction", _reset_halt
    ),
    Command(("reset init",), "the same as 'reset halt': no board needs more", _reset_halt),
    Command(("reset run",), "the same as 'reset'", _reset_run),
    Command(("halt", "stop"), "stop the core and say where it stands", _halt),
    Command(("resume", "go"), "let the core run behind GDB's back", _resume),
    Command(("info", "targets"), "show probe, chip, protection and what the core does", _info),
    Command(("unlock",), "remove readout and write protection; say what that would cost", _unlock, "[WORD]"),
    Command(("gdb_sync", "gdb sync"), "make the next 'stepi' only report where the core stands", _sync),
    Command(
        ("semihosting", "arm semihosting"),
        "show or change the program's host: gdb, console, server, off",
        change_host,
        "[HOST]",
    ),
    Command(
        ("arm semihosting_fileio",), "as OpenOCD: GDB's files (enable) or its console alone", change_file_io, "[WORD]"
    ),
    Command(("init", "poll"), "accepted for scripts of other servers; does nothing", _nothing),
)

BY_NAME = {name: command for command in COMMANDS for name in command.names}
