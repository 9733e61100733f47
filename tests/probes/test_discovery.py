"""Finding probes and opening the one that is meant."""

from __future__ import annotations

import pytest
import usb.core
from support.scripted_stlink import ScriptedStLink

from haltpoint.probes.discovery import UsbHost, list_probes, open_probe
from haltpoint.probes.errors import (
    NoProbeError,
    ProbeBusyError,
    ProbeError,
    ProbePermissionError,
    UserError,
)
from haltpoint.sim.backend import SimBackend
from haltpoint.sim.board import Board, open_board

SERIALS = {
    "stlink-v2": "066AFF515049657187212124",
    "stlink-v2-1": "0668FF323637414257071827",
    "stlink-v3": "005100313137511039383538",
    "stlink-clone": "553F6A06713F485123104187",
}


def boards(*kinds: str) -> tuple[list[Board], UsbHost]:
    """Boards whose probes are all on one bus."""
    made = [open_board(f"sim:stm32f103c8,probe={kind}") for kind in kinds]
    return made, UsbHost(SimBackend(*(board.probe for board in made)), made[0].sleep)


def nothing_connected() -> UsbHost:
    return UsbHost(SimBackend())


@pytest.mark.parametrize(
    ("kind", "product", "firmware"),
    [
        ("stlink-v2", "ST-Link/V2", "V2J37S7"),
        ("stlink-v2-1", "ST-Link/V2-1", "V2J37M26"),
        ("stlink-v3", "ST-Link/V3E", "V3J10M3"),
        ("stlink-clone", "ST-Link/V2", "V2J17S4"),
    ],
)
def test_who_it_is(kind: str, product: str, firmware: str) -> None:
    _, host = boards(kind)
    (found,) = list_probes(host)
    assert (found.kind, found.serial, found.problem) == (product, SERIALS[kind], "")
    assert found.selector == f"stlink:{SERIALS[kind]}"
    info = open_probe("stlink", host).info
    assert (info.kind, info.serial, info.selector) == (product, SERIALS[kind], found.selector)
    assert info.firmware.startswith(firmware)


def test_several_are_listed_with_their_places() -> None:
    _, host = boards(*SERIALS)
    found = list_probes(host)
    assert [probe.serial for probe in found] == list(SERIALS.values())
    assert len({probe.location for probe in found}) == 4


@pytest.mark.parametrize(
    "wanted", ["stlink:0668FF323637414257071827", "stlink:0668", "stlink:1827", "stlink:0668ff", "stlink:71827"]
)
def test_beginning_or_end_of_a_serial_suffices(wanted: str) -> None:
    _, host = boards(*SERIALS)
    assert open_probe(wanted, host).info.serial == SERIALS["stlink-v2-1"]


@pytest.mark.parametrize("wanted", ["stlink", "stlink:", "stlink:0", "stlink:066"])
def test_more_than_one_fits(wanted: str) -> None:
    _, host = boards(*SERIALS)
    with pytest.raises(UserError, match="connected probes fit") as raised:
        open_probe(wanted, host)
    assert SERIALS["stlink-v2"] in str(raised.value)
    assert SERIALS["stlink-v2-1"] in str(raised.value)


def test_an_exact_serial_wins() -> None:
    short, long = ("sim:stm32f103c8,serial=0668FF", "sim:stm32f103c8,serial=0668FF323637")
    made = [open_board(short), open_board(long)]
    host = UsbHost(SimBackend(*(board.probe for board in made)), made[0].sleep)
    assert open_probe("stlink:0668FF", host).info.serial == "0668FF"


def test_none_fits_and_those_that_are_there_are_named() -> None:
    _, host = boards("stlink-v2", "stlink-v3")
    with pytest.raises(NoProbeError, match="begins or ends with 'ABC'") as raised:
        open_probe("stlink:ABC", host)
    assert SERIALS["stlink-v2"] in str(raised.value)
    assert "ST-Link/V3E" in str(raised.value)


def test_nothing_is_connected() -> None:
    assert list_probes(nothing_connected()) == []
    for selector in ("stlink", "stlink:0668"):
        with pytest.raises(NoProbeError, match=r"no ST-Link is connected\. Plug it in"):
            open_probe(selector, nothing_connected())


def test_an_unknown_kind_is_the_users_mistake() -> None:
    with pytest.raises(UserError, match="'jlink' is no kind of probe"):
        open_probe("jlink:1", nothing_connected())


def test_a_second_server_is_told_who_holds_the_probe() -> None:
    (board,), host = boards("stlink-v2-1")
    first = open_probe("stlink", host)
    first.connect()
    with pytest.raises(ProbeBusyError, match="another Haltpoint server"):
        open_probe("stlink", host)
    (found,) = list_probes(host)
    assert "another program is using the probe" in found.problem
    assert found.serial == SERIALS["stlink-v2-1"], "the serial can be read all the same"
    assert first.voltage() == pytest.approx(3.25, abs=0.01), "the first one is not disturbed"
    first.close()
    open_probe("stlink", host).close()
    assert board.stats.bulk > 0


def test_no_permission() -> None:
    (board,), host = boards("stlink-v2-1")
    board.probe.permitted = False
    with pytest.raises(ProbePermissionError, match="udev"):
        open_probe("stlink", host)
    (found,) = list_probes(host)
    assert found.serial == ""
    assert 'ATTR{idProduct}=="374b"' in found.problem


def test_one_without_permission_does_not_hide_the_other() -> None:
    (locked, _), host = boards("stlink-v2", "stlink-v3")
    locked.probe.permitted = False
    assert open_probe(f"stlink:{SERIALS['stlink-v3']}", host).info.kind == "ST-Link/V3E"
    with pytest.raises(UserError, match="2 connected probes fit"):
        open_probe("stlink", host)


def test_a_serial_that_cannot_be_read_is_told() -> None:
    (board,), host = boards("stlink-v2")
    board.probe.permitted = False
    with pytest.raises(NoProbeError, match=r"begins or ends with '066A'.*Connected: stlink .*denies access.*udev"):
        open_probe("stlink:066A", host)


def test_probes_that_share_a_serial_are_told_apart_by_their_place() -> None:
    made = [open_board("sim:stm32f103c8,serial=0668FF") for _ in range(2)]
    host = UsbHost(SimBackend(*(board.probe for board in made)), made[0].sleep)
    with pytest.raises(UserError, match="1-2") as raised:
        open_probe("stlink:0668FF", host)
    assert "1-1" in str(raised.value)
    made[1].stats.reset()
    open_probe("stlink:1-2", host)
    assert made[1].stats.bulk > 0


@pytest.mark.parametrize(("product", "word"), [(0x3744, "mass storage"), (0x374D, "upgrade"), (0x3755, "upgrade")])
def test_probes_that_cannot_be_used_say_why(product: int, word: str) -> None:
    host = UsbHost(ScriptedStLink(product))
    (found,) = list_probes(host)
    assert word in found.problem
    with pytest.raises(ProbeError, match=word):
        open_probe("stlink", host)


def test_a_missing_libusb_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_backend(**_options: object) -> object:
        raise usb.core.NoBackendError("No backend available")

    monkeypatch.setattr(usb.core, "find", no_backend)
    for call in (lambda: list_probes(UsbHost()), lambda: open_probe("stlink", UsbHost())):
        with pytest.raises(ProbeError, match=r"libusb-1\.0-0"):
            call()


def test_listing_leaves_the_probe_free() -> None:
    _, host = boards("stlink-v2-1")
    list_probes(host)
    open_probe("stlink", host).close()
    assert [probe.problem for probe in list_probes(host)] == [""]
