"""Natural questions over the project's own samples: right, half, wrong, false claims, length.

    python -m bench.questions [--kind KIND] [--show] [--keep DIR]

The questions and what their answers must hold stand in `questions.toml`, the files beside it and in
`tests/samples`.
"""

import argparse
import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import structlog
from rich.console import Console
from rich.table import Table

from bench.questions import Case, Judged, Verdict, by_kind, cases, library, share
from bench.questions.asking import ask
from bench.retrieval.product import open_product

AT_ONCE = 3


async def run(folder: Path, kind: str | None) -> list[Judged]:
    async with open_product(folder) as product:
        principal = await product.user("questions")
        names = await product.upload(principal, library())
        await product.ingest()
        documents = {name: id_ for id_, name in names.items()}
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(case: Case) -> Judged:
            async with gate:
                return await ask(product.services, principal, documents, case)

        chosen = [case for case in cases() if kind in (None, case.kind)]
        return await asyncio.gather(*map(one, chosen))


def report(outcomes: list[Judged]) -> Table:
    columns = ("kind", "questions", "right", "half", "wrong", "false grounded", "median words")
    table = Table(*columns)
    for name, group in [*by_kind(outcomes), ("all", outcomes)]:
        verdicts = [sum(o.verdict == verdict for o in group) for verdict in Verdict]
        table.add_row(
            name,
            str(len(group)),
            *(f"{count} ({count / len(group):.2f})" for count in verdicts),
            f"{share(group, lambda o: o.false_grounded):.3f}",
            f"{np.median([o.words for o in group]):.0f}",
        )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--kind", help="ask the questions of one kind alone")
    parser.add_argument("--show", action="store_true", help="print what was not right")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where the next run finds it all")
    arguments = parser.parse_args()

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    with TemporaryDirectory() as temporary:
        outcomes = asyncio.run(run(arguments.keep or Path(temporary), arguments.kind))
    console = Console(width=140)
    if arguments.show:
        for outcome in outcomes:
            if outcome.verdict is not Verdict.RIGHT:
                case = outcome.case
                asked = " → ".join([*case.after, case.q])
                mark = " (false grounded)" if outcome.false_grounded else ""
                console.rule(f"{case.kind}: {outcome.verdict}{mark}: {asked}")
                console.print(outcome.text, markup=False)
    console.print(report(outcomes))
    console.print(f"verified: {share(outcomes, lambda o: o.verified):.3f}")


if __name__ == "__main__":
    main()
