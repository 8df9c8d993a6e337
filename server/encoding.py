"""Encoding and decoding of JSON on the wire."""

from json import JSONDecoder, JSONEncoder
from typing import Any


def decode_json(text: str | bytes) -> Any:
    """Decode UTF-8 JSON. Raises `ValueError` for anything else, `NaN` and excessive depth too."""
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    try:
        return _decoder.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def encode_json(value: object) -> str:
    """Encode a value as UTF-8; half of a surrogate pair, which cannot be encoded, becomes `?`."""
    text = _encoder.encode(value)
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


_decoder = JSONDecoder(parse_constant=_refuse)
_encoder = JSONEncoder(ensure_ascii=False, separators=(",", ":"))
