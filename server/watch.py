"""Watching the running target: how often, how long, and what is said when it cannot be read."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import trio

from ..arm.stop import Stop
from ..probes.errors import HaltpointError
from .client import Client
from .line import SessionOver

__all__ = ["Watch"]

log = logging.getLogger(__name__)

POLL_FASTEST = 0.0002
POLL_SLOWEST = 0.005
POLL_IN_TROUBLE = 0.25
"""Seconds between two looks at a running target. A step over a line ends within the first few; a
program that runs on is looked at 200 times a second; one that cannot be read, four times."""

TARGET_DEADLINE = 4.0
"""Seconds for one look at the target, or one halt of it."""


class Watch:
    """Looks at the target of one client. SessionOver is raised when the probe is gone."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._pause = POLL_FASTEST
        self._trouble = ""
        self.due = 0.0
        """When to look next, on trio's clock; a client that asks for much does not make it sooner."""

    def begin(self) -> None:
        """The target has just been let run: stops that come soon are seen soon, but the client is heard first."""
        self._pause = POLL_FASTEST
        self.due = trio.current_time() + POLL_FASTEST

    async def look(self) -> Stop | None:
        """One look: the stop, or None while the target runs or cannot be read."""
        stop = await self._ask(self._client.target.poll)
        self.due = trio.current_time() + (POLL_IN_TROUBLE if self._trouble else self._pause)
        self._pause = min(2 * self._pause, POLL_SLOWEST)
        return stop

    async def halt(self) -> Stop | None:
        """Stop the target; None when it cannot be done."""
        return await self._ask(self._client.target.halt)

    async def _ask(self, call: Callable[[], Awaitable[Stop | None]]) -> Stop | None:
        """What ``call`` says; trouble is told once, and it is tried again at the next look."""
        try:
            with trio.fail_after(TARGET_DEADLINE):
                stop = await call()
        except trio.TooSlowError:
            await self._say(f"The target did not answer within {TARGET_DEADLINE:g} s.")
        except HaltpointError as error:
            self._client.take_note(error)
            await self._say(str(error))
            if self._client.probe_lost:
                raise SessionOver(str(error)) from None
        else:
            self._trouble = ""
            return stop
        return None

    async def _say(self, sentence: str) -> None:
        if sentence != self._trouble:
            log.warning("%s", sentence)
            await self._client.say(sentence + "\n")
        self._trouble = sentence
