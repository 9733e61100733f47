"""Resume and step."""

from __future__ import annotations

from ..client import Client
from ..packets import resume as packets
from ..replies import OK, RUNNING, Data, Reply, ReportStop
from .base import handles

__all__: list[str] = []


@handles(packets.ResumeActions)
async def resume_actions(_client: Client, _packet: packets.ResumeActions) -> Reply:
    """GDB drops vCont altogether unless both c and C are there."""
    return Data(b"vCont;c;C;s;S;t;r")


@handles(packets.Resume)
async def resume(client: Client, packet: packets.Resume) -> Reply:
    """An action that names no thread of ours changes nothing."""
    if packet.action is packets.Action.CONTINUE:
        return await _continue(client, None)
    if packet.action is packets.Action.STEP:
        return await _step(client, None)
    if packet.range is not None:
        await client.target.step_range(*packet.range)
        return RUNNING
    if packet.action is packets.Action.STOP:
        return ReportStop(await client.target.show(), interrupted=True)
    return OK


@handles(packets.ContinueAt)
async def continue_at(client: Client, packet: packets.ContinueAt) -> Reply:
    """``c``."""
    return await _continue(client, packet.address)


@handles(packets.ContinueWithSignal)
async def continue_with_signal(client: Client, packet: packets.ContinueWithSignal) -> Reply:
    """``C``: a chip takes no signals."""
    return await _continue(client, packet.address)


@handles(packets.StepAt)
async def step_at(client: Client, packet: packets.StepAt) -> Reply:
    """``s``."""
    return await _step(client, packet.address)


@handles(packets.StepWithSignal)
async def step_with_signal(client: Client, packet: packets.StepWithSignal) -> Reply:
    """``S``: a chip takes no signals."""
    return await _step(client, packet.address)


async def _continue(client: Client, address: int | None) -> Reply:
    client.report_without_step = False
    await client.target.resume(address)
    return RUNNING


async def _step(client: Client, address: int | None) -> Reply:
    if client.report_without_step:
        client.report_without_step = False
        return ReportStop(await client.target.halt())
    return ReportStop(await client.target.step(address))
