"""Documents with markup: Markdown, HTML, EPUB, Word, gettext and XLIFF."""

import io
import re
import tempfile
import zipfile
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.documents import DocumentOptions, open_document
from nmt.documents.inline import Mark, Run, Text
from nmt.errors import DocumentError

for module in ("babel", "lxml", "markdown_it", "mdit_py_plugins"):
    pytest.importorskip(module)


def opened(path, data, source="en", target="ja"):
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return open_document(path, DocumentOptions(), source_language=source, target_language=target)


def rewritten(name, data, translate=str, **languages):
    """The units of a file with this content, and what it becomes."""
    with tempfile.TemporaryDirectory() as folder:
        document = opened(Path(folder) / name, data, **languages)
        units = list(document.units())
        assert units == list(document.units())
        assert all(unit and unit == unit.strip() for unit in units)
        out = io.BytesIO()
        document.assemble(map(translate, units), out)
        return units, out.getvalue()


def translated(unit):
    return f"訳{unit}文"


# Marks in text

PIECES = st.lists(
    st.one_of(
        st.text("ab <x1>/", max_size=5).map(lambda text: Text(text, text)),
        st.builds(Mark, st.sampled_from(["open", "close"]), st.just("p"), st.sampled_from("ij")),
        st.builds(Mark, st.just("single"), st.just("s"), is_word=st.booleans()),
    )
)


def merged(pieces):
    """Marks, and the text between two of them as one."""
    found = []
    for piece in pieces:
        if isinstance(piece, Text) and found and isinstance(found[-1], str):
            found[-1] += piece.text
        else:
            found.append(piece.text if isinstance(piece, Text) else piece)
    return [piece for piece in found if piece != ""]


@given(PIECES)
def test_a_run_comes_back_whole(pieces):
    run = Run(pieces)
    assert merged([*run.before, *run.pieces, *run.after]) == merged(pieces)
    if run.text:
        assert merged(run.restore(run.text)) == merged(run.pieces)


@given(PIECES, st.text("ab <x1234>/"), st.randoms())
def test_every_mark_is_kept_once_whatever_comes_back(pieces, noise, random):
    run = Run(pieces)
    words = [*re.split(r"(<[^<>]*>)", run.text), noise]
    random.shuffle(words)
    restored = run.restore("".join(words))
    marks = [piece for piece in run.pieces if isinstance(piece, Mark)]
    assert Counter(map(id, (piece for piece in restored if isinstance(piece, Mark)))) == Counter(map(id, marks))
    waiting = []
    for mark in (piece for piece in restored if isinstance(piece, Mark)):
        if id(mark) in (pairs := partners(run.pieces)):
            waiting = waiting[:-1] if waiting[-1:] == [pairs[id(mark)]] else [*waiting, id(mark)]
    assert not waiting


def partners(pieces):
    """For each mark of a pair the other one."""
    found, waiting = {}, []
    for mark in (piece for piece in pieces if isinstance(piece, Mark)):
        if mark.kind == "open":
            waiting.append(mark)
        names = [other.name for other in waiting]
        if mark.kind == "close" and mark.name in names:
            last = len(names) - 1 - names[::-1].index(mark.name)
            found[id(waiting[last])], found[id(mark)] = id(mark), id(waiting[last])
            del waiting[last:]
    return found


def test_marks_around_and_at_the_ends_are_no_part_of_the_text():
    bold, end = Mark("open", 1, "b"), Mark("close", 2, "b")
    word, image = Mark("single", 3, is_word=True), Mark("single", 4)
    hello = Text(" Hello ", " Hello ")
    assert Run([image, bold, hello, image, end]).text == "Hello"
    assert Run([bold, hello, end, hello]).text == "<x1> Hello </x1> Hello"
    assert Run([word, hello, image]).text == "<x1/> Hello"
    assert Run([word, image, word]).text == ""
    assert Run([bold, Text("<x1>", "<x1>"), end, hello]).text == "<xx1><x1></xx1> Hello"


