"""What every test runs under: no calls home, no noise, and Hypothesis without deadlines on a busy machine."""

import os

# Before any library is imported, since each reads its own when it is.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_UPDATE_DOWNLOAD_COUNTS", "0")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("MPLBACKEND", "agg")

import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A job in the background of a shell ignores Ctrl+C, and so would the processes that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("nmt", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("nmt")

SAMPLE = Path(__file__).parent.parent / "data" / "sample" / "en-ja.tsv"


@pytest.fixture(scope="session")
def sample():
    """The parallel text that ships with the project."""
    from nmt.corpora.corpus import read_corpus

    return read_corpus(SAMPLE, "en", "ja")


@pytest.fixture(scope="session")
def tokenizers(sample):
    """Source and target tokenizers of the sample."""
    from nmt import tokenizer

    return (
        tokenizer.train(sample.sources, 400, side="source"),
        tokenizer.train(sample.targets, 500, side="target", uses_spaces=False),
    )


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory, tokenizers):
    """A bundle with random weights: what it says is nonsense, but it says it like any other."""
    return _random_bundle(tmp_path_factory.mktemp("bundles") / "tiny", "ja", *tokenizers)


@pytest.fixture(scope="session")
def spaced_bundle(tmp_path_factory, tokenizers, sample):
    """A bundle like `tiny_bundle` whose target language divides words by spaces."""
    from nmt import tokenizer

    target = tokenizer.train(sample.sources, 450, side="target")
    return _random_bundle(tmp_path_factory.mktemp("bundles") / "spaced", "de", tokenizers[0], target)


def _random_bundle(folder, target_language, source, target):
    import keras

    from nmt import bundle, graphs
    from nmt.bundle import BundleConfig
    from nmt.config import ModelConfig, SearchConfig
    from nmt.network.model import TranslationModel

    keras.utils.set_random_seed(3)
    sizes = ModelConfig(
        source_vocab_size=source.vocab_size,
        target_vocab_size=target.vocab_size,
        embedding_dim=24,
        encoder_units=16,
        decoder_units=32,
        attention_dim=16,
    )
    models = {bundle.SOURCE_TOKENIZER: source.model, bundle.TARGET_TOKENIZER: target.model}
    config = BundleConfig(
        folder.name, "en", target_language, sizes, SearchConfig(beam_size=3, max_length_extra=6), max_source_tokens=40
    )
    # Sharper than fresh weights, so that the outputs differ from sentence to sentence.
    weights = {name: values * 2 for name, values in TranslationModel(sizes).named_weights().items()}
    models |= graphs.build(sizes, weights)
    return bundle.write(folder, config, models, weights, f"# {folder.name}\n")


@pytest.fixture(scope="session")
def shipped():
    """The English-Japanese model that comes with the package."""
    from nmt import Translator

    return Translator.load("en-ja")


@pytest.fixture(scope="module")
def forks():
    """Starts `nmt` as processes that have TensorFlow already."""
    from forking import Forks

    if not hasattr(os, "fork"):
        pytest.skip("there is no fork here")
    made = Forks()
    yield made
    made.close()


@pytest.fixture(scope="session")
def _compiled(tmp_path_factory):
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture(scope="module")
def compiled_once(_compiled):
    """What JAX compiles in one process of the tests, it need not in the next."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAX_COMPILATION_CACHE_DIR", str(_compiled))
        patch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
        patch.setenv("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
        yield
