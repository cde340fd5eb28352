"""The compiled loop, loaded from the object file that numba made once on this machine.

numba takes half a second to import, the loop ten to compile; its object file is loaded in a millisecond. The file is keyed
by the loop's source, the versions of numba, llvmlite and Python, and the processor; where it is missing or damaged it is made again.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from netcam.errors import ConfigError
from netcam.flows.image import Image

SOURCES = ("rows.py", "octets.py", "open_table.py", "looks.py", "accounts.py", "walker.py", "blocks.py")
"""What the loop is made of."""
NUMBERS, POINTERS = 5, 12
"""What the loop takes after its number and a buffer: five numbers, then the arrays of a walk (`walk.Walk`)."""
_ABSENT = ("NRT_MemInfo_call_dtor", "numba_gil_ensure", "numba_gil_release", "numba_unpickle", "numba_do_raise")
"""Symbols of numba's run time that the object file names and the loop never calls: it allocates nothing and raises nothing."""


def folder() -> Path:
    """Where the object file is kept; safe to delete."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "netcam"


def needs_extra() -> None:
    """Raise ConfigError with the cure where the extra `egress` is not installed."""
    from importlib.util import find_spec

    if any(find_spec(name) is None for name in ("numpy", "numba", "llvmlite")):
        raise ConfigError("egress", "numpy and numba are not installed here", "pip install 'netcam[egress]'") from None


def _processor() -> str:
    """What tells one processor from another, without LLVM: the object file uses whatever the one here can do."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    wanted = ("vendor_id", "cpu family", "model", "stepping", "flags", "CPU implementer", "CPU part", "Features")
    told = {key.strip(): value for key, _, value in (line.partition(":") for line in lines)}
    return f"{os.uname().machine} {[told.get(name) for name in wanted]}"


def _key() -> str:
    here = Path(__file__).resolve().parent
    digest = hashlib.sha256()
    for name in SOURCES:
        digest.update((here / name).read_bytes())
    digest.update(f"{_installed()} {sys.version_info} {_processor()}".encode())
    return digest.hexdigest()[:24]


def _installed() -> list[str]:
    """numba and llvmlite with their versions, as their folders of metadata are named; faster than to read the metadata."""
    from importlib.util import find_spec

    found = []
    for name in ("numba", "llvmlite"):
        spec = find_spec(name)
        beside = Path(spec.origin).parent.parent if spec is not None and spec.origin else Path()
        found += sorted(folder.name for folder in beside.glob(f"{name}-*.dist-info"))
    return found


def _stored(path: Path) -> bytes | None:
    """The object file, or None where there is none, it is damaged, or somebody else could have written it."""
    try:
        status = path.stat()
        if status.st_uid != os.getuid() or status.st_mode & 0o022:
            return None
        content = path.read_bytes()
    except OSError:
        return None
    return content[32:] if hashlib.sha256(content[32:]).digest() == content[:32] else None


def _keep(path: Path, content: bytes) -> None:
    """Write it whole or not at all; a folder that cannot be written only costs time."""
    import tempfile

    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(hashlib.sha256(content).digest() + content)
        Path(file.name).chmod(0o600)
        Path(file.name).replace(path)
    except OSError:
        return


@cache
def loop() -> Callable[..., int]:
    """The loop: (what, buffer, length, at, three numbers, the arrays of a walk). Raises ConfigError without the extra `egress`."""
    needs_extra()
    path = folder() / f"flows-{_key()}.o"
    content = _stored(path)
    if content is None:
        from netcam.flows import blocks

        name, made = blocks.compile_object()
        content = name.encode() + b"\n" + made
        _keep(path, content)
    title, _, made = content.partition(b"\n")
    nothing = ctypes.CFUNCTYPE(None)(lambda: None)
    _loaded.append(nothing)
    absent = ctypes.cast(nothing, ctypes.c_void_p).value or 0
    try:
        image = Image(made, absent)
        place = image.address(title.decode())
        _loaded.append(image)
    except (ValueError, OSError):
        place = _by_llvm(title.decode(), made, absent)
    kinds = [ctypes.c_int64, ctypes.c_void_p] + [ctypes.c_int64] * NUMBERS + [ctypes.c_void_p] * POINTERS
    return ctypes.CFUNCTYPE(ctypes.c_int64, *kinds)(place)


def _by_llvm(name: str, made: bytes, absent: int) -> int:
    """The function's address after LLVM has loaded the object file: on any processor, and where `image.py` does not understand it."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    for symbol in _ABSENT:
        llvm.add_symbol(symbol, absent)
    machine = llvm.Target.from_default_triple().create_target_machine(opt=3, codemodel="jitdefault", jit=True)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(made))
    engine.finalize_object()
    _loaded.append(engine)
    return int(engine.get_function_address(name))


_loaded: list[Any] = []
"""What must live as long as the code does."""
