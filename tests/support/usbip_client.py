"""A USB/IP client written from the protocol's description, sharing nothing with the server's codec."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio
import trio.testing

from haltpoint.sim.board import Board, open_board
from haltpoint.sim.serve import Served, ServeOptions, put_on_bus
from haltpoint.sim.usbip_server import Server

GET_VERSION = bytes([0xF1]).ljust(16, b"\0")
GET_MODE = bytes([0xF5]).ljust(16, b"\0")
ENTER_SWD = bytes([0xF2, 0x30, 0xA3]).ljust(16, b"\0")
VERSION_V2J37M26 = bytes.fromhex("295a83044b37")

OUT, IN = 1, 0x81  # endpoints of a V2-1


def word(number: int) -> bytes:
    return number.to_bytes(4, "big")


def operation(code: int, payload: bytes = b"", version: int = 0x0111) -> bytes:
    return version.to_bytes(2, "big") + code.to_bytes(2, "big") + word(0) + payload


def list_request() -> bytes:
    return operation(0x8005)


def import_request(busid: str) -> bytes:
    return operation(0x8003, busid.encode().ljust(32, b"\0"))


def submit(
    seqnum: int,
    endpoint: int,
    length: int,
    data: bytes = b"",
    *,
    setup: bytes = bytes(8),
    devid: int = 0,
    flags: int = 0,
) -> bytes:
    direction = endpoint >> 7
    head = [1, seqnum, devid, direction, endpoint & 0xF, flags, length, 0, 0, 0]
    return b"".join(map(word, head)) + setup + data


def unlink(seqnum: int, victim: int, devid: int = 0) -> bytes:
    return b"".join(map(word, [2, seqnum, devid, 0, 0, victim])) + bytes(24)


@dataclass(frozen=True)
class Returned:
    """RET_SUBMIT (3) or RET_UNLINK (4)."""

    command: int
    seqnum: int
    status: int
    actual: int
    data: bytes


@dataclass
class UsbipClient:
    """One connection."""

    stream: trio.abc.Stream
    devid: int = 0
    seqnum: int = 0
    directions: dict[int, int] = field(default_factory=dict)
    _bytes: bytearray = field(default_factory=bytearray)

    async def exactly(self, count: int) -> bytes:
        while len(self._bytes) < count:
            more = await self.stream.receive_some(65536)
            if not more:
                raise EOFError(f"{len(self._bytes)} of {count} bytes came")
            self._bytes += more
        taken = bytes(self._bytes[:count])
        del self._bytes[:count]
        return taken

    async def at_end(self) -> bool:
        """Whether the server has closed the connection, with nothing left to read."""
        return not self._bytes and not await self.stream.receive_some(1)

    async def devices(self) -> list[tuple[str, int, int, int]]:
        """(busid, devnum, vendor, product) of the device list."""
        await self.stream.send_all(list_request())
        head = await self.exactly(12)
        assert head[:8] == bytes.fromhex("0111000500000000")
        found = []
        for _ in range(int.from_bytes(head[8:], "big")):
            record = await self.exactly(312)
            await self.exactly(4 * record[311])
            busid = record[256:288].rstrip(b"\0").decode()
            devnum, vendor, product = (
                int.from_bytes(record[at : at + size], "big") for at, size in ((292, 4), (300, 2), (302, 2))
            )
            found.append((busid, devnum, vendor, product))
        return found

    async def attach(self, busid: str = "1-1") -> int:
        """Import a device; the reply's status."""
        await self.stream.send_all(import_request(busid))
        head = await self.exactly(8)
        assert head[:4] == bytes.fromhex("01110003")
        status = int.from_bytes(head[4:], "big")
        if not status:
            record = await self.exactly(312)
            bus, device = int.from_bytes(record[288:292], "big"), int.from_bytes(record[292:296], "big")
            self.devid = bus << 16 | device
        return status

    async def submit(
        self, endpoint: int, length: int = 0, data: bytes = b"", *, setup: bytes = bytes(8), flags: int = 0
    ) -> int:
        """Send CMD_SUBMIT; its sequence number."""
        self.seqnum += 1
        self.directions[self.seqnum] = endpoint >> 7
        await self.stream.send_all(
            submit(self.seqnum, endpoint, length or len(data), data, setup=setup, devid=self.devid, flags=flags)
        )
        return self.seqnum

    async def unlink(self, victim: int) -> int:
        self.seqnum += 1
        await self.stream.send_all(unlink(self.seqnum, victim, self.devid))
        return self.seqnum

    async def returned(self) -> Returned:
        head = await self.exactly(48)
        fields = [int.from_bytes(head[at : at + 4], "big", signed=True) for at in range(0, 28, 4)]
        command, seqnum, devid, direction, endpoint, status, actual = fields
        assert (devid, direction, endpoint) == (0, 0, 0)
        data = b""
        if command == 3 and self.directions.get(seqnum):
            data = await self.exactly(actual)
        return Returned(command, seqnum, status, actual if command == 3 else 0, data)

    async def out(self, data: bytes, endpoint: int = OUT) -> Returned:
        await self.submit(endpoint, data=data)
        return await self.returned()

    async def read(self, length: int = 64, endpoint: int = IN) -> Returned:
        await self.submit(endpoint, length)
        return await self.returned()

    async def ask(self, command: bytes) -> bytes:
        """Carry one probe command and its reply."""
        assert (await self.out(command)).status == 0
        return (await self.read()).data

    async def control(self, kind: int, request: int, value: int, index: int, length: int = 0) -> Returned:
        setup = bytes([kind, request]) + b"".join(n.to_bytes(2, "little") for n in (value, index, length))
        await self.submit(kind & 0x80, length, setup=setup)
        return await self.returned()

    async def aclose(self) -> None:
        await self.stream.aclose()


@dataclass
class UsbipBench:
    """A server without a socket."""

    server: Server
    served: Sequence[Served]
    nursery: trio.Nursery
    lines: list[str]

    @property
    def board(self) -> Board:
        return self.served[0].board

    async def connect(self) -> UsbipClient:
        ours, theirs = trio.testing.memory_stream_pair()
        self.nursery.start_soon(self.server.serve, theirs)
        return UsbipClient(ours)

    async def attached(self, busid: str = "1-1") -> UsbipClient:
        client = await self.connect()
        assert await client.attach(busid) == 0
        return client


@asynccontextmanager
async def usbip_bench(*selectors: str, pause: float = 1.0, pace: bool = False) -> AsyncIterator[UsbipBench]:
    options = ServeOptions(boards=selectors or ("sim:stm32f103c8",), pause=pause, pace=pace)
    lines: list[str] = []
    served = put_on_bus([open_board(selector) for selector in options.boards], options, lines.append)
    server = Server([one.export for one in served])
    async with trio.open_nursery() as nursery:
        for export in server.exports:
            export.pacing.answered()
            if pace:
                nursery.start_soon(export.keep_pace)
        yield UsbipBench(server, served, nursery, lines)
        nursery.cancel_scope.cancel()
