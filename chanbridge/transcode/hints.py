"""The few words that degradation adds, by language.

Where a language can say it in the GSM alphabet it does, so that a hint does not double an SMS.
"""

from __future__ import annotations

from typing import NamedTuple


class Hints(NamedTuple):
    """How to answer by number or by letter, a prompt above options, and a menu's button."""

    number: str
    letter: str
    choose: str
    menu: str


_HINTS = {
    "ar": Hints("أرسل رقم اختيارك.", "أرسل حرف اختيارك.", "يرجى الاختيار:", "الخيارات"),
    "cs": Hints("Odpovězte číslem.", "Odpovězte písmenem.", "Vyberte prosím:", "Možnosti"),
    "da": Hints("Svar med et nummer.", "Svar med et bogstav.", "Vælg venligst:", "Muligheder"),
    "de": Hints(
        "Antworten Sie mit einer Zahl.",
        "Antworten Sie mit einem Buchstaben.",
        "Bitte wählen Sie:",
        "Optionen",
    ),
    "el": Hints("Απαντήστε με τον αριθμό.", "Απαντήστε με το γράμμα.", "Επιλέξτε:", "Επιλογές"),
    "en": Hints("Reply with a number.", "Reply with a letter.", "Please choose:", "Options"),
    "es": Hints("Responda con una cifra.", "Responda con una letra.", "Por favor, elija:", "Opciones"),
    "fi": Hints("Vastaa numerolla.", "Vastaa kirjaimella.", "Valitse:", "Vaihtoehdot"),
    "fr": Hints("Répondez par un chiffre.", "Répondez par une lettre.", "Veuillez choisir :", "Options"),
    "he": Hints("השיבו במספר.", "השיבו באות.", "נא לבחור:", "אפשרויות"),
    "hi": Hints("एक नंबर भेजकर जवाब दें।", "एक अक्षर भेजकर जवाब दें।", "कृपया चुनें:", "विकल्प"),
    "id": Hints("Balas dengan angka.", "Balas dengan huruf.", "Silakan pilih:", "Pilihan"),
    "it": Hints("Rispondi con un numero.", "Rispondi con una lettera.", "Scegli:", "Opzioni"),
    "ja": Hints("番号で返信してください。", "文字で返信してください。", "お選びください:", "メニュー"),
    "ko": Hints("번호로 답장해 주세요.", "글자로 답장해 주세요.", "선택해 주세요:", "메뉴"),
    "nb": Hints("Svar med et nummer.", "Svar med en bokstav.", "Vennligst velg:", "Alternativer"),
    "nl": Hints("Antwoord met een cijfer.", "Antwoord met een letter.", "Maak een keuze:", "Opties"),
    "pl": Hints("Odpowiedz numerem.", "Odpowiedz literą.", "Wybierz:", "Opcje"),
    "pt": Hints("Responda com a cifra.", "Responda com a letra.", "Por favor, escolha:", "Menu"),
    "ro": Hints("Răspundeți cu un număr.", "Răspundeți cu o literă.", "Alegeți:", "Opțiuni"),
    "ru": Hints("Ответьте номером.", "Ответьте буквой.", "Выберите:", "Варианты"),
    "sv": Hints("Svara med en siffra.", "Svara med en bokstav.", "Välj:", "Alternativ"),
    "th": Hints("ตอบกลับด้วยหมายเลข", "ตอบกลับด้วยตัวอักษร", "โปรดเลือก:", "ตัวเลือก"),
    "tr": Hints("Numarayla cevap verin.", "Harfle cevap verin.", "Seçin:", "Seçenekler"),
    "uk": Hints("Відповідайте номером.", "Відповідайте літерою.", "Виберіть:", "Варіанти"),
    "vi": Hints("Trả lời bằng số.", "Trả lời bằng chữ cái.", "Vui lòng chọn:", "Lựa chọn"),
    "zh": Hints("请回复数字。", "请回复字母。", "请选择：", "选项"),
    "zh-hant": Hints("請回覆數字。", "請回覆字母。", "請選擇：", "選項"),
}
_OTHER_NAMES = {"no": "nb", "nn": "nb", "iw": "he", "in": "id"}
_TRADITIONAL = frozenset({"tw", "hk", "mo"})
"""Where Chinese is written in traditional characters unless its script is named."""


def hints(locale: str) -> Hints:
    """Give the words of a language (BCP 47); English where we do not have it."""
    language, *subtags = locale.replace("_", "-").lower().split("-")
    if language == "zh" and "hans" not in subtags and {"hant", *_TRADITIONAL} & set(subtags):
        language = "zh-hant"
    return _HINTS.get(_OTHER_NAMES.get(language, language), _HINTS["en"])
