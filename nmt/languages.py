"""Languages by code, and two cheap tests of whether a text can be in one of them.

The tests look at letters and at very common words only. They are meant for cleaning corpora and for a friendly remark
to someone who types the wrong language, not for telling languages apart in general.
"""

import dataclasses
import functools
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

from nmt.errors import ConfigError


@dataclass(frozen=True)
class Language:
    """What the package knows about one language.

    Args:
        code: BCP 47 code such as "ja" or "pt-BR".
        name: its name in English; the code itself where the language is not a listed one.
        native_name: its name in the language itself.
        uses_spaces: whether words and sentences are separated by spaces.
        right_to_left: whether text runs from right to left.
        scripts: names of the scripts its letters belong to; empty where unknown, and then any script is accepted.
    """

    code: str
    name: str
    native_name: str
    uses_spaces: bool = True
    right_to_left: bool = False
    scripts: tuple[str, ...] = ("Latin",)


LANGUAGES: dict[str, Language] = {
    known.code: known
    for known in (
        Language("ar", "Arabic", "العربية", right_to_left=True, scripts=("Arabic",)),
        Language("cs", "Czech", "čeština"),
        Language("da", "Danish", "dansk"),
        Language("de", "German", "Deutsch"),
        Language("el", "Greek", "Ελληνικά", scripts=("Greek",)),
        Language("en", "English", "English"),
        Language("es", "Spanish", "español"),
        Language("fi", "Finnish", "suomi"),
        Language("fr", "French", "français"),
        Language("he", "Hebrew", "עברית", right_to_left=True, scripts=("Hebrew",)),
        Language("hi", "Hindi", "हिन्दी", scripts=("Devanagari",)),
        Language("hu", "Hungarian", "magyar"),
        Language("id", "Indonesian", "Bahasa Indonesia"),
        Language("it", "Italian", "italiano"),
        Language("ja", "Japanese", "日本語", uses_spaces=False, scripts=("Hiragana", "Katakana", "Han")),
        Language("ko", "Korean", "한국어", scripts=("Hangul", "Han")),
        Language("nb", "Norwegian", "norsk bokmål"),
        Language("nl", "Dutch", "Nederlands"),
        Language("pl", "Polish", "polski"),
        Language("pt", "Portuguese", "português"),
        Language("ro", "Romanian", "română"),
        Language("ru", "Russian", "русский", scripts=("Cyrillic",)),
        Language("sv", "Swedish", "svenska"),
        Language("th", "Thai", "ไทย", uses_spaces=False, scripts=("Thai",)),
        Language("tr", "Turkish", "Türkçe"),
        Language("uk", "Ukrainian", "українська", scripts=("Cyrillic",)),
        Language("vi", "Vietnamese", "Tiếng Việt"),
        Language("zh", "Chinese", "中文", uses_spaces=False, scripts=("Han",)),
    )
}

# Ranges of a regular-expression class. Marks between the letters of a script are in the range but never counted.
_SCRIPTS = {
    "Latin": r"A-Za-zªµºÀ-ÖØ-öø-\u02af\u1d00-\u1d25\u1e00-\u1eff\u212a\u212b"
    r"\u2c60-\u2c7f\ua720-\ua7ff\uab30-\uab64\ufb00-\ufb06\uff21-\uff3a\uff41-\uff5a",
    "Greek": r"\u0370-\u03ff\u1f00-\u1fff",
    "Cyrillic": r"\u0400-\u052f\u1c80-\u1c8f\ua640-\ua69f",
    "Hebrew": r"\u0591-\u05f4\ufb1d-\ufb4f",
    "Arabic": r"\u0600-\u06ff\u0750-\u077f\u0870-\u08ff\ufb50-\ufdff\ufe70-\ufefc",
    "Devanagari": r"\u0900-\u097f\ua8e0-\ua8ff",
    "Thai": r"\u0e01-\u0e4e",
    "Hangul": r"\u1100-\u11ff\u3131-\u318e\ua960-\ua97f\uac00-\ud7fb\uffa0-\uffdc",
    "Hiragana": r"\u3041-\u309f\u30fc\uff70",
    "Katakana": r"\u30a1-\u30ff\u31f0-\u31ff\uff66-\uff9f",
    "Han": r"\u2e80-\u2fd5\u3005-\u3007\u3021-\u3029\u3038-\u303c"
    r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufad9\U00020000-\U0003ffff",
}
# Everything that is no letter, plus what the pattern \w takes for one but no script owns: modifier letters,
# superscript and enclosed numbers, fractions.
_NO_LETTER = r"\W\d_\u02b0-\u02ff²³¹¼-¾⁰-₉⅐-ↂ①-⓿❶-➓"
_LETTERS = re.compile(f"[^{_NO_LETTER}]+")
_LATIN_WORD = re.compile(f"[{_SCRIPTS['Latin']}]+")
_KANA = re.compile(f"[{_SCRIPTS['Hiragana']}{_SCRIPTS['Katakana']}]")
_KANA_OR_HANGUL = re.compile(f"[{_SCRIPTS['Hiragana']}{_SCRIPTS['Katakana']}{_SCRIPTS['Hangul']}]")
_CHINESE_ONLY = re.compile("[们这吗说没对时个过还让给为从关话语谢请问谁现钱买卖车长见东吧呢啊哪你她]")

