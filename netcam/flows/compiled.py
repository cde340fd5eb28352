"""The compiled loop, loaded from the object file that numba made once on this machine.

numba takes half a second to import, the loop ten to compile; llvmlite loads its object file in a few milliseconds. The file is keyed
by the loop's source, the versions of numba, llvmlite and Python, and the processor; where it is missing or damaged it is made again.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from netcam.errors import ConfigError

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


def _key() -> str:
    import llvmlite.binding as llvm

    here = Path(__file__).resolve().parent
    digest = hashlib.sha256()
    for name in ("rows.py", "accounts.py", "walker.py"):
        digest.update((here / name).read_bytes())
    digest.update(
        f"{version('numba')} {version('llvmlite')} {sys.version_info} {llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}".encode()
    )
    return digest.hexdigest()[:24]


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
    import llvmlite.binding as llvm

    path = folder() / f"flows-{_key()}.o"
    content = _stored(path)
    if content is None:
        from netcam.flows import walker

        name, made = walker.compile_object()
        content = name.encode() + b"\n" + made
        _keep(path, content)
    title, _, made = content.partition(b"\n")
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    nothing = ctypes.CFUNCTYPE(None)(lambda: None)
    for absent in _ABSENT:
        llvm.add_symbol(absent, ctypes.cast(nothing, ctypes.c_void_p).value)
    machine = llvm.Target.from_default_triple().create_target_machine(opt=3, codemodel="jitdefault", jit=True)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(made))
    engine.finalize_object()
    _loaded.extend([nothing, engine])
    kinds = [ctypes.c_int64, ctypes.c_void_p] + [ctypes.c_int64] * NUMBERS + [ctypes.c_void_p] * POINTERS
    return ctypes.CFUNCTYPE(ctypes.c_int64, *kinds)(engine.get_function_address(title.decode()))


_loaded: list[Any] = []
"""What must live as long as the code does."""
