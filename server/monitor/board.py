"""Probe, chip and protection."""

from __future__ import annotations

import trio

from ... import __version__
from ...probes.errors import UserError
from ..client import Client
from .control import say_where

__all__ = ["echo", "info", "nothing", "pause", "speed", "unlock", "version"]

CONFIRMATION = "erase-everything"

LONGEST_PAUSE = 60.0


async def info(client: Client, _arguments: list[str]) -> None:
    """What is known of probe, chip and core."""
    for fact in client.target.facts:
        await client.say(fact + "\n")
    if client.target.guard is not None:
        for line in await client.target.guard.describe():
            await client.say(line + "\n")
    stop = client.target.stop
    where = "The core runs." if stop is None else f"The core stands at pc 0x{stop.pc:08x} ({stop.reason.value})."
    await client.say(where + "\n")


async def unlock(client: Client, arguments: list[str]) -> None:
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
        await say_where(client, stop)


async def speed(client: Client, arguments: list[str]) -> None:
    """``speed KHZ``; J-Link's ``auto`` and ``adaptive`` leave it as it is."""
    word = arguments[0] if arguments else ""
    if word.isdecimal() and int(word):
        khz = await client.target.set_speed(int(word))
        await client.say(f"Wire clock: {khz} kHz\n")
    elif word in {"", "auto", "adaptive"}:
        await client.say("The wire clock stays as it is: 'monitor speed KHZ' changes it.\n")
    else:
        raise UserError(f"Setting the wire clock to '{word}'", "that is no number of kHz", "monitor speed 1000")


async def pause(_client: Client, arguments: list[str]) -> None:
    """``sleep MS``: scripts wait for the firmware."""
    milliseconds = int(arguments[0]) if arguments and arguments[0].isdecimal() else 0
    await trio.sleep(min(milliseconds / 1000, LONGEST_PAUSE))


async def version(client: Client, _arguments: list[str]) -> None:
    """Who is asked."""
    await client.say(f"Haltpoint {__version__}\n")


async def echo(client: Client, arguments: list[str]) -> None:
    """What a script wants its user to see."""
    await client.say(" ".join(arguments) + "\n")


async def nothing(_client: Client, _arguments: list[str]) -> None:
    """There is nothing to be done."""
