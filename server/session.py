"""One client from connect to goodbye: packets in, handlers asked, replies and stops out.

Two tasks. One receives (see ``line``). The other takes what came in order and, while the client is to hear
of the next stop, looks at the target in between:

- ``answers``      one reply for every packet, in time
- ``watch``        looks at the running target
- ``run_control``  what becomes of a stop; ``all_stop`` and ``non_stop`` are the protocol's two modes
- ``intercept``    who may deal with a stop before the client hears of it

Whatever ends the session, the target is let go: breakpoints out, catches cleared, running.
"""

from __future__ import annotations

import logging

import trio

from ..probes.errors import HaltpointError
from .all_stop import AllStop
from .answers import Answers
from .client import Client
from .line import Line, SessionOver
from .non_stop import NonStop
from .protocol import Event
from .run_control import RunControl, State
from .target import Target
from .watch import Watch

__all__ = ["GOODBYE_DEADLINE", "Session"]

log = logging.getLogger(__name__)

GOODBYE_DEADLINE = 5.0
"""Seconds to let the target go at the end."""


class Session:
    """One client's session. ``run`` returns when it is over and never raises for what the client did."""

    def __init__(self, stream: trio.abc.Stream | Line, target: Target) -> None:
        """A ``Line`` receives already, and goes on with it; for a stream the session sees to that."""
        self._receives = isinstance(stream, Line)
        self._line = stream if isinstance(stream, Line) else Line(stream)
        self._target = target
        self._over = False
        self._client = Client(target, self._line.say, interceptors=list(target.interceptors))
        self._watch = Watch(self._client)
        parts = self._line, self._client, Answers(self._line, self._client), self._watch
        self._all_stop = AllStop(*parts)
        self._non_stop = NonStop(*parts)
        self._client.exchange = self._all_stop.exchange

    @property
    def probe_lost(self) -> bool:
        """Afterwards: the probe has to be opened anew."""
        return self._client.probe_lost

    @property
    def leaving(self) -> bool:
        """The client is gone or about to go, and what was done to the target for it is being undone."""
        return self._over or self._target.rewriting

    @property
    def _control(self) -> RunControl:
        return self._non_stop if self._client.non_stop else self._all_stop

    async def run(self) -> None:
        """Serve until the client leaves; the target is let go in any case, also when cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                if not self._receives:
                    nursery.start_soon(self._line.receive)
                try:
                    await self._serve()
                except SessionOver as why:
                    log.debug("= session over: %s", why)
                nursery.cancel_scope.cancel()
        finally:
            self._over = True
            with trio.CancelScope(shield=True, deadline=trio.current_time() + GOODBYE_DEADLINE):
                await self._let_go()
                await self._line.close()

    async def _serve(self) -> None:
        while True:
            event = await self._next_event()
            if event is not None:
                await self._control.receive(event)
            if self._control.state is State.RUNS and trio.current_time() >= self._watch.due:
                await self._look()

    async def _look(self) -> None:
        try:
            stop = await self._watch.look()
        except SessionOver as over:
            await self._control.lost(str(over))
            raise
        if stop is not None:
            await self._control.stopped(stop)

    async def _next_event(self) -> Event | None:
        """What the client said; None when the target is to be looked at first."""
        if self._control.state is State.RUNS:
            return await self._line.event_before(self._watch.due)
        return await self._line.next_event()

    async def _let_go(self) -> None:
        if self.probe_lost:
            return
        try:
            await self._target.detach()
        except HaltpointError as error:
            log.error("Letting the target go at the end of the session: %s", error)  # noqa: TRY400 - a sentence
