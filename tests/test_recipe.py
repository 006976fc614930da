"""The printed recipe: every option, true to the defaults, with ranges that can be used."""

import dataclasses
import re
import tomllib
import typing

import pytest

from nmt.cli import main
from nmt.config import DataConfig, ModelConfig, Recipe, SearchConfig, TrainingConfig, load_recipe
from nmt.errors import ConfigError
from nmt.option import documentation
from nmt.recipe import recipe_text, toml

TABLES = (ModelConfig, TrainingConfig, SearchConfig, DataConfig)
FIELDS = [(kind, field) for kind in (Recipe, *TABLES) for field in dataclasses.fields(kind)]
OPTIONS = [
    (kind, field) for kind, field in FIELDS if not dataclasses.is_dataclass(typing.get_type_hints(kind)[field.name])
]
IDS = [f"{kind.__name__}-{field.name}" for kind, field in OPTIONS]


def test_all_tables_of_a_recipe_are_looked_at():
    hints = typing.get_type_hints(Recipe).values()
    assert {kind for kind in hints if dataclasses.is_dataclass(kind)} == set(TABLES)


@pytest.mark.parametrize(("kind", "field"), OPTIONS, ids=IDS)
def test_every_option_is_explained(kind, field):
    about = documentation(field)
    assert about is not None, "make it a field with nmt.option.option"
    assert len(about.meaning) > 5
    if field.default is dataclasses.MISSING:
        assert about.example


@pytest.mark.parametrize(("kind", "field"), OPTIONS, ids=IDS)
def test_useful_ranges_can_be_used(kind, field):
    about = documentation(field)
    values = about.useful
    if typing.get_type_hints(kind)[field.name] in (int, float) and field.name != "seed":
        if "leave it 0" in about.meaning:
            return
        low, high = values
        assert low <= field.default <= high or (field.default == 0 and "0: " in about.meaning)
        assert low < high
    elif values:
        assert field.default in values
    for value in values:
        needed = {"beam_size": 12} if field.name == "num_alternatives" else {}
        if kind is not Recipe:
            assert getattr(kind(**{field.name: value, **needed}), field.name) == value


@pytest.mark.parametrize("full", [False, True])
def test_the_printed_recipe_is_the_default_one(full, tmp_path, capsys):
    assert main(["config", *["--full"] * full]) == 0
    text = capsys.readouterr().out
    assert text == recipe_text(full)
    (tmp_path / "printed.toml").write_text(text, encoding="utf-8")
    assert load_recipe(tmp_path / "printed.toml") == Recipe("my-model", "en", "ja")
    assert all(len(line) <= 120 for line in text.splitlines())


def test_the_full_recipe_has_every_option_and_the_short_one_names_the_rest():
    full, short = recipe_text(full=True), recipe_text()
    places = {kind: name for name, kind in typing.get_type_hints(Recipe).items() if kind in TABLES}
    parsed = [tomllib.loads(text) for text in (full, short)]
    for kind, field in OPTIONS:
        about = documentation(field)
        in_full, in_short = (field.name in (recipe if kind is Recipe else recipe[places[kind]]) for recipe in parsed)
        assert in_full
        assert in_short != about.rare
        assert field.name in short
        assert about.meaning in full.replace("\n# ", " ")
    assert len(short) < len(full)


@pytest.mark.parametrize("value", [True, False, 3, 0.5, 5e-05, 1e-06, "", 'a "quoted" \\ ü\n', ["a", "b"], (1, 2)])
def test_values_come_back_from_toml(value):
    assert tomllib.loads(f"x = {toml(value)}")["x"] == (list(value) if isinstance(value, tuple) else value)


def test_no_other_values_are_written():
    with pytest.raises(TypeError):
        toml(object())


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("learning_rate = 1", 'unknown key "learning_rate"; known: name'),
        ("[training]\nlearningrate = 1e-3", 'did you mean "learning_rate"?'),
        ("[model]\nencoder_unit = 4", 'did you mean "encoder_units"?'),
        ("[serach]\nbeam_size = 4", 'did you mean "search"?'),
        ("[search]\nbeam = 4", 'did you mean "beam_size"?'),
        ("[data]\nqqq = 4", "known: train, dev, test"),
        ("[search]\nbeam_size = 1.5", '"beam_size" must be int, not 1.5'),
        ("[model]\ndropout = true", '"dropout" must be float, not True'),
    ],
)
def test_mistakes_are_answered_with_the_nearest_known_key(lines, said, tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(f'name = "a"\nsource_language = "en"\ntarget_language = "ja"\n{lines}\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=re.escape(said)) as error:
        load_recipe(path)
    assert str(path) in str(error.value)
