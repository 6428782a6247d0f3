"""Arrays out of an .npz archive, only those asked for, and without a copy where they are stored uncompressed."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from softmargin.cli.errors import CliError

_CHUNK = 1 << 22  # bytes read or checked at a time: large against a system call, small against any limit on memory
# What zipfile, zlib and numpy raise for damaged bytes; OSError stands for a seek to an impossible place.
_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, OverflowError, RuntimeError, ValueError)


class Npz:
    """The members of an .npz archive, read on demand.

    A stored member (``numpy.savez``) is mapped, copy-on-write: its pages are shared with the system's file cache until
    they are written to, and the file itself never changes. A compressed one (``numpy.savez_compressed``) is unpacked
    straight into its array. Either way the CRC-32 of the archive is checked, and pickled arrays are refused.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with zipfile.ZipFile(path) as archive:
                self._members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        except _DAMAGE as error:
            raise CliError(f"{path.name}: expected an .npz archive, got {_reason(error)}") from None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._members)

    def read(self, name: str) -> NDArray[Any]:
        """One array, writable, C or Fortran order as stored."""
        info = self._members[name]
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(info) as member:
                shape, fortran, dtype = _header(member)
                start = member.tell()
                if start + dtype.itemsize * int(np.prod(shape, dtype=object)) != info.file_size:
                    raise ValueError(f"shape {shape} does not fit its {info.file_size} bytes")
                order: Any = "F" if fortran else "C"
                if info.compress_type == zipfile.ZIP_STORED and info.file_size > start:
                    offset = _data_offset(self.path, info)
                    raw = np.memmap(self.path, np.uint8, mode="c", offset=offset, shape=(info.file_size,))
                    array: NDArray[Any] = np.ndarray(shape, dtype, raw, start, order=order)
                    if array.flags.aligned:
                        _check_crc(raw, info.CRC)
                        return array
                array = np.empty(shape, dtype, order=order)
                _fill(array.T if fortran else array, member)
                return array
        except _DAMAGE as error:
            raise CliError(f"{self.path.name}: array {name!r} cannot be read: {_reason(error)}") from None


def _header(member: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(member)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"version {version} of the .npy format")
    shape, fortran, dtype = read(member)
    if dtype.hasobject:
        raise ValueError("it holds pickled Python objects, which are never unpickled; save numbers or strings")
    return shape, fortran, dtype


def _data_offset(path: Path, info: zipfile.ZipInfo) -> int:
    """Where the bytes of a member start: behind its local header, whose two lengths differ from the directory's."""
    with path.open("rb") as file:
        file.seek(info.header_offset)
        local = file.read(30)
    if len(local) < 30 or local[:4] != b"PK\x03\x04":
        raise ValueError("its local header is damaged")
    name_length, extra_length = struct.unpack("<HH", local[26:30])
    return info.header_offset + 30 + int(name_length) + int(extra_length)


def _check_crc(raw: NDArray[np.uint8], expected: int) -> None:
    crc = 0
    for start in range(0, raw.size, _CHUNK):
        crc = zlib.crc32(raw[start : start + _CHUNK].data, crc)
    if crc != expected:
        raise ValueError("its contents are damaged (CRC-32)")


def _fill(array: NDArray[Any], member: IO[bytes]) -> None:
    """Read a C-contiguous array in pieces; the last read makes zipfile check the CRC."""
    flat = array.reshape(-1).view(np.uint8)
    for start in range(0, flat.size, _CHUNK):
        piece = flat[start : start + _CHUNK]
        data = member.read(piece.size)
        if len(data) != piece.size:
            raise EOFError("it is cut short")
        piece[:] = np.frombuffer(data, np.uint8)
    member.read(1)


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        raise error  # the file could not be opened at all
    return " ".join(str(error).split()) or type(error).__name__