def test_lost_marks_go_where_they_do_the_least_harm():
    bold, end, word = Mark("open", "<b>", "b"), Mark("close", "</b>", "b"), Mark("single", "<code/>", is_word=True)
    run = Run([Text("Say ", "Say "), bold, Text("it", "it"), end, Text(" by ", " by "), word, Text(".", ".")])
    assert run.text == "Say <x1>it</x1> by <x2/>."

    def written(translation):
        return "".join(piece.text if isinstance(piece, Text) else piece.payload for piece in run.restore(translation))

    assert written("Per < X2 / > <x1>le</x1>.") == "Per <code/> <b>le</b>."
    assert written("Dis.") == "<b>Dis.</b> <code/>"
    assert written("Dis </x1><x2/><x2/><x9>le<x1>") == "<b>Dis <code/>le</b>"


# Markdown

MARKDOWN = """\ufeff---
title: Kept
---

# A *small* title \\#1 #

Some **bold *both*** text with `code` and a [link](http://x "kept"),
   a [ref], ![a picture](y.png) &amp; <http://auto.example>  
after a break \\
and $x_1$ with <b>HTML</b>.[^1]

> A quote that
> goes [on][ref].
> - [ ] a task `x`
>   of two lines

| A \\| b | **c** |
|---|:--|
| 1st | two `x` |

```py
kept = 1
```

    kept too

<div>
Kept as well
</div>

[ref]: http://target "kept"
[^1]: A note.

Underlined
===
* one
* ![alone](a.png)
"""


def test_markdown_is_translated_but_for_what_is_no_text():
    units, changed = rewritten("a.md", MARKDOWN, translated)
    assert units == [
        "A <x1>small</x1> title #1",
        "Some <x1>bold <x2>both</x2></x1> text with <x3/> and a <x4>link</x4>, a <x5>ref</x5>, <x6/> & <x7/>",
        "a picture",
        "after a break",
        "and <x1/> with <x2>HTML</x2>.",
        "A quote that goes <x1>on</x1>.",
        "a task <x1/> of two lines",
        "A | b",
        "c",
        "1st",
        "two <x1/>",
        "A note.",
        "Underlined",
        "one",
        "alone",
    ]
    assert (
        changed.decode()
        == """\ufeff---
title: Kept
---

# 訳A *small* title \\#1文 #

訳Some **bold *both*** text with `code` and a [link](http://x "kept"), a [ref][ref], ![訳a picture文](y.png) & <http://auto.example>文  
訳after a break文 \\
訳and $x_1$ with <b>HTML</b>.文[^1]

> 訳A quote that goes [on][ref].文
> - [ ] 訳a task `x` of two lines文

| 訳A \\| b文 | **訳c文** |
|---|:--|
| 訳1st文 | 訳two `x`文 |

```py
kept = 1
```

    kept too

<div>
Kept as well
</div>

[ref]: http://target "kept"
[^1]: 訳A note.文

訳Underlined文
===
* 訳one文
* ![訳alone文](a.png)
"""
    )


def test_markdown_keeps_line_breaks_of_every_kind():
    text = MARKDOWN.replace("\n", "\r\n").rstrip("\r\n")
    assert rewritten("a.md", text)[1].decode() == text
    units, changed = rewritten("a.md", text, translated)
    assert units == rewritten("a.md", MARKDOWN)[0]
    assert "\n" not in changed.decode().replace("\r\n", "")


def test_markdown_stays_what_it_is_in_any_words():
    _, changed = rewritten("a.md", "Say **it** now.", lambda unit: "<x1>「強調」</x1>は")
    assert changed.decode() == "**「強調」** は"
    _, changed = rewritten("a.md", "Hello *you*", lambda unit: "1. <b> * [a](b) <x1>_c_</x1>")
    assert changed.decode() == r"1\. \<b\> \* \[a\](b) *\_c\_*"
    _, changed = rewritten("a.md", "# One\n\ntwo\n", lambda unit: "- a\n\nb")
    assert changed.decode() == "# \\- a  b\n\n\\- a  b\n"


FRAGMENTS = [
    "word", "two words", "*", "**", "_", "`", "``", "[", "]", "(x)", "![", "<b>", "</b>", "&amp;", "\\", "\\*", "~~",
    "$",
    " ", "  \n", "\n", "\n\n", "> ", "- ", "1. ", "# ", "    ", "\t", "|", "| a | b |\n|---|---|\n", "---\n", "```\n",
    "[a]: b\n", "[a]", "<http://a.b>", "\r\n", "\\\n", "語", "。", "\x00", "\u2028", "<!-- c -->", "[^1]: ",
]  # fmt: skip


