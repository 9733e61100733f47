"""What the user may change at GDB's prompt: whose console and files the program gets."""

from __future__ import annotations

from ...probes.errors import UserError
from ..client import Client
from .service import HostKind, Semihosting

__all__ = ["change_file_io", "change_host"]

_MEANING = {
    HostKind.GDB: "GDB's console and files",
    HostKind.CONSOLE: "GDB's console and no files",
    HostKind.SERVER: "the server's terminal and the files below --semihosting-root",
    HostKind.OFF: "nothing: it stops where it asks",
}


async def change_host(client: Client, arguments: list[str]) -> None:
    """``semihosting [gdb|console|server|off|enable|disable]``; J-Link's ``IOClient`` is taken and changes nothing."""
    service = _service(client)
    word = " ".join(arguments[:1]).lower()
    if word == "enable":
        if service.options.kind is HostKind.OFF:
            service.use(HostKind.CONSOLE)
    elif word == "disable":
        service.use(HostKind.OFF)
    elif word in {kind.value for kind in HostKind}:
        service.use(HostKind(word))
    elif word not in {"", "ioclient"}:
        kinds = ", ".join(kind.value for kind in HostKind)
        raise UserError(f"Changing semihosting to '{word}'", "there is no such host", f"There are {kinds}.")
    await _tell(client, service)


async def change_file_io(client: Client, arguments: list[str]) -> None:
    """OpenOCD's ``arm semihosting_fileio enable|disable``: GDB's files or its console alone."""
    service = _service(client)
    if arguments[:1] == ["enable"]:
        service.use(HostKind.GDB)
    elif arguments[:1] == ["disable"] and service.options.kind is HostKind.GDB:
        service.use(HostKind.CONSOLE)
    await _tell(client, service)


def _service(client: Client) -> Semihosting:
    for interceptor in client.interceptors:
        if isinstance(interceptor, Semihosting):
            return interceptor
    raise UserError("Changing semihosting", "this server was started without it", "Use 'haltpoint serve'.")


async def _tell(client: Client, service: Semihosting) -> None:
    await client.say(f"The program gets {_MEANING[service.options.kind]}.\n")
