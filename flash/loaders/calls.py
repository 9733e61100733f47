"""calls.S, assembled: written by assemble.py, not by hand."""

from __future__ import annotations

from ..family import LoaderCode

__all__ = ["LOADER"]

LOADER = LoaderCode(
    code=bytes.fromhex(
        "0000000000000000000000000000000000000000000000000000000000000000"
        "0000000000000000000000000000000000000000000000000000000000000000"
        "00be01bef0b50ea3002917d030c80022d243002d0ed02678013472401607b60e"
        "9e59120972401607b60e9e5912097240013df0d1043804c00139e5e70020f0bd"
        "000000006410b71dc8206e3bac30d9269041dc76f4516b6b5861b24d3c710550"
        "2083b8ed44930ff0e8a3d6d68cb361cbb0c2649bd4d2d38678e20aa01cf2bdbd"
    ),
    entry=0x044,
    done=0x040,
    trap=0x042,
    mailbox=0x0C0,
)
