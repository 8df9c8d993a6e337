"""Rankings without repetition."""

from dataclasses import replace
from uuid import UUID

from db.retrieval import Hit
from services.ranking import SENTENCES_OF, by_best_sentence, distinct, each_document_first

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


def test_a_sentence_that_has_it_all_is_ahead_of_scattered_words() -> None:
    scattered = hit("The lamp is old. Oil is dear. Whales pass by. It burns.")
    whole = hit("The pier is closed. The lamp burns whale oil.")
    weights = {"lamp": 2.0, "burn": 2.0, "whale": 3.0, "oil": 2.0}
    ranked = by_best_sentence([scattered, whole], weights, ("en",), 0.1)
    assert texts(ranked) == texts([whole, scattered])
    assert [round(hit.score, 6) for hit in ranked] == [0.9, 0.3]


def test_unspaced_sentences_are_told_apart() -> None:
    scattered, whole = hit("灯塔很旧。鲸油很贵。"), hit("码头关闭。灯塔烧鲸油。")
    weights = {"灯塔": 2.0, "鲸油": 3.0}
    assert texts(by_best_sentence([scattered, whole], weights, (), 1)) == [
        whole.text,
        scattered.text,
    ]


def test_a_decimal_ends_no_sentence() -> None:
    (read,) = by_best_sentence([hit("It costs 4.2 crowns")], {"4.2": 1.0, "crown": 1.0}, ("en",), 1)
    assert read.score == 2


def test_only_the_first_passages_are_read() -> None:
    hits = [hit("nothing", ordinal=n) for n in range(SENTENCES_OF)] + [hit("lamp", ordinal=99)]
    assert by_best_sentence(hits, {"lamp": 1.0}, (), 1) == hits


def test_the_order_stays_where_sentences_tell_nothing() -> None:
    hits = [replace(hit(text), score=score) for text, score in (("a", 2.0), ("", 1.0))]
    assert by_best_sentence(hits, {}, ("en",), 1) == hits


def test_each_document_speaks_before_any_speaks_again() -> None:
    ranking = [hit("a", 1), hit("b", 1), hit("c", 2), hit("d", 1), hit("e", 3)]
    assert texts(each_document_first(ranking)) == ["a", "c", "e", "b", "d"]
