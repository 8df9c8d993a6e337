import pytest

from providers.answering.identifiers import identifiers, nearest


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Where is QZ-310-B?", "part qz310b on shelf 4"),
        ("Where is qz310b?", "QZ-310-B,impeller"),
        ("Where is QZ-310-B?", "the QZ 310 B is here"),
        ("Who paid 12,400 pounds?", "She paid 12400."),
        ("Who paid 12400 pounds?", "She paid 12,400."),
        ("What happened to job 10777?", "INFO job 10777 done"),
        ("Who is x.y@skerra.example?", "Write to X.Y@skerra.example."),
        ('Who said "oil it before it asks"?', "a rule: Oil it, before it asks!"),
    ],
)
def test_stands_in_any_spelling(question: str, text: str) -> None:
    (one,) = identifiers(question)

    assert one.strict
    assert one.stands_in(text)


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Where is QZ-310-B?", "QZ-311-B and QZ-310-A"),
        ("Where is KR-57-MUD?", "The permit is KR-5207-MUD."),
        ("What happened to job 1077?", "job 10777"),
        ("Who paid 12,400?", "12,401 and 2,400"),
    ],
)
def test_a_neighbour_is_another(question: str, text: str) -> None:
    assert not identifiers(question)[0].stands_in(text) if identifiers(question) else True


@pytest.mark.parametrize(
    "question", ["Who won Super Bowl 50 in the 1980s?", "Is it 10km or 3rd?", "Who kept the light?"]
)
def test_amounts_and_ordinals_are_no_identifiers(question: str) -> None:
    assert identifiers(question) == []


def test_dates_and_years_may_be_written_otherwise() -> None:
    found = identifiers("What happened on 2023-11-03, at 08:40, in 1931?")

    assert [one.strict for one in found] == [False, False, False]


def test_the_nearest() -> None:
    (one,) = identifiers("Where is QZ-346-B?")

    assert nearest(one, ["QZ-345-B,coupling", "HAVEN-6381-QX"]) == "QZ-345-B"
    assert nearest(one, ["nothing like it"]) is None
