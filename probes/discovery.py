"""Which probes are there, and opening the one that is meant.

A selector is ``stlink`` (the only one connected) or ``stlink:SERIAL``, where the beginning or the end
of the serial number suffices as long as it is unique. In place of it stands the probe's place on USB
(``stlink:1-2.3``) where probes share a serial number or have none.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from . import usb
from .errors import NoProbeError, ProbeError, UserError
from .probe import Probe
from .stlink import StLink
from .stlink.identity import IDENTITIES, INTERFACE, VENDOR_ID
from .stlink.serial import decode_serial

__all__ = ["FoundProbe", "UsbHost", "list_probes", "open_probe"]

_KINDS = ("stlink",)


@dataclass(frozen=True)
class UsbHost:
    """Where to look for probes and how to wait; a simulated board gives both.

    ``backend`` is a pyusb backend, None for libusb; ``sleep`` takes seconds.
    """

    backend: object | None = None
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class FoundProbe:
    """A connected probe. ``problem`` is "" or the sentence that says why it cannot be opened now."""

    kind: str
    serial: str
    selector: str
    location: str
    problem: str


@dataclass(frozen=True)
class _Candidate:
    device: usb.UsbDevice
    name: str
    serial: str
    problem: ProbeError | None

    @property
    def selector(self) -> str:
        return f"stlink:{self.serial}" if self.serial else "stlink"

    def __str__(self) -> str:
        return f"{self.selector} ({self.name} at {self.device.location})"


def list_probes(host: UsbHost) -> list[FoundProbe]:
    """All connected probes, each tried for a moment. Raises ProbeError where USB cannot be used at all."""
    return [
        FoundProbe(found.name, found.serial, found.selector, found.device.location, _problem(found))
        for found in _candidates(host)
    ]


def open_probe(selector: str, host: UsbHost) -> Probe:
    """Open the probe that the selector names.

    Raises UserError (unknown kind of probe, or more than one fits), NoProbeError (none fits) and
    what opening the probe itself raises.
    """
    kind, _, wanted = selector.partition(":")
    attempt = f"Opening the probe '{selector}'"
    if kind not in _KINDS:
        raise UserError(
            attempt,
            f"'{kind}' is no kind of probe",
            "A probe is named stlink or stlink:SERIAL; 'haltpoint list' shows them.",
        )
    candidates = _candidates(host)
    fitting = _fitting(candidates, wanted)
    if not fitting:
        raise _none_fits(attempt, candidates, wanted)
    if len(fitting) > 1:
        seen = f"{len(fitting)} connected probes fit"
        raise UserError(attempt, seen, f"Name one of them: {', '.join(map(str, fitting))}.")
    chosen = fitting[0]
    if chosen.problem is not None:
        raise chosen.problem
    return StLink.open(chosen.device, chosen.serial, host.sleep)


def _candidates(host: UsbHost) -> list[_Candidate]:
    """All ST-Links on USB; one whose serial number cannot be read keeps the reason."""
    candidates = []
    for device in usb.find(VENDOR_ID, IDENTITIES, host.backend):
        identity = IDENTITIES[device.product_id]
        serial, problem = "", None
        try:
            serial = decode_serial(device.serial_descriptor())
        except ProbeError as error:
            problem = error
        finally:
            device.close()
        if identity.refusal:
            problem = ProbeError(f"Opening the {identity.name} at {device.location}", identity.refusal)
        candidates.append(_Candidate(device, identity.name, serial, problem))
    return candidates


def _problem(found: _Candidate) -> str:
    """Why the probe cannot be opened now: known already, or found by claiming it for a moment."""
    if found.problem is not None:
        return str(found.problem)
    try:
        found.device.open(INTERFACE)
    except ProbeError as error:
        return str(error)
    finally:
        found.device.close()
    return ""


def _fitting(candidates: list[_Candidate], wanted: str) -> list[_Candidate]:
    """Those whose serial number is, begins with, or ends with what is wanted; an exact one, or place, wins."""
    text = wanted.upper()
    exact = [found for found in candidates if text and text in (found.serial.upper(), found.device.location)]
    return exact or [found for found in candidates if _affix(found.serial.upper(), text)]


def _affix(serial: str, text: str) -> bool:
    return serial.startswith(text) or serial.endswith(text)


def _none_fits(attempt: str, candidates: list[_Candidate], wanted: str) -> NoProbeError:
    if not candidates:
        return NoProbeError(attempt, "no ST-Link is connected", "Plug it in; a charge-only USB cable carries no data.")
    seen = f"no connected ST-Link has a serial number that begins or ends with '{wanted}'"
    unread = [f" {found.problem}" for found in candidates if found.problem is not None and not found.serial]
    return NoProbeError(attempt, seen, f"Connected: {', '.join(map(str, candidates))}.{''.join(unread)}")
