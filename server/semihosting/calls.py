"""One operation: its parameters are read, the host is asked, the result is found."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import trio

from ..intercept import Exited
from .arguments import Buffer, Refused, Space
from .files import CONSOLE_NAME, FEATURES_NAME, Features, Handles
from .host import CONSOLE, EINVAL, ENOSYS, STDOUT, Host, Mode
from .operations import APPLICATION_EXIT, BY_NUMBER, Kind

__all__ = ["Calls", "Result"]

CENTISECONDS = 100
TICKS = 1_000_000
"""SYS_TICKFREQ: ticks of SYS_ELAPSED in a second."""

WORD = 0xFFFF_FFFF

Result = int | Exited
"""What goes to r0, or how the program has ended."""


@dataclass
class Calls:
    """The operations of one client's program. ``date`` gives seconds since 1970."""

    space: Space
    host: Host
    command_line: str = ""
    date: Callable[[], float] = time.time
    handles: Handles = field(default_factory=Handles)
    errno: int = 0
    started: float = field(default_factory=trio.current_time)

    async def carry_out(self, number: int, parameter: int) -> Result:
        """Carry out operation ``number`` with r1 as ``parameter``.

        Raises Refused when the answer is -1, Interrupted, and HaltpointError when the target cannot be read.
        """
        try:
            return await self._carry_out(number, parameter)
        except Refused as refusal:
            self.errno = refusal.errno
            raise

    async def _carry_out(self, number: int, parameter: int) -> Result:
        operation = BY_NUMBER.get(number)
        if operation is None:
            raise Refused(ENOSYS, f"The specification has no operation {number:#x}.")
        if operation.kind is Kind.BLOCK:
            words = await self.space.words(parameter, operation.words)
            return await _WITH_BLOCK[operation.name](self, words, parameter)
        return await _PLAIN[operation.name](self, parameter)

    async def close_all(self) -> None:
        """Close what the program has open."""
        self.handles.clear()
        await self.host.close_all()


# ------------------------------------------------------------------------------------ files


async def _open(calls: Calls, words: tuple[int, ...], _block: int) -> int:
    name = await calls.space.name(words[0], words[2])
    if words[1] >= Mode.COUNT:
        raise Refused(EINVAL, f"It opens '{name}' in mode {words[1]}; there are modes 0 to {Mode.COUNT - 1}.")
    mode = Mode(words[1])
    if name.text == CONSOLE_NAME:
        return calls.handles.console(mode)
    handle = calls.handles.room()
    if name.text != FEATURES_NAME:
        calls.handles.add(handle, await calls.host.open(name, mode))
    elif mode.writes:
        raise Refused(EINVAL)
    else:
        calls.handles.add(handle, Features())
    return handle


async def _close(calls: Calls, words: tuple[int, ...], _block: int) -> int:
    file = calls.handles.get(words[0])
    calls.handles.forget(words[0])
    if isinstance(file, int) and file not in CONSOLE:
        await calls.host.close(file)
    return 0


async def _write(calls: Calls, words: tuple[int, ...], _block: int) -> int:
    file = calls.handles.get(words[0])
    if isinstance(file, Features):
        raise Refused(EINVAL)
    calls.space.check(words[1], words[2])
    return words[2] - await calls.host.write(file, Buffer(calls.space, words[1], words[2]))


async def _read(calls: Calls, words: tuple[int, ...], _block: int) -> int:
    file = calls.handles.get(words[0])
    calls.space.check(words[1], words[2], writes=True)
    buffer = Buffer(calls.space, words[1], words[2])
    taken = await file.read(buffer) if isinstance(file, Features) else await calls.host.read(file, buffer)
    return words[2] - taken


async def _seek(calls: Calls, words: tuple[int, ...], _block: int) -> int:
    file = calls.handles.get(words[0])
    if isinstance(file, Features):
        file.seek(words[1])
    else:
        await calls.host.seek(file, words[1])
    return 0


async def _flen(calls: Calls, words: tuple[int, ...], _block: int) -> int:
    file = calls.handles.get(words[0])
    if isinstance(file, Features):
        return file.length
    return 0 if file in CONSOLE else await calls.host.length(file) & WORD


async def _istty(calls: Calls, words: tuple[int, ...], _block: int) -> int:
    file = calls.handles.get(words[0])
    return 0 if isinstance(file, Features) else int(await calls.host.is_tty(file))


async def _remove(calls: Calls, words: tuple[int, ...], _block: int) -> int:
    await calls.host.remove(await calls.space.name(words[0], words[1]))
    return 0


