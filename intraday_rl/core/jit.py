"""The only door to numba: `njit` for kernels, `model` for functions chosen by the struct they are given.

Conventions: a kernel never raises, prints, allocates or draws random numbers. numba invalidates its cache by the
kernel's own file alone, so an edited helper elsewhere could leave stale machine code: the cache folder is therefore
named by a digest of all sources of the package. With NUMBA_DISABLE_JIT=1 the same functions run as plain Python.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import inspect
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, Protocol, TypeVar, cast

import numba
import platformdirs
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

F = TypeVar("F", bound=Callable[..., Any])
P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

TAG = "struct_"  # prefix of the record field that names a struct
OPTIONS: Any = {"_nrt": False, "error_model": "numpy", "forceinline": True}
CACHE_LINE_BYTES = 64
PACKAGE = Path(__file__).resolve().parents[1]
CACHES_KEPT = 4  # compiled caches of older source digests that stay on disk


def sources_digest(*parts: str) -> str:
    """Return 16 hexadecimal digits that change with any Python source of the package or numba's version.

    Args:
        parts: subpackages whose sources count; none given = all.
    """
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(path for part in parts or ("",) for path in (PACKAGE / part).rglob("*.py")):
        digest.update(str(path.relative_to(PACKAGE)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _prepare_cache() -> Path:
    """Name the cache folder by the digest, make it, and drop the oldest of the other digests' folders.

    Where the user's cache cannot be written, a temporary folder takes its place: every start compiles anew.
    """
    root = Path(platformdirs.user_cache_dir("intraday_rl")) / "kernels"
    folder = root / sources_digest()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)
    except OSError:
        temporary = tempfile.mkdtemp(prefix="intraday_rl_kernels_")
        atexit.register(shutil.rmtree, temporary, ignore_errors=True)
        return Path(temporary)
    others = sorted((p for p in root.iterdir() if p != folder), key=lambda p: p.stat().st_mtime, reverse=True)
    for old in others[CACHES_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


JIT_DISABLED: bool = bool(numba.config.DISABLE_JIT)  # type: ignore[attr-defined]
CACHE_FOLDER = Path() if JIT_DISABLED else _prepare_cache()
if not JIT_DISABLED:
    numba.config.CACHE_DIR = str(CACHE_FOLDER)  # type: ignore[attr-defined]


def cache_is_cold() -> bool:
    """Say whether no kernel was compiled yet for these sources (the first start compiles for some seconds)."""
    return not JIT_DISABLED and not any(CACHE_FOLDER.rglob("*.nbc"))


def njit(function: F) -> F:
    """Compile a function that allocates nothing; cached on disk, without reference counting, without the GIL.

    `_nrt=False` removes numba's atomic reference counting of array arguments, which would cost three times a step.
    `forceinline`: without it every small function is called with a dozen arrays on the stack, a third slower.
    """
    return cast("F", numba.njit(cache=True, nogil=True, **OPTIONS)(function))


def entry(kernel: F, *arguments: Any) -> F:
    """Return the machine code of a kernel for arguments of exactly these types.

    A kernel called directly first looks up the types of all its arguments, which costs more than a bar of the market.
    An entry does not: whoever calls it answers for dtype, dimensions and layout of every array.
    """
    if JIT_DISABLED:
        return kernel
    return cast("F", cast("Any", kernel).compile(tuple(cast("Any", numba).typeof(argument) for argument in arguments)))


@intrinsic
def _prefetch_line(typing_context: Any, array: Any, row: Any, offset: Any) -> Any:
    """Load the cache line `offset` bytes after the start of array[row]."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        index = [context.cast(builder, values[1], signature.args[1], types.intp)]
        index += [context.get_constant(types.intp, 0)] * (array.ndim - 1)
        contents = context.make_array(array)(context, builder, values[0])
        start = cast("Any", cgutils).get_item_pointer(context, builder, array, contents, index)
        address, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        line = builder.gep(builder.bitcast(start, address), [values[2]])
        kind = ir.FunctionType(ir.VoidType(), [address, word, word, word])
        instruction = builder.module.declare_intrinsic("llvm.prefetch", [address], kind)
        builder.call(instruction, [line, word(0), word(3), word(1)])  # for reading, into all caches, data
        return context.get_dummy_value()

    return types.void(array, row, types.intp), generate


def prefetch(array: Any, row: Any) -> None:
    """Ask the processor to bring array[row] into its caches; array is (T,) records or (T, F). No result changes."""


@overload(prefetch, jit_options=OPTIONS)
def _prefetch(array: Any, row: Any) -> Any:
    def prefetch_lines(array: Any, row: Any) -> None:
        for offset in range(0, array.strides[0], CACHE_LINE_BYTES):
            _prefetch_line(array, row, offset)  # type: ignore[call-arg]

    return prefetch_lines