INLINE = st.sampled_from(
    [
        "word ",
        "**bold** ",
        "*it* ",
        "`code` ",
        "[a link](b) ",
        "[a] ",
        "~~no~~ ",
        "![x](y) ",
        "a\\*b ",
        "&amp; ",
        "<i>c</i> ",
    ]
)
PARAGRAPH = st.lists(st.one_of(INLINE, st.sampled_from(["word\n", "語。", "  \nx", "1 < 2 "])), min_size=1).map("".join)
BLOCK = st.builds(
    str.__add__,
    st.sampled_from(["", "# ", "> ", "- ", "1. ", "> - ", "```\ncode\n```\n", "| a |\n|---|\n| *b* |\n\n"]),
    PARAGRAPH,
)


def kinds(text):
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    flat = [inner for token in tokens for inner in (token, *(token.children or ()))]
    return Counter(token.type for token in flat if token.type not in ("text", "softbreak"))


@settings(max_examples=50)
@given(st.lists(BLOCK, max_size=4).map("\n\n".join), st.sampled_from(["訳{}文", "*{}", "{} [a] `x", "<b>{}|"]))
def test_markdown_keeps_its_structure(text, form):
    text += "\n\n[a]: http://a.example\n"
    _, changed = rewritten("a.md", text, form.format)
    assert kinds(changed.decode()) == kinds(text)


@settings(max_examples=200)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join))
def test_markdown_round_trip(text):
    assert rewritten("a.md", text)[1].decode() == text


# HTML

HTML = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Tom &amp; I</title>
<meta name="description" content="About us"><meta name="robots" content="none">
<style>p { color: red }</style><script>if (a<b) "kept"</script></head>
<body><!-- kept --><p class=x>Hello <b>big</b>
   world, see <a href="x?a=1&b=2" title='A "T"'>this <i>one</i></a>&nbsp;and <code>k<b>ept</b></code>.<br>Next
