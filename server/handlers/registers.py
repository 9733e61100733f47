"""Registers: ``g``, ``G``, ``p``, ``P``. A running core's registers are not available, which is said by ``x``."""

from __future__ import annotations

from ..client import Client
from ..description import GENERAL, RegisterSpec
from ..packets import registers as packets
from ..replies import OK, Data, Failure, Reply
from .base import handles

__all__: list[str] = []


def _text(spec: RegisterSpec, value: bytes | None) -> bytes:
    return b"x" * (2 * spec.size) if value is None else value.hex().encode()


@handles(packets.ReadRegisters)
async def read_registers(client: Client, _packet: packets.ReadRegisters) -> Reply:
    """All registers of the stop snapshot, in the order of the target description."""
    return Data(b"".join(_text(spec, value) for spec, value in await client.target.read_general()))


@handles(packets.WriteRegisters)
async def write_registers(client: Client, packet: packets.WriteRegisters) -> Reply:
    """As many registers as data came for; what is not whole registers is refused before anything is written."""
    if len(packet.data) % 4 or len(packet.data) > 4 * len(GENERAL):
        return Failure(f"Writing the registers failed: {len(packet.data)} bytes are not the registers of 'g'.")
    for index in range(len(packet.data) // 4):
        value = int.from_bytes(packet.data[4 * index : 4 * index + 4], "little")
        await client.target.write_register(GENERAL[index], value)
    return OK


@handles(packets.ReadRegister)
async def read_register(client: Client, packet: packets.ReadRegister) -> Reply:
    """One register by its number in the target description."""
    spec = client.target.register(packet.number)
    if spec is None:
        return Failure(f"Reading register {packet.number} failed: the target has no such register.", quiet=True)
    return Data(_text(spec, await client.target.read_register(spec)))


@handles(packets.WriteRegister)
async def write_register(client: Client, packet: packets.WriteRegister) -> Reply:
    """One register by its number in the target description; LLDB pads narrow ones to 32 bits."""
    spec = client.target.register(packet.number)
    if spec is None:
        return Failure(f"Writing register {packet.number} failed: the target has no such register.")
    value = int.from_bytes(packet.data, "little")
    if not spec.size <= len(packet.data) <= max(4, spec.size) or value > spec.mask:
        return Failure(f"Writing register {spec.name} failed: it has {spec.bits} bits, {packet.data.hex()} was sent.")
    await client.target.write_register(spec, value)
    return OK