# The most common words of each language in everyday sentences, the most common first.
_COMMON_WORDS = {
    "en": """
        i you the to a is t it he s that in of do was this have me my we for are what don can your she m be on his
        not with and like at want know there re how did they go has him all will her ll here very about think time up
        didn ve had get if from why no when out one an were going good as who by would so where need please just been
        let see come but than now help should us tell more doesn d never got too much take could am really some work
        home isn car day said people our something many last make back does any today lot say house give right
        anything went only new made always told three eat love must long still look off room speak well two old them
        way thought father before tomorrow better or every won into talk man live again may down years put left
        yesterday leave after little doing over night ever buy read happy saw sure everything nothing these other
        next first life mother wanted hello hi thanks yes okay ok sorry goodbye bye morning welcome die their its
        because through under between without both also such most might while which""",
    "de": """
        ich ist nicht sie das du zu es die er der in hat ein dass wir was habe mir sich mit auf wie den eine mich und
        war ihr an haben kann sind einen von für so dem als sein dich bin hast dir noch um aus im nach hier wird uns
        sehr wenn etwas meine warum weiß mein tun bist schon ihn mehr vor gehen gut bitte werden werde will keine
        wurde nichts nur immer muss diese hatte möchte viel wo seine dieses man zum machen ihm können bei über nie
        heute am sagen zeit euch da einem mal würde aber oder alle deine gerne hätte sagte ihre alles kein viele
        dieser einer ihnen kannst jetzt morgen gibt hause des gerade sehen hallo danke ja nein tschüss guten mag bis
        durch unter ob denn weil uhr dort damit ganz welche""",
    "fr": """
        je de pas est vous que il à ne le la tu a ce un ai en nous une les suis me pour elle qu faire ça dans plus
        des y qui moi tout veux te être au était du fait êtes avec mon se as si et sont avez ils cette son es très
        lui peux votre cela été sur temps pourquoi dit ici ma pense sais chose jamais où toi comment on bien vraiment
        ont ton par sa avons quelque dire tous elles aller aime avoir beaucoup besoin peut là sommes personne parler
        rien étais maison peu comme quand toujours trop même deux mes quoi voir va avait mais encore monde dois faut
        bon ses bonjour merci oui non bonsoir salut ta ces cet leur leurs chez sans puis aussi donc j' l' d' c' n' s'
        m' t'""",
    "es": """
        de no que a la el en es un me se por él lo una los está con su mi qué le ella te para y las más al yo tu
        estoy muy tiene eso este esta del si estaba quiero fue tengo aquí casa como hacer puedo todo esto hay algo ha
        tiempo son gusta todos tan favor cuando vez nada ir puede era bien he mucho nos ser solo ellos sé nunca pero
        ya dónde cómo sus estás dos mañana creo ahora trabajo tienes quién dijo soy hablar están siempre ese hace día
        puedes tú hoy había quiere voy verdad mejor esa nadie años poco va ver eres has sabe tarde demasiado quieres
        estar hizo padre mis quería antes o parece tres tenía hola gracias adiós sí buenos buenas ti sin sobre desde
        hasta entre han hemos nuestra nuestro también así hacia""",
    "it": """
        non è di la il a che un ha sono per in una io mi ho le con i questo lei e mio perché lo si molto da più era
        suo sta qui lui del mia cosa ci questa come gli al sei sua essere mai voi hai loro me avete dei casa fare
        siete piace ancora noi voglio ti così se vero detto nel tu tutti siamo ora qua sia sto chi abbiamo andare vi
        alla delle della dove hanno posso quello bene penso nella stato tutto ad fatto quando troppo niente solo
        qualcosa po parlare davvero nulla oggi vuole suoi ne bisogno piacere adesso sempre nessuno sa può so te
        lavoro visto fa favore ero presto prima tuo stata ma qualcuno ciao grazie sì buongiorno buona dal dai nei sul
        tra quella questi dopo anche senza fino verrà l' c' d'""",
    "pt": """
        o que de não eu a é você um para está uma em ele com se por isso me e do muito os da no na mais as ela fazer
        tem meu estava foi vocês estou seu nós minha como sua são mas aqui tenho eles casa à ao vai quando vou ser te
        já quero quem pode há acho sou estão bem quer todos este disse era falar sobre tempo esta ainda sei posso
        hoje ir sabe nos favor nada queria nunca onde ter esse qual tão gosto mim ninguém sempre essa gosta mundo
        preciso tudo vez tinha fez mesmo anos vida agora seus quanto isto todo vamos coisa pessoas noite lá verdade
        gostaria bom só ou pai antes dele dinheiro até amanhã das olá obrigado obrigada sim oi boa sem entre também
        pelo pela nossa nosso depois ti""",
    "nl": """
        ik is het de je een niet dat in zijn hij van te heb mijn heeft op was ze wat ben we er me voor u met om kan
        aan naar dit en geen jullie hebben wil doen weet als uit waar deze moet zou zal nog hoe die hier mij waarom
        veel haar hem had zo dan gaan bent goed maar nodig meer wie over ons denk al hebt hou nu uw erg moeten laat
        jij ga gaat of bij huis iets zei zij nooit kunnen jouw heel laten eten zien graag tijd jaar niets vandaag
        werd houdt altijd zich wanneer daar drie ging wist iedereen niemand echt dag iemand alleen gedaan vader
        worden hoeveel ook mag helpen maken alles komen hallo dank bedankt nee ja alsjeblieft goedemorgen door tot
        tegen onze hun zonder naast""",
    "sv": """
        jag är det inte du att har en på i han var här vi mig kan den om för med dig vad till ett hur och ni som de
        hon kommer vill min av skulle göra så måste sig mycket ha där tycker ska vet din ut vara varför gå nu behöver
        oss hade bara ingen när gör alla vem gillar än er honom bra upp går någon tror kom aldrig ta mitt sa gjorde
        åt såg ser lite sin detta borde ge väldigt finns får många känner mina kunde alltid man älskar gick något
        blev fick allt eller dag in hans få efter hjälpa igen tog från verkligen någonting komma ditt tre men trodde
        ville två se henne mer köpte barn bli hem fortfarande hej tack nej ja god morgon utan mot mellan under också
        deras vår""",
    "id": """
        aku tidak yang di saya itu ini dia kamu apa akan bisa dengan ada ke untuk kau pergi adalah kita kami tahu
        ingin apakah dan sudah anda dari harus orang suka lebih sangat mereka punya sedang mana makan banyak pada
        dalam hari pernah lagi sini jangan rumah melihat semua siapa bahasa bukan telah melakukan tahun mau berapa
        masih saja baik belum tolong sebuah anak hal benar tinggal datang kalau tiga mungkin satu waktu seperti
        menjadi sekali berbicara bahwa bagaimana ia sekarang lakukan memiliki salah baru sesuatu tidur terlalu malam
        perlu mulai selalu sama terjadi belajar jam membeli bermain tentang besok hanya sampai mari dapat kenapa
        terlihat juga melakukannya saat kalian kapan kemarin sendiri lalu bekerja kembali sana atas lama minum karena
        masalah besar halo terima kasih selamat pagi oleh para tanpa antara kepada sebelum setelah""",
    "vi": """
        tôi không có bạn đã là một anh ấy của đó sẽ làm ở nói ta đi chúng thể gì cho người muốn đang biết này được
        phải với cô cái đến điều nào vào để nghĩ nó trong việc ra nhà đây rất bị giờ về thích khi mình lại ai cả
        nhiều mà nên hơn những sao tiếng học như ăn cậu và rồi thấy chuyện thế cần họ ông con bao đâu hãy xe sự lúc
        quá còn thì ngày đầu chưa hôm rằng năm nay từ qua vì nghe vậy trước sống cũng nữa gặp chắc thật đừng tới công
        chỉ tiền mọi nhất mày giúp nếu ý định mới nhưng mua tại đều chơi tin bắt thời tốt xin chào cảm ơn vâng bởi
        các mỗi trên dưới sau""",
}
_LANGUAGES_OF_WORD: dict[str, tuple[str, ...]] = {}
for _code, _words in _COMMON_WORDS.items():
    for _word in _words.split():
        _LANGUAGES_OF_WORD[_word] = (*_LANGUAGES_OF_WORD.get(_word, ()), _code)

