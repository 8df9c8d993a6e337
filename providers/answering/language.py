# ruff: noqa: RUF001 (other alphabets are the point)
"""Which language a text is in, and how that language says that the documents do not say."""

from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

_NOT_FOUND = {
    "ar": "لا تجيب مستنداتك عن هذا السؤال.",
    "de": "Ihre Dokumente beantworten diese Frage nicht.",
    "el": "Τα έγγραφά σας δεν απαντούν σε αυτή την ερώτηση.",
    "en": "Your documents do not answer this question.",
    "es": "Sus documentos no responden a esta pregunta.",
    "fr": "Vos documents ne répondent pas à cette question.",
    "hi": "आपके दस्तावेज़ इस सवाल का जवाब नहीं देते।",
    "it": "I suoi documenti non rispondono a questa domanda.",
    "ja": "お手持ちの文書には、この質問の答えが書かれていません。",
    "ko": "보유하신 문서에는 이 질문에 대한 답이 없습니다.",
    "nl": "Uw documenten geven geen antwoord op deze vraag.",
    "pl": "Twoje dokumenty nie odpowiadają na to pytanie.",
    "pt": "Os seus documentos não respondem a esta pergunta.",
    "ro": "Documentele dumneavoastră nu răspund la această întrebare.",
    "ru": "В ваших документах нет ответа на этот вопрос.",
    "th": "เอกสารของคุณไม่มีคำตอบสำหรับคำถามนี้",
    "tr": "Belgeleriniz bu soruyu yanıtlamıyor.",
    "vi": "Tài liệu của bạn không trả lời câu hỏi này.",
    "zh": "您的文档没有回答这个问题。",
}


@cache
def identifier() -> LanguageIdentifier:
    """Loading takes about a second; one identifier serves the whole process."""
    languages = LanguageIdentifier.from_model_file(MODEL_FILE)
    languages.set_languages(_NOT_FOUND)
    return languages


def detect(text: str) -> str:
    """ISO 639-1 code of the most likely among the languages spoken here."""
    language: str = identifier().classify(text[:500])[0]
    return language


def not_found(language: str) -> str:
    return _NOT_FOUND[language]
