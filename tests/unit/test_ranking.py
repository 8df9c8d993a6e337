"""Rankings without repetition."""

from uuid import UUID

from db.retrieval import Hit
from services.ranking import distinct, each_document_first

NOTICE = (
    "The pier is closed to boats until the storm has passed and the keeper says so; whoever moors "
    "there before then pays for every rope, fender and plank that the sea takes away on day 3."
)


def hit(text: str, document: int = 1, ordinal: int = 0) -> Hit:
    ids = UUID(int=document)
    return Hit(ids, "f", ids, ordinal, 0, 1, 1, "", text, None, None, None, None, 0.0)


def texts(hits: list[Hit]) -> list[str]:
    return [hit.text for hit in hits]


def test_the_first_of_equal_passages_stays() -> None:
    first, second = hit(NOTICE), hit(f" {NOTICE.upper()}\n", 2)
    assert distinct([first, second]) == [first]


def test_a_word_more_or_less_makes_no_difference() -> None:
    assert distinct([hit(NOTICE), hit(NOTICE.replace("away ", ""))]) == [hit(NOTICE)]


def test_another_number_makes_another_passage() -> None:
    assert len(distinct([hit(NOTICE), hit(NOTICE.replace("3", "4"))])) == 2


def test_other_words_make_another_passage() -> None:
    assert len(distinct([hit(NOTICE), hit(NOTICE[: len(NOTICE) // 2])])) == 2


def test_unspaced_text_is_compared_by_clauses() -> None:
    assert len(distinct([hit("潮汐。风向。"), hit("潮汐，风向"), hit("潮汐。温度。")])) == 2


def test_passages_without_words_are_the_same_only_without_words() -> None:
    assert texts(distinct([hit("***"), hit("---"), hit("word")])) == ["***", "word"]


def test_each_document_speaks_before_any_speaks_again() -> None:
    ranking = [hit("a", 1), hit("b", 1), hit("c", 2), hit("d", 1), hit("e", 3)]
    assert texts(each_document_first(ranking)) == ["a", "c", "e", "b", "d"]
