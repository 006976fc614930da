"""The engine that watches a network while it learns."""

import keras
import numpy as np
import pytest

from nmt import backend
from nmt.config import ModelConfig
from nmt.engines.keras import KerasEngine
from nmt.engines.onnx import OnnxEngine
from nmt.network.model import TranslationModel
from nmt.processors import num_processors
from nmt.tokenizer import BOS_ID, EOS_ID
from nmt.training.watching import CurrentEngine

SIZES = ModelConfig(50, 60, 16, encoder_units=12, decoder_units=24, attention_dim=8)
SOURCES = [[7, 20, 33, EOS_ID], [9, EOS_ID], [5, 6, 7, 8, 9, EOS_ID]]


@pytest.fixture
def model():
    keras.utils.set_random_seed(3)
    return TranslationModel(SIZES)


def first_step(engine):
    """Log-probabilities (B, V) of the first token of each sentence."""
    rows, zeros = np.arange(len(SOURCES)), np.zeros((len(SOURCES), 1), dtype=np.int64)
    start = np.full((len(SOURCES), 1), BOS_ID)
    return engine.step(start, rows, zeros, engine.encode(SOURCES), 5, True).all_log_probs[:, 0]


def test_it_is_the_network_as_it_was_at_the_last_refresh(model):
    engine = CurrentEngine(model)
    engine.refresh()
    before = first_step(engine)
    np.testing.assert_allclose(before, first_step(KerasEngine(model)), atol=1e-4)

    rng = np.random.default_rng(1)
    model.set_named_weights({k: v + 0.3 * rng.normal(size=v.shape) for k, v in model.named_weights().items()})
    np.testing.assert_array_equal(first_step(engine), before)
    engine.refresh()
    after = first_step(engine)
    assert np.abs(after - before).max() > 0.1
    np.testing.assert_allclose(after, first_step(KerasEngine(model)), atol=1e-4)


@pytest.mark.parametrize("has_gpu", [False, True])
def test_a_graphics_processor_watches_by_itself(model, monkeypatch, has_gpu):
    monkeypatch.setattr(backend, "has_gpu", lambda: has_gpu)
    engine = CurrentEngine(model)
    engine.refresh()
    assert isinstance(engine._engine, KerasEngine if has_gpu else OnnxEngine)
    assert engine.num_workers == (1 if has_gpu else num_processors())
