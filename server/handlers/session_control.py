"""Features, acknowledgments, attach, detach, kill and restart."""

from __future__ import annotations

from ..client import Client
from ..packets import file_io, table
from ..packets import session_control as packets
from ..protocol import PACKET_SIZE
from ..replies import OK, SILENCE, Data, Failure, Reply, ReportStop
from ..stop_replies import exit_reply
from .base import handles

__all__: list[str] = []


@handles(packets.Supported)
async def supported(client: Client, packet: packets.Supported) -> Reply:
    """Remember what the client knows, say what we do."""
    client.features = packet.features
    return Data(table.features(client.target.capabilities, PACKET_SIZE).encode())


@handles(packets.StartNoAckMode)
async def start_no_ack_mode(client: Client, _packet: packets.StartNoAckMode) -> Reply:
    """The session makes the switch behind the OK, which is still acknowledged."""
    client.start_no_ack = True
    return OK


@handles(packets.SetNonStop)
async def set_non_stop(client: Client, packet: packets.SetNonStop) -> Reply:
    """From the next packet on; clients send it before they ask for the target's state."""
    client.non_stop = packet.enable
    return OK


@handles(packets.CtrlC)
async def ctrl_c(_client: Client, _packet: packets.CtrlC) -> Reply:
    """Where it stops the target, the session's mode has dealt with it."""
    return OK


@handles(packets.NextStop)
async def next_stop(_client: Client, _packet: packets.NextStop) -> Reply:
    """In all-stop mode there is none; in non-stop mode the session has dealt with it."""
    return OK


@handles(file_io.FileReply)
async def file_reply(_client: Client, _packet: file_io.FileReply) -> Reply:
    """Nobody asked."""
    return Failure("The answer to a file request came that had not been made.")


@handles(packets.ExtendedMode)
async def extended_mode(client: Client, _packet: packets.ExtendedMode) -> Reply:
    """The connection outlives kill and exit."""
    client.extended = True
    return OK


@handles(packets.HaltReason)
async def halt_reason(client: Client, _packet: packets.HaltReason) -> Reply:
    """A client that asks takes the target for stopped, so it is stopped, or shown as if it were.

    GDB asks after an exit, in extended mode, whether there is a program again; a chip that stands at its end has none.
    """
    if client.exited is not None:
        return Data(exit_reply(client.exited))
    return ReportStop(await client.target.show())


@handles(packets.Attach)
async def attach(client: Client, _packet: packets.Attach) -> Reply:
    """Whatever the process id: there is one core."""
    client.exited = None
    return ReportStop(await client.target.show())


@handles(packets.Detach)
async def detach(client: Client, _packet: packets.Detach) -> Reply:
    """Breakpoints out, the core runs; an extended connection stays for another attach."""
    await client.target.detach()
    return OK


@handles(packets.Kill)
async def kill(_client: Client, _packet: packets.Kill) -> Reply:
    """A chip cannot end: it stands until the connection closes or the client runs it anew."""
    return SILENCE


@handles(packets.KillProcess)
async def kill_process(client: Client, _packet: packets.KillProcess) -> Reply:
    """As ``k``; GDB sends it before vRun with a process id of its own invention."""
    await client.target.halt()
    return OK


@handles(packets.Run)
async def run(client: Client, _packet: packets.Run) -> Reply:
    """Reset, and stand at the first instruction."""
    client.exited = None
    stop = await client.target.reset(halt=True)
    if stop is None:
        return Failure("Running the program anew failed: the core did not stop at the reset vector.")
    return ReportStop(stop)


@handles(packets.Restart)
async def restart(client: Client, _packet: packets.Restart) -> Reply:
    """As vRun, but no reply is expected: GDB goes on to read the registers."""
    client.exited = None
    await client.target.reset(halt=True)
    return SILENCE
