"""The conversation over USB: a 16-byte command, at most one data phase, at most one answer, in strict order.

Nothing tags an answer, so one that is lost or left over would be taken for the next one. After any
trouble the conversation counts as out of step and is put in step again before the next command.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from ..errors import ProbeProtocolError, ProbeTimeoutError
from ..usb import StallError, UsbDevice
from . import commands
from .commands import Command
from .identity import IN_ENDPOINT, INTERFACE, Identity

__all__ = ["Transport"]

log = logging.getLogger(__name__)

# A target that is itself a USB device re-enumerates when it is halted, and the host's bus can stand
# still for 5 s meanwhile. A shorter patience would drop a valid answer.
TIMEOUT_MS = 6000
_FLUSH_TIMEOUT_MS = 1
_FLUSH_LIMIT = 64
_RESYNC_LIMIT = 3
_AFTER_RESET_SECONDS = 1.0


class Transport:
    """Commands to one ST-Link and its answers. Raises ProbeError and its kinds; ``sleep`` takes seconds."""

    def __init__(self, device: UsbDevice, identity: Identity, sleep: Callable[[float], None]) -> None:
        self.device = device
        self.identity = identity
        self._sleep = sleep
        self._version: bytes = b""
        self._in_step = False
        self._owes_data = False  # a command was sent whose data did not follow

    def open(self) -> bytes:
        """Claim the probe, drop what an earlier session left in its pipe, return its GET_VERSION answer."""
        self.device.open(INTERFACE)
        self._owes_data = False
        self._flush()
        self._in_step = True
        self._version = self.query(commands.GET_VERSION)
        return self._version

    def restart(self) -> bytes:
        """Reset the probe's USB port and open it again; it forgets half-received commands. Takes a second."""
        self.device.reset()
        self._sleep(_AFTER_RESET_SECONDS)
        self.device = self.device.find_again()
        return self.open()

    def close(self) -> None:
        """Release the probe."""
        self.device.close()

    def order(self, command: Command, data: bytes = b"") -> None:
        """Send a command that has no answer, and its data."""
        self._keep_step()
        self._in_step = False
        self._send(command, data)
        self._in_step = True

    def query(self, command: Command) -> bytes:
        """Send a command and return its answer, which has exactly the length the command defines."""
        self._keep_step()
        self._in_step = False
        self._send(command, b"")
        answer = self._receive(command)
        self._in_step = True
        return answer

    def _send(self, command: Command, data: bytes) -> None:
        endpoint = self.identity.out_endpoint
        try:
            self.device.write(endpoint, command.code, TIMEOUT_MS)
            if data:
                self._owes_data = True
                self.device.write(endpoint, data, TIMEOUT_MS)
                self._owes_data = False
        except StallError as error:
            raise self._refused(error, command, endpoint) from error
        if log.isEnabledFor(logging.DEBUG):
            log.debug("> %s %s%s", command.name, command.code.hex(), f" + {len(data)} bytes" if data else "")

    def _receive(self, command: Command) -> bytes:
        # Asking for less than the probe sends is an overflow error, so whole packets are asked for.
        packet = self.identity.packet
        room = -(-command.reply // packet) * packet
        try:
            answer = self.device.read(IN_ENDPOINT, room, TIMEOUT_MS)
        except StallError as error:
            raise self._refused(error, command, IN_ENDPOINT) from error
        if log.isEnabledFor(logging.DEBUG):
            log.debug(
                "< %s %s%s", command.name, answer[:16].hex(), f".. {len(answer)} bytes" if len(answer) > 16 else ""
            )
        if len(answer) != command.reply:
            raise ProbeProtocolError(
                f"Sending {command.name} to the {self.identity.name}",
                f"it answered with {len(answer)} bytes in place of {command.reply}",
                "Repeat it; if it comes back, unplug the probe and plug it in again.",
            )
        return answer

    def _refused(self, error: StallError, command: Command, endpoint: int) -> StallError:
        """A STALL, told with the command's name; the endpoint is usable again afterwards."""
        self.device.clear_halt(endpoint)
        return StallError(f"Sending {command.name} to the {self.identity.name}", error.seen, error.advice)

    def _keep_step(self) -> None:
        """Put the conversation in step again if an earlier command failed half-way."""
        if self._in_step:
            return
        # A probe that waits for data would take the next command for it, and write it to the target.
        if self._owes_data or not self._resynchronised():
            self.restart()

    def _resynchronised(self) -> bool:
        """Drop stale answers until the probe answers GET_VERSION with its version; False if it does not."""
        for _ in range(_RESYNC_LIMIT):
            try:
                self._flush()
                self._send(commands.GET_VERSION, b"")
                answer = self.device.read(IN_ENDPOINT, self.identity.packet, TIMEOUT_MS)
            except (ProbeTimeoutError, ProbeProtocolError) as error:
                log.debug("! getting in step: %s", error)
                return False
            # A late answer to the failed command may come first: only the known version proves the step.
            if answer == self._version:
                self._in_step = True
                return True
        return False

    def _flush(self) -> None:
        """Read and drop whatever the probe still wants to send."""
        for _ in range(_FLUSH_LIMIT):
            try:
                stale = self.device.read(IN_ENDPOINT, self.identity.packet, _FLUSH_TIMEOUT_MS)
            except ProbeTimeoutError:
                return
            log.debug("! dropped %d stale bytes", len(stale))
        raise ProbeProtocolError(
            f"Opening the {self.identity.name}",
            "it keeps sending data nobody asked for",
            "Unplug the probe and plug it in again.",
        )
