"""Which probes are there, and opening the one that is meant.

A selector is ``stlink`` (the only one connected) or ``stlink:SERIAL``, where the beginning or the end
of the serial number suffices as long as it is unique. In place of it stands the probe's place on USB
(``stlink:1-2.3``) where probes share a serial number or have none. FTDI adapters are ``ftdi`` (a bare module),
``ftdi:ADAPTER`` and ``ftdi:ADAPTER:SERIAL``; an ST-Link is a ``Probe``, an FTDI adapter a ``DebugPort``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import usb
from .debug_port import DebugPort
from .errors import NoProbeError, ProbeError, UserError
from .ftdi.adapters import ADAPTERS, FTDI, PRODUCTS, Adapter, adapter_named
from .probe import Probe
from .stlink import StLink
from .stlink.identity import IDENTITIES, INTERFACE, VENDOR_ID
from .stlink.serial import decode_serial

__all__ = ["FoundProbe", "UsbHost", "list_probes", "open_probe"]

_KINDS = ("stlink", "ftdi")


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
    kind: str = "stlink"

    @property
    def selector(self) -> str:
        return f"{self.kind}:{self.serial}" if self.serial else self.kind

    def __str__(self) -> str:
        return f"{self.selector} ({self.name} at {self.device.location})"


def list_probes(host: UsbHost) -> list[FoundProbe]:
    """All connected probes, each tried for a moment. Raises ProbeError where USB cannot be used at all."""
    found = [*_stlinks(host), *_ftdi_chips(host)]
    return [FoundProbe(one.name, one.serial, one.selector, one.device.location, _problem(one)) for one in found]


def open_probe(selector: str, host: UsbHost, adapter: Adapter | None = None) -> Probe | DebugPort:
    """Open the probe that the selector names; ``adapter`` is the user's own for ``ftdi`` selectors.

    Raises UserError (unknown kind of probe, or more than one fits), NoProbeError (none fits) and
    what opening the probe itself raises.
    """
    kind, _, wanted = selector.partition(":")
    attempt = f"Opening the probe '{selector}'"
    if kind not in _KINDS:
        raise UserError(
            attempt,
            f"'{kind}' is no kind of probe",
            "A probe is named stlink, stlink:SERIAL, ftdi, ftdi:ADAPTER or ftdi:ADAPTER:SERIAL; "
            "'haltpoint list' shows those that are connected.",
        )
    if kind == "ftdi":
        return _open_ftdi(attempt, wanted, host, adapter)
    if adapter is not None:
        raise UserError(attempt, "an adapter file describes an FTDI adapter, and this is none", "Use --probe ftdi.")
    chosen = _chosen(attempt, _stlinks(host), wanted, "ST-Link")
    return StLink.open(chosen.device, chosen.serial, host.sleep)


def _open_ftdi(attempt: str, wanted: str, host: UsbHost, own: Adapter | None) -> DebugPort:
    """Open ``ADAPTER[:SERIAL]``, or ``SERIAL`` of the user's own adapter; no name at all is any bare module."""
    from .ftdi.probe import FtdiProbe  # pyftdi takes its time to load

    name, serial = ("", wanted) if own else wanted.partition(":")[::2]
    adapter = own or adapter_named(name)
    ids = list(adapter.ids) if own or name else [(FTDI, product) for product in PRODUCTS]
    chosen = _chosen(attempt, _ftdi_chips(host, ids), serial, f"FTDI adapter ({adapter.name})")
    return FtdiProbe.open(chosen.device, adapter, chosen.serial, host.sleep)


def _chosen(attempt: str, candidates: list[_Candidate], wanted: str, what: str) -> _Candidate:
    fitting = _fitting(candidates, wanted)
    if not fitting:
        raise _none_fits(attempt, candidates, wanted, what)
    if len(fitting) > 1:
        seen = f"{len(fitting)} connected probes fit"
        raise UserError(attempt, seen, f"Name one of them: {', '.join(map(str, fitting))}.")
    if fitting[0].problem is not None:
        raise fitting[0].problem
    return fitting[0]


def _stlinks(host: UsbHost) -> list[_Candidate]:
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


_OWN_IDS = {
    pair: adapter.name
    for adapter in ADAPTERS.values()
    for pair in adapter.ids
    if pair[0] != FTDI or pair[1] not in PRODUCTS
}


def _ftdi_chips(host: UsbHost, ids: Sequence[tuple[int, int]] | None = None) -> list[_Candidate]:
    """FTDI chips with MPSSE; those of an adapter with USB ids of its own are named after it."""
    pairs = list(ids) if ids is not None else [*((FTDI, product) for product in PRODUCTS), *_OWN_IDS]
    candidates = []
    for vendor in dict.fromkeys(pair[0] for pair in pairs):
        for device in usb.find(vendor, [product for found, product in pairs if found == vendor], host.backend):
            own = _OWN_IDS.get((vendor, device.product_id), "")
            serial, problem = "", None
            try:
                # A string descriptor is UTF-16 behind its two bytes of header (USB 2.0, section 9.6.7).
                serial = device.serial_descriptor()[2:].decode("utf-16-le", "replace")
            except ProbeError as error:
                problem = error
            finally:
                device.close()
            name = own or PRODUCTS.get(device.product_id, "FTDI")
            kind = f"ftdi:{own or name.lower()}"
            candidates.append(_Candidate(device, name, serial, problem, kind))
    return candidates


def _problem(found: _Candidate) -> str:
    """Why the probe cannot be opened now: known already, or found by claiming it for a moment."""
    if found.problem is not None:
        return str(found.problem)
    if found.kind != "stlink":
        return ""  # a kernel driver holds a free one too, until it is opened
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


def _none_fits(attempt: str, candidates: list[_Candidate], wanted: str, what: str) -> NoProbeError:
    if not candidates:
        return NoProbeError(attempt, f"no {what} is connected", "Plug it in; a charge-only USB cable carries no data.")
    seen = f"no connected {what} has a serial number that begins or ends with '{wanted}'"
    unread = [f" {found.problem}" for found in candidates if found.problem is not None and not found.serial]
    return NoProbeError(attempt, seen, f"Connected: {', '.join(map(str, candidates))}.{''.join(unread)}")
