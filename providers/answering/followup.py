"""Follow-up questions made to stand alone without a language model.

A question that leans on the conversation (hardly any words, a conjunction at its head, a pronoun)
is put after the last question that did not. Search and scoring weigh words by their rarity, so the
whole earlier question serves where its telling words would do.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from core.terms import terms
from providers.answering import Turn
from providers.answering.identifiers import identifiers
from providers.answering.language import detect

MAX_ELLIPSIS = 3
"""Terms of a question too short to stand alone: "When?", "And in 1900?"."""

MAX_POINTING = 10
"""Terms of a question that a pronoun leaves open; a longer one says what it is about."""
MAX_POINTING_UNSPACED = 30
"""The same where terms are pairs of characters."""

_OPENING = {
    "ar": "و",
    "de": "und aber oder",
    "el": "και αλλα",
    "en": "and but or also",
    "es": "y e pero o",
    "fr": "et mais ou",
    "hi": "और लेकिन",
    "it": "e ma o",
    "nl": "en maar of",
    "pl": "a i ale",
    "pt": "e mas ou",
    "ro": "si dar",
    "ru": "а и но",
    "tr": "peki ve ya",
    "vi": "con va",
}

_POINTING = {
    "ar": "هو هي هم هذا هذه ذلك تلك هناك",
    "de": "er ihn ihm sie ihr ihre ihren es sein seine dies diese dieser dieses dort davon darin",
    "el": "αυτος αυτη αυτο αυτοι αυτα εκει",
    "en": "he him his she her it its they them their this these those there",
    "es": "el ella ellos ellas esto eso ese esa su sus alli",
    "fr": "il elle ils elles cela ça son sa ses leur leurs y",
    "hi": "वह वे यह ये उस उसका उसकी उसके उसने उनका उनकी उनके उन्होंने इस इसका इसकी इसके वहाँ",
    "it": "lui lei loro suo sua suoi questo questa quello quella",
    "nl": "hij zij ze hem haar het zijn dit deze daar",
    "pl": "on ona ono oni one jego jej ich to ten ta tam",
    "pt": "ele ela eles elas seu sua isso isto",
    "ro": "el ea ei ele lui lor acesta aceasta acolo",
    "ru": "он она оно они его ее их ему ей это этот эта там",
    "tr": "o onu onun onlar onların bu bunun orada",
    "vi": "nó họ đó này",
}
_POINTING_UNSPACED = {
    "ja": ["彼", "それ", "その", "これ", "この", "そこ"],
    "ko": ["그는", "그녀", "그것", "이것", "그의", "그들"],
    "th": ["เขา", "เธอ", "มัน", "นั้น", "นี้"],
    "zh": ["他", "她", "它", "其", "这", "那"],
}


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A question in its conversation."""

    own: str
    """As it was asked."""
    earlier: str = ""
    """The last question that stood alone."""
    said: str = ""
    """The last answer."""
    leans: bool = False

    @property
    def text(self) -> str:
        """To be understood alone. An identifier takes the place of an earlier one."""
        if not (self.leans and self.earlier):
            return self.own
        earlier = self.earlier
        if identifiers(self.own):
            for one in identifiers(earlier):
                earlier = earlier.replace(one.text, "")
        return f"{earlier} {self.own}"


def follow_up(question: str, history: Sequence[Turn]) -> FollowUp:
    asked = [turn.text for turn in history if turn.role == "user"]
    earlier = next((text for text in reversed(asked) if not _leans(text)), "")
    said = next((turn.text for turn in reversed(history) if turn.role == "assistant"), "")
    leans = bool(earlier) and (_leans(question) or _lacks_identifier(question, earlier))
    return FollowUp(question, earlier, said, leans)


def stand_alone(question: str, history: Sequence[Turn]) -> str:
    """The question, after the question that it follows if it follows one."""
    return follow_up(question, history).text


def _lacks_identifier(question: str, earlier: str) -> bool:
    """A short question after one about an identifier is about the same."""
    strict = any(one.strict for one in identifiers(earlier))
    return strict and not identifiers(question) and len(terms(question, ())) <= MAX_POINTING


def _leans(question: str) -> bool:
    words = terms(question, ())
    if len(words) <= MAX_ELLIPSIS:
        return True
    language = detect(question)
    if words[0] in terms(_OPENING.get(language, ""), ()):
        return True
    if language in _POINTING_UNSPACED:
        pointing = _POINTING_UNSPACED[language]
        return len(words) <= MAX_POINTING_UNSPACED and any(word in question for word in pointing)
    pointing = terms(_POINTING.get(language, ""), ())
    return len(words) <= MAX_POINTING and not set(words).isdisjoint(pointing)
