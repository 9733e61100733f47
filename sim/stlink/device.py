"""The ST-Link as a USB device: 16-byte commands in, data phases, replies out."""

from __future__ import annotations

from collections.abc import Callable

from ..usb import UsbDevice, UsbFailure, UsbReason
from .commands import DEBUG_FAMILY, Command, debug_commands, top_commands
from .memory import DataPhase
from .state import Mode, ProbeState, Status

__all__ = ["StLink"]

COMMAND = 16
REPLY = 0x81


class StLink(UsbDevice):
    """A probe on the bus. What its firmware remembers is in ``state``."""

    def __init__(self, state: ProbeState) -> None:
        identity = state.identity
        super().__init__(identity.descriptor(), state.wire.machine.clock, identity.timing.usb)
        self.state = state
        state.trace.send = lambda data: self.send(state.identity.trace, data)
        self._top = top_commands(state)
        self._debug = debug_commands(state)
        self._phase: DataPhase | None = None
        self._data = bytearray()
        self.on_command: Callable[[bytes], None] = _ignore

    @property
    def expects_data(self) -> bool:
        """True while the data that a command announced is not complete."""
        return self._phase is not None

    def knows(self, command: bytes) -> bool:
        """Report whether this firmware has the command."""
        return command[1] in self._debug if command[0] == DEBUG_FAMILY else command[0] in self._top

    def on_out(self, endpoint: int, data: bytes) -> None:
        """Take a command, or a part of the data that a command announced."""
        if endpoint != self.state.identity.out:
            raise UsbFailure(UsbReason.IO)
        if self._phase is not None:
            self._take_data(data)
        elif len(data) == COMMAND:
            self.on_command(data)
            self._carry_out(data)
        else:
            self.stall(endpoint)

    def on_reset(self) -> None:
        """A USB reset drops half-received data; plugging in starts the boot loader."""
        self._phase = None
        self._data.clear()

    def plug(self) -> None:
        """See UsbDevice: the probe was without power in between."""
        if not self.plugged:
            self.state.wire.disconnect()
            self.state.reset()
            self.state.mode = Mode.DFU
        super().plug()

    def _take_data(self, data: bytes) -> None:
        phase = self._phase
        assert phase is not None
        self._data += data
        if len(self._data) < phase.length:
            return
        collected, excess = bytes(self._data[: phase.length]), len(self._data) > phase.length
        self._phase = None
        self._data.clear()
        if excess:
            self.stall(self.state.identity.out)
            return
        self._answer(phase.then(collected))

    def _carry_out(self, data: bytes) -> None:
        command = self._debug.get(data[1]) if data[0] == DEBUG_FAMILY else self._top.get(data[0])
        try:
            outcome = self._run(command, data)
        except UsbFailure:
            self.stall(REPLY)
            return
        if isinstance(outcome, DataPhase):
            self._phase = outcome
        else:
            self._answer(outcome)

    def _run(self, command: Command | None, data: bytes) -> bytes | DataPhase | None:
        state = self.state
        if command is None:
            if state.quirks.stall_unknown:
                raise UsbFailure(UsbReason.STALL)
            return state.word(Status.UNKNOWN_COMMAND)
        if data[0] == DEBUG_FAMILY and not command.anywhere and state.mode is not Mode.DEBUG:
            return state.word(Status.COMMAND_WAIT)
        return command.handler(state, data)

    def _answer(self, reply: bytes | None) -> None:
        if reply:
            self.send(REPLY, reply)


def _ignore(_command: bytes) -> None:
    return
