"""Documents that nobody has seen before, the same ones for the same seed."""

import random
from pathlib import Path

from fpdf import FPDF

SAMPLES = Path(__file__).parent.parent / "samples"
WORDS = (
    "tide engine keeper island lamp chain wind stone harbour salt letter copper bell storm ledger "
    "rope gull winter oil brass valve pier fog signal clock map net anchor sail lantern reef"
).split()


def prose(seed: object, paragraphs: int) -> str:
    """Paragraphs of some 600 characters, about one passage each."""
    source = random.Random(f"{seed}")
    return "\n\n".join(
        " ".join(f"{' '.join(source.choices(WORDS, k=12)).capitalize()}." for _ in range(8))
        for _ in range(paragraphs)
    )


def text_file(seed: object, paragraphs: int = 3) -> tuple[str, bytes]:
    return f"letter {seed}.txt", prose(seed, paragraphs).encode()


def pdf_file(seed: object, pages: int) -> tuple[str, bytes]:
    pdf = FPDF()
    pdf.set_font("helvetica", size=11)
    for number in range(pages):
        pdf.add_page()
        pdf.multi_cell(0, 6, prose(f"{seed} {number}", 3))
    return f"log {seed}.pdf", bytes(pdf.output())


def poisoned_file(seed: object) -> tuple[str, bytes]:
    """A PDF that ends in the middle of nowhere."""
    _, content = pdf_file(seed, 2)
    return f"torn {seed}.pdf", content[: len(content) // 3] + f"{seed}".encode()
