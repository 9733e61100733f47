"""Instructions carried out away from their place, against a processor that carries them out at it."""

from __future__ import annotations

import pytest
from support.boards import ENTRY, Bench, on_board

from haltpoint.arm.displaced import Instruction, passes

CODE = ENTRY + 0x40

# At CODE; all registers and flags have a say.
WORKED_OUT = [
    (0x4B03,),  # ldr r3, [pc, #12]
    (0xA204,),  # adr r2
    *((0xD000 | condition << 8 | 0x10,) for condition in range(14)),
    *((0xD000 | condition << 8 | 0xF0,) for condition in range(14)),
    (0xE010,),
    (0xE7F0,),  # b backwards
    (0xB140,),  # cbz r0
    (0xB149,),  # cbz r1
    (0xB940,),  # cbnz r0
    (0xBB49,),  # cbnz r1, far
    (0x47A0,),  # blx r4
    (0xF000, 0xF820),  # bl
    (0xF7FF, 0xFFF0),  # bl backwards
    (0xF000, 0xB820),  # b.w
    (0xF000, 0x8020),  # beq.w
    (0xF47F, 0xAFF0),  # bne.w backwards
    (0xF8DF, 0x5010),  # ldr.w r5, [pc, #16]
    (0xF85F, 0x5010),  # ldr.w r5, [pc, #-16]
    (0xF20F, 0x1634),  # adr.w r6, forwards
    (0xF2AF, 0x0634),  # adr.w r6, backwards
    (0xF60F, 0x7634),
]
ANYWHERE = [
    (0xBF00,),
    (0x1C40,),  # adds r0, #1
    (0xB5F0,),  # push
    (0xBDF0,),  # pop with pc
    (0x4770,),  # bx lr
    (0x6808,),
    (0xBF08,),  # it
    (0xDF00,),  # svc
    (0xBEAB,),
    (0xF3EF, 0x8010),  # mrs
    (0xF3BF, 0x8F4F),  # dsb
    (0xF8D0, 0x1004),
    (0xE92D, 0x4010),
    (0xEE10, 0x0A10),
    (0xFB01, 0xF000),
]
NOWHERE_ELSE = [
    (0x4478,),  # add r0, pc
    (0x4678,),  # mov r0, pc
    (0xE8DF, 0xF000),  # tbb [pc, r0]
    (0xE8DF, 0xF011),  # tbh
    (0xF89F, 0x0010),  # ldrb.w
    (0xE9DF, 0x0104),  # ldrd
    (0xED9F, 0x0A01),  # vldr
    (0xF8DF, 0xF010),  # ldr.w pc
]


def code_of(halfwords: tuple[int, ...]) -> bytes:
    return b"".join(half.to_bytes(2, "little") for half in (*halfwords, 0xBF00, 0xBF00))[:4]


@pytest.mark.parametrize("halfwords", ANYWHERE, ids=lambda halfwords: f"{halfwords[0]:04x}")
def test_what_does_the_same_anywhere(halfwords: tuple[int, ...]) -> None:
    instruction = Instruction(code_of(halfwords), CODE)
    assert instruction.possible
    assert instruction.elsewhere
    assert instruction.size == 2 * len(halfwords)


@pytest.mark.parametrize("halfwords", NOWHERE_ELSE, ids=lambda halfwords: f"{halfwords[0]:04x}")
def test_what_can_only_be_done_at_its_place(halfwords: tuple[int, ...]) -> None:
    instruction = Instruction(code_of(halfwords), CODE)
    assert not instruction.possible
    assert not instruction.elsewhere


def test_conditions_come_in_pairs() -> None:
    for flags in range(16):
        for condition in range(0, 14, 2):
            assert passes(condition, flags << 28) != passes(condition + 1, flags << 28)
        assert passes(14, flags << 28)


FLAGS = (0, 4, 8, 2, 6, 9, 1)


def test_what_is_worked_out_is_what_the_processor_does() -> None:
    """Every instruction of the list at its place, with several flags, outside and inside an IT block."""

    async def scenario(bench: Bench) -> None:
        core, board = bench.core, bench.board
        for halfwords in WORKED_OUT:
            board.write_flash(CODE, code_of(halfwords) + bytes(range(0x40)))
            for flags in FLAGS:
                xpsr = 0x0100_0000 | flags << 28
                for register, value in enumerate((0, 7, 2, 3, CODE + 0x21, 5, 6)):
                    await core.write_register(register, value)
                await core.write_register(14, 0x77)
                await core.write_register(16, xpsr)
                await core.write_register(15, CODE)
                instruction = Instruction(await core.read_memory(CODE, 4), CODE)
                before = {register: await core.read_register(register) for register in range(19)}
                outcome = instruction.work_out(before)
                assert outcome is not None
                wanted = {**before, **outcome.registers}
                if outcome.load:
                    wanted[outcome.load[0]] = await bench.memory.read32(outcome.load[1])
                stop = await core.step()
                assert dict(stop.registers) == wanted, (halfwords, flags)

    on_board(scenario, code=[0xBF00])


def test_a_condition_of_an_it_block_is_looked_at() -> None:
    registers = dict.fromkeys(range(19), 0)
    code = code_of((0x4B03,))
    for flags, done in ((4, True), (0, False)):
        xpsr = 0x0100_0000 | flags << 28 | 0x0800  # ITSTATE 0b00001000: EQ, last
        outcome = Instruction(code, CODE).work_out({**registers, 16: xpsr, 15: CODE})
        assert outcome is not None
        assert (outcome.load is not None) is done
        assert outcome.registers == {15: CODE + 2, 16: 0x0100_0000 | flags << 28}
