"""Documents made of lines: text, tables, JSON and subtitles; and what holds for all formats."""

import csv
import gzip
import io
import json
import re
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nmt.documents import FORMATS, DocumentOptions, open_document, split_name
from nmt.errors import DocumentError, MissingExtraError
from nmt.text.encoding import unmarked_utf16

TEXT = st.text(st.characters(exclude_categories=("Cs",)))
LINES = st.lists(st.one_of(TEXT, st.sampled_from(["Hello there.", "", " ", "a\tb", '"', ","]))).map("\n".join)


def opened(path, data=None, source="en", target="ja", **options):
    if data is not None:
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return open_document(path, DocumentOptions(**options), source_language=source, target_language=target)


def assembled(document, translate=str):
    out = io.BytesIO()
    document.assemble(map(translate, document.units()), out)
    return out.getvalue()


def rewritten(name, data, translate=str, **options):
    """The units of a file with these bytes, and what it becomes."""
    with tempfile.TemporaryDirectory() as folder:
        document = opened(Path(folder) / name, data, **options)
        units = list(document.units())
        assert units == list(document.units())
        assert all(unit and unit == unit.strip() for unit in units)
        return units, assembled(document, translate)


def translated(unit):
    return f"「{unit}」"


# Every format


@pytest.mark.parametrize(
    "name, end",
    [
        ("novel.txt", ("novel", ".txt")),
        ("data.csv.gz", ("data", ".csv.gz")),
        ("READ.ME.MD", ("READ.ME", ".MD")),
        ("notes", ("notes", "")),
        ("v1.2.GZ", ("v1", ".2.GZ")),
    ],
)
def test_names_are_split_at_the_format(name, end):
    assert split_name(name) == end


@pytest.mark.parametrize(
    "name, suffix",
    [
        ("novel.txt", ".ja.txt"),
        ("novel.TXT.gz", ".ja.TXT.gz"),
        ("notes", ".ja.txt"),
        ("train.en", ".ja.txt"),
        ("a.markdown", ".ja.markdown"),
        ("messages.pot", ".ja.po"),
    ],
)
def test_the_translation_is_named_after_its_language(tmp_path, name, suffix):
    data = gzip.compress(b"") if name.endswith("gz") else b""
    assert opened(tmp_path / name, data).translated_suffix == suffix


def test_the_format_can_be_told(tmp_path):
    document = opened(tmp_path / "a.log", '"a"\n', format="txt")
    assert document.translated_suffix == ".ja.log"
    assert list(document.units()) == ['"a"']


def test_unknown_formats_are_named_with_the_known_ones(tmp_path):
    with pytest.raises(DocumentError, match=r"a\.pdf.*\"pdf\".*txt, md, csv"):
        opened(tmp_path / "a.pdf", b"%PDF")
    with pytest.raises(DocumentError, match="compressed already"):
        opened(tmp_path / "a.docx.gz", b"")


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(DocumentError, match="does not exist"):
        opened(tmp_path / "missing.txt")
    with pytest.raises(DocumentError, match="is a folder"):
        opened(tmp_path)
    with pytest.raises(DocumentError, match="damaged, or not compressed"):
        opened(tmp_path / "a.txt.gz", b"no gzip")
    cut = opened(tmp_path / "b.txt.gz", gzip.compress(b"many words " * 1000)[:-20])
    with pytest.raises(DocumentError, match="damaged"):
        list(cut.units())


@pytest.mark.parametrize("name", ["a.txt", "a.srt", "a.jsonl", "a.md", "a.po", "a.html", "a.json", "a.vtt", "a.csv"])
@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\n", b"\xff\xfe"])
def test_nothing_in_nothing_out(name, data):
    if name == "a.csv" and data == b"\n":
        return  # a table with one column, of no name
    assert rewritten(name, data) == ([], data)


@pytest.mark.parametrize("name, text", [("a.txt", "One.\r\n\r\nTwo.\r\n"), ("a.csv", "english\r\nOne.\r\nTwo.\r\n")])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_utf16_is_read_with_and_without_a_mark(name, text, encoding, mark):
    expected = mark + text.replace("One.", "「One.」").replace("Two.", "「Two.」")
    data = (mark + text).encode(encoding)
    options = {"columns": ("english",)} if name == "a.csv" else {}
    assert rewritten(name, data, translated, **options) == (["One.", "Two."], expected.encode(encoding))


@pytest.mark.parametrize("data", [b"\0", b"\0" * 20, b"a\0", b"one\0two\0three", "One. Two.".encode("utf-16-le")[:-1]])
def test_a_zero_alone_makes_no_utf16(data):
    assert unmarked_utf16(data, is_all=True) is None
    assert rewritten("a.txt", data)[1] == data


