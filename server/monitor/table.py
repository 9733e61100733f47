"""All monitor commands, and how a line becomes one."""

from __future__ import annotations

import difflib

from ...probes.errors import UserError
from ..client import Client
from ..semihosting.monitor import change_file_io, change_host
from . import board, control, inspect, others
from .command import Command

__all__ = ["COMMANDS", "run_command"]


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
    names = ["reset halt", *(command.names[0] for command in COMMANDS if command.help)]
    close = difflib.get_close_matches(" ".join(line.split()).lower(), names, n=1, cutoff=0.0)
    return f"The nearest command is 'monitor {close[0]}'; 'monitor help' lists all."


async def _help(client: Client, arguments: list[str]) -> None:
    """All commands, or those whose name begins as asked."""
    wanted = " ".join(arguments).lower()
    shown = [command for command in COMMANDS if command.help and command.names[0].startswith(wanted)]
    if not shown:
        raise UserError(f"Help for '{wanted}'", "there is no such command", _nearest(wanted))
    for command in shown:
        usage = f"{command.names[0]} {command.arguments}".strip()
        await client.say(f"{usage:<20} {command.help}\n")


COMMANDS: tuple[Command, ...] = (
    Command(("help", "?"), _help, "show the commands, or those whose name begins with WORD", "[WORD]"),
    Command(
        ("reset",),
        control.reset,
        "reset and run, or stop at the first instruction; KIND: system, hardware (NRST) or core (alone)",
        "[halt] [KIND]",
    ),
    Command(("halt", "stop"), control.halt, "stop the core and say where it stands"),
    Command(("resume", "go"), control.resume, "let the core run behind GDB's back"),
    Command(("info",), board.info, "show probe, chip, protection and what the core does"),
    Command(("speed",), board.speed, "change the wire clock", "[KHZ]"),
    Command(("unlock",), board.unlock, "remove readout and write protection; say what that would cost", "[WORD]"),
    Command(("gdb_sync", "gdb sync"), control.sync, "make the next 'stepi' only report where the core stands"),
    Command(
        ("semihosting", "arm semihosting"),
        change_host,
        "show or change the program's host: gdb, console, server, off",
        "[HOST]",
    ),
    Command(
        ("arm semihosting_fileio",), change_file_io, "as OpenOCD: GDB's files (enable) or its console alone", "[WORD]"
    ),
    *inspect.COMMANDS,
    *others.COMMANDS,
)

BY_NAME = {name: command for command in COMMANDS for name in command.names}
