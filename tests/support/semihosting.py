"""A program that does nothing but semihosting, on a simulated board, behind a whole server with a client of ours.

The program walks through a table in RAM: number, parameter, result, until it exits. The client plays GDB: it
answers File-I/O from a dictionary and moves the bytes by memory packets, as GDB does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import trio
import trio.testing

from haltpoint.arm.core import ConnectMode
from haltpoint.arm.memory import InlineExecutor
from haltpoint.probes.discovery import UsbHost, list_probes, open_probe
from haltpoint.server.board import BoardOptions, BoardTarget
from haltpoint.server.semihosting.service import SemihostingOptions
from haltpoint.server.session import Session
from haltpoint.sim.board import Board, open_board
from support.rsp_client import RspClient
from support.thumb import Asm

__all__ = ["BKPT", "BLOCKS", "CHUNK", "DATA", "EXIT", "FTDI", "STLINK", "FakeGdb", "Program", "on_semihosting_board"]

FLASH, RAM = 0x0800_0000, 0x2000_0000
ENTRY = FLASH + 0x100
TABLE, BLOCKS, DATA, STACK = RAM, RAM + 0x1000, RAM + 0x2000, RAM + 0x5000
BKPT = ENTRY + 12
STLINK = "sim:stm32f103c8"
FTDI = f"{STLINK},probe=ft2232h,wire=swd"
EXIT = (0x18, 0x20026)
CHUNK = 0x400


def walker() -> bytes:
    asm = Asm(ENTRY).load(4, TABLE).label("next").ldr(0, 4).ldr(1, 4, 4).bkpt(0xAB)
    assert asm.here == BKPT + 2
    return asm.str_(0, 4, 8).adds(4, 12).b("next").assemble()


@dataclass
class Program:
    """Operations in the making. ``text``, ``block`` and ``space`` put data into RAM and return its address."""

    calls: list[tuple[int, int]] = field(default_factory=list)
    memory: dict[int, bytes] = field(default_factory=dict)
    _free: int = DATA
    _block: int = BLOCKS

    def text(self, content: bytes) -> int:
        address = self._free
        self.memory[address] = content
        self._free += (len(content) + 7) & ~3
        return address

    def space(self, length: int) -> int:
        return self.text(bytes(length))

    def block(self, *words: int) -> int:
        address = self._block
        self.memory[address] = b"".join((word & 0xFFFF_FFFF).to_bytes(4, "little") for word in words)
        self._block += 4 * len(words)
        return address

    def call(self, number: int, parameter: int = 0) -> int:
        """Add an operation; its index among the results."""
        self.calls.append((number, parameter))
        return len(self.calls) - 1

    def with_block(self, number: int, *words: int) -> int:
        return self.call(number, self.block(*words))

    def open(self, name: bytes, mode: int) -> int:
        return self.with_block(0x01, self.text(name + b"\0"), mode, len(name))

    def write(self, handle: int, data: bytes) -> int:
        return self.with_block(0x05, handle, self.text(data), len(data))

    def read(self, handle: int, length: int) -> tuple[int, int]:
        """The index of the result, and where the bytes will be."""
        buffer = self.space(length)
        return self.with_block(0x06, handle, buffer, length), buffer


@dataclass
class FakeGdb:
    """The client's end, and what GDB would have on its machine."""

    client: RspClient
    board: Board
    files: dict[str, bytearray] = field(default_factory=dict)
    typed: bytes = b""
    output: bytearray = field(default_factory=bytearray)
    open: dict[int, tuple[str, int]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    answer: Callable[[str], bytes | None] = lambda _request: None
    """May answer a request in another way than usual."""

    async def read(self, address: int, length: int) -> bytes:
        data = b""
        while len(data) < length:
            size = min(CHUNK, length - len(data))
            data += bytes.fromhex((await self.client.ask(b"m%x,%x" % (address + len(data), size))).decode())
        return data

    async def write(self, address: int, data: bytes) -> None:
        for at in range(0, len(data), CHUNK):
            part = data[at : at + CHUNK]
            assert await self.client.ask(b"M%x,%x:%s" % (address + at, len(part), part.hex().encode())) == b"OK"

    async def load(self, program: Program) -> None:
        table = b"".join(
            number.to_bytes(4, "little") + (parameter & 0xFFFF_FFFF).to_bytes(4, "little") + b"\xee" * 4
            for number, parameter in [*program.calls, EXIT]
        )
        for address, content in {TABLE: table, **program.memory}.items():
            await self.write(address, content)

    async def run(self, program: Program) -> list[int]:
        """Load it, run it to its exit; the results of its operations."""
        await self.load(program)
        stop = await self.go()
        assert stop == b"W00", stop
        return await self.results(program)

    async def results(self, program: Program) -> list[int]:
        table = await self.read(TABLE, 12 * len(program.calls))
        return [int.from_bytes(table[at + 8 : at + 12], "little") for at in range(0, len(table), 12)]

    async def go(self, packet: bytes = b"vCont;c") -> bytes:
        """Continue; the stop reply, files served meanwhile."""
        reply = await self.client.ask(packet)
        while reply[:1] == b"F":
            reply = await self.client.ask(await self._serve(reply[1:].decode()))
        return reply

    async def notification(self) -> bytes:
        """The next notification; others are not looked at."""
        while b"%" not in self.client.buffer or b"#" not in self.client.buffer.split(b"%")[1]:
            self.client.buffer += await self.client.stream.receive_some()
        _, rest = self.client.buffer.split(b"%", 1)
        body, self.client.buffer = rest.split(b"#", 1)
        self.client.buffer = self.client.buffer[2:]
        return body

    async def _serve(self, request: str) -> bytes:
        self.requests.append(request)
        other = self.answer(request)
        if other is not None:
            return other
        name, *arguments = request.split(",")
        result = await getattr(self, f"_{name}")(*arguments)
        return b"F-1,%x" % -result if result < 0 else b"F%x" % result

    async def _name(self, text: str) -> str:
        address, length = (int(part, 16) for part in text.split("/"))
        raw = await self.read(address, length)
        assert raw.endswith(b"\0"), "the length of a string counts its NUL"
        return raw[:-1].decode()

    async def _open(self, name: str, flags: str, _mode: str) -> int:
        path = await self._name(name)
        if path not in self.files:
            if not int(flags, 16) & 0x200:
                return -2
            self.files[path] = bytearray()
        if int(flags, 16) & 0x400:
            self.files[path].clear()
        descriptor = 3 + len(self.open)
        self.open[descriptor] = path, len(self.files[path]) if int(flags, 16) & 8 else 0
        return descriptor

    async def _close(self, descriptor: str) -> int:
        return 0 if self.open.pop(int(descriptor, 16), None) else -9

    async def _write(self, descriptor: str, address: str, length: str) -> int:
        data = await self.read(int(address, 16), int(length, 16))
        number = int(descriptor, 16)
        if number in {1, 2}:
            self.output += data
            return len(data)
        path, position = self.open[number]
        self.files[path][position : position + len(data)] = data
        self.open[number] = path, position + len(data)
        return len(data)

    async def _read(self, descriptor: str, address: str, length: str) -> int:
        number = int(descriptor, 16)
        if number == 0:
            data, self.typed = self.typed[: int(length, 16)], self.typed[int(length, 16) :]
        else:
            path, position = self.open[number]
            data = bytes(self.files[path][position : position + int(length, 16)])
            self.open[number] = path, position + len(data)
        if data:
            await self.write(int(address, 16), data)
        return len(data)

    async def _lseek(self, descriptor: str, offset: str, origin: str) -> int:
        if int(descriptor, 16) not in self.open:
            return -29
        path, position = self.open[int(descriptor, 16)]
        position = int(offset, 16) + (0, position, len(self.files[path]))[int(origin, 16)]
        self.open[int(descriptor, 16)] = path, position
        return position

    async def _isatty(self, descriptor: str) -> int:
        return int(int(descriptor, 16) < 3)

    async def _unlink(self, name: str) -> int:
        return 0 if self.files.pop(await self._name(name), None) is not None else -2

    async def _rename(self, old: str, new: str) -> int:
        self.files[await self._name(new)] = self.files.pop(await self._name(old))
        return 0

    async def _system(self, command: str) -> int:
        return len(await self._name(command))


def on_semihosting_board(
    scenario: Callable[[FakeGdb], Awaitable[None]],
    options: SemihostingOptions,
    *,
    selector: str = STLINK,
    code: bytes = b"",
    packets: Sequence[bytes] = (),
) -> None:
    """Run ``scenario`` in a session; the core stands at the program's first instruction. ``packets`` come first."""
    board = open_board(selector)
    vectors = [STACK, ENTRY | 1, *[ENTRY | 1] * 14]
    board.write_flash(FLASH, b"".join(word.to_bytes(4, "little") for word in vectors))
    board.write_flash(ENTRY, code or walker())
    board.machine.system_reset()
    host = UsbHost(board.backend, board.sleep)
    kind, *_ = list_probes(host)[0].selector.split(":")

    async def main() -> None:
        source = BoardTarget(
            lambda: open_probe(kind, host),
            InlineExecutor(),
            BoardOptions(mode=ConnectMode.UNDER_RESET, semihosting=options),
        )
        ours, theirs = trio.testing.memory_stream_pair()
        try:
            session = Session(theirs, await source.acquire())
            async with trio.open_nursery() as nursery:
                nursery.start_soon(session.run)
                async with ours:
                    client = RspClient(ours)
                    for packet in packets:
                        await client.ask(packet)
                    await scenario(FakeGdb(client, board))
        finally:
            await source.close()

    trio.run(main, clock=board.trio_clock())
