"""A transformer on ONNX Runtime."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession, SessionOptions

from providers.embedding import Vectors
from providers.embedding.bundle import GRAPH, WORDS
from providers.embedding.tokenizer import open_tokenizer
from providers.embedding.weights import dequantize


class Encoder:
    """A folder's tokenizer and `model.onnx`; several threads may use it at once.

    The graph takes `input_ids`, as hub exports do, or `inputs_embeds` when the embedding of each
    piece is a file of its own, which then is mapped and not loaded.
    """

    def __init__(self, folder: Path) -> None:
        self.windows = open_tokenizer(folder)
        options = SessionOptions()
        # One thread a batch and several batches at once: threads inside a batch wait for each
        # other after every operator, which halves the speed of a machine that is busy otherwise.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self.session = InferenceSession(folder / GRAPH, options, providers=["CPUExecutionProvider"])
        self._inputs = {node.name for node in self.session.get_inputs()}
        mapped = folder / WORDS
        self._words = np.load(mapped, mmap_mode="r") if mapped.exists() else None

    def sums(self, windows: Sequence[Sequence[int]]) -> Vectors:
        """The sum of each window's last hidden states, shape (len(windows), hidden)."""
        feed = self.feed(windows)
        hidden = self.session.run(None, feed)[0]
        mask = feed["attention_mask"].astype(np.float32)
        sums: Vectors = np.einsum("blh,bl->bh", hidden, mask)
        return sums

    def feed(self, windows: Sequence[Sequence[int]]) -> dict[str, NDArray[np.int64] | Vectors]:
        """The session's inputs, padded to the longest window."""
        lengths = np.array([len(window) for window in windows])
        mask = np.arange(lengths.max()) < lengths[:, None]
        ids = np.zeros(mask.shape, np.int64)
        ids[mask] = np.concatenate(windows)

        feed: dict[str, NDArray[np.int64] | Vectors] = {"attention_mask": mask.astype(np.int64)}
        if self._words is not None:
            feed["inputs_embeds"] = dequantize(self._words[ids])
        else:
            feed["input_ids"] = ids
        if "token_type_ids" in self._inputs:
            feed["token_type_ids"] = np.zeros_like(ids)
        return feed
