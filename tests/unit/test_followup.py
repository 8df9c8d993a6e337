import pytest

from providers.answering import Turn
from providers.answering.followup import stand_alone

HISTORY = [
    Turn("user", "Who built the lighthouse on Skerra?"),
    Turn("assistant", "Ann Ross did [1]."),
    Turn("user", "When?"),
    Turn("assistant", "In 1862 [1]."),
]


@pytest.mark.parametrize(
    "question",
    [
        "Why?",
        "And in 1900?",
        "And which stones were brought from the mainland for the tower?",
        "How tall is it?",
        "When did she die?",
        "Wie hoch ist er heute?",
        "¿Cuándo murió ella por fin?",
        "Когда она умерла на острове?",
        "متى بدأ العمل في هذا البناء؟",
        "उसका निर्माण किस साल शुरू हुआ था?",
        "他是哪一年出生在岛上的？",
        "彼はいつ生まれましたか？",
        "그는 언제 그 섬에서 태어났습니까?",
        "เขาเกิดที่เกาะเมื่อไหร่",
    ],
)
def test_follow_up_is_put_after_the_last_question_that_stood_alone(question: str) -> None:
    assert stand_alone(question, HISTORY) == f"Who built the lighthouse on Skerra? {question}"


@pytest.mark.parametrize(
    "question",
    [
        "Which ships call at the harbour of Skerra in winter?",
        "Welche Schiffe laufen im Winter den Hafen von Skerra an?",
        "What does the charter of the observatory say about the people who keep its clocks?",
        "冬天有哪些船停靠斯凯拉港口？",
    ],
)
def test_question_that_stands_alone_is_left_as_it_is(question: str) -> None:
    assert stand_alone(question, HISTORY) == question


def test_first_question_has_nothing_to_follow() -> None:
    assert stand_alone("When?", []) == "When?"
    assert stand_alone("When?", [Turn("user", "Why?")]) == "When?"
