"""A program's output as text for the client's console."""

from __future__ import annotations

import codecs

from ..client import Client
from .arguments import Buffer
from .host import CONSOLE

__all__ = ["ClientConsole", "Decoder"]


class Decoder:
    """Bytes of the console streams as text: a character may come in two writes."""

    def __init__(self) -> None:
        self._decoders = {stream: codecs.getincrementaldecoder("utf-8")("replace") for stream in CONSOLE}

    def text(self, stream: int, data: bytes) -> str:
        """What can be shown by now."""
        return self._decoders[stream].decode(data)


class ClientConsole:
    """Shows output while the program runs; in non-stop mode, which has no console, whole lines at the next chance."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._decoder = Decoder()

    async def write(self, stream: int, buffer: Buffer) -> int:
        """All of ``buffer``."""
        for chunk in buffer.chunks():
            text = self._decoder.text(stream, await chunk.load())
            if text:
                await self._client.say(text)
        return buffer.length
