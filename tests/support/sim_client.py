"""A minimal ST-Link client over real pyusb, written from the protocol and used only to look at the simulator."""

from __future__ import annotations

from typing import Any

import usb.core

from haltpoint.sim.board import Board, open_board

OK = 0x80


class Client:
    """Sends commands and reads replies, believing nothing."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.device: Any = usb.core.find(backend=board.backend)
        self.out = board.stlink.state.identity.out
        self.room = board.stlink.state.identity.packet

    def command(self, *code: int, reply: int = 0, data: bytes = b"", timeout: int = 1000) -> bytes:
        self.device.write(self.out, bytes(code).ljust(16, b"\0"), timeout)
        if data:
            self.device.write(self.out, data, timeout)
        if not reply:
            return b""
        return bytes(self.device.read(0x81, max(reply, self.room), timeout))

    def debug(self, *code: int, reply: int = 0, data: bytes = b"") -> bytes:
        return self.command(0xF2, *code, reply=reply, data=data)

    def enter(self, protocol: int = 0xA3) -> int:
        self.command(0xF3, 0x07)
        return self.debug(0x30, protocol, reply=2)[0]

    def read_register(self, address: int) -> tuple[int, int]:
        answer = self.debug(0x36, *address.to_bytes(4, "little"), reply=8)
        return answer[0], int.from_bytes(answer[4:8], "little")

    def write_register(self, address: int, value: int) -> int:
        return self.debug(0x35, *address.to_bytes(4, "little"), *value.to_bytes(4, "little"), reply=2)[0]

    def read(self, address: int, length: int, code: int = 0x07, ap: int = 0) -> bytes:
        return self.debug(code, *address.to_bytes(4, "little"), *length.to_bytes(2, "little"), ap, reply=length)

    def write(self, address: int, data: bytes, code: int = 0x08, ap: int = 0) -> int:
        self.debug(code, *address.to_bytes(4, "little"), *len(data).to_bytes(2, "little"), ap, data=data)
        return self.status()[0]

    def status(self) -> tuple[int, int]:
        answer = self.debug(0x3E, reply=12)
        return answer[0], int.from_bytes(answer[4:8], "little")


def entered(options: str = "", chip: str = "stm32f103c8") -> Client:
    """Return a client of a fresh board whose probe is in SWD debug mode."""
    client = Client(open_board(f"sim:{chip}{options and ','}{options}"))
    assert client.enter() == OK
    return client
