"""Connecting to a core that sleeps, through every kind of probe."""

import pytest
import trio
from support.boards import ENTRY, Bench, on_board

from haltpoint.arm.core import ConnectMode
from haltpoint.arm.stop import StopReason
from haltpoint.flash.chips import identify, set_up_debug

WFI, BACK_TO_WFI = 0xBF30, 0xE7FD
DHCSR, S_SLEEP, DBGMCU_CR, LOW_POWER = 0xE000_EDF0, 1 << 18, 0xE004_2004, 0b111
PROBES = {"stlink": "", "ftdi-jtag": ",probe=ft2232h,wire=jtag", "ftdi-swd": ",probe=ft2232h,wire=swd"}


@pytest.mark.parametrize("options", list(PROBES.values()), ids=list(PROBES))
def test_a_sleeping_core_is_halted_and_kept_reachable(options: str) -> None:
    async def scenario(bench: Bench) -> None:
        await trio.sleep(0.01)
        assert bench.target(DHCSR) & S_SLEEP, "the firmware sleeps before anybody connects"
        await bench.core.connect(ConnectMode.HALT)
        stop = bench.core.stop
        assert stop is not None
        assert (stop.reason, stop.pc) == (StopReason.HALT_REQUEST, ENTRY + 2), "behind its WFI"
        await set_up_debug(bench.memory, await identify(bench.memory))
        assert bench.target(DBGMCU_CR) & LOW_POWER == LOW_POWER, "deeper sleep will not cut the debug port off"
        await bench.core.resume()
        await trio.sleep(0.01)
        assert await bench.core.poll() is None, "asleep is running"
        assert (await bench.core.halt()).pc == ENTRY + 2

    on_board(scenario, code=[WFI, BACK_TO_WFI], options=options, mode=None)
