"""What resets a chip behind a loader's back: IWDG, WWDG; and what stops it."""

from __future__ import annotations

import pytest
from support.sim_client import Client, entered

KR, PR, RLR, SR = (0x4000_3000 + offset for offset in (0, 4, 8, 12))
WWDG_CR, WWDG_CFR = 0x4000_2C00, 0x4000_2C04
DHCSR, DBGMCU_CR, CSR, APB1ENR = 0xE000_EDF0, 0xE004_2004, 0x4002_1024, 0x4002_101C
IWDGRSTF, WWDGRSTF = 1 << 29, 1 << 30
LOOP = b"\x00\x50\x00\x20\x09\x00\x00\x08\xfe\xe7\xfe\xe7"  # stack, reset vector, b .


def running(options: str = "") -> Client:
    client = entered(options)
    client.board.write_flash(0x0800_0000, LOOP)
    client.write_register(0xE000_ED0C, 0x05FA_0004)
    client.board.sleep(1e-3)
    client.write_register(CSR, 1 << 24)
    return client


def start_iwdg(client: Client, reload: int = 1999) -> None:
    """40 kHz / 4: 10 ticks a millisecond."""
    client.write_register(KR, 0x5555)
    client.write_register(PR, 0)
    client.write_register(RLR, reload)
    client.write_register(KR, 0xAAAA)
    client.write_register(KR, 0xCCCC)


def flags(client: Client) -> int:
    return client.read_register(CSR)[1]


def test_iwdg_resets_in_time() -> None:
    client = running()
    start_iwdg(client)
    client.board.sleep(0.18)
    assert flags(client) == 0
    client.board.sleep(0.03)
    assert flags(client) == 0x2400_0000


def test_iwdg_can_be_refreshed_but_not_stopped() -> None:
    client = running()
    start_iwdg(client)
    for _ in range(5):
        client.board.sleep(0.15)
        client.write_register(KR, 0xAAAA)
    assert flags(client) == 0
    client.write_register(KR, 0)
    client.board.sleep(0.25)
    assert flags(client) & IWDGRSTF


def test_iwdg_registers_are_closed_without_the_key() -> None:
    client = running()
    client.write_register(RLR, 5)
    assert client.read_register(RLR)[1] == 0xFFF
    client.write_register(KR, 0x5555)
    client.write_register(RLR, 5)
    client.board.machine.ap_write(RLR, 5, 4)
    assert client.board.machine.ap_read(SR, 4) == 2  # for 5 ticks
    client.board.sleep(1e-3)
    assert client.read_register(SR)[1] == 0
    assert client.read_register(RLR)[1] == 5
    client.write_register(KR, 0xAAAA)
    client.write_register(RLR, 6)
    assert client.read_register(RLR)[1] == 5


def test_iwdg_runs_while_halted_unless_dbgmcu_stops_it() -> None:
    client = running()
    start_iwdg(client)
    client.write_register(DHCSR, 0xA05F_0003)
    client.board.sleep(0.25)
    assert flags(client) & IWDGRSTF


def test_dbgmcu_stops_iwdg_only_while_halted() -> None:
    client = running()
    start_iwdg(client)
    client.board.sleep(0.1)
    client.write_register(DBGMCU_CR, 1 << 8)
    client.write_register(DHCSR, 0xA05F_0003)
    client.board.sleep(5.0)
    assert flags(client) == 0
    client.write_register(DHCSR, 0xA05F_0001)
    client.board.sleep(0.08)
    assert flags(client) == 0
    client.board.sleep(0.05)
    assert flags(client) & IWDGRSTF


def test_a_hardware_iwdg_starts_by_itself() -> None:
    client = running("iwdg=hardware")
    client.board.sleep(0.3)
    assert flags(client) == 0
    client.board.sleep(0.2)  # 4096 ticks at 10 kHz
    assert flags(client) & IWDGRSTF
    assert not client.read_register(0x4002_201C)[1] & 4


def test_the_reset_by_iwdg_is_seen_by_the_debugger() -> None:
    client = running()
    start_iwdg(client, 99)
    client.read_register(DHCSR)
    client.board.sleep(0.05)
    assert client.read_register(DHCSR)[1] & 1 << 25


def test_events_of_a_long_sleep_fire_in_order() -> None:
    client = running("iwdg=hardware")
    client.board.sleep(10.0)  # 24 resets, 0.41 s apart
    client.write_register(KR, 0xAAAA)
    assert flags(client) & IWDGRSTF
    assert client.board.soc.iwdg.countdown.remaining > 0


@pytest.mark.parametrize("frozen", [False, True])
def test_wwdg(frozen: bool) -> None:
    client = running()
    client.write_register(APB1ENR, 1 << 11)
    if frozen:
        client.write_register(DBGMCU_CR, 1 << 9)
    client.write_register(WWDG_CFR, 0x7F | 3 << 7)
    client.write_register(WWDG_CR, 0xFF)
    client.write_register(DHCSR, 0xA05F_0003)
    client.board.sleep(0.5)  # 64 ticks of 4.096 ms
    assert bool(flags(client) & WWDGRSTF) is not frozen


def test_wwdg_window() -> None:
    client = running()
    client.write_register(APB1ENR, 1 << 11)
    client.write_register(WWDG_CFR, 0x50 | 3 << 7)
    client.write_register(WWDG_CR, 0xFF)
    client.board.sleep(0.2)
    assert client.read_register(WWDG_CR)[1] & 0x7F < 0x50
    client.write_register(WWDG_CR, 0xFF)
    client.board.sleep(1e-3)
    assert flags(client) == 0
    client.write_register(WWDG_CR, 0xFF)  # above the window
    client.board.sleep(1e-3)
    assert flags(client) & WWDGRSTF


def test_wwdg_needs_its_clock() -> None:
    client = running()
    client.write_register(WWDG_CR, 0xFF)
    client.board.sleep(1.0)
    assert flags(client) == 0
