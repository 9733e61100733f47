"""A board put into some states, met by Haltpoint, loaded, and looked at afterwards."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import trio

from haltpoint.arm.core import ConnectMode, CortexM
from haltpoint.arm.memory import InlineExecutor, Memory
from haltpoint.arm.registers_core import SNAPSHOT, Regsel
from haltpoint.flash.chips import identify, set_up_debug
from haltpoint.probes.access import Batch
from haltpoint.probes.discovery import UsbHost, list_probes, open_probe
from haltpoint.sim.board import Board, open_board
from support.flash_bench import Bench
from support.flash_load import extent, noise

from . import living
from .chips import EVERY_CHIP, Facts
from .facts import Ops
from .firmware import Firmware
from .states import State

__all__ = ["Connection", "firmware_for", "hurry", "load", "load_exactly", "meet", "reached", "selector", "stage"]

Writes = Sequence[tuple[int, bytes]]
Erased = Sequence[tuple[int, int]]

MARK_OFFSET, MARK = 0x1800, 0xC0DE_0000
SETTLE = 0.012
"""Seconds that firmware has for its settings: a crystal needs 2 ms."""

CORE = (
    *((0xE000_E010, 7), (0xE000_E014, 0xFF_FFFF), (0xE000_ED04, 0x1400_0000), (0xE000_ED08, ~0), (0xE000_ED10, ~0)),
    *((0xE000_ED20, ~0), (0xE000_E100, ~0), (0xE000_E200, ~0), (0xE000_E400, ~0), (0xE000_EDF0, ~0x0300_0000)),
    *((0xE000_EDFC, ~0), (0xE000_2000, ~0), (0xE000_2008, ~0), (0xE000_200C, ~0)),
    *((0xE000_1020, ~0), (0xE000_1024, ~0), (0xE000_1028, 0xF)),
)
MAINLINE = ((0xE000_ED14, ~0), (0xE000_ED18, ~0), (0xE000_ED24, ~0), (0xE000_1000, ~0), (0xE000_ED0C, 0x700))
MPU = ((0xE000_ED94, ~0), (0xE000_ED98, ~0), (0xE000_ED9C, ~0), (0xE000_EDA0, ~0))
FPU = ((0xE000_ED88, ~0), (0xE000_EF34, ~0), (0xE000_EF38, ~0))
"""(address, mask). All: SYST_CSR without COUNTFLAG, RVR, ICSR's pending bits but the NMI's, which the loader takes,
VTOR, SCR, SHPR3, ISER0, ISPR0, IPR0, DHCSR without what reading clears, DEMCR, FPB, DWT. Mainline: CCR, SHPR1, SHCSR,
DWT_CTRL, AIRCR.PRIGROUP. MPU. FPU: CPACR, FPCCR, FPCAR."""


def selector(chip: str, states: Sequence[State] = (), more: str = "") -> str:
    """The board."""
    return f"sim:{chip}" + "".join(f",{state.option}" for state in states if state.option) + more


def firmware_for(facts: Facts, states: Sequence[State]) -> bytes:
    """Firmware that makes ``states``: their settings in order, then the one way of living among them."""
    code = Firmware(facts.base, facts.ram + 0x800)
    for state in states:
        if state.recipe:
            code.run(facts.recipes[state.recipe])
        code.run(state.ops)
        if state.leftover:
            code.run((*facts.unlock, (facts.control, facts.leftovers[state.leftover])))
    lives = [state.life for state in states if state.life]
    assert len(lives) <= 1
    (lives[0] if lives else living.serving_nobody)(code, facts)
    return code.image()


def proof(facts: Facts, number: int) -> bytes:
    """Firmware that shows that it runs: it leaves a mark in RAM."""
    code = Firmware(facts.base, facts.ram + 0x800)
    code.run(((facts.ram + MARK_OFFSET, MARK | number),)).stay()
    return code.image()


def meet(
    chip: str,
    states: Sequence[State],
    body: Callable[[Bench, Facts], Awaitable[None]],
    *,
    more: str = "",
    mode: ConnectMode = ConnectMode.HALT,
    firmware: bytes | None = None,
) -> None:
    """Let the board get into ``states``, connect as a session does, and go on with ``body``."""
    facts = EVERY_CHIP[chip]
    board = open_board(selector(chip, states, more))
    hurry(board, states)
    if not any(state.blank for state in states):
        board.write_flash(facts.base, firmware or firmware_for(facts, states))
        board.machine.system_reset()
    board.sleep(SETTLE)
    board.machine.run_until_now()
    for state in states:
        if state.earlier:
            state.earlier(board, facts)

    async def main() -> None:
        async with Connection(board, mode) as bench:
            for state in states:
                if state.touch:
                    await state.touch(bench, facts)
            await body(bench, facts)

    trio.run(main, clock=board.trio_clock())


def stage(
    board: Board, facts: Facts, ops: Ops, life: Callable[[Firmware, Facts], None] = living.serving_nobody
) -> None:
    """Let firmware that carries out ``ops`` run for a while, if there is power."""
    code = Firmware(facts.base, facts.ram + 0x800).run(ops)
    life(code, facts)
    board.write_flash(facts.base, code.image())
    if board.machine.powered:
        board.machine.system_reset()
        board.sleep(SETTLE)
        board.machine.run_until_now()


class Connection:
    """The way from a probe to an identified chip, as the server goes it: the watchdogs are frozen before the halt."""

    def __init__(self, board: Board, mode: ConnectMode = ConnectMode.HALT) -> None:
        self._board, self._mode = board, mode

    async def __aenter__(self) -> Bench:
        host = UsbHost(self._board.backend, self._board.sleep)
        self._probe = open_probe(list_probes(host)[0].selector, host)
        try:
            core = CortexM(Memory(self._probe, InlineExecutor()))
            under_reset = self._mode is ConnectMode.UNDER_RESET
            await core.connect(ConnectMode.UNDER_RESET if under_reset else ConnectMode.ATTACH)
            chip = await identify(core.memory)
            await set_up_debug(core.memory, chip)
            if not under_reset:
                await core.connect(self._mode)
        except BaseException:
            self._probe.close()
            raise
        return Bench(self._board, core, chip)

    async def __aexit__(self, *_: object) -> None:
        self._probe.close()


def hurry(board: Board, states: Sequence[State]) -> None:
    """The H7 erases in a fraction of its time, because a second is long in a simulator: longer than its watchdogs."""
    flash: Any = getattr(board.soc, "controller", None)
    if board.chip.name.startswith("stm32h7"):
        faster = 3 if any(state.row == 8 for state in states) else 20
        timing = dataclasses.replace(flash.plan.timing, sector=tuple(t // faster for t in flash.plan.timing.sector))
        flash.plan = dataclasses.replace(flash.plan, timing=timing)


async def reached(bench: Bench, facts: Facts, state: State) -> None:
    """Require that the board is in ``state``, as far as registers tell: its sign, and what its recipe has stored."""
    machine = bench.board.machine
    if state.sign:
        where, mask, value = state.sign
        word = machine.ap_read(where, 4) if where > Regsel.S31 else await bench.core.read_register(where)
        assert word & mask == value, f"not in the state: 0x{where:X} reads 0x{word:08X}"
    stores = {op[0]: op[1] for op in facts.recipes.get(state.recipe, ()) if len(op) == 2 and op[0] in facts.kept}
    if state.leftover:
        stores[facts.control] = facts.leftovers[state.leftover]
    for address, value in stores.items():
        word = machine.ap_read(address, 4)
        assert word & value == value, f"not in the state: 0x{address:08X} reads 0x{word:08X}"


async def registers(bench: Bench, facts: Facts) -> dict[str, str]:
    """What must be after a load as it was before, as the chip has it now."""
    batch = Batch()
    core, special = batch.read_core(*SNAPSHOT), batch.read_core(Regsel.SPECIAL)
    await bench.memory.run(batch)
    kept = tuple((at, ~(facts.starts if at == facts.control else 0)) for at in facts.kept)
    table = (*CORE, *MAINLINE * facts.mainline, *MPU * facts.mpu, *FPU * facts.fpu, *kept)
    words = {f"0x{at:08X}": hex(bench.board.machine.ap_read(at, 4) & mask & 0xFFFF_FFFF) for at, mask in table}
    numbers = {f"register {n}": hex(value) for n, value in zip(SNAPSHOT, core.value, strict=True)}
    return {**words, **numbers, "special": hex(special.value[0])}


def difference(before: dict[str, str], after: dict[str, str]) -> dict[str, tuple[str, str]]:
    """What differs."""
    return {name: (before[name], after[name]) for name in before if before[name] != after[name]}


def expected_flash(bench: Bench, facts: Facts, states: Sequence[State], writes: Writes) -> bytes:
    """What the flash must hold after ``writes``: what it holds now wherever they do not go."""
    board = bench.board
    content = bytearray(board.read_flash(facts.base, sum(bank.size for bank in board.chip.banks)))
    if any(state.name == "erase under way" for state in states):
        sector = bench.chip.sector(facts.base + facts.free)
        at = sector.start - facts.base
        content[at : at + sector.size] = bytes([bench.chip.family.erased]) * sector.size
    for address, data in writes:
        at = address - facts.base
        content[at : at + len(data)] = data
    return bytes(content)


async def load(bench: Bench, facts: Facts, states: Sequence[State], writes: Writes, erase: Erased) -> None:
    """Load ``writes``: exact, nothing else changed, all put back."""
    running = any(state.running for state in states)
    if running:
        await bench.core.resume()
        await trio.sleep(0.001)
    before = {} if running else await registers(bench, facts)
    expected = expected_flash(bench, facts, states, writes)
    session = bench.session()
    for start, length in erase:
        session.erase(start, length)
    for address, data in writes:
        session.write(address, data)
    await session.finish()
    found = bench.board.read_flash(facts.base, len(expected))
    if found != expected:
        first = next(at for at in range(len(found)) if found[at] != expected[at])
        text = f"0x{facts.base + first:08X} holds {found[first : first + 8].hex()}"
        raise AssertionError(f"{text}, not {expected[first : first + 8].hex()}")
    if before:
        changed = difference(before, await registers(bench, facts))
        for state in states:
            for name in state.used_up:
                changed.pop(name, None)
        assert not changed, f"not put back: {changed}"


async def load_exactly(bench: Bench, facts: Facts, states: Sequence[State], number: int = 1) -> None:
    """Load firmware that proves itself, with noise behind it, and see it run."""
    data = proof(facts, number) + noise(1500 + number, seed=number)
    start, end = extent(bench.chip, facts.base, len(data))
    await load(bench, facts, states, [(facts.base, data)], [(start, end - start)])
    await bench.core.reset(halt=True)
    await bench.core.detach()
    board = bench.board
    board.machine.system_reset()
    board.sleep(0.005)
    board.machine.run_until_now()
    mark = int.from_bytes(board.machine.bus.peek(facts.ram + MARK_OFFSET, 4), "little")
    assert mark == MARK | number, "what was loaded runs"
