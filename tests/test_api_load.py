"""Fifty users at once against a real server process, as `benchmarks/api_load.py` lets them ask.

NMT_LOAD_SECONDS sets how long. The figures are printed; they depend on the machine, what is asserted does not.
"""

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

NUM_USERS = 50
SECONDS = float(os.environ.get("NMT_LOAD_SECONDS", "15"))
GROWTH_BYTES = 32_000_000
SCRIPT = Path(__file__).parent.parent / "benchmarks" / "api_load.py"


@pytest.fixture(scope="module")
def api_load() -> Any:
    """The benchmark as a module."""
    spec = importlib.util.spec_from_file_location("api_load", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["api_load"] = module  # dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


def test_fifty_users(
    api_load: Any, tiny_bundle: Path, sample: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("gradio")
    known = api_load.expected(str(tiny_bundle), list(sample.sources[:40]))
    assert len(set(known.values())) > len(known) / 2, "else a wrong reply could go unnoticed"
    with api_load.serving(str(tiny_bundle), tmp_path) as address:
        found = api_load.load(address, known, NUM_USERS, SECONDS)
    with capsys.disabled():
        print(f"\n{NUM_USERS} users, {SECONDS:g} s: {found}")
    assert found.wrong == []
    assert found.statuses[200] > NUM_USERS
    assert set(found.statuses) <= {200, *api_load.DECLARED}
    assert found.after - found.before < GROWTH_BYTES
    assert "Traceback" not in (tmp_path / "errors").read_text()
