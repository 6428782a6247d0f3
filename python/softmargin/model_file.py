"""Models on disk: a safetensors file with the arrays, and JSON text for everything else.

The arrays are ``W`` (n_outputs, n_features) and, where there is one, ``intercept`` (n_outputs,). The metadata is a
flat table of strings; a SHA-256 over both is kept with it, so that damage is noticed wherever it strikes. Reading
parses JSON and copies numbers. It never unpickles, imports or evaluates anything.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softmargin import _core
from softmargin._validation import as_plain, choose, describe
from softmargin.model import LinearModel

__all__ = ["Model", "load_model", "save_model"]

FORMAT = "softmargin"
FORMAT_VERSION = 1
_MAX_HEADER = 100_000_000  # bytes; the limit of the safetensors format itself
_TEXTS = ("format", "format_version", "softmargin_version", "loss", "classes", "feature_names", "options")

Array = NDArray[Any]
ClassName = int | str


@dataclass(frozen=True, eq=False)
class Model(LinearModel):
    """A linear model as it is stored: scores are ``X W^T + intercept``.

    Attributes
    ----------
    W : ndarray (n_outputs, n_features), float32 or float64
    intercept : ndarray (n_outputs,) or None
    loss : str
        Registered name of the loss that it was trained with.
    classes : tuple of int or str, or None
        What column j of the scores stands for; with one output, what a negative and a positive score stand for.
        None for a regression.
    feature_names : tuple of str, or None
    options : dict
        How the model was trained, as JSON values. Nothing here changes what the model computes.
    softmargin_version : str
        Version that wrote the file.
    """

    W: Array
    intercept: Array | None
    loss: str
    classes: tuple[ClassName, ...] | None = None
    feature_names: tuple[str, ...] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    softmargin_version: str = ""


def save_model(
    path: str | os.PathLike[str],
    W: ArrayLike,
    intercept: ArrayLike | None = None,
    *,
    loss: str,
    classes: Sequence[ClassName] | None = None,
    feature_names: Sequence[str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> None:
    """Write a linear model to a safetensors file, all of it or nothing.

    The bytes go to a new file beside `path`, which then takes its name; a reader never sees half a model, and an
    error leaves an earlier model as it was.

    Parameters
    ----------
    path : path-like
    W : array_like (n_outputs, n_features), float32 or float64
    intercept : array_like (n_outputs,), of W's dtype, or None
    loss : str
        One of ``softmargin.losses.names()``.
    classes : sequence of int or str, optional
        n_outputs of them, or two for one output. Left out for a regression.
    feature_names : sequence of str, optional
        n_features of them.
    options : mapping, optional
        Anything JSON can hold, kept as it is.

    Raises
    ------
    TypeError
        ``W: expected float32 or float64, got dtype int64`` and the like.
    ValueError
        ``W: expected finite numbers, got nan at (0, 3)`` and the like; shapes that do not fit together.

    See Also
    --------
    load_model

    Examples
    --------
    >>> import tempfile, pathlib, numpy as np
    >>> from softmargin.model_file import load_model, save_model
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "model.safetensors"
    ...     save_model(path, np.eye(2), np.zeros(2), loss="softmax", classes=["cat", "dog"])
    ...     load_model(path).classes
    ('cat', 'dog')
    """
    from safetensors.numpy import save

    from softmargin import __version__

    loss = choose("loss", loss, _core.registry()["losses"])
    arrays = {"W": np.ascontiguousarray(as_plain("W", W))}
    if intercept is not None:
        arrays["intercept"] = np.ascontiguousarray(as_plain("intercept", intercept))
    names = None if classes is None else [_class_name(value) for value in _sequence("classes", classes)]
    features = None if feature_names is None else [str(name) for name in _sequence("feature_names", feature_names)]
    if not isinstance(options, Mapping | None):
        raise TypeError(f"options: expected a mapping, got {describe(options)}")
    _check(arrays, loss, names, features)
    texts = {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "softmargin_version": __version__,
        "loss": loss,
        "classes": json.dumps(names),
        "feature_names": json.dumps(features),
        "options": json.dumps(dict(options or {}), default=_json_number),
    }
    texts["sha256"] = _digest(arrays, texts)
    _write_atomically(Path(path), save(arrays, metadata=texts))


def load_model(path: str | os.PathLike[str]) -> Model:
    """Read a model that `save_model` wrote, checking all of it; no code from the file is ever run.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Model

    Raises
    ------
    OSError
        The file cannot be opened.
    ValueError
        ``model.safetensors: expected a softmargin model, got a file cut short (…)`` and the like: what is wrong with a
        truncated, damaged or foreign file.

    See Also
    --------
    save_model : has an example.
    """
    path = Path(path)
    try:
        arrays, texts = _read(path)
        if texts.get("format") != FORMAT:
            raise ValueError("a safetensors file that softmargin did not write")
        if texts.get("format_version") != str(FORMAT_VERSION):
            version = texts.get("format_version")
            raise ValueError(f"format version {version!r:.20}; this softmargin reads version {FORMAT_VERSION}")
        if missing := [name for name in (*_TEXTS, "sha256") if name not in texts]:
            raise ValueError(f"metadata without {missing[0]!r}")
        if _digest(arrays, texts) != texts["sha256"]:
            raise ValueError("damaged contents (the SHA-256 does not match)")
        classes = _parse_list(texts, "classes", (int, str))
        features = _parse_list(texts, "feature_names", (str,))
        options = _parse_json(texts, "options")
        if not isinstance(options, dict):
            raise TypeError("metadata 'options' that is not a JSON object")
        _check(arrays, texts["loss"], classes, features)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path.name}: expected a softmargin model, got {error}") from None
    return Model(
        W=arrays["W"],
        intercept=arrays.get("intercept"),
        loss=texts["loss"],
        classes=None if classes is None else tuple(classes),
        feature_names=None if features is None else tuple(features),
        options=options,
        softmargin_version=texts["softmargin_version"],
    )


def _read(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """Arrays and metadata of any well-formed safetensors file; ValueError says how it is not one."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        start = file.read(9)  # header length, little-endian, and the brace that opens the header
        length = int.from_bytes(start[:8], "little")
        if size == 0:
            raise ValueError("an empty file")
        if start[8:] not in (b"{", b"") or length > _MAX_HEADER:
            raise ValueError("something that is not a safetensors file")
        if 8 + length > size:
            raise ValueError(f"a file cut short ({size} bytes, its header alone needs {8 + length})")
        data = start + file.read()
    try:
        header = json.loads(data[8 : 8 + length].decode())
        texts = header.pop("__metadata__", {})
        needed: Any = 8 + length + max((entry["data_offsets"][1] for entry in header.values()), default=0)
    except (ValueError, RecursionError, AttributeError, TypeError, LookupError):
        raise ValueError("a damaged safetensors header") from None
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise ValueError("a damaged safetensors header")
    if isinstance(needed, int) and needed > len(data):
        raise ValueError(f"a file cut short ({len(data)} bytes of {needed})")
    try:
        arrays = {name: np.array(array) for name, array in load(data).items()}
    except (SafetensorError, LookupError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"a damaged safetensors file ({error})") from None
    return arrays, texts