_CODE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]+)*")
_WORD = re.compile(r"\b[cdjlmnstCDJLMNST]'(?=[^\W\d_])|[^\W\d_]+")  # j'ai is two words, j' and ai

# Addresses, file names, code: what stands in them is in no language ("com" is a Portuguese word).
_CHUNK = re.compile(r"\S+")
_IN_ADDRESS = re.compile(r"\w[./@\\_:=]+\w")
# A particle between two capitalised words belongs to a name: Rio de Janeiro, Vincent van Gogh.
_NAME = re.compile(r"\b[A-ZÀ-Þ]\w+ (?:de|da|do|di|du|del|la|le|van|von)(?: (?:la|le|los|der|den))? [A-ZÀ-Þ]\w+")


def language(code: str) -> Language:
    """The language a code stands for; a region or script behind a listed code ("pt-BR") is kept in `code`.

    Raises:
        ConfigError: the code is malformed; an unknown one gives a language about which nothing is known.
    """
    if not _CODE.fullmatch(code):
        raise ConfigError(
            f'"{code}" is not a language code; expected two or three lower-case letters such as "en", "ja" or "pt-BR"'
        )
    known = LANGUAGES.get(_primary(code))
    if known is None:
        return Language(code, name=code, native_name=code, scripts=())
    return known if known.code == code else dataclasses.replace(known, code=code)


