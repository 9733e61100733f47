"""``ftdi`` selectors: which adapter they open."""

from __future__ import annotations

import pytest

from haltpoint.probes.discovery import UsbHost, list_probes, open_probe
from haltpoint.probes.errors import NoProbeError, ProbeBusyError, UserError
from haltpoint.probes.ftdi.adapters import Adapter, adapter_named
from haltpoint.sim.board import open_board


def host_of(options: str) -> UsbHost:
    board = open_board(f"sim:stm32f103c8,{options}")
    return UsbHost(board.backend, board.sleep)


def test_modules_are_listed_and_opened_by_what_is_listed() -> None:
    for chip in ("ft2232h", "ft4232h", "ft232h"):
        host = host_of(f"probe={chip},serial=FT8XABI4")
        (found,) = list_probes(host)
        assert (found.kind, found.serial, found.selector, found.problem) == (
            *(chip.upper(), "FT8XABI4", f"ftdi:{chip}:FT8XABI4", ""),
        )
        probe = open_probe(found.selector, host)
        assert probe.info.selector == found.selector
        probe.close()


@pytest.mark.parametrize(
    "selector", ["ftdi", "ftdi:", "ftdi:ft2232h", "ftdi:ft2232h-jtag:ABI4", "ftdi::FT8X", "ftdi:tumpa"]
)
def test_selectors(selector: str) -> None:
    host = host_of("probe=ft2232h,serial=FT8XABI4,wire=jtag")
    if selector == "ftdi:tumpa":
        with pytest.raises(NoProbeError, match=r"FTDI adapter \(tumpa\)"):
            open_probe(selector, host)
        return
    probe = open_probe(selector, host)
    assert probe.info.serial == "FT8XABI4"
    probe.close()


def test_what_cannot_be_opened() -> None:
    host = host_of("probe=ft2232h,serial=FT8XABI4")
    with pytest.raises(UserError, match="no such adapter"):
        open_probe("ftdi:ft2232x", host)
    with pytest.raises(NoProbeError, match="XYZ"):
        open_probe("ftdi:ft2232h:XYZ", host)
    with pytest.raises(UserError, match="adapter file"):
        open_probe("stlink", host, adapter_named("tigard"))
    first = open_probe("ftdi", host)
    with pytest.raises(ProbeBusyError):
        open_probe("ftdi", host)
    first.close()
    open_probe("ftdi", host).close()


def test_an_adapter_of_ones_own() -> None:
    host = host_of("probe=ft2232h,serial=FT8XABI4,channel=b,wire=swd")
    own = Adapter("mine", ((0x403, 0x6010),), 1, 0x0008, 0x000B, wire="swd")
    probe = open_probe("ftdi:FT8X", host, own)
    assert probe.info.kind == "mine (FT2232H)"
    probe.connect()
    probe.close()
