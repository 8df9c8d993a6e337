"""What a question wants, in twelve languages."""

import pytest

from providers.answering.intents import Intent, understand


@pytest.mark.parametrize(
    ("text", "intent", "language"),
    [
        ("Hello!", Intent.GREETING, "en"),
        ("Guten Morgen", Intent.GREETING, "de"),
        ("Bonsoir", Intent.GREETING, "fr"),
        ("¡Buenas tardes!", Intent.GREETING, "es"),
        ("Buonasera", Intent.GREETING, "it"),
        ("Boa tarde", Intent.GREETING, "pt"),
        ("Добрый вечер", Intent.GREETING, "ru"),
        ("السلام عليكم", Intent.GREETING, "ar"),
        ("नमस्ते", Intent.GREETING, "hi"),
        ("早上好！", Intent.GREETING, "zh"),
        ("おはようございます", Intent.GREETING, "ja"),
        ("안녕하세요!", Intent.GREETING, "ko"),
        ("thanks a lot", Intent.THANKS, "en"),
        ("Grazie mille!", Intent.THANKS, "it"),
        ("شكرا جزيلا", Intent.THANKS, "ar"),
        ("ありがとうございます", Intent.THANKS, "ja"),
        ("감사합니다", Intent.THANKS, "ko"),
        ("What can you do for me?", Intent.ABILITY, "en"),
        ("Кто ты?", Intent.ABILITY, "ru"),
        ("You are an idiot", Intent.INSULT, "en"),
        ("goodbye", Intent.FAREWELL, "en"),
        ("  ?! ", Intent.SHORT, "en"),
        ("lamp", Intent.SHORT, "en"),
        ("yes", Intent.SHORT, "en"),
    ],
)
def test_talk(text: str, intent: Intent, language: str) -> None:
    understood = understand(text)

    assert (understood.intent, understood.language) == (intent, language)


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("Which files do I have?", Intent.LIST),
        ("Zeig mir alle Dateien", Intent.LIST),
        ("Quels fichiers y a-t-il ?", Intent.LIST),
        ("Che documenti ci sono?", Intent.LIST),
        ("Que documentos tenho?", Intent.LIST),
        ("ما هي مستنداتي؟", Intent.LIST),
        ("मेरे पास कौन से दस्तावेज़ हैं?", Intent.LIST),
        ("列出所有文件", Intent.LIST),
        ("어떤 문서가 있나요?", Intent.LIST),
        ("Combien de documents ai-je ?", Intent.COUNT),
        ("¿Cuántos archivos hay?", Intent.COUNT),
        ("Сколько у меня документов?", Intent.COUNT),
        ("有多少个文件？", Intent.COUNT),
        ("What are my latest documents?", Intent.NEWEST),
        ("Which files could not be read?", Intent.FAILED),
        ("Welche Dateien sind fehlgeschlagen?", Intent.FAILED),
    ],
)
def test_the_library(text: str, intent: Intent) -> None:
    assert understand(text).intent is intent


@pytest.mark.parametrize(
    ("text", "intent", "subject"),
    [
        ("Which documents mention the harbour master?", Intent.MENTION, "harbour master"),
        ("Welche Dateien erwähnen den Hafenmeister?", Intent.MENTION, "hafenmeister"),
        ("Is there a file called tariff 2024?", Intent.NAMED, "tariff 2024"),
        ("What is the tariff about?", Intent.OVERVIEW, "tariff"),
        ("What is handbook.pdf about?", Intent.OVERVIEW, "handbook"),
        ("Summarise the harbour rules", Intent.OVERVIEW, "harbour rules"),
        ("Who wrote the harbour rules?", Intent.AUTHOR, "harbour rules"),
        ("Compare the tariff with the rules", Intent.COMPARE, "tariff rules"),
    ],
)
def test_what_is_left_is_the_subject(text: str, intent: Intent, subject: str) -> None:
    understood = understand(text)

    assert (understood.intent, understood.subject) == (intent, subject)


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("Give me an overview of this document", Intent.OVERVIEW),
        ("Fass dieses Dokument zusammen", Intent.OVERVIEW),
        ("Quels sont les points principaux ?", Intent.OVERVIEW),
        ("Resúmeme este documento", Intent.OVERVIEW),
        ("Riassumi questo documento", Intent.OVERVIEW),
        ("Resuma este documento", Intent.OVERVIEW),
        ("Перескажи этот документ", Intent.OVERVIEW),
        ("لخص هذا المستند", Intent.OVERVIEW),
        ("इस दस्तावेज़ का सारांश दो", Intent.OVERVIEW),
        ("这份文件的主要内容是什么？", Intent.OVERVIEW),
        ("この文書を要約してください", Intent.OVERVIEW),
        ("이 문서를 요약해 줘", Intent.OVERVIEW),
        ("Inhaltsverzeichnis", Intent.CONTENTS),
        ("When was this document written?", Intent.DATE),
        ("How many pages are there?", Intent.PAGE_COUNT),
        ("Translate this into French", Intent.BEYOND),
        ("Was ist 12 mal 13?", Intent.BEYOND),
        ("この文書を英語に翻訳してください", Intent.BEYOND),
        ("Tell me more", Intent.MORE),
    ],
)
def test_a_document(text: str, intent: Intent) -> None:
    assert understand(text).intent is intent


@pytest.mark.parametrize(
    ("text", "intent", "label"),
    [
        ("What does page 12 say?", Intent.PAGE, "12"),
        ("Was steht auf Seite 3?", Intent.PAGE, "3"),
        ("第3页写了什么？", Intent.PAGE, "3"),
        ("3ページには何が書いてありますか", Intent.PAGE, "3"),
        ("Read clause 2.2 (a) to me", Intent.SECTION, "2.2(a)"),
        ("Qué dice el capítulo 4?", Intent.SECTION, "4"),
        ("What does § 7 say?", Intent.SECTION, "7"),
        ("What is in Appendix B?", Intent.SECTION, "b"),
        ("What does the section on oil say?", Intent.SECTION, "oil"),
    ],
)
def test_pages_and_sections(text: str, intent: Intent, label: str) -> None:
    understood = understand(text)

    assert (understood.intent, understood.label) == (intent, label)


@pytest.mark.parametrize(
    "text",
    [
        "What should I do if the chain breaks?",
        "How many wardens form a quorum?",
        "Who translated the charter?",
        "Whose translation of the rules is used?",
        "Wie viele Fahrgäste fasst eine Kabine?",
        "Quand la récolte commence-t-elle ?",
        "仓库的钥匙由谁保管？",
        "QZ-310-B",
    ],
)
def test_everything_else_is_a_fact(text: str) -> None:
    assert understand(text).intent is Intent.FACT