def _check(arrays: dict[str, Array], loss: str, classes: Sequence[Any] | None, features: Sequence[str] | None) -> None:
    """One set of rules for what may be written and what may be read."""
    if loss not in (known := _core.registry()["losses"]):
        raise ValueError(f"loss: expected one of {', '.join(map(repr, known))}, got {loss!r:.40}")
    if "W" not in arrays or not set(arrays) <= {"W", "intercept"}:
        raise ValueError(f"arrays: expected W and intercept, got {', '.join(sorted(arrays)) or 'none'}")
    W = arrays["W"]
    if W.dtype not in (np.float32, np.float64):
        raise TypeError(f"W: expected float32 or float64, got dtype {W.dtype}")
    if W.ndim != 2 or 0 in W.shape:
        raise ValueError(f"W: expected shape (n_outputs, n_features), got {W.shape}")
    n_outputs, n_features = W.shape
    intercept = arrays.get("intercept", np.zeros(n_outputs, W.dtype))
    if intercept.dtype != W.dtype:
        raise TypeError(f"intercept: expected W's dtype {W.dtype}, got dtype {intercept.dtype}")
    if intercept.shape != (n_outputs,):
        raise ValueError(f"intercept: expected shape ({n_outputs},), one number a row of W, got {intercept.shape}")
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
            raise ValueError(f"{name}: expected finite numbers, got {array[where]} at {where}")
    expected = 2 if n_outputs == 1 else n_outputs
    if classes is not None and (len(classes) != expected or len(set(classes)) != expected):
        raise ValueError(f"classes: expected {expected} different names for {n_outputs} outputs, got {len(classes)}")
    if features is not None and len(features) != n_features:
        raise ValueError(f"feature_names: expected {n_features} names, one a column of W, got {len(features)}")


def _parse_json(texts: Mapping[str, str], key: str) -> Any:
    try:
        return json.loads(texts[key])
    except (ValueError, RecursionError):
        raise ValueError(f"metadata {key!r} that is not JSON") from None


def _parse_list(texts: Mapping[str, str], key: str, kinds: tuple[type, ...]) -> list[Any] | None:
    values = _parse_json(texts, key)
    if values is not None and not (isinstance(values, list) and {type(value) for value in values} <= set(kinds)):
        raise ValueError(f"metadata {key!r} that is not a list of names")
    return values


def _sequence(argument: str, values: Any) -> list[Any]:
    try:
        if not isinstance(values, str | bytes):
            return list(values)
    except TypeError:  # nothing to iterate over
        pass
    raise TypeError(f"{argument}: expected a sequence of names, got {describe(values)}")


def _class_name(value: Any) -> ClassName:
    if isinstance(value, np.generic):
        value = value.item()
    if type(value) not in (int, str):
        raise TypeError(f"classes: expected int or str, got {value!r} ({type(value).__name__})")
    return value  # type: ignore[no-any-return]


def _json_number(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"options: expected JSON values, got {value!r} ({type(value).__name__})")


def _digest(arrays: Mapping[str, Array], texts: Mapping[str, str]) -> str:
    """SHA-256 over every array (name, dtype, shape, bytes) and every text but itself, in the order of their names."""
    texts = {key: text for key, text in texts.items() if key != "sha256"}
    digest = hashlib.sha256(json.dumps(texts, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        digest.update(json.dumps([name, array.dtype.str, list(array.shape)]).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _write_atomically(path: Path, data: bytes) -> None:
    target = Path(os.path.realpath(path))  # a symbolic link keeps pointing where it does
    draft = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    try:
        with draft.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
