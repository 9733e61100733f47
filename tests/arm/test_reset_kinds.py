"""What each way of resetting resets, and what is said where it cannot be."""

from __future__ import annotations

import pytest
from support.boards import ENTRY, Bench, on_board

from haltpoint.arm.reset import LINE_DEAD, ResetKind
from haltpoint.arm.stop import StopReason
from haltpoint.probes.errors import UserError

NOPS = [0xBF00] * 8 + [0xE7FE]
RCC_APB2ENR = 0x4002_1018


@pytest.mark.parametrize("probe", ["", ",probe=ft2232h,wire=swd"])
@pytest.mark.parametrize("running", [False, True], ids=["halted", "running"])
@pytest.mark.parametrize("kind", ResetKind, ids=lambda kind: kind.value)
def test_what_is_reset(kind: ResetKind, running: bool, probe: str) -> None:
    async def scenario(bench: Bench) -> None:
        # This adapter has no reset line, which is said; the other way does it.
        await bench.core.write_memory(RCC_APB2ENR, (0x1D).to_bytes(4, "little"))
        await bench.core.step()
        bench.core.notices.clear()
        if running:
            await bench.core.resume()
        stop = await bench.core.reset(halt=True, kind=kind)
        assert stop is not None
        assert (stop.reason, stop.pc) == (StopReason.RESET, ENTRY)
        assert bench.core.notices == [LINE_DEAD] * (bool(probe) and kind is ResetKind.HARDWARE)
        peripherals_kept = bench.target(RCC_APB2ENR) == 0x1D
        assert peripherals_kept is (kind is ResetKind.CORE)

    on_board(scenario, code=NOPS, options=probe)


@pytest.mark.parametrize(("chip", "name"), [("stm32g071rb", "Cortex-M0+"), ("stm32u575zi", "Cortex-M33")])
def test_a_core_that_cannot_be_reset_alone_says_so_and_stands_where_it_stood(chip: str, name: str) -> None:
    async def scenario(bench: Bench) -> None:
        before = await bench.core.step()
        with pytest.raises(UserError, match=rf"a {name.replace('+', '.')} cannot be: .* Armv7-M only"):
            await bench.core.reset(halt=True, kind=ResetKind.CORE)
        assert bench.core.stop is before

    on_board(scenario, code=NOPS, chip=chip)
