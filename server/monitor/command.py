"""A monitor command as data."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ..client import Client

__all__ = ["Command", "Run", "answer"]

Run = Callable[[Client, list[str]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Command:
    """``names``: the name and its synonyms, each of one or more words, in small letters.

    ``help`` is a line of the list that ``monitor help`` shows; without one the command is there for clients that know
    it from another server, and is not shown. ``arguments`` is how they are written, "" where none are taken.
    """

    names: tuple[str, ...]
    run: Run
    help: str = ""
    arguments: str = ""


def answer(sentence: str) -> Run:
    """A command that does nothing but say why nothing needs to be done, or what does it here."""

    async def run(client: Client, _arguments: list[str]) -> None:
        await client.say(sentence + "\n")

    return run
