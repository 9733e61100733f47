"""`haltpoint list` answers on every machine."""

import pytest

from haltpoint.probes import discovery
from haltpoint.probes.errors import ProbeError
from haltpoint.server.cli import main


def test_without_libusb_the_reason_is_the_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_libusb(_host: discovery.UsbHost) -> list[discovery.FoundProbe]:
        raise ProbeError("Looking for probes on USB", "the libusb library is missing", "Install libusb 1.0.")

    monkeypatch.setattr(discovery, "list_probes", no_libusb)
    assert main(["list"]) == 0
    told = capsys.readouterr().out
    assert "Looking for probes on USB failed: the libusb library is missing. Install libusb 1.0." in told
    assert "No probe is connected" not in told
    assert "sim:stm32f103c8" in told
