"""The house rules that a parser can check: who may import whom, and what importing costs."""

import ast
import importlib
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import nmt
from nmt import errors

ROOT = Path(__file__).parent.parent
FLOORS = (
    ("errors", "option", "training_config", "config", "recipe", "languages", "processors"),
    ("corpora", "tokenizer", "text"),
    ("backend", "network", "search"),
    (
        "engines",
        "graphs",
        "bundle",
        "card",
        "translation",
        "translating",
        "translator",
        "inspection",
        "live",
        "evaluation",
    ),
    ("training", "export", "deployment", "finetuning", "documents", "jobs", "commands", "cli", "__main__"),
)
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}
BACKENDS = {"tensorflow", "jax", "torch"}
HEAVY = {*BACKENDS, "keras", "datasets", "gradio", "pandas", "pyarrow", "ray", "sacrebleu", "onnx", "matplotlib"}
VAGUE = {"util", "utils", "helper", "helpers", "common", "base", "misc"}
# Modules that a serving process loads: they reach Keras, if at all, from inside a function.
SERVING = ("nmt", "nmt.cli", "nmt.bundle", "nmt.translator", "nmt.engines", "nmt.engines.onnx", "nmt.languages")


def _modules(folder: str, package: str) -> dict[str, Path]:
    """Every module below `folder` by its dotted name."""
    found = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        parts = path.relative_to(ROOT / folder).with_suffix("").parts
        found[".".join((package, *(parts[:-1] if parts[-1] == "__init__" else parts)))] = path
    return found


NMT = _modules("nmt", "nmt")
UI = _modules("ui", "nmt_ui")
ALL = {**NMT, **UI}
TREES = {name: ast.parse(path.read_text(encoding="utf-8"), str(path)) for name, path in ALL.items()}


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _statements(node: ast.AST, module_level: bool) -> Iterator[ast.AST]:
    """Every node; or, with `module_level`, those that run when the module is imported."""
    for child in ast.iter_child_nodes(node):
        if module_level and (_is_type_checking(child) or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)):
            continue
        yield child
        yield from _statements(child, module_level)


