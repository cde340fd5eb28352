"""Compiled: numbers in bytes, and how every compiled function is made (numba)."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

LOW32 = 0xFFFFFFFF
LOW48 = 0xFFFFFFFFFFFF


def _fast(function: Any) -> Any:
    return njit(error_model="numpy", boundscheck=False, _nrt=False)(function)


@intrinsic  # type: ignore[untyped-decorator]
def _prefetch(context: Any, array: Any, index: Any) -> Any:
    """Ask for the cache line that holds array[index] and go on; an index outside is no error to the processor."""

    def code(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = target.make_array(signature.args[0])(target, builder, arguments[0]).data
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        place = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.VoidType(), [byte, number, number, number]), "llvm.prefetch.p0"
        )
        builder.call(function, [place, number(0), number(3), number(1)])
        return target.get_dummy_value()

    return types.void(array, types.int64), code


@_fast
def _u16(b: Any, i: Any) -> Any:
    return np.int64(b[i]) << 8 | np.int64(b[i + 1])


@_fast
def _u32(b: Any, i: Any) -> Any:
    return np.int64(b[i]) << 24 | np.int64(b[i + 1]) << 16 | np.int64(b[i + 2]) << 8 | np.int64(b[i + 3])


@_fast
def _u64(b: Any, i: Any) -> Any:
    return _u32(b, i) << 32 | _u32(b, i + 4)


@_fast
def _l16(b: Any, i: Any) -> Any:
    return np.int64(b[i]) | np.int64(b[i + 1]) << 8


@_fast
def _l32(b: Any, i: Any) -> Any:
    return np.int64(b[i]) | np.int64(b[i + 1]) << 8 | np.int64(b[i + 2]) << 16 | np.int64(b[i + 3]) << 24


@_fast
def _n16(b: Any, i: Any, big: Any) -> Any:
    return _u16(b, i) if big else _l16(b, i)


@_fast
def _n32(b: Any, i: Any, big: Any) -> Any:
    return _u32(b, i) if big else _l32(b, i)


@_fast
def _mac(b: Any, i: Any) -> Any:
    return _u16(b, i) << 32 | _u32(b, i + 2)
