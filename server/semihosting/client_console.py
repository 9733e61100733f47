"""A program's output as text for the client's console."""

from __future__ import annotations

from ..client import Client
from .arguments import Buffer
from .terminal import Decoder, Terminal

__all__ = ["ClientConsole"]


class ClientConsole:
    """Shows output in the client's console while that is open; in non-stop mode, which has none, on the terminal."""

    def __init__(self, client: Client, terminal: Terminal) -> None:
        self._client = client
        self._terminal = terminal
        self._decoder = Decoder()

    async def write(self, stream: int, buffer: Buffer) -> int:
        """All of ``buffer``."""
        for chunk in buffer.chunks():
            data = await chunk.load()
            if not self._client.console_open:
                self._terminal.write(stream, data)
            elif text := self._decoder.text(stream, data):
                await self._client.say(text)
        return buffer.length