</p><img alt="A picture" src=x><pre>kept <b>too</b></pre>
<p><a href="y">Alone</a> <span></span></p><p translate="no">kept</p>
<p>Open <b>bold<p>&lt;x1&gt; <img src=a alt=b> &copy; c<input type=submit value=Send placeholder="">
<ul><li>one<li>two <em class="notranslate">Kept</em></ul></body></html>
"""


def test_html_is_translated_but_for_what_is_no_text():
    units, changed = rewritten("a.html", HTML, translated)
    assert units == [
        "Tom & I",
        "About us",
        "Hello <x1>big</x1> world, see <x2>this <x3>one</x3></x2>\xa0and <x4/>.",
        'A "T"',
        "Next",
        "A picture",
        "Alone",
        "Open <x1/>bold",
        "<x1> <xx1/> © c",
        "b",
        "Send",
        "one",
        "two <x1/>",
    ]
    expected = HTML.replace('lang="en"', 'lang="ja"')
    for old, new in {
        "Tom &amp; I": "訳Tom &amp; I文",
        "About us": "訳About us文",
        "Hello <b>big</b>\n   world": "訳Hello <b>big</b> world",
        'A "T"\'': '訳A "T"文\'',
        "ept</b></code>.": "ept</b></code>.文",
        "Next": "訳Next文",
        "A picture": "訳A picture文",
        "Alone": "訳Alone文",
        "Open <b>bold": "訳Open <b>bold文",
        "&lt;x1&gt; <img src=a alt=b> &copy; c": '訳&lt;x1&gt; <img src=a alt="訳b文"> © c文',
        "Send": '"訳Send文"',
        "one<li>two": "訳one文<li>訳two",
        "Kept</em>": "Kept</em>文",
    }.items():
        assert old in expected
        expected = expected.replace(old, new)
    assert changed.decode() == expected


class Tags(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.found = Counter()
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found[tag, tuple(name for name, _ in attrs)] += 1

    def handle_endtag(self, tag):
        self.found["/" + tag] += 1


TAGS = [
    "word", " ", "\n", "two words", "<p>", "</p>", "<b>", "</b>", "<a title='t \" u' href=x>", "</a>", "<br>",
    "<img alt=x>",
    "<code>", "</code>", "<pre>", "</pre>", "<script>", "</script>", "&amp;", "&nbsp;", "&", "<", ">", "<!-- c -->",
    "<x1>",
    "&lt;x1&gt;", "<!DOCTYPE html>", "<?pi?>", "語", "<p translate=no>",
    "<input value=a type=submit>", "<html lang=en>",
    "]]>",
]  # fmt: skip


@settings(max_examples=200)
@given(st.lists(st.sampled_from(TAGS), max_size=12).map("".join))
def test_html_keeps_every_tag(page):
    assert rewritten("a.html", page)[1].decode() == page
    _, changed = rewritten("a.html", page, lambda unit: "文 & <")
    if not page.rstrip().endswith(("<", "&")):
        assert Tags(changed.decode()).found == Tags(page).found


def test_html_in_another_encoding_stays_in_it(tmp_path):
    page = '<meta charset="iso-8859-1"><p>Café</p>'
    units, changed = rewritten("a.htm", page.encode("latin-1"), translated)
    assert units == ["Café"]
    assert changed == page.replace("Café", "&#35379;Café&#25991;").encode("latin-1")
    with pytest.raises(DocumentError, match='"klingon", which is unknown'):
        opened(tmp_path / "b.html", '<meta charset="klingon">')
    broken = opened(tmp_path / "c.html", b"<p>\n\xff</p>")
    with pytest.raises(DocumentError, match="line 2"):
        list(broken.units())


# EPUB


def test_a_book_is_translated_page_by_page(tmp_path):
    stream = io.BytesIO()
    page = '<?xml version="1.0"?><html xml:lang="en"><body><p>{}</p><br/></body></html>'
    members = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": "<container/>",
        "book.opf": "<package><dc:language>en</dc:language><dc:title>Kept</dc:title></package>",
        "toc.ncx": "<ncx><navLabel><text>One</text></navLabel></ncx>",
        "1.xhtml": page.format("Hello <i>you</i>"),
        "style.css": "p {}",
    }
    with zipfile.ZipFile(stream, "w") as archive:
        for name, text in members.items():
            compression = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 2, 3, 4, 6)), text, compression)
    units, changed = rewritten("a.epub", stream.getvalue(), translated)
    assert units == ["One", "Hello <x1>you</x1>"]
    assert changed == rewritten("a.epub", stream.getvalue(), translated)[1]
    with zipfile.ZipFile(io.BytesIO(changed)) as archive:
        assert archive.namelist() == list(members)
        assert archive.infolist()[0].compress_type == zipfile.ZIP_STORED
        assert archive.infolist()[4].date_time == (2020, 1, 2, 3, 4, 6)
        assert archive.read("1.xhtml").decode() == page.replace('"en"', '"ja"').format("訳Hello <i>you</i>文")
        assert b"<dc:language>ja</dc:language>" in archive.read("book.opf")
        assert archive.read("style.css") == b"p {}"
    with pytest.raises(DocumentError, match="not an EPUB book"):
        opened(tmp_path / "b.epub", b"no zip")


# Word


def word_document():
    docx = pytest.importorskip("docx")
    document = docx.Document()
    document.add_heading("A title", 1)
    paragraph = document.add_paragraph("Hello ")
    paragraph.add_run("bold").bold = True
    paragraph.add_run(" wor")
    paragraph.add_run("ld.\tBehind a tab")
    document.add_paragraph().add_run("All italic").italic = True
    document.add_table(1, 2).cell(0, 1).text = "In a cell"
    document.sections[0].header.paragraphs[0].text = "On top"
    document.sections[0].footer.paragraphs[0].text = "Below"
    document.add_paragraph("An item", style="List Bullet").add_run().add_break()
    document.add_paragraph("   ")
    return document


def saved(document):
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def test_word_documents_keep_their_structure():
    docx = pytest.importorskip("docx")
    data = saved(word_document())
    units, same = rewritten("a.docx", data)
    assert units == [
        "A title",
        "Hello <x1>bold</x1> world.",
        "Behind a tab",
        "All italic",
        "In a cell",
        "An item",
        "On top",
        "Below",
    ]
    old, new = zipfile.ZipFile(io.BytesIO(data)), zipfile.ZipFile(io.BytesIO(same))
    assert {name: old.read(name) for name in old.namelist()} == {name: new.read(name) for name in new.namelist()}
    _, changed = rewritten("a.docx", data, translated)
    document = docx.Document(io.BytesIO(changed))
    texts = [[(run.text, run.bold, run.italic) for run in paragraph.runs] for paragraph in document.paragraphs]
    assert texts == [
        [("訳A title文", None, None)],
        [
            ("訳Hello ", None, None),
            ("bold", True, None),
            (" world.文", None, None),
            ("\t", None, None),
            ("訳Behind a tab文", None, None),
        ],
        [("訳All italic文", None, True)],
        [("訳An item文", None, None), ("\n", None, None)],
        [("   ", None, None)],
    ]
    assert [paragraph.style.name for paragraph in document.paragraphs][:4] == [
        "Heading 1",
        "Normal",
        "Normal",
        "List Bullet",
    ]
    assert document.tables[0].cell(0, 1).text == "訳In a cell文"
    assert document.sections[0].header.paragraphs[0].text == "訳On top文"
    assert changed == rewritten("a.docx", data, translated)[1]


W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:r="http://r"'
FIELD = '<w:r><w:fldChar w:fldCharType="{}"/></w:r>'


@pytest.mark.parametrize(
    "content, unit",
    [
        (
            "<w:r><w:t>See </w:t></w:r>"
            '<w:hyperlink r:id="rId1"><w:r><w:rPr><w:u/></w:rPr><w:t>this</w:t></w:r></w:hyperlink>',
            "See <x1>this</x1>",
        ),
        (
            f"<w:r><w:t>On page </w:t></w:r>{FIELD.format('begin')}<w:r><w:instrText>PAGE</w:instrText></w:r>"
            f"{FIELD.format('separate')}<w:r><w:t>7</w:t></w:r>{FIELD.format('end')}<w:r><w:t>.</w:t></w:r>",
            "On page <x1/>.",
        ),
        (
            '<w:bookmarkStart w:id="1" w:name="a"/>'
            '<w:r w:rsidR="1"><w:rPr><w:lang w:val="en"/></w:rPr><w:t>On</w:t></w:r><w:proofErr w:type="x"/>'
            '<w:r><w:t>ce</w:t><w:footnoteReference w:id="2"/><w:t xml:space="preserve"> more</w:t></w:r>'
            '<w:bookmarkEnd w:id="1"/>',
            "Once<x1/> more",
        ),
    ],
)
def test_links_fields_and_bookmarks_of_word_stay(content, unit):
    data = saved(word_document())
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w") as new:
        for name in old.namelist():
            text = f"<w:document {W}><w:body><w:p><w:pPr/>{content}</w:p></w:body></w:document>"
            new.writestr(name, text if name == "word/document.xml" else old.read(name))
    units, changed = rewritten("a.docx", stream.getvalue(), translated)
    assert units[0] == unit
    with zipfile.ZipFile(io.BytesIO(changed)) as archive:
        body = archive.read("word/document.xml").decode()
    text = re.sub(r"<w:instrText>.*?</w:instrText>|<[^>]*>", "", body)
    assert text == re.sub(
        "<[^>]*>", lambda tag: "7" if tag.group() == "<x1/>" and "PAGE" in content else "", translated(unit)
    )
    for element in re.findall(r"<w:(?:hyperlink|fldChar|bookmark\w+|footnoteReference|instrText|u)\b", content):
        assert body.count(element) == content.count(element)


def test_what_is_no_word_document_is_told(tmp_path):
    with pytest.raises(DocumentError, match="not a Word document"):
        opened(tmp_path / "a.docx", b"{\\rtf1")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    with pytest.raises(DocumentError, match="another kind of file"):
        opened(tmp_path / "b.docx", stream.getvalue())


# Gettext

PO = """# Kept
#, fuzzy
msgid ""
msgstr ""
"Project-Id-Version: app\\n"
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=UTF-8\\n"

