"""Breakpoint conditions and dprintf carried out here: a hit that does not count costs the client no packet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..arm.stop import Stop, StopReason
from .agent import AgentError, Answer, ReadRegister, Request, Result, run
from .intercept import Outcome
from .points import Orders

if TYPE_CHECKING:
    from .client import Client
    from .target import Target

__all__ = ["Conditions"]


class Conditions:
    """The interceptor for breakpoints that have conditions or commands."""

    async def intercept(self, client: Client, stop: Stop) -> Outcome:
        """See Interceptor. An expression that cannot be carried out lets the client decide, and is said."""
        if stop.reason is not StopReason.BREAKPOINT or stop.bkpt is not None or stop.watched:
            return stop
        orders = client.target.points.orders(stop.pc)
        if not any(order.conditions or order.commands for order in orders):
            return stop
        reported = False
        for order in orders:
            try:
                reported |= await self._counts(client, order)
            except AgentError as error:
                client.say_later(f"The expression of the breakpoint at {stop.pc:#010x} cannot be evaluated: {error}.")
                reported = True
        return stop if reported else None

    async def _counts(self, client: Client, order: Orders) -> bool:
        """Whether the client is to hear of it; carries out what is to be done instead."""
        for condition in order.conditions:
            if (await _evaluate(client.target, condition)).value:
                break
        else:
            if order.conditions:
                return False
        for command in order.commands:
            output = (await _evaluate(client.target, command)).output
            if output:
                await client.say(output)
        return not order.commands


async def _evaluate(target: Target, code: bytes) -> Result:
    """Carry out an agent expression on a target that stands; AgentError, HaltpointError."""
    machine = run(code)
    try:
        request = next(machine)
        while True:
            request = machine.send(await _answer(target, request))
    except StopIteration as end:
        result = end.value
        assert isinstance(result, Result)
        return result


async def _answer(target: Target, request: Request) -> Answer:
    if not isinstance(request, ReadRegister):
        return await target.read_memory(request.address, request.length)
    spec = target.register(request.number)
    value = await target.read_register(spec) if spec is not None else None
    if value is None:
        raise AgentError(f"there is no register {request.number}")
    return int.from_bytes(value, "little")
