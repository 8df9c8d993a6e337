"""JSON as it goes over the wire."""

from json import JSONDecoder, JSONEncoder
from typing import Any


def decode_json(text: str | bytes) -> Any:
    """Raises `ValueError` for anything but UTF-8 JSON of bearable depth, `NaN` included."""
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    try:
        return _decoder.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def encode_json(value: object) -> str:
    """Half of a surrogate pair, which JSON escapes can smuggle in, becomes `?`."""
    text = _encoder.encode(value)
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


_decoder = JSONDecoder(parse_constant=_refuse)
_encoder = JSONEncoder(ensure_ascii=False, separators=(",", ":"))
