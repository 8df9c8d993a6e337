"""JSON as it goes over the wire."""

import json
from typing import Any


def decode_json(text: str | bytes) -> Any:
    """Raises `ValueError` for anything but UTF-8 JSON of bearable depth, `NaN` included."""
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def encode_json(value: object) -> str:
    """Half of a surrogate pair, which JSON escapes can smuggle in, becomes `?`."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")
