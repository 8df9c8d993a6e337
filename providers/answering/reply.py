"""A language model's reply on its way in, without what is not for the reader's eyes."""

import re

from providers.answering.prompt import NEXT_QUESTIONS, NOT_FOUND

_CITATION = re.compile(r"\[(\d+)\]")
_OUTSET = r"\n[\s*_#`]{0,8}"
"""Models like to make a heading of the token. Bounded, for a text of nothing but line ends."""
_NEXT = re.compile(rf"\s{{0,8}}(?:{_OUTSET})?{NEXT_QUESTIONS}")
_PARTS = "|".join(NEXT_QUESTIONS[:length] for length in range(len(NEXT_QUESTIONS), 0, -1))
_HELD = re.compile(rf"(?:{_OUTSET})?(?:{_PARTS})?$")
"""The end of a text that may go on as `_NEXT`."""


class Reply:
    """The text so far, without the token that announces a refusal, and the questions after it."""

    def __init__(self) -> None:
        self.text = ""
        self.refused = False
        self.questions: str | None = None
        """Lines for `suggestions.from_lines`; None until the text has ended."""
        self._head: str | None = ""
        self._held = ""

    def feed(self, piece: str) -> str:
        """What may be shown now: nothing that may still turn into one of the tokens."""
        if self._head is None:
            return self._show(piece)
        self._head = (self._head + piece).lstrip()
        if self._head.startswith(NOT_FOUND):
            self.refused = True
            rest = self._head.removeprefix(NOT_FOUND).lstrip(" \n:.-")
            if not rest:
                return ""
        elif NOT_FOUND.startswith(self._head):
            return ""
        else:
            rest = self._head
        self._head = None
        return self._show(rest)

    def end(self) -> str:
        """What was held back and turned out to be plain text."""
        head, self._head = self._head or "", None
        shown = "" if head.startswith(NOT_FOUND) else self._show(head)
        held, self._held = self._held, ""
        self.text += held
        return shown + held

    def cited(self) -> set[int]:
        return {int(number) for number in _CITATION.findall(self.text)}

    def _show(self, text: str) -> str:
        if self.questions is not None:
            self.questions += text
            return ""
        text = self._held + text
        if begun := _NEXT.search(text):
            self.questions, self._held = text[begun.end() :], ""
            text = text[: begun.start()]
        else:
            text, self._held = _split(text)
        self.text += text
        return text


def _split(text: str) -> tuple[str, str]:
    held = _HELD.search(text)
    assert held is not None, "it matches nothing, too"
    return text[: held.start()], text[held.start() :]
