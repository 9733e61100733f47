"""Files below a directory: every way out of it that a program may try."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haltpoint.probes.errors import UserError
from haltpoint.server.semihosting.arguments import Refused
from haltpoint.server.semihosting.host import Mode
from haltpoint.server.semihosting.rooted import Rooted, check_root

READ, WRITE, APPEND, UPDATE = Mode(0), Mode(4), Mode(8), Mode(6)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A root beside a secret, with everything in it that could lead there."""
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "file").write_bytes(b"content")
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "away").mkdir()
    (tmp_path / "away" / "file").write_bytes(b"secret")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "relative").symlink_to("../secret")
    (root / "dangling").symlink_to(tmp_path / "new")
    (root / "door").symlink_to(tmp_path / "away")
    (root / "up").symlink_to("..")
    (root / "inside").symlink_to("file")
    return root


WAYS_OUT = [
    b"/etc/passwd",
    b"//etc/passwd",
    b"../secret",
    b"sub/../../secret",
    b"./../secret",
    b"sub/..",
    b"..",
    b".",
    b"",
    b"/",
    b"link",
    b"relative",
    b"dangling",
    b"door/file",
    b"door/new",
    b"up/secret",
    b"up/root/file",
    b"sub/../file",
    b"sub",
    b"file/file",
    b"file/",
    b"x" * 5000,
]


@pytest.mark.parametrize("name", WAYS_OUT)
@pytest.mark.parametrize("mode", [READ, WRITE, APPEND], ids=["r", "w", "a"])
def test_no_name_leads_out(place: Path, name: bytes, mode: Mode) -> None:
    files = Rooted(place)
    with pytest.raises(Refused):
        files.open(name, mode)
    unchanged(place)


@pytest.mark.parametrize("name", [way for way in WAYS_OUT if way not in {b"link", b"relative", b"dangling", b"sub"}])
def test_nothing_outside_is_removed_or_renamed(place: Path, name: bytes) -> None:
    files = Rooted(place)
    with pytest.raises(Refused):
        files.remove(name)
    for old, new in ((name, b"here"), (b"file", name)):
        with pytest.raises(Refused):
            files.rename(old, new)
    unchanged(place)


def test_a_link_itself_may_be_removed(place: Path) -> None:
    Rooted(place).remove(b"link")
    assert not (place / "link").is_symlink()
    assert (place.parent / "secret").read_bytes() == b"secret"


def unchanged(place: Path) -> None:
    outside = sorted(
        str(path.relative_to(place.parent)) for path in place.parent.rglob("*") if place not in path.parents
    )
    assert outside == ["away", "away/file", "root", "secret"]
    assert (place.parent / "secret").read_bytes() == (place.parent / "away" / "file").read_bytes() == b"secret"
    assert (place / "file").read_bytes() == b"content"


def test_a_link_that_is_put_there_while_a_file_is_open_does_not_matter(place: Path) -> None:
    files = Rooted(place)
    descriptor = files.open(b"sub/new", UPDATE)
    (place / "sub" / "new").unlink()
    (place / "sub").rmdir()
    (place / "sub").symlink_to(place.parent / "away")
    files.write(descriptor, b"data")
    files.close(descriptor)
    with pytest.raises(Refused):
        files.open(b"sub/file", READ)
    unchanged(place)


def test_a_fifo_or_device_is_not_opened(place: Path) -> None:
    os.mkfifo(place / "pipe")
    with pytest.raises(Refused, match="not a regular file") as refused:
        Rooted(place).open(b"pipe", READ)
    assert refused.value.errno == 13


def test_descriptors_of_the_servers_own_are_not_reached(place: Path) -> None:
    files = Rooted(place)
    mine = os.open(place.parent / "secret", os.O_RDWR)
    try:
        with pytest.raises(Refused):
            files.write(mine, b"x")
        with pytest.raises(Refused):
            files.read(mine, 1)
        with pytest.raises(Refused):
            files.seek(mine, 0)
        with pytest.raises(Refused):
            files.length(mine)
        with pytest.raises(Refused):
            files.close(mine)
    finally:
        os.close(mine)
    unchanged(place)


@given(st.binary(max_size=60))
def test_any_name_is_refused_or_stays_inside(tmp_path_factory: pytest.TempPathFactory, name: bytes) -> None:
    root = tmp_path_factory.mktemp("outer") / "root"
    root.mkdir()
    files = Rooted(root)
    try:
        files.close(files.open(name.replace(b"\0", b""), WRITE))
    except Refused:
        assert list(root.iterdir()) == []
    else:
        assert len(list(root.iterdir())) == 1
    assert [path.name for path in root.parent.iterdir()] == ["root"]


def test_an_absurd_position_is_an_error(place: Path) -> None:
    files = Rooted(place)
    descriptor = files.open(b"file", READ)
    with pytest.raises(Refused):
        files.seek(descriptor, 1 << 80)
    files.close_all()
    with pytest.raises(Refused):
        files.read(descriptor, 1)


def test_the_root_must_be_a_directory(place: Path) -> None:
    check_root(place)
    for wrong in (place / "file", place / "missing"):
        with pytest.raises(UserError, match="semihosting-root"):
            check_root(wrong)