#. note
#: a.c:1
#, c-format
msgctxt "menu"
msgid "Open \\"%s\\"\\n"
msgstr ""

msgid ""
"First line\\n"
"second \\t line"
msgstr ""

msgid "%d file"
msgid_plural "%d files"
msgstr[0] ""
msgstr[1] ""

msgid "Done"
msgstr "{done}"

#~ msgid "Old"
#~ msgstr "kept"
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_catalogues_are_filled(end):
    polib = pytest.importorskip("polib")
    text = PO.format(language="", done="fertig").replace("\n", end)
    units, changed = rewritten("a.po", text, translated, target="de")
    assert units == ['Open "%s"', "First line\nsecond \t line", "%d file", "%d files"]
    catalogue = polib.pofile(changed.decode())
    assert catalogue.metadata["Language"] == "de"
    assert catalogue.metadata["Plural-Forms"].startswith("nplurals=2;")
    entries = {entry.msgid: entry for entry in catalogue}
    assert entries['Open "%s"\n'].msgstr == '訳Open "%s"文\n'
    assert (entries['Open "%s"\n'].msgctxt, entries['Open "%s"\n'].flags) == ("menu", ["c-format"])
    assert entries["First line\nsecond \t line"].msgstr == "訳First line\nsecond \t line文"
    assert entries["%d file"].msgstr_plural == {0: "訳%d file文", 1: "訳%d files文"}
    assert entries["Done"].msgstr == "fertig"
    assert [entry.msgid for entry in catalogue.obsolete_entries()] == ["Old"]
    kept = [line for line in text.split(end) if not line.startswith(("msgstr", '"Language'))]
    assert [line for line in changed.decode().split(end) if line in kept] == kept
    # What is filled is not filled again, and not a byte changes.
    assert rewritten("a.po", changed, translated, target="de") == ([], changed)


