"""Answers of the whole product on XQuAD and SQuAD 2.0: right, cited, verified, refused.

    python -m bench.answers --data DIR [--keep DIR] [--questions 100]

DIR holds `qa/xquad.LANG.json` (https://github.com/google-deepmind/xquad) and `qa/squad2.json`
(https://github.com/rajpurkar/SQuAD-explorer), both as `{"paragraphs", "questions": [{"question",
"paragraph", "answers", "unanswerable"}]}`. Each file becomes a user's library, a paragraph a
document; every question is a chat of its own, answered by the extractive answerer. Intervals are
95 % bootstrap percentiles over questions.
"""

import argparse
import asyncio
import json
import random
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import numpy as np
import structlog
from rich.console import Console
from rich.table import Table

from bench.extraction import interval, normal
from bench.retrieval.product import Product, open_product
from core.ids import new_id
from core.principal import Principal
from db.answer_events import AnswerFailed
from services.chat.chat import Ask

AT_ONCE = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    answerable: bool
    grounded: bool
    contained: bool
    cited_first: bool
    citations: int
    verified: int
    words: float


async def ask(
    product: Product, principal: Principal, names: dict[UUID, str], question: dict[str, Any]
) -> Outcome:
    services = product.services
    ask = Ask(new_id().hex, question["question"])
    answer = (await services.chat.ask(principal, ask)).answer
    async for event in services.chat.follow(principal, answer, 0):
        if isinstance(event.content, AnswerFailed):
            raise RuntimeError(event.content.message)
    message = (await services.conversations.messages_by_ids(principal, [answer.id]))[answer.id]
    citations = (await services.conversations.citations(principal, [answer.id])).get(answer.id, [])
    quoted = " ".join(citation.quote for citation in citations)
    cjk = sum("\u4e00" <= character <= "\u9fff" for character in message.text)
    return Outcome(
        answerable=not question.get("unanswerable", False),
        grounded=bool(message.grounded),
        contained=any(normal(gold) in normal(quoted) for gold in question["answers"]),
        cited_first=bool(citations)
        and names[citations[0].document_id] == filename(question["paragraph"]),
        citations=len(citations),
        verified=sum(citation.verified for citation in citations),
        # A Chinese word is about 1.6 characters long.
        words=cjk / 1.6 if cjk > len(message.text) / 3 else len(message.text.split()),
    )


def filename(paragraph: int) -> str:
    return f"{paragraph:04}.txt"


async def measure(product: Product, name: str, data: dict[str, Any], limit: int) -> list[Outcome]:
    paragraphs = [p if isinstance(p, str) else p["text"] for p in data["paragraphs"]]
    principal = await product.user(f"{name}.answers")
    files = {filename(number): text for number, text in enumerate(paragraphs)}
    names = await product.upload(principal, files)
    await product.ingest()
    questions = data["questions"]
    if limit and limit < len(questions):
        questions = random.Random(0).sample(questions, limit)
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(question: dict[str, Any]) -> Outcome:
        async with gate:
            return await ask(product, principal, names, question)

    return await asyncio.gather(*(one(question) for question in questions))


def row(name: str, outcomes: list[Outcome]) -> list[str]:
    answerable = [outcome for outcome in outcomes if outcome.answerable]
    return [
        name,
        str(len(outcomes)),
        share("contained", answerable),
        share("cited_first", answerable),
        f"{sum(o.verified for o in outcomes) / max(1, sum(o.citations for o in outcomes)):.3f}",
        f"{np.median([outcome.words for outcome in answerable]):.0f}",
        share("grounded", answerable),
    ]


def share(field: str, outcomes: list[Outcome]) -> str:
    values: list[Any] = [float(getattr(outcome, field)) for outcome in outcomes]
    return interval(lambda sample: float(np.mean(np.array(sample))), values)


def refusals(outcomes: list[Outcome]) -> str:
    refused = [outcome for outcome in outcomes if not outcome.grounded]
    unanswerable = [outcome for outcome in outcomes if not outcome.answerable]
    right = sum(not outcome.answerable for outcome in refused)
    precision, recall = right / max(1, len(refused)), right / max(1, len(unanswerable))
    f1 = 2 * right / max(1, len(refused) + len(unanswerable))
    return f"refusals: precision {precision:.3f}, recall {recall:.3f}, F1 {f1:.3f}"


async def run(folder: Path, sets: dict[str, dict[str, Any]], limit: int) -> None:
    table = Table(
        *("set", "questions", "gold contained", "cited first", "verified", "median words"),
        "called grounded",
        title="answerable questions",
    )
    notes = []
    async with open_product(folder) as product:
        for name, data in sets.items():
            outcomes = await measure(product, name, data, limit)
            table.add_row(*row(name, outcomes))
            if not all(outcome.answerable for outcome in outcomes):
                notes.append(f"{name}: {refusals(outcomes)}")
    console = Console(width=140)
    console.print(table)
    console.print(*notes, sep="\n")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, metavar="DIR", required=True)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where the next run finds it all")
    parser.add_argument("--questions", type=int, default=100, help="of each file; 0: all")
    arguments = parser.parse_args()

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    paths = sorted((arguments.data / "qa").glob("*.json"))
    sets = {path.stem: json.loads(path.read_text()) for path in paths}
    with TemporaryDirectory() as temporary:
        asyncio.run(run(arguments.keep or Path(temporary), sets, arguments.questions))


if __name__ == "__main__":
    main()
