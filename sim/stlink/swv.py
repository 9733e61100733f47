"""The UART that an ST-Link listens to SWO with."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["TraceReceiver"]

ROOM = 4096  # bytes; what comes when they are taken is lost
TOLERANCE = 0.03  # a UART loses its bytes when the rates differ by more


class TraceReceiver:
    """Collects bytes between START_TRACE_RX and STOP_TRACE_RX; ``send`` puts them into the trace endpoint."""

    def __init__(self) -> None:
        self.send: Callable[[bytes], None] = lambda _data: None
        self._baud = 0
        self._bytes = bytearray()

    def start(self, baud: int) -> None:
        """Listen at ``baud``."""
        self._baud = baud
        self._bytes.clear()

    def stop(self) -> None:
        """Listen no more."""
        self._baud = 0
        self._bytes.clear()

    def hear(self, baud: float, data: bytes) -> None:
        """Take bytes from the line; at another rate they are noise, which is not modelled."""
        if self._baud and abs(baud - self._baud) <= TOLERANCE * self._baud:
            self._bytes += data[: ROOM - len(self._bytes)]

    def hand_over(self) -> int:
        """Offer what has come to the host; the number of bytes."""
        data = bytes(self._bytes)
        self._bytes.clear()
        if data:
            self.send(data)
        return len(data)