def wrong_script(text: str, code: str) -> bool:
    """Whether more than half of the letters belong to scripts the language does not use.

    In a language written without Latin letters a whole Latin word counts as one letter, so that a name or an
    abbreviation between the words is no reason to complain: "NASAで働く" is Japanese. A text without letters is
    never wrong, nor is any text in a language whose scripts are unknown.

    Raises:
        ConfigError: the code is malformed.
    """
    scripts = language(code).scripts
    if not scripts:
        return False
    if "Latin" not in scripts:
        text = _LATIN_WORD.sub("x", text)
    elif text.isascii():
        return False
    num_letters = sum(map(len, _LETTERS.findall(text)))
    num_foreign = sum(map(len, _foreign_letters(scripts).findall(text)))
    return 2 * num_foreign > num_letters


def looks_like(text: str, code: str) -> bool:
    """Whether a text can be in a language; False only where it clearly is not.

    Clear is a wrong script and, for a language in Latin letters whose common words are known, that more of the
    different words of the text are common words of another such language than of this one. A text without any
    common word ("Pizza?") passes, and so does any text in a language about which too little is known.

    Raises:
        ConfigError: the code is malformed.
    """
    if wrong_script(text, code):
        return False
    primary = _primary(code)
    if primary in ("ja", "ko"):  # both have texts of Chinese characters alone, but not of these
        return _KANA_OR_HANGUL.search(text) is not None or _CHINESE_ONLY.search(text) is None
    if primary == "zh":
        return 5 * len(_KANA.findall(text)) <= sum(map(len, _LETTERS.findall(text)))
    if primary not in _COMMON_WORDS:
        return True
    text = unicodedata.normalize("NFC", text).replace("’", "'")
    text = _CHUNK.sub(lambda chunk: " " if _IN_ADDRESS.search(chunk[0]) else chunk[0], text)
    text = _NAME.sub(" ", text)
    words = set(_WORD.findall(text))
    if not text.isupper():
        words = {word for word in words if len(word) == 1 or not word.isupper()}
    counts = Counter(known for word in words for known in _LANGUAGES_OF_WORD.get(word.lower(), ()))
    # Words that are all capitalised may be a name or a title (Los Angeles), a word in capitals an abbreviation.
    title = all(word[0].isupper() for word in words) and (len(words) > 1 or text.isupper())
    return max(counts.values(), default=0) - counts[primary] < (2 if title else 1)


def same_language(one: str, other: str) -> bool:
    """Whether two codes mean one language, written alike: a region makes no other one, another script does."""
    return (_primary(one), _script(one)) == (_primary(other), _script(other))


def _script(code: str) -> str:
    """As the code has it, "Latn" in "sr-Latn"; of Chinese also by the region, as the two ways of writing go by it."""
    primary, *others = code.split("-")
    named = next((part for part in others if len(part) == 4), "")
    return "Hant" if primary == "zh" and not named and {*others} & {"TW", "HK", "MO"} else named


def _primary(code: str) -> str:
    return code.partition("-")[0]


@functools.cache
def _foreign_letters(scripts: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(f"[^{_NO_LETTER}{''.join(_SCRIPTS[script] for script in scripts)}]+")