def test_catalogues_in_another_language_are_translated_anew():
    polib = pytest.importorskip("polib")
    units, changed = rewritten("a.po", PO.format(language="de_AT", done="fertig"), translated)
    assert units[-1] == "Done"
    catalogue = polib.pofile(changed.decode())
    assert (catalogue.metadata["Language"], catalogue.metadata["Plural-Forms"]) == ("ja", "nplurals=1; plural=0;")
    assert catalogue.find("%d file").msgstr_plural == {0: "訳%d files文"}
    assert catalogue.find("Done").msgstr == "訳Done文"


def test_catalogues_get_a_header_and_utf_8():
    polib = pytest.importorskip("polib")
    _, changed = rewritten("a.po", 'msgid "One"\nmsgstr ""', translated)
    catalogue = polib.pofile(changed.decode())
    assert catalogue.metadata == {"Content-Type": "text/plain; charset=UTF-8", "Language": "ja"}
    assert catalogue.find("One").msgstr == "訳One文"
    old = PO.format(language="", done="é").replace("UTF-8", "ISO-8859-1").encode("latin-1")
    _, changed = rewritten("a.po", old, translated)
    catalogue = polib.pofile(changed.decode())
    assert (catalogue.metadata["Content-Type"], catalogue.find("Done").msgstr) == ("text/plain; charset=UTF-8", "é")


def test_a_broken_catalogue_is_told_by_its_line(tmp_path):
    broken = opened(tmp_path / "a.po", 'msgid "a"\nmsgstr "b" c"\n')
    with pytest.raises(DocumentError, match=r"a\.po, line 2: .*quotes"):
        list(broken.units())


# XLIFF

XLIFF_1 = """<?xml version='1.0' encoding="utf-8"?>
<!-- kept -->
<xliff version="1.2" xmlns="urn:oasis:names:tc:xliff:document:1.2">
  <file source-language="en" {language}datatype="plaintext" original="x">
    <body>
      <trans-unit id="1">
        <source>Hello <g id="1">big <x id="2"/></g> &amp; world</source>
        <note>kept</note>
      </trans-unit>
      <trans-unit id="2" translate="no"><source>No</source></trans-unit>
      <trans-unit id="3"><source>Done</source><target>fertig</target></trans-unit>
      <trans-unit id="4">
        <source>A <bpt id="1">&lt;b></bpt>b<ept id="1">&lt;/b></ept> c</source><target state="new"/>
      </trans-unit>
    </body>
  </file>
</xliff>
"""
XLIFF_2 = """<xliff xmlns="urn:oasis:names:tc:xliff:document:2.0" version="2.0" srcLang="en" trgLang="de">
 <file id="f"><unit id="u">
  <segment state="initial">
   <source>See <pc id="1">this</pc> <ph id="2"/> and <sc id="3"/>that<ec startRef="3"/>!</source>
  </segment>
  <segment state="final"><source>Done</source><target>fertig</target></segment>
 </unit><unit id="v" translate="no"><segment><source>No</source></segment></unit></file></xliff>"""


