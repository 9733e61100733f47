"""Every session of a user's runs through both kinds of probe."""

import pytest

PROBES = {"stlink": "", "ftdi-jtag": ",probe=ft2232h,wire=jtag", "ftdi-swd": ",probe=ft2232h,wire=swd"}


@pytest.fixture(params=list(PROBES.values()), ids=list(PROBES))
def through(request: pytest.FixtureRequest) -> str:
    """What makes a board's selector one with this kind of probe."""
    assert isinstance(request.param, str)
    return request.param


@pytest.fixture(params=["stlink", "ftdi-swd"])
def by(request: pytest.FixtureRequest) -> str:
    """The same with one probe of each kind, where the wire makes no difference."""
    return PROBES[request.param]
