"""How a handler is found: by the type of the packet it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar, cast

from ..client import Client
from ..packets.base import Packet
from ..replies import Reply

__all__ = ["HANDLERS", "Handler", "handles"]

P = TypeVar("P", bound=Packet)
Handler: TypeAlias = Callable[[Client, P], Awaitable[Reply]]

HANDLERS: dict[type[Packet], Handler[Packet]] = {}
"""Filled by the modules of this folder; ``handlers/__init__`` imports them all."""


def handles(kind: type[P]) -> Callable[[Handler[P]], Handler[P]]:
    """Declare the decorated coroutine function the handler of ``kind``."""

    def declare(handler: Handler[P]) -> Handler[P]:
        assert kind not in HANDLERS
        HANDLERS[kind] = cast("Handler[Packet]", handler)
        return handler

    return declare
