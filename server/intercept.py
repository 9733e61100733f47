"""What happens between the core's stop and the client's stop reply.

Some stops are none of the user's business: a breakpoint whose condition is false, a semihosting call.
Whoever deals with such stops is an Interceptor in ``Client.interceptors``; the session asks them in order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from ..arm.stop import Stop

if TYPE_CHECKING:
    from .client import Client

__all__ = ["Exited", "Interceptor", "Outcome", "intercepted"]


@dataclass(frozen=True, slots=True)
class Exited:
    """The program has ended; the client gets ``W`` with this exit status (its low eight bits)."""

    code: int


Outcome: TypeAlias = Stop | Exited | None


class Interceptor(Protocol):
    """One who may deal with a stop before the client hears of it."""

    async def intercept(self, client: Client, stop: Stop) -> Outcome:
        """``stop`` itself, at once and without a transfer, when it is none of this interceptor's concern.

        None: it was dealt with, and the session now does again what the client had asked for: the core
        runs on, or a step is completed (an instruction that is a BKPT of the program's own is passed over by
        both). Another Stop: it goes to the next interceptor and to the client at last. HaltpointError: its
        sentence is said and ``stop`` is reported.
        """
        ...


async def intercepted(client: Client, stop: Stop) -> Outcome:
    """What the interceptors of ``client`` make of a stop."""
    for interceptor in client.interceptors:
        outcome = await interceptor.intercept(client, stop)
        if not isinstance(outcome, Stop):
            return outcome
        stop = outcome
    return stop