@functools.cache
def label_of(struct: Any) -> str:
    """Return the name under which compiled code knows a struct: its class's name.

    The cache folder knows the sources of this package alone, so a struct from elsewhere also bears a digest of its
    file: machine code compiled for an earlier edition of that file is then never taken for it.
    """
    file = Path(getattr(sys.modules.get(struct.__module__), "__file__", None) or PACKAGE)
    if file.is_relative_to(PACKAGE) or not file.is_file():
        return str(struct.__name__)
    return f"{struct.__name__}_{hashlib.sha256(file.read_bytes()).hexdigest()[:12]}"


def struct_name(numba_type: Any) -> str | None:
    """Return the struct's label behind a numba type: a NamedTuple's class, or a record's tag field; else None."""
    if isinstance(numba_type, types.NamedTuple | types.NamedUniTuple):
        return label_of(numba_type.instance_class)
    if isinstance(numba_type, types.Record):
        return next((n[len(TAG) :] for n in numba_type.fields if n.startswith(TAG)), None)
    return None


def _struct_name_of_value(value: Any) -> str:
    names = getattr(getattr(value, "dtype", None), "names", None)
    if names is None:
        kind: Any = type(value)
        return label_of(kind)
    return str(next(n[len(TAG) :] for n in names if n.startswith(TAG)))


class Model:
    """The implementations of one step of the market, one for each parameter struct.

    `implementations` maps a struct's class to its plain Python function; conformance tests walk it.
    """

    def __init__(self, name: str) -> None:
        """Start an empty table for the step `name`."""
        self.name = name
        self.implementations: dict[type, Callable[..., Any]] = {}

    def implement(self, struct: type) -> Callable[[F], F]:
        """Register the decorated function as this step's rule for `struct`; it may be called directly too."""

        def register(function: F) -> F:
            compiled = njit(function)
            self.implementations[struct] = compiled
            return compiled

        return register

    def find(self, struct_name: str) -> Callable[..., Any] | None:
        """Return the implementation registered for the struct of that name."""
        return next((f for s, f in self.implementations.items() if label_of(s) == struct_name), None)


class Step(Protocol[P, R_co]):
    """A stub made by `model`: callable as the stub is, with the table of its implementations."""

    model: Model

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call the implementation for the struct of the first argument."""
        ...


def model(stub: Callable[P, R]) -> Step[P, R]:
    """Turn a stub into a step that dispatches on the struct of its first argument.

    Inside kernels numba picks the implementation at compile time; in plain Python it is looked up at the call. The
    table is `stub.model`, new members join with `@stub.model.implement(Struct)`.
    """
    table = Model(stub.__name__)

    @wraps(stub)
    def dispatch(params: Any, *args: Any) -> Any:
        return table.find(_struct_name_of_value(params))(params, *args)  # type: ignore[misc]

    dispatch.model = table  # type: ignore[attr-defined]

    def resolve(params: Any, *args: Any) -> Any:
        name = struct_name(params)
        implementation = table.find(name) if name else None
        return getattr(implementation, "py_func", implementation)

    overload(dispatch, strict=False, jit_options=OPTIONS)(resolve)
    return cast("Step[P, R]", dispatch)


def every(
    stub: Callable[..., Any], per_member: str = "", before: tuple[float, ...] = ()
) -> Callable[..., tuple[Any, ...]]:
    """Return a function that asks `stub` (a `model`) for every member of a group of structs, as a tuple of results.

    The group comes from `structs.nest` and takes the place of the stub's first argument.

    Args:
        stub: the model.
        per_member: name of an argument of which member k gets item `start + k`; `start` is then added at the end.
        before: what stands before the members' results, for groups that may be empty: compiled code knows no loop over
            nothing.
    """
    arguments = list(inspect.signature(stub).parameters)[1:]
    added = ["start"] if per_member else []

    def collect(group: Any, *args: Any) -> tuple[Any, ...]:
        names = [name for name in group.dtype.names if not name.startswith(TAG)]
        given = dict(zip([*arguments, *added], args, strict=True))
        start = given.pop("start", 0)
        return before + tuple(
            stub(group[name], *(v[start + k] if a == per_member else v for a, v in given.items()))
            for k, name in enumerate(names)
        )

    def resolve(group: Any, *args: Any) -> Any:
        names = [name for name in group.fields if not name.startswith(TAG)]
        calls = [
            f"stub(group.{name}, {', '.join(f'{a}[start + {k}]' if a == per_member else a for a in arguments)}),"
            for k, name in enumerate(names)
        ]
        first = [f"before[{i}]," for i in range(len(before))]
        source = f"lambda group, {', '.join([*arguments, *added])}: ({' '.join([*first, *calls])})"
        return eval(
            source, {"stub": stub, "before": before}
        )  # members have types of their own: the calls must be written out

    overload(collect, strict=False, jit_options=OPTIONS)(resolve)
    return collect
