import struct

import numpy as np
import pytest

from providers.embedding.weights import BLOCK, dequantize, read_packed_model

STEPS = np.arange(32) % 16
"""The 32 steps of the one quantized block."""


def packed() -> bytes:
    """A model of hidden size 32 with two pieces, one float tensor and one quantized one."""
    header = b"E5S1" + struct.pack("<I", 1) + struct.pack("<7ifi", 32, 1, 2, 64, 2, 4, 1, 1e-12, 32)
    text = "▁né".encode()
    vocabulary = struct.pack("<5iQ", 2, 0, 0, 0, 1, len(text))
    vocabulary += struct.pack("<3I2f", 0, 3, len(text), -1.5, -2.5) + text
    normalization = struct.pack("<iI", 1, 5) + bytes(5)
    floats = np.array([1, 2], "<f4").tobytes()
    block = np.zeros(1, BLOCK)
    block["scale"] = 0.5
    block["nibbles"] = STEPS[:16] | STEPS[16:] << 4
    directory_size = 4 + 2 * (2 + 8 + 21)
    data = header + vocabulary + normalization
    offset = len(data) + directory_size
    directory = struct.pack("<i", 2)
    directory += struct.pack("<H8sBIQQ", 8, b"emb.ln.w", 0, 2, offset, len(floats))
    directory += struct.pack(
        "<H8sBIQQ", 8, b"emb.word", 1, 32, offset + len(floats), BLOCK.itemsize
    )
    return data + directory + floats + block.tobytes()


def test_reader_finds_vocabulary_and_tensors() -> None:
    model = read_packed_model(packed())

    assert (model.hidden, model.layers, model.heads) == (32, 1, 2)
    assert model.pieces == ["▁", "né"]
    assert model.scores == [-1.5, -2.5]
    assert model.vector("emb.ln.w").tolist() == [1, 2]
    assert dequantize(model.words).tolist() == [((STEPS - 8) * 0.5).tolist()]


def test_reader_refuses_another_format() -> None:
    with pytest.raises(ValueError, match="not a packed e5 model"):
        read_packed_model(b"GGUF" + packed()[4:])
