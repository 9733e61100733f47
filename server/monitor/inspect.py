"""Memory and registers in the words of OpenOCD and J-Link, for scripts; at the prompt GDB's own are better."""

from __future__ import annotations

from ...probes.errors import UserError
from ..client import Client
from ..description import RegisterSpec
from .command import Command

__all__ = ["COMMANDS"]

LETTERS = {1: "b", 2: "h", 4: "w"}
"""By size in bytes."""

LINE = 32
"""Bytes shown in a line."""

MOST = 0x1000
"""Bytes shown or written by one command."""


def _number(text: str, what: str) -> int:
    try:
        number = int(text, 0)
    except ValueError:
        number = -1
    if not 0 <= number < 1 << 32:
        raise UserError(f"Reading {what} '{text}'", "it is no number of 32 bits", "Write it as 0x20000000 or 1234.")
    return number


def _shows(size: int) -> Command:
    letter = LETTERS[size]

    async def run(client: Client, arguments: list[str]) -> None:
        if not arguments:
            raise UserError(f"Showing memory by md{letter}", "no address is given", f"monitor md{letter} 0x20000000 4")
        if "=" in arguments:
            await _write(client, size, [word for word in arguments if word != "="])
            return
        address, count = _number(arguments[0], "the address"), 1
        if len(arguments) > 1:
            count = _number(arguments[1], "the count")
        data = await client.target.read_memory(address, min(count * size, MOST))
        for start in range(0, len(data), LINE):
            units = [data[at : at + size] for at in range(start, min(start + LINE, len(data)), size)]
            shown = " ".join(f"{int.from_bytes(unit, 'little'):0{2 * size}x}" for unit in units)
            await client.say(f"0x{address + start:08x}: {shown}\n")

    return Command((f"md{letter}", f"memu{8 * size}", f"exec memu{8 * size}", f"read{8 * size}"), run, arguments="...")


def _writes(size: int) -> Command:
    async def run(client: Client, arguments: list[str]) -> None:
        await _write(client, size, arguments)

    return Command((f"mw{LETTERS[size]}", f"write{8 * size}"), run, arguments="...")


async def _write(client: Client, size: int, arguments: list[str]) -> None:
    """Address, value and, as OpenOCD has it, how often."""
    if len(arguments) < 2:
        raise UserError("Writing memory", "an address and a value are needed", "monitor mww 0x20000000 1")
    address, value = _number(arguments[0], "the address"), _number(arguments[1], "the value")
    count = _number(arguments[2], "the count") if len(arguments) > 2 else 1
    if value >> 8 * size:
        raise UserError(f"Writing {value:#x}", f"it does not fit {8 * size} bits", "Write more bits at once.")
    if count * size > MOST:
        raise UserError(f"Writing {count * size} bytes", f"a command writes {MOST} at most", "Write them by several.")
    await client.target.write_memory(address, value.to_bytes(size, "little") * count)


async def _registers(client: Client, arguments: list[str]) -> None:
    """``reg [NAME [VALUE]]``."""
    words = [word for argument in arguments for word in argument.replace("=", " ").split()]
    if not words:
        for spec in client.target.registers:
            if spec.group != "float":
                await _show(client, spec)
        return
    found = [spec for spec in client.target.registers if spec.name == words[0].lower()]
    if not found:
        raise UserError(f"The register '{words[0]}'", "this core has none of that name", "'monitor reg' lists all.")
    spec = found[0]
    if len(words) > 1:
        value = _number(words[1], "the value")
        if value > spec.mask:
            raise UserError(f"Writing {value:#x}", f"{spec.name} has {spec.bits} bits", "Write less.")
        await client.target.write_register(spec, value)
    await _show(client, spec)


async def _show(client: Client, spec: RegisterSpec) -> None:
    value = await client.target.read_register(spec)
    shown = "not available while the core runs" if value is None else f"0x{value[::-1].hex()}"
    await client.say(f"{spec.name:<12} {shown}\n")


COMMANDS: tuple[Command, ...] = (
    *(_shows(size) for size in (1, 2, 4)),
    *(_writes(size) for size in (1, 2, 4)),
    Command(("reg", "regs"), _registers, arguments="[NAME [VALUE]]"),
)
