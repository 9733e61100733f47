"""What a board does not model: loud in tests, the end of the probe for a program."""

import errno
import logging

import pytest
import usb.core
from support.sim_client import OK, Client, entered

from haltpoint.sim.bus import Unmodelled

CODE = 0x2000_0000
READ_SPI = bytes.fromhex("0148 0068 fee7 0000") + (0x4001_3000).to_bytes(
    4, "little"
)  # ldr r0, =SPI1; ldr r0, [r0]; b .


def about_to_read_spi() -> Client:
    """The core is halted before a load from SPI1, which has no model."""
    client = entered()
    assert client.write_register(0xE000_EDF0, 0xA05F_0003) == OK
    assert client.write_register(0x4002_1018, 1 << 12) == OK  # RCC_APB2ENR: without its clock it reads as 0
    assert client.write(CODE, READ_SPI) == OK
    for register, value in ((16, 0x0100_0000), (15, CODE)):
        assert client.debug(0x34, register, *value.to_bytes(4, "little"), reply=2)[0] == OK
    return client


def run(client: Client) -> None:
    client.write_register(0xE000_EDF0, 0xA05F_0001)
    client.read_register(0xE000_EDF0)


def test_a_program_that_meets_a_gap_is_loud() -> None:
    client = about_to_read_spi()
    with pytest.raises(Unmodelled, match="SPI1"):
        run(client)


def test_a_gap_can_unplug_the_probe_with_the_reason_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    client = about_to_read_spi()
    client.board.backend.unplug_at_gaps = True
    with caplog.at_level(logging.ERROR), pytest.raises(usb.core.USBError) as caught:
        run(client)
    assert caught.value.errno == errno.ENODEV
    assert "cannot be simulated any further and is unplugged" in caplog.text
