"""Text into windows of token ids."""

from collections.abc import Callable
from pathlib import Path

Tokenizer = Callable[[str], list[list[int]]]
"""One window for a text that fits the model, more for a longer one."""

MAX_TOKENS = 512
"""What a window holds, its begin and end marks included."""

SENTENCEPIECE, HUGGING_FACE = "sentencepiece.model", "tokenizer.json"


def open_tokenizer(folder: Path) -> Tokenizer:
    """Of the bundled model, or of a folder as model hubs export it."""
    if (folder / SENTENCEPIECE).exists():
        return _open_sentencepiece(folder / SENTENCEPIECE)
    return _open_hugging_face(folder / HUGGING_FACE)


def _open_sentencepiece(path: Path) -> Tokenizer:
    from sentencepiece import SentencePieceProcessor

    processor = SentencePieceProcessor(model_file=str(path))
    begin, end, room = processor.bos_id(), processor.eos_id(), MAX_TOKENS - 2

    def windows(text: str) -> list[list[int]]:
        ids = processor.encode(_well_formed(text))
        starts = range(0, max(len(ids), 1), room)
        return [[begin, *ids[start : start + room], end] for start in starts]

    return windows


def _open_hugging_face(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer as HuggingFaceTokenizer

    tokenizer = HuggingFaceTokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)

    def windows(text: str) -> list[list[int]]:
        encoding = tokenizer.encode(_well_formed(text))
        return [encoding.ids, *(rest.ids for rest in encoding.overflowing)]

    return windows


def _well_formed(text: str) -> str:
    """Without lone surrogates, which JSON can carry and UTF-8 cannot."""
    return text.encode(errors="replace").decode()
