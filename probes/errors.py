"""The error tree. Each error says who is at fault and reads as a sentence a user can act on.

HaltpointError
├── ProbeError     the probe or its USB connection
│   ├── NoProbeError, ProbeBusyError, ProbePermissionError, ProbeGoneError
│   ├── ProbeTimeoutError      a transfer did not finish
│   └── ProbeProtocolError     the probe said something it must not say, or refused a command
├── LinkError      the wire between probe and target
│   ├── NoTargetError          nothing answers on the wire
│   ├── TargetPowerError       the target has no power
│   └── WaitError              the target kept answering WAIT
├── TargetError    the target refused or misbehaved
│   ├── AccessFaultError       a bus access faulted; knows the address
│   └── PollTimeoutError       a register never took the awaited value
├── ImageError     the file to be programmed
└── UserError      a selector, chip name, option or command that cannot be
"""

from __future__ import annotations

__all__ = [
    "AccessFaultError",
    "HaltpointError",
    "ImageError",
    "LinkError",
    "NoProbeError",
    "NoTargetError",
    "PollTimeoutError",
    "ProbeBusyError",
    "ProbeError",
    "ProbeGoneError",
    "ProbePermissionError",
    "ProbeProtocolError",
    "ProbeTimeoutError",
    "TargetError",
    "TargetPowerError",
    "UserError",
    "WaitError",
]


class HaltpointError(Exception):
    """Root of all errors that Haltpoint raises on purpose.

    ``attempt`` is what was tried and where ("Reading 4 bytes at 0x20000000"), ``seen`` what came
    back ("the bus answered FAULT"), ``advice`` what to do next, as one or more full sentences.
    ``str()`` joins them: "<attempt> failed: <seen>. <advice>".
    """

    def __init__(self, attempt: str, seen: str, advice: str = "") -> None:
        super().__init__(attempt, seen, advice)
        self.attempt = attempt
        self.seen = seen
        self.advice = advice

    def __str__(self) -> str:
        sentence = f"{self.attempt} failed: {self.seen}."
        return f"{sentence} {self.advice}" if self.advice else sentence


class ProbeError(HaltpointError):
    """The probe or its USB connection is at fault."""


class NoProbeError(ProbeError):
    """No connected probe matches what was asked for."""


class ProbeBusyError(ProbeError):
    """Another program holds the probe."""


class ProbePermissionError(ProbeError):
    """The operating system does not let this user open the probe."""


class ProbeGoneError(ProbeError):
    """The probe was unplugged or re-enumerated."""


class ProbeTimeoutError(ProbeError):
    """A USB transfer did not finish in time."""


class ProbeProtocolError(ProbeError):
    """The probe answered with something its protocol does not allow, or refused a command."""


class LinkError(HaltpointError):
    """The wire between probe and target is at fault."""


class NoTargetError(LinkError):
    """Nothing answers on the wire."""


class TargetPowerError(LinkError):
    """The probe measures no supply voltage at the target."""


class WaitError(LinkError):
    """The target kept answering WAIT until patience ran out."""


class TargetError(HaltpointError):
    """The target refused or misbehaved."""


class AccessFaultError(TargetError):
    """A bus access was answered with FAULT; the sticky flags have been cleared.

    ``address`` is the first address that faulted as far as the probe can tell, ``index`` the
    position of the failed access in its batch: all accesses before it took effect, none after it did.
    """

    def __init__(self, attempt: str, seen: str, advice: str = "", *, address: int, index: int = 0) -> None:
        super().__init__(attempt, seen, advice)
        self.address = address
        self.index = index


class PollTimeoutError(TargetError):
    """A polled register did not take the awaited value in time; ``last`` is what it read at the end."""

    def __init__(self, attempt: str, seen: str, advice: str = "", *, address: int, last: int) -> None:
        super().__init__(attempt, seen, advice)
        self.address = address
        self.last = last


class ImageError(HaltpointError):
    """The file to be programmed is unreadable, malformed or does not fit the target."""


class UserError(HaltpointError):
    """What the user asked for cannot be: a selector, a chip name, an option, a port."""
