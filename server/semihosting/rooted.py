"""Files below one directory and nothing outside it, whatever name a program gives.

A name is walked part by part from the directory's own descriptor, and no symbolic link is followed on the
way, so there is no moment at which somebody could put one there.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ...probes.errors import UserError
from .arguments import Refused
from .host import EACCES, EBADF, ENOENT, Mode, refuse_system_error

__all__ = ["Rooted", "check_root"]

_ROOT = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
"""O_NONBLOCK: opening a FIFO must not wait for its other end."""

PERMISSIONS = 0o666


def check_root(root: Path) -> None:
    """Raise UserError when ``root`` is no directory that can be used."""
    try:
        os.close(os.open(root, _ROOT))
    except OSError as error:
        advice = "Name a directory with --semihosting-root."
        raise UserError(f"Using {root} for the program's files", f"{error.strerror}", advice) from error


class Rooted:
    """The files. Names are relative and use '/'; Refused is raised for all others. Descriptors are this machine's."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._open: set[int] = set()

    def open(self, name: bytes, mode: Mode) -> int:
        """Open a regular file."""
        flags = _FILE | (os.O_RDWR if mode.reads and mode.writes else os.O_WRONLY if mode.writes else os.O_RDONLY)
        if mode.truncates or mode.appends:
            flags |= os.O_CREAT
        if mode.appends:
            flags |= os.O_APPEND
        with self._place(name) as (directory, last):
            descriptor = os.open(last, flags, PERMISSIONS, dir_fd=directory)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise Refused(EACCES, f"It opens '{_shown(name)}', which is not a regular file.")
        self._open.add(descriptor)
        if mode.truncates:
            os.ftruncate(descriptor, 0)
        return descriptor

    def close(self, descriptor: int) -> None:
        """Close a file."""
        self._check(descriptor)
        self._open.discard(descriptor)
        os.close(descriptor)

    def read(self, descriptor: int, length: int) -> bytes:
        """At most ``length`` bytes, none at the end."""
        with self._using(descriptor):
            return os.read(descriptor, length)

    def write(self, descriptor: int, data: bytes) -> int:
        """The number of bytes that found room."""
        with self._using(descriptor):
            return os.write(descriptor, data)

    def seek(self, descriptor: int, position: int) -> None:
        """From the start."""
        with self._using(descriptor):
            os.lseek(descriptor, position, os.SEEK_SET)

    def length(self, descriptor: int) -> int:
        """Bytes in the file."""
        with self._using(descriptor):
            return os.fstat(descriptor).st_size

    def remove(self, name: bytes) -> None:
        """Delete a file."""
        with self._place(name) as (directory, last):
            os.unlink(last, dir_fd=directory)

    def rename(self, old: bytes, new: bytes) -> None:
        """Rename a file."""
        with self._place(old) as (source, old_last), self._place(new) as (destination, new_last):
            os.rename(old_last, new_last, src_dir_fd=source, dst_dir_fd=destination)

    def close_all(self) -> None:
        """Close what is open."""
        for descriptor in list(self._open):
            self.close(descriptor)

    @contextlib.contextmanager
    def _place(self, name: bytes) -> Iterator[tuple[int, bytes]]:
        """The directory that holds ``name``, open, and the name's last part."""
        if name.startswith(b"/"):
            raise Refused(EACCES, f"It names '{_shown(name)}', an absolute path; its files lie in {self._root}.")
        *way, last = [part for part in name.split(b"/") if part != b"."] or [b""]
        if b".." in (*way, last):
            raise Refused(EACCES, f"It names '{_shown(name)}', which leads upwards; its files lie in {self._root}.")
        if not last:
            raise Refused(ENOENT)
        with contextlib.ExitStack() as opened:
            try:
                directory = os.open(self._root, _ROOT)
                opened.callback(os.close, directory)
                for part in filter(None, way):
                    directory = os.open(part, _DIRECTORY, dir_fd=directory)
                    opened.callback(os.close, directory)
                yield directory, last
            except OSError as error:
                refuse_system_error(error)

    @contextlib.contextmanager
    def _using(self, descriptor: int) -> Iterator[None]:
        self._check(descriptor)
        try:
            yield
        except (OSError, OverflowError) as error:
            refuse_system_error(error if isinstance(error, OSError) else OSError(str(error)))

    def _check(self, descriptor: int) -> None:
        if descriptor not in self._open:
            raise Refused(EBADF)


def _shown(name: bytes) -> str:
    return name.decode("utf-8", "replace")
