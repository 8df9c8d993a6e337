"""What an answerer says in its own words, in the language of the question."""

import tomllib
from functools import cache
from pathlib import Path

from core.language import detect_language

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

_CLOSEST = {
    "ar": "لا تجيب مستنداتك بوضوح عن هذا السؤال. هذه أقرب المقاطع إليه.",
    "de": "Ihre Dokumente beantworten diese Frage nicht eindeutig. Diese Stellen kommen ihr am"
    " nächsten.",
    "el": "Τα έγγραφά σας δεν απαντούν με σαφήνεια σε αυτή την ερώτηση. Αυτά τα αποσπάσματα είναι"
    " τα πιο κοντινά.",
    "en": "Your documents do not clearly answer this question. These passages come closest.",
    "es": "Sus documentos no responden claramente a esta pregunta. Estos pasajes son los más"
    " cercanos.",
    "fr": "Vos documents ne répondent pas clairement à cette question. Ces passages s'en approchent"
    " le plus.",
    "hi": "आपके दस्तावेज़ इस सवाल का स्पष्ट जवाब नहीं देते। ये अंश सबसे नज़दीकी हैं।",
    "it": "I suoi documenti non rispondono chiaramente a questa domanda. Questi passaggi sono i più"
    " vicini.",
    "ja": "お手持ちの文書には、この質問への明確な答えがありません。最も近い箇所は次のとおりです。",
    "ko": "보유하신 문서에는 이 질문에 대한 명확한 답이 없습니다."
    " 가장 가까운 대목은 다음과 같습니다.",
    "nl": "Uw documenten beantwoorden deze vraag niet duidelijk. Deze passages komen het dichtst in"
    " de buurt.",
    "pl": "Twoje dokumenty nie odpowiadają jasno na to pytanie. Te fragmenty są najbliższe.",
    "pt": "Os seus documentos não respondem claramente a esta pergunta. Estas passagens são as mais"
    " próximas.",
    "ro": "Documentele dumneavoastră nu răspund clar la această întrebare. Aceste pasaje sunt cele"
    " mai apropiate.",
    "ru": "В ваших документах нет ясного ответа на этот вопрос. Ближе всего эти отрывки.",
    "th": "เอกสารของคุณไม่ได้ตอบคำถามนี้อย่างชัดเจน ข้อความที่ใกล้เคียงที่สุดมีดังนี้.",
    "tr": "Belgeleriniz bu soruyu açıkça yanıtlamıyor. En yakın bölümler şunlardır.",
    "vi": "Tài liệu của bạn không trả lời rõ ràng câu hỏi này. Đây là những đoạn gần nhất.",
    "zh": "您的文档没有明确回答这个问题。以下段落最为接近。",
}

_ABOUT = {
    "ar": "ماذا تقول المستندات عن «{}»؟",
    "de": "Was sagen die Dokumente über „{}“?",
    "el": "Τι λένε τα έγγραφα για «{}»;",
    "en": "What do the documents say about “{}”?",
    "es": "¿Qué dicen los documentos sobre «{}»?",
    "fr": "Que disent les documents sur « {} » ?",
    "hi": "दस्तावेज़ “{}” के बारे में क्या कहते हैं?",
    "it": "Che cosa dicono i documenti su «{}»?",
    "ja": "文書には「{}」について何と書かれていますか？",
    "ko": "문서에는 ‘{}’에 대해 무엇이라고 쓰여 있나요?",
    "nl": "Wat zeggen de documenten over ‘{}’?",
    "pl": "Co dokumenty mówią na temat „{}”?",
    "pt": "O que dizem os documentos sobre «{}»?",
    "ro": "Ce spun documentele despre „{}”?",
    "ru": "Что говорится в документах о «{}»?",
    "th": "เอกสารกล่าวถึง “{}” ว่าอย่างไร",
    "tr": "Belgeler “{}” hakkında ne diyor?",
    "vi": "Tài liệu nói gì về “{}”?",
    "zh": "文档中关于“{}”说了什么？",
}


def detect(text: str) -> str:
    """ISO 639-1 code of the most likely of the languages spoken here; English without a clue."""
    return detect_language(text, among=_NOT_FOUND) or "en"


def not_found(language: str) -> str:
    return _NOT_FOUND[language]


def closest(language: str) -> str:
    """Comes before quotes that may miss the question."""
    return _CLOSEST[language]


def about(heading: str, language: str) -> str:
    """Asks what the documents say about a heading."""
    return _ABOUT[language].format(heading)


def reply(language: str, line: str, **values: object) -> str:
    """A line of `replies.toml`, in English where the language has none."""
    replies = _replies()
    return replies.get(language, replies["en"])[line].format(**values)


@cache
def _replies() -> dict[str, dict[str, str]]:
    return tomllib.loads((Path(__file__).parent / "replies.toml").read_text(encoding="utf-8"))