@pytest.mark.parametrize("num", [0, 2])
def test_translations_must_be_as_many_as_units(tmp_path, num):
    document = opened(tmp_path / "a.txt", "one\n")
    with pytest.raises(DocumentError, match=r"more translations|fewer translations"):
        document.assemble(iter(["x"] * num), io.BytesIO())


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_what_is_missing_is_named(tmp_path, monkeypatch, name):
    """Whatever is not installed, a file is translated, or one line says what to install."""
    import builtins

    real = builtins.__import__

    def without(module, *rest, **named):
        if module.partition(".")[0] in ("babel", "lxml", "markdown_it", "mdit_py_plugins", "pyarrow"):
            raise ImportError(module)
        return real(module, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    path = tmp_path / f"a.{name}"
    if name == "epub" or name == "docx":
        import zipfile

        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("META-INF/container.xml", "")
            archive.writestr("[Content_Types].xml", "<Types/>")
    else:
        path.write_text("")
    if name in ("parquet", "docx", "xliff"):
        with pytest.raises(MissingExtraError, match=r"\.\[documents\]"):
            opened(path)
    elif name != "md":  # what its parser is made of stays once it is loaded
        assert list(opened(path).units()) == []


# Plain text


@given(LINES, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be"]), st.booleans())
@example("a\r\nb\rc\u2028d\x85e\x0c\n\n f ", "utf-16", True)
def test_text_round_trip(text, encoding, compressed):
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    data = mark + text.encode(encoding)
    if encoding == "utf-8" and text.startswith("\ufeff"):
        data = data[3:]
    written = gzip.compress(data) if compressed else data
    units, same = rewritten("a.txt" + ".gz" * compressed, written)
    assert (gzip.decompress(same) if compressed else same) == data
    assert len(units) <= len(re.split("\r\n|\r|\n", text))


@given(LINES)
def test_only_the_words_of_a_line_change(text):
    text = text.removeprefix("\ufeff")
    units, changed = rewritten("a.txt", text, lambda unit: "\n\u2028X\r")
    lines = re.split("(\r\n|\r|\n)", text)
    expected = [
        line.replace(line.strip(), " \u2028X ".replace("\u2028", "\u2028" if "\u2028" in line.strip() else " "))
        if line.strip()
        else line
        for line in lines
    ]
    assert changed.decode() == "".join(expected)
    assert len(units) == sum(bool(line.strip()) for line in lines)


def test_a_line_that_is_no_text_is_told_by_its_number(tmp_path):
    document = opened(tmp_path / "a.txt", b"one\r\ntwo\rthree\nf\xfcnf\n")
    with pytest.raises(DocumentError, match=r"a\.txt, line 4: byte 0xfc is not UTF-8.*iconv"):
        list(document.units())
    broken = opened(tmp_path / "b.txt", b"\xff\xfea\x00\n\x00\x00")
    with pytest.raises(DocumentError, match="UTF-16"):
        list(broken.units())


def test_paragraphs_are_unwrapped():
    text = "  It was a well-\nknown  \nday.\n\nThe end -\nNo.\n- one\n- two\nlines\n"
    units, same = rewritten("a.txt", text, unwrap=True)
    assert units == ["It was a well-known day.", "The end - No.", "- one", "- two lines"]
    assert same.decode() == "  It was a well-known day.\n\nThe end - No.\n- one\n- two lines\n"
    units, _ = rewritten("a.txt", "今日は\n晴れ。\nOK\nyes", source="ja", target="en", unwrap=True)
    assert units == ["今日は晴れ。OK yes"]


def test_lines_are_read_one_by_one(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("Some words in a line.\n" * 20_000)
    document = opened(path)
    tracemalloc.start()
    document.assemble(("x" for _ in document.units()), Nowhere())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200_000


class Nowhere(io.RawIOBase):
    def writable(self):
        return True

    def write(self, data):
        return len(data)


# Tables

CELLS = st.lists(st.lists(TEXT | st.sampled_from(['a "b" c', "x,y;z", "  ", "two\nlines"]), min_size=2, max_size=2))


@settings(max_examples=50)
@given(
    CELLS,
    st.sampled_from(",;|"),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
    st.booleans(),
)
def test_table_round_trip(rows, delimiter, end, quoting, cut):
    if any("\r" in cell for row in rows for cell in row):
        quoting = csv.QUOTE_ALL  # which Python's writer does not see to
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerows([["id", "text", "note"], *([str(k), *row] for k, row in enumerate(rows))])
    text = stream.getvalue().removesuffix(end if cut else "")
    units, same = rewritten("a.csv", text, columns=("text",))
    assert same.decode() == text
    assert units == [row[0].strip() for row in rows if row[0].strip()]

    def change(unit):
        return f'{delimiter}"{unit}"\n.'

    _, changed = rewritten("a.csv", text, change, columns=("text",))
    table = list(csv.reader(io.StringIO(changed.decode(), newline=""), delimiter=delimiter))
    assert [row[1] for row in table[1:]] == [every_text(row[0], change) for row in rows]
    assert [(row[0], row[2]) for row in table[1:]] == [(str(k), row[1]) for k, row in enumerate(rows)]


def test_cells_that_are_not_translated_keep_their_bytes():
    text = 'id, "text" ,"no"\r\n 1 ,"a ""b""\r\nc", "odd" quotes\r\n2,plain\r\n"3"\r\n'
    units, changed = rewritten("a.csv", text, translated, columns=('"text"',))
    assert units == ['a "b"\r\nc', "plain"]
    assert changed.decode() == text.replace('a ""b""\r\nc', '「a ""b""\r\nc」').replace("plain", "「plain」")


def test_a_cell_of_many_lines_ends_at_its_own_quote():
    cell = 'one ""\n\n"" two\n""three""\nfour'
    units, changed = rewritten("a.csv", f'text,id\n"{cell}",1\n"{cell}\n",2\n', translated, columns=("text",))
    assert units == [cell.replace('""', '"')] * 2
    assert changed.decode() == f'text,id\n"「{cell}」",1\n"「{cell}」\n",2\n'


def test_tsv_has_no_quoting_but_of_whole_cells():
    text = 'text\tid\n"He" said\t1\n"all ""of"" it"\t2\n"open\t3\n\n'
    units, changed = rewritten("a.tsv", text, lambda unit: unit.upper() + "\t\n!", columns=("text",))
    assert units == ['"He" said', 'all "of" it', '"open']
    assert changed.decode() == 'text\tid\n"HE" SAID  !\t1\n"ALL ""OF"" IT  !"\t2\n"OPEN  !\t3\n\n'


@pytest.mark.parametrize(
    ("name", "rows", "advice"),
    [
        ("a.csv", "1,I like cats, and dogs.\n", r'put texts with "," in quotes'),
        ("a.csv", '1, "Hello, world"\n', r'put texts with "," in quotes'),
        ("a.tsv", "1\tI like\tdogs.\n", "take tabs out"),
    ],
)
def test_a_text_that_is_cut_in_two_is_not_half_translated(tmp_path, name, rows, advice):
    head = "id,text\n2,fine\n" if name == "a.csv" else "id\ttext\n2\tfine\n"
    broken = opened(tmp_path / name, head + rows, columns=("text",))
    with pytest.raises(DocumentError, match=f"row 3 has 3 cells, and the first row names 2; {advice}"):
        list(broken.units())


def test_empty_cells_behind_the_last_column_are_no_texts():
    assert rewritten("a.csv", "id,text\n1,one,\n2,two,, \n", columns=("text",))[0] == ["one", "two"]


def test_columns_must_be_there(tmp_path):
    with pytest.raises(DocumentError, match=r"which columns.*id, text"):
        opened(tmp_path / "a.csv", "id,text\n")
    with pytest.raises(DocumentError, match=r"no column \"txt\"; its columns are: id, text"):
        opened(tmp_path / "a.csv", "id;text\n", columns=("txt",))
    broken = opened(tmp_path / "a.csv", 'text\nok\n"open\nmore\n', columns=("text",))
    with pytest.raises(DocumentError, match=r"line 3.*never closed"):
        list(broken.units())


# JSON

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def every_text(value, change):
    if isinstance(value, str):
        return value.replace(value.strip(), change(value.strip())) if value.strip() else value
    if isinstance(value, list):
        return [every_text(item, change) for item in value]
    return {key: every_text(item, change) for key, item in value.items()} if isinstance(value, dict) else value


@settings(max_examples=50)
@given(VALUES, st.sampled_from([None, 2, "\t"]), st.booleans())
def test_json_round_trip(value, indent, ascii_only):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only) + "\r\n"
    assert rewritten("a.json", text)[1].decode() == text
    _, changed = rewritten("a.json", text, translated)
    assert json.loads(changed) == every_text(value, translated)


@settings(max_examples=30)
@given(st.lists(VALUES, max_size=5))
def test_json_lines_round_trip(values):
    text = "\n\n".join(json.dumps(value, ensure_ascii=False) for value in values)
    assert rewritten("a.jsonl", text)[1].decode() == text
    _, changed = rewritten("a.jsonl", text, translated)
    found = [json.loads(line) for line in changed.split(b"\n") if line.strip()]
    assert found == [every_text(value, translated) for value in values]


@pytest.mark.parametrize(
    "field, units",
    [
        ("title", ["T"]),
        ("meta.title", ["M"]),
        ("items.*.text", ["A", "B", "no"]),
        ("items.text", ["A", "B"]),
        ("items.1.text", ["B"]),
        ("tags", ["x", "y"]),
        ("*.title", ["M"]),
    ],
)
def test_fields_are_chosen(field, units):
    text = json.dumps(
        {
            "title": "T",
            "meta": {"title": "M"},
            "items": [{"text": "A", "id": "i"}, {"text": "B"}, {"k": {"text": "no"}}],
            "tags": ["x", ["y"]],
        }
    )
    found, changed = rewritten("a.json", text, str.lower, fields=(field,))
    assert found == units
    assert changed.decode() == re.sub(f'(?<=[ \\[])"({"|".join(units)})"', lambda match: match.group().lower(), text)


def test_a_key_may_have_dots_in_it():
    text = '{"a.b": "one", "a": {"b": "two", "c.d": {"e": "three"}}, "b": "no", "": "empty"}'
    for field, units in (("a.b", ["one", "two"]), ("a.c.d.e", ["three"]), ("*.c.d.*", ["three"]), ("", ["empty"])):
        assert rewritten("a.json", text, fields=(field,))[0] == units, field


@pytest.mark.parametrize("depth", [300, 900])
def test_a_field_deep_within_lists(depth):
    assert rewritten("a.json", "[" * depth + '{"x": "one"}' + "]" * depth, fields=("x",))[0] == ["one"]


def test_unknown_fields_are_named_with_the_known_ones(tmp_path):
    document = opened(tmp_path / "a.json", '{"a": [{"b": "x"}], "c": "y"}', fields=("a.b", "titel"))
    with pytest.raises(DocumentError, match=r"no text at \"titel\".*a\.\*\.b, c"):
        list(document.units())


def test_escapes_keep_their_style():
    assert rewritten("a.json", r'["caf\u00e9 \/", "x"]', lambda unit: "é/")[1].decode() == r'["\u00e9\/", "\u00e9/"]'
    assert rewritten("a.json", '["plain"]', lambda unit: "é\n")[1].decode() == '["é\\n"]'
    assert rewritten("a.json", r'["half \ud800"]', lambda unit: unit + "!")[0] == ["half \ufffd"]


def test_broken_json_is_told_by_line_and_column(tmp_path):
    broken = opened(tmp_path / "a.json", '{\n "a": "x",\n}')
    with pytest.raises(DocumentError, match=r"a\.json, line 3, column 1: this is not JSON"):
        list(broken.units())
    broken = opened(tmp_path / "a.jsonl", '{"a": "x"}\n\n{"a" "x"}\n')
    with pytest.raises(DocumentError, match=r"a\.jsonl, line 3, column 6"):
        list(broken.units())
    long = opened(tmp_path / "c.jsonl", '{"a": "x"}\n{"n": ' + "1" * 5_000 + "}\n")
    with pytest.raises(DocumentError, match=r"c\.jsonl, line 2: this JSON cannot be read: .*4300"):
        list(long.units())
    deep = opened(tmp_path / "b.json", "[" * 200_000)
    with pytest.raises(DocumentError, match=r"nested too deeply|not JSON"):
        list(deep.units())


# Subtitles

SRT = """1\r
00:00:01,000 --> 00:00:02,500 X1:1\r
<i>It is a long story,\r
my friend.</i>\r
\r
2\r
00:00:03,000 --> 00:00:04,000\r
- Who are you?\r
- {\\an8}Nobody, <b>really</b> nobody.\r
\r
\r
3\r
00:00:05,000 --> 00:00:06,000\r
42\r
"""


def test_what_is_said_is_translated():
    units, changed = rewritten("a.srt", SRT, translated)
    assert units == ["It is a long story, my friend.", "Who are you?", "Nobody, <x1>really</x1> nobody.", "42"]
    text = changed.decode()
    assert rewritten("a.srt", SRT)[1].decode() == SRT
    assert "<i>「It is a long story, my friend.」</i>\r\n\r\n2\r\n" in text
    assert "- 「Who are you?」\r\n- {\\an8}「Nobody, <b>really</b> nobody.」\r\n\r\n\r\n3\r\n" in text
    assert text.endswith("00:00:06,000\r\n「42」\r\n")


@given(st.lists(st.sampled_from(["1", "00:00:01,000 --> 00:00:02,000", "Hi <i>you", "- No</i>.", "", " "]) | TEXT))
def test_subtitles_round_trip(lines):
    lines = ["1", "00:00:00,000 --> 00:00:01,000", *lines]
    text = "\n".join(lines)
    for name in ("a.srt", "a.vtt"):
        assert rewritten(name, text)[1].decode() == text
        _, changed = rewritten(name, text, lambda unit: "x y")
        times = re.compile(r"\s*[\d:.,]+\s*-->\s*[\d:.,]+")
        assert len(list(filter(times.match, changed.decode().split("\n")))) == len(list(filter(times.match, lines)))


@pytest.mark.parametrize("name", ["a.srt", "a.vtt"])
def test_what_has_no_times_is_no_file_of_subtitles(name):
    with pytest.raises(DocumentError, match=r"a\.\w+: no line has the times of a subtitle, such as 00:00:01"):
        rewritten(name, "not subtitles\nfoo")
    assert rewritten(name, " \n\n")[1] == b" \n\n"
    assert rewritten("a.vtt", "WEBVTT\n\nNOTE nothing yet\n")[1] == b"WEBVTT\n\nNOTE nothing yet\n"


def test_long_cues_are_split_and_short_ones_are_not():
    cue = "1\n00:00:01,000 --> 00:00:02,000\nOne line\nand <i>two</i>.\n\n"
    long = "This is what somebody said, <x1>quite a while ago</x1>, to all of us."
    _, changed = rewritten("a.srt", cue, lambda unit: long)
    assert changed.decode().split("\n")[2:4] == [
        "This is what somebody said,",
        "<i>quite a while ago</i>, to all of us.",
    ]
    _, changed = rewritten("a.srt", cue, lambda unit: "私がこれまでに見た中で、いちばん大きな魚でした<x1>。</x1>")
    assert changed.decode().split("\n")[2:4] == ["私がこれまでに見た中で、", "いちばん大きな魚でした<i>。</i>"]


def test_webvtt_keeps_notes_styles_and_labels():
    text = (
        "WEBVTT - Title\n\nSTYLE\n::cue { color: red }\n\nNOTE not\nthis\n\nintro\n"
        "00:01.000 --> 00:02.000 align:start\n<v Roger>Tom &amp; I &lt;3\n\n00:03.000 --> 00:04.000\nEnd\n"
    )
    units, changed = rewritten("a.vtt", text, lambda unit: unit + " <&")
    assert units == ["Tom & I <3", "End"]
    assert changed.decode() == text.replace("&lt;3", "&lt;3 &lt;&amp;").replace("End", "End &lt;&amp;")


# Parquet


def test_parquet_keeps_everything_but_the_texts(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    schema = pyarrow.schema(
        [
            pyarrow.field("id", pyarrow.int64(), nullable=False, metadata={"a": "b"}),
            ("text", pyarrow.large_string()),
            ("kind", pyarrow.dictionary(pyarrow.int8(), pyarrow.string())),
            ("tags", pyarrow.list_(pyarrow.string())),
        ],
        metadata={"origin": "test"},
    )
    rows = {"id": [1, 2, 3], "text": [" Hello ", None, ""], "kind": ["a", "b", None], "tags": [["x"], None, []]}
    table = pyarrow.table(rows, schema=schema)
    path = tmp_path / "a.parquet"
    parquet.write_table(table, path, row_group_size=2, compression="zstd")
    document = opened(path, columns=("kind", "text"))
    assert list(document.units()) == ["Hello", "a", "b"]
    same = parquet.read_table(io.BytesIO(assembled(document)))
    schema = parquet.read_table(path).schema  # with the numbers that Parquet gives its fields
    assert same.to_pydict() == rows
    assert same.schema.equals(schema, check_metadata=True)
    new = parquet.ParquetFile(io.BytesIO(assembled(document, translated)))
    assert new.metadata.num_row_groups == 2
    assert new.metadata.row_group(0).column(1).compression == "ZSTD"
    assert new.schema_arrow.equals(schema, check_metadata=True)
    assert new.read().to_pydict() == {**rows, "text": [" 「Hello」 ", None, ""], "kind": ["「a」", "「b」", None]}
    with pytest.raises(DocumentError, match=r"type int64; these are text: text, kind"):
        opened(path, columns=("id",))
    with pytest.raises(DocumentError, match="which columns"):
        opened(path)
    with pytest.raises(DocumentError, match="cannot be read as Parquet"):
        opened(tmp_path / "b.parquet", b"PAR", columns=("id",))
