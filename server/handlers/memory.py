"""Memory: ``m``, ``x``, ``M``, ``X``, checksums and searches. Works on a running core too."""

from __future__ import annotations

from ...probes.errors import AccessFaultError
from ..client import Client
from ..memory_scan import crc, find
from ..packets import memory as packets
from ..packets import queries
from ..protocol import PACKET_SIZE
from ..replies import OK, Data, Failure, Reply
from .base import handles

__all__: list[str] = []


async def _read(client: Client, address: int, length: int) -> bytes | Failure:
    """At most PACKET_SIZE bytes: a client takes a short answer and asks for the rest.

    Clients read around a zero pc, past the end of a stack and where nothing is; that is no event for a user.
    """
    try:
        return await client.target.read_memory(address, min(length, PACKET_SIZE))
    except AccessFaultError as error:
        return Failure(str(error), quiet=True)


@handles(packets.ReadMemory)
async def read_memory(client: Client, packet: packets.ReadMemory) -> Reply:
    """In hex digits."""
    data = await _read(client, packet.address, packet.length)
    return Data(data.hex().encode()) if isinstance(data, bytes) else data


@handles(packets.ReadMemoryBinary)
async def read_memory_binary(client: Client, packet: packets.ReadMemoryBinary) -> Reply:
    """Raw, behind the letter b."""
    data = await _read(client, packet.address, packet.length)
    return Data(b"b" + data) if isinstance(data, bytes) else data


@handles(packets.WriteMemory)
async def write_memory(client: Client, packet: packets.WriteMemory) -> Reply:
    """Answered when the bytes are there."""
    await client.target.write_memory(packet.address, packet.data)
    return OK


@handles(packets.WriteMemoryBinary)
async def write_memory_binary(client: Client, packet: packets.WriteMemoryBinary) -> Reply:
    """As M; no data is the question whether X is known, and touches nothing."""
    if packet.data:
        await client.target.write_memory(packet.address, packet.data)
    return OK


@handles(queries.Checksum)
async def checksum(client: Client, packet: queries.Checksum) -> Reply:
    """Of what the target holds now, read by the probe like anything else."""
    return Data(f"C{await crc(client.target, packet.address, packet.length):08x}".encode())


@handles(packets.SearchMemory)
async def search(client: Client, packet: packets.SearchMemory) -> Reply:
    """``1,ADDR`` of the first place, or ``0``."""
    found = await find(client.target, packet.address, packet.length, packet.pattern)
    return Data(b"0" if found is None else f"1,{found:x}".encode())
