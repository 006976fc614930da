"""Sentences to start from, by the language they are in."""

EXAMPLES: dict[str, tuple[str, ...]] = {
    "en": ("Where is the station?", "How much is this?", "I have to go to sleep.", "I like cats. And you?"),
    "ja": ("駅はどこですか。", "これはいくらですか。", "もう寝なければなりません。", "猫が好きです。あなたは？"),
    "de": ("Wo ist der Bahnhof?", "Wie viel kostet das?", "Ich muss schlafen gehen.", "Ich mag Katzen. Und du?"),
    "fr": ("Où est la gare ?", "Combien ça coûte ?", "Je dois aller dormir.", "J’aime les chats. Et toi ?"),
    "es": (
        "¿Dónde está la estación?",
        "¿Cuánto cuesta esto?",
        "Tengo que irme a dormir.",
        "Me gustan los gatos. ¿Y a ti?",
    ),
    "it": ("Dov'è la stazione?", "Quanto costa?", "Devo andare a dormire.", "Mi piacciono i gatti. E a te?"),
    "pt": ("Onde fica a estação?", "Quanto custa isto?", "Tenho de ir dormir.", "Gosto de gatos. E você?"),
    "nl": ("Waar is het station?", "Hoeveel kost dit?", "Ik moet gaan slapen.", "Ik hou van katten. En jij?"),
    "ru": ("Где вокзал?", "Сколько это стоит?", "Мне пора спать.", "Я люблю кошек. А ты?"),
    "zh": ("车站在哪里？", "这个多少钱？", "我得去睡觉了。", "我喜欢猫。你呢？"),
    "ko": ("역이 어디예요?", "이거 얼마예요?", "이제 자야 해요.", "저는 고양이를 좋아해요. 당신은요?"),
    "ar": ("أين المحطة؟", "كم ثمن هذا؟", "يجب أن أذهب إلى النوم.", "أحب القطط. وأنت؟"),
    "he": ("איפה התחנה?", "כמה זה עולה?", "אני צריך ללכת לישון.", "אני אוהב חתולים. ואתה?"),
}


def examples(language: str) -> tuple[str, ...]:
    """Sentences in a language; none where it has none here."""
    return EXAMPLES.get(language) or EXAMPLES.get(language.partition("-")[0], ())