async def _rename(calls: Calls, words: tuple[int, ...], _block: int) -> int:
    old = await calls.space.name(words[0], words[1])
    await calls.host.rename(old, await calls.space.name(words[2], words[3]))
    return 0


async def _tmpnam(calls: Calls, words: tuple[int, ...], _block: int) -> int:
    address, identifier, length = words
    name = f"semihosting-{identifier:03d}.tmp".encode() + b"\0"
    if identifier > 255 or length < len(name):
        raise Refused(EINVAL, f"It wants the name of temporary file {identifier} in {length} bytes.")
    await calls.space.write(address, name)
    return 0


# ------------------------------------------------------------------------------------ console


async def _writec(calls: Calls, address: int) -> int:
    await calls.host.write(STDOUT, Buffer(calls.space, address, 1, await calls.space.read(address, 1)))
    return 0


async def _write0(calls: Calls, address: int) -> int:
    text = await calls.space.text(address)
    await calls.host.write(STDOUT, Buffer(calls.space, address, len(text), text))
    return 0


async def _readc(calls: Calls, _parameter: int) -> int:
    return await calls.host.read_character()


# ------------------------------------------------------------------------------------ time


async def _clock(calls: Calls, _parameter: int) -> int:
    return int((trio.current_time() - calls.started) * CENTISECONDS) & WORD


async def _time(calls: Calls, _parameter: int) -> int:
    return int(calls.date()) & WORD


async def _elapsed(calls: Calls, address: int) -> int:
    ticks = int((trio.current_time() - calls.started) * TICKS)
    await calls.space.write(address, ticks.to_bytes(8, "little"))
    return 0


async def _tickfreq(_calls: Calls, _parameter: int) -> int:
    return TICKS


# ------------------------------------------------------------------------------------ the rest


async def _iserror(_calls: Calls, words: tuple[int, ...], _block: int) -> int:
    return int(words[0] > WORD >> 1)


async def _errno(calls: Calls, _parameter: int) -> int:
    return calls.errno


async def _system(calls: Calls, words: tuple[int, ...], _block: int) -> int:
    return await calls.host.system(await calls.space.name(words[0], words[1])) & WORD


async def _get_cmdline(calls: Calls, words: tuple[int, ...], block: int) -> int:
    text = calls.command_line.encode()
    if len(text) >= words[1]:
        raise Refused(EINVAL, f"Its command line has {len(text)} bytes, and it has room for {words[1]}.")
    await calls.space.write(words[0], text + b"\0")
    await calls.space.write(block + 4, len(text).to_bytes(4, "little"))
    return 0


async def _heapinfo(calls: Calls, words: tuple[int, ...], _block: int) -> int:
    # Where heap and stack lie is known to the program's linker script alone; 0 leaves it to the program.
    await calls.space.write(words[0], bytes(16))
    return 0


async def _exit(calls: Calls, reason: int) -> Exited:
    return await _ended(calls, 0 if reason == APPLICATION_EXIT else 1)


async def _exit_extended(calls: Calls, words: tuple[int, ...], _block: int) -> Exited:
    return await _ended(calls, words[1] if words[0] == APPLICATION_EXIT else 1)


async def _ended(calls: Calls, code: int) -> Exited:
    await calls.close_all()
    return Exited(code)


_WITH_BLOCK: Mapping[str, Callable[[Calls, tuple[int, ...], int], Awaitable[Result]]] = {
    "SYS_OPEN": _open,
    "SYS_CLOSE": _close,
    "SYS_WRITE": _write,
    "SYS_READ": _read,
    "SYS_ISERROR": _iserror,
    "SYS_ISTTY": _istty,
    "SYS_SEEK": _seek,
    "SYS_FLEN": _flen,
    "SYS_TMPNAM": _tmpnam,
    "SYS_REMOVE": _remove,
    "SYS_RENAME": _rename,
    "SYS_SYSTEM": _system,
    "SYS_GET_CMDLINE": _get_cmdline,
    "SYS_HEAPINFO": _heapinfo,
    "SYS_EXIT_EXTENDED": _exit_extended,
}

_PLAIN: Mapping[str, Callable[[Calls, int], Awaitable[Result]]] = {
    "SYS_WRITEC": _writec,
    "SYS_WRITE0": _write0,
    "SYS_READC": _readc,
    "SYS_CLOCK": _clock,
    "SYS_TIME": _time,
    "SYS_ERRNO": _errno,
    "SYS_EXIT": _exit,
    "SYS_ELAPSED": _elapsed,
    "SYS_TICKFREQ": _tickfreq,
}