def test_xliff_1_targets_are_filled():
    from lxml import etree

    units, changed = rewritten("a.xlf", XLIFF_1.format(language=""), translated, target="de")
    assert units == ["Hello <x1>big <x2/></x1> & world", "A <x1>b</x1> c"]
    text = changed.decode()
    assert text.startswith("<?xml version='1.0' encoding=\"utf-8\"?>\n<!-- kept -->\n<xliff")
    assert text.endswith("</xliff>\n")
    root = etree.fromstring(changed)
    space = {"x": "urn:oasis:names:tc:xliff:document:1.2"}
    assert root.find("x:file", space).get("target-language") == "de"
    targets = root.findall(".//x:target", space)
    assert ["".join(target.itertext()) for target in targets] == [
        "訳Hello big  & world文",
        "fertig",
        "訳A <b>b</b> c文",
    ]
    assert [child.tag.rpartition("}")[2] for child in targets[0].iter()] == ["target", "g", "x"]
    assert targets[2].get("state") == "translated"
    assert "</source>\n        <target>訳Hello" in text
    assert "</target>\n        <note>kept" in text
    assert rewritten("a.xlf", changed, translated, target="de") == ([], changed)
    units, changed = rewritten("a.xlf", XLIFF_1.format(language='target-language="de-DE" '), translated)
    assert units[1] == "Done"
    assert "<target>訳Done文</target>" in changed.decode()


def test_sentences_that_a_tool_has_cut_have_their_places_in_the_target():
    from lxml import etree

    def unit(source):
        return (
            '<xliff version="1.2" xmlns="urn:oasis:names:tc:xliff:document:1.2"><file source-language="en" '
            f'target-language="ja"><body><trans-unit id="1"><source>ignored</source>{source}</trans-unit></body>'
            "</file></xliff>"
        )

    cut = (
        '<seg-source> <mrk mtype="seg" mid="0">One <g id="1">big</g> dog.</mrk> <x id="2"/> '
        '<mrk mtype="seg" mid="1"> Two.</mrk><mrk mtype="seg" mid="2"/></seg-source>'
    )
    units, changed = rewritten("a.xlf", unit(cut), translated)
    assert units == ["One <x1>big</x1> dog.", "Two."]
    target = etree.fromstring(changed).find(".//{*}target")
    assert "".join(target.itertext()) == " 訳One big dog.文   訳Two.文"
    assert [(e.get("mid") or e.get("id")) for e in target] == ["0", "2", "1", "2"]
    assert target[0][0].get("id") == "1" and target[0].get("mtype") == "seg"
    assert target.getprevious().tag.endswith("seg-source")
    flat = "<seg-source>Not cut</seg-source>"
    assert rewritten("a.xlf", unit(flat), translated)[0] == ["ignored"]


def test_xliff_2_targets_are_filled():
    units, changed = rewritten("a.xliff", XLIFF_2.replace("\n", "\r\n"), translated, target="de")
    assert units == ["See <x1>this</x1> <x2/> and <x3>that</x3>!"]
    target = '<target>訳See <pc id="1">this</pc> <ph id="2"/> and <sc id="3"/>that<ec startRef="3"/>!文</target>'
    lines = [line for line in changed.decode().split("\r\n") if line.strip() != target]
    assert lines == XLIFF_2.replace('"initial"', '"translated"').split("\n")


def test_broken_xliff_is_told_by_its_line(tmp_path):
    broken = tmp_path / "a.xlf"
    with pytest.raises(DocumentError, match=r"a\.xlf, line 2.*well-formed"):
        opened(broken, "<xliff>\n<file></xliff>")
    with pytest.raises(DocumentError, match="<html>"):
        opened(broken, "<html/>")
    outside = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    entity = outside + "<xliff version='1.2'><file><trans-unit><source>a &e;</source></trans-unit></file></xliff>"
    assert list(opened(broken, entity).units()) == ["a"]
