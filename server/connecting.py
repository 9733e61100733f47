"""Connecting to a core whose program may keep it out of reach: asleep without a clock, or with the debug pins taken."""

from __future__ import annotations

import logging
from typing import Protocol

from ..arm.core import ConnectMode
from ..probes.errors import LinkError, TargetError, TargetPowerError

__all__ = ["connect"]

log = logging.getLogger(__name__)


class Connectable(Protocol):
    """What of a core is needed here."""

    @property
    def notices(self) -> list[str]:
        """Sentences for the user."""
        ...

    async def connect(self, mode: ConnectMode) -> None:
        """Switch halting debug on."""
        ...


async def connect(core: Connectable, mode: ConnectMode) -> None:
    """As ``core.connect``, but a core that does not let itself be reached is held in reset for it, which is said.

    Where that does not help, or there is no supply, what is raised is what the first attempt raised.
    """
    try:
        await core.connect(mode)
    except TargetPowerError:
        raise
    except (LinkError, TargetError) as error:
        if mode is ConnectMode.UNDER_RESET:
            raise
        try:
            await core.connect(ConnectMode.UNDER_RESET)
        except (LinkError, TargetError) as second:
            log.info("Connecting under reset did not help: %s", second)
            raise error from None
        sentence = (
            f"{error.attempt} failed while the program ran: {error.seen}. The chip was reset to get hold of it, and "
            "stands at its first instruction."
        )
        log.warning("%s", sentence)
        core.notices.append(sentence)