def _imports(module: str, module_level: bool = False) -> set[tuple[str, str]]:
    """What `module` imports, as (module, name); the name is empty for `import module`."""
    found = set()
    package = module if ALL[module].name == "__init__.py" else module.rpartition(".")[0]
    for node in _statements(TREES[module], module_level):
        if isinstance(node, ast.Import):
            found |= {(alias.name, "") for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            target = ".".join(part for part in (start, node.module) if part)
            found |= {(target, alias.name) for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("importlib.import_module", "__import__"):
            found |= {(str(word.value), "") for word in node.args[:1] if isinstance(word, ast.Constant)}
    return found


def _module_of(target: str, name: str) -> str:
    """`from nmt.engines import onnx` imports a module; `from nmt.config import SearchConfig` imports from one."""
    return f"{target}.{name}" if f"{target}.{name}" in ALL else target


def _floor(module: str) -> int:
    part = module.split(".")[1] if "." in module else ""
    assert part in FLOOR, f"{module} is on no floor: add it to FLOORS where it belongs"
    return FLOOR[part]


def test_every_module_is_on_a_floor() -> None:
    assert {"nmt.errors", "nmt.cli"} <= NMT.keys()
    for module in NMT.keys() - {"nmt"}:
        _floor(module)


@pytest.mark.parametrize("module", sorted(NMT.keys() - {"nmt"}))
def test_imports_point_down(module: str) -> None:
    for target, name in _imports(module):
        imported = _module_of(target, name)
        if imported.startswith("nmt."):
            assert _floor(imported) <= _floor(module), f"{module} imports {imported}, which is above it"
        elif imported.partition(".")[0] in ("nmt_ui", "ui"):
            assert module == "nmt.commands.ui", f"{module} imports the page; only the command that starts it may"


def test_imports_run_in_no_circle() -> None:
    graph = {
        module: {_module_of(*what) for what in _imports(module, module_level=True)} & NMT.keys() - {module}
        for module in NMT
    }
    while graph:
        free = {module for module, needs in graph.items() if not needs & graph.keys()}
        assert free, f"these import one another in a circle: {sorted(graph)}"
        graph = {module: needs for module, needs in graph.items() if module not in free}


@pytest.mark.parametrize("module", sorted(module for module in NMT if module.startswith("nmt.search")))
def test_search_knows_no_network(module: str) -> None:
    for what in _imports(module):
        assert not _module_of(*what).startswith(("nmt.network", "nmt.backend", "keras")), f"{module} imports {what}"


@pytest.mark.parametrize("module", sorted({module for module in ALL if not module.startswith("nmt.backend")}))
def test_only_one_file_names_a_backend(module: str) -> None:
    imported = {target.partition(".")[0] for target, _ in _imports(module)}
    words = {node.value for node in ast.walk(TREES[module]) if isinstance(node, ast.Constant)}
    named = (imported | {word for word in words if isinstance(word, str)}) & BACKENDS
    assert not named, f"{module} names {sorted(named)}; only nmt/backend may"


@pytest.mark.parametrize("module", sorted(module for module in ALL if not module.startswith("nmt.backend")))
def test_keras_comes_by_way_of_the_backend(module: str) -> None:
    """Imported first by another way, TensorFlow would greet the user and run without its fast products."""
    assert "keras" not in {target.partition(".")[0] for target, _ in _imports(module)}, f"{module} imports Keras itself"


@pytest.mark.parametrize("module", sorted(module for module in NMT if module != "nmt" and _floor(module) < 2))
def test_text_and_data_know_no_keras(module: str) -> None:
    assert "keras" not in {target.partition(".")[0] for target, _ in _imports(module)}


@pytest.mark.parametrize("module", [module for module in SERVING if module in NMT])
def test_serving_imports_nothing_heavy(module: str) -> None:
    waiting, seen = [module], {module}
    while waiting:
        current = waiting.pop()
        for what in _imports(current, module_level=True):
            imported = _module_of(*what)
            assert imported.partition(".")[0] not in HEAVY, f"{module} loads {imported} (imported by {current})"
            if imported in NMT and imported not in seen:
                seen.add(imported)
                waiting.append(imported)


@pytest.mark.parametrize("module", sorted(UI))
def test_the_page_uses_public_names_only(module: str) -> None:
    for target, name in _imports(module):
        if target.partition(".")[0] == "nmt":
            assert target == "nmt", f"{module} imports {target}; the page may import from nmt itself only"
            assert name in ("", *nmt.__all__), f"{module} imports {name}, which nmt does not export"


@pytest.mark.parametrize("module", sorted(ALL))
def test_names_say_what_is_inside(module: str) -> None:
    assert not VAGUE & {part.strip("_") for part in module.split(".")}


def test_all_equals_what_can_be_imported() -> None:
    hints = {name for target, name in _imports("nmt") if target.startswith("nmt.")}
    assert sorted(nmt.__all__) == sorted({*hints, *nmt._HOME, "__version__"}) == sorted({*nmt._HOME, "__version__"})
    for name in nmt.__all__:
        assert getattr(nmt, name) is not None
    for name, home in nmt._HOME.items():
        assert (home, name) in _imports("nmt")
        assert getattr(nmt, name) is getattr(importlib.import_module(home), name)
    assert {name for name in dir(nmt) if not name.startswith("_")} >= set(nmt.__all__) - {"__version__"}
    with pytest.raises(AttributeError, match="no attribute 'Transformer'"):
        _ = nmt.Transformer


def test_every_error_is_public() -> None:
    classes = {name for name, value in vars(errors).items() if inspect.isclass(value)}
    assert classes <= set(nmt.__all__)
    assert all(issubclass(getattr(nmt, name), nmt.NmtError) for name in classes)


@pytest.mark.parametrize("module", sorted(ALL))
def test_declared_names_exist(module: str) -> None:
    for node in TREES[module].body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__" and module != "nmt":
            body = [TREES[module], *(child for child in TREES[module].body if isinstance(child, ast.If | ast.Try))]
            bound = {name for part in body for child in ast.iter_child_nodes(part) for name in _bound_names(child)}
            assert set(ast.literal_eval(node.value)) <= bound


def _bound_names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name for alias in node.names)
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        yield from (child.id for child in ast.walk(node) if isinstance(child, ast.Name))


@pytest.mark.parametrize(
    "code",
    [
        "import nmt",
        "from nmt.cli import main; main(['--help'])",
        "from nmt.cli import main; main(['--version'])",
        "from nmt.cli import main; main(['translate', '--help'])",
        "from nmt.cli import main; main(['completion', 'bash'])",
    ],
)
def test_starting_is_instant(code: str) -> None:
    heavy = sorted({*HEAVY, "numpy", "onnxruntime", "sentencepiece", "nmt_ui"})
    report = f"import atexit, sys; atexit.register(lambda: print('loaded:', *({set(heavy)} & set(sys.modules))))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{report}; {code}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split() == ["loaded:"]
