"""Opening a bundle: its tokenizers and the engine that runs its network, each checked."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nmt import bundle
from nmt.bundle import BundleConfig, BundleInfo
from nmt.config import ModelConfig
from nmt.engines import Engine
from nmt.engines.ensemble import EnsembleEngine
from nmt.engines.routed import RoutedEngine, RoutedSource, Router
from nmt.errors import BundleError, ConfigError, MissingExtraError
from nmt.processors import num_processors
from nmt.tokenizer import Tokenizer

ENGINES = ("auto", "onnx", "keras")


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A bundle, ready to run.

    Attributes:
        config, info: what it says about itself.
        source, target: its tokenizers; of two networks, that of both sources, and that of the new one's target (see
            `nmt.engines.routed.target_of`).
        engine: its network, or both.
        num_workers: batches that the engine can run at the same time.
    """

    config: BundleConfig
    info: BundleInfo
    source: Tokenizer
    target: Tokenizer
    engine: Engine
    num_workers: int


def load(name_or_folder: str | Path, engine: str = "auto", num_threads: int = 0) -> LoadedModel:
    """Open a bundle.

    Args:
        name_or_folder: an installed model such as "en-ja", or a bundle's folder.
        engine: "onnx" is fast and light; "keras" is the reference that training uses; "auto" takes the first where
            the bundle has its graphs.
        num_threads: processor threads, 0: all. With ONNX Runtime each has its own batch. Keras can be told before its
            first use in a process only.

    Raises:
        BundleError: there is no such model, or it is damaged.
        MissingExtraError: its engine is not installed.
        ConfigError: an engine that does not exist, or fewer than 0 threads.
    """
    if engine not in ENGINES:
        raise ConfigError(f'engine must be one of {", ".join(ENGINES)}, not "{engine}"')
    if num_threads < 0:
        raise ConfigError(f"num_threads must be 0 (all) or more, not {num_threads}")
    folder = bundle.find(name_or_folder)
    config = bundle.read_config(folder)
    networks = networks_of(folder, config)
    source, target = networks[-1].tokenizers
    if len(networks) > 1:
        source = RoutedSource(networks[0].tokenizers[0], source, read_router(folder, config, networks[0]))
    info = bundle.read_info(folder)
    if engine == "keras" or (engine == "auto" and bundle.DECODER not in config.sha256):
        engines = [_keras_engine(folder, config, one, num_threads) for one in networks]
        num_workers = 1
    else:
        engines = [_onnx_engine(folder, config, one) for one in networks]
        num_workers = num_threads or num_processors()
    return LoadedModel(config, info, source, target, joined(engines, networks), num_workers)


def load_ensemble(names_or_folders: Sequence[str | Path], engine: str = "auto", num_threads: int = 0) -> LoadedModel:
    """Open several bundles with the same vocabularies as one model; arguments and errors are those of `load`.

    Raises:
        ConfigError: there are none, or their languages or vocabularies differ.
    """
    models = [load(one, engine, num_threads) for one in names_or_folders]
    if not models:
        raise ConfigError("an ensemble needs at least one model")
    first = models[0]
    pair = _languages(first)
    for other in models[1:]:
        for side in ("source", "target"):
            if getattr(other, side).model != getattr(first, side).model:
                raise ConfigError(
                    f"{other.info.folder} and {first.info.folder} have different {side} vocabularies; the models of an "
                    "ensemble must be trained with the same ones"
                )
        if _languages(other) != pair:  # two directions can have one joint vocabulary
            raise ConfigError(
                f"{other.info.folder} translates {'-'.join(_languages(other))} and {first.info.folder} "
                f"{'-'.join(pair)}; the models of an ensemble must translate the same languages"
            )
    if len(models) == 1:
        return first
    for model in models:
        if model.config.is_routed:
            raise ConfigError(
                f"{model.info.folder} has two networks, and an ensemble takes models of one: name the models that it "
                "was made from, or translate with it alone"
            )
    return LoadedModel(
        dataclasses.replace(first.config, max_source_tokens=min(model.config.max_source_tokens for model in models)),
        BundleInfo(
            name=" + ".join(model.info.name for model in models),
            folder=Path(),  # it is in none
            source_language=first.info.source_language,
            target_language=first.info.target_language,
            size_bytes=sum(model.info.size_bytes for model in models),
            num_parameters=sum(model.info.num_parameters for model in models),
            licence=", ".join(dict.fromkeys(model.info.licence for model in models if model.info.licence)),
            data_credit=", ".join(dict.fromkeys(model.info.data_credit for model in models if model.info.data_credit)),
        ),
        first.source,
        first.target,
        EnsembleEngine([model.engine for model in models]),
        min(model.num_workers for model in models),
    )


def _languages(model: LoadedModel) -> tuple[str, str]:
    return model.info.source_language, model.info.target_language


@dataclass(frozen=True, eq=False)
class Network:
    """One network of a bundle.

    Attributes:
        model: its sizes.
        tokenizers: of source and target.
        files: what each of its files is called in the bundle, by the usual name.
    """

    model: ModelConfig
    tokenizers: tuple[Tokenizer, Tokenizer]
    files: Mapping[str, str]


def networks_of(folder: Path, config: BundleConfig) -> list[Network]:
    """The networks of a bundle with their tokenizers: the parent's first where it is kept beside the bundle's own.

    Raises:
        BundleError: a tokenizer is missing, damaged, or of another size than `config` says.
    """
    own = {name: name for name in bundle.KEPT}
    found = []
    for files in [bundle.KEPT, own] if config.is_routed else [own]:
        source, target = (
            Tokenizer.load(bundle.check_file(folder, config, files[name]))
            for name in (bundle.SOURCE_TOKENIZER, bundle.TARGET_TOKENIZER)
        )
        model = config.model
        if files is bundle.KEPT:  # as wide as its child, but with vocabularies of its own
            model = dataclasses.replace(model, source_vocab_size=source.vocab_size, target_vocab_size=target.vocab_size)
        for side, one, expected in (
            ("source", source, model.source_vocab_size),
            ("target", target, model.target_vocab_size),
        ):
            if one.vocab_size != expected:
                raise BundleError(
                    f"{folder}: the {side} tokenizer has {one.vocab_size} tokens, config.json says {expected}"
                )
        found.append(Network(model, (source, target), files))
    return found


def joined(engines: Sequence[Engine], networks: Sequence[Network]) -> Engine:
    """The engine of one network, or of two that share the work."""
    if len(engines) == 1:
        return engines[0]
    targets = networks[0].tokenizers[1], networks[1].tokenizers[1]
    return RoutedEngine(engines[0], engines[1], targets, networks[0].model.source_vocab_size)


def read_router(folder: Path, config: BundleConfig, first: Network) -> Router:
    """What chooses the network in a bundle that has two.

    Args:
        first: the one that reads what the router does not take.
    """
    return Router.load(bundle.check_file(folder, config, bundle.ROUTER), first.model.source_vocab_size)


def _onnx_engine(folder: Path, config: BundleConfig, network: Network) -> Engine:
    from nmt.engines.onnx import OnnxEngine

    names = (network.files[name] for name in (bundle.ENCODER, bundle.DECODER))
    encoder, decoder = (bundle.check_file(folder, config, name) for name in names)
    engine = OnnxEngine(encoder, decoder)
    sizes = (engine.vocab_size, engine.decoder_units)
    if sizes != (network.model.target_vocab_size, network.model.decoder_units):
        raise BundleError(f"{decoder} is of another network than {folder / bundle.CONFIG} describes")
    return engine


def _keras_engine(folder: Path, config: BundleConfig, network: Network, num_threads: int) -> Engine:
    try:
        from nmt import backend
        from nmt.engines.keras import KerasEngine
        from nmt.network.model import TranslationModel
    except ImportError:
        raise MissingExtraError("The Keras engine", "train") from None
    name = network.files[bundle.WEIGHTS]
    weights = bundle.read_weights(folder, config, name)
    backend.limit_threads(num_threads)
    model = TranslationModel(network.model)
    try:
        model.set_named_weights(weights)
    except ValueError as error:
        raise BundleError(f"{folder / name}: {error}") from None
    return KerasEngine(model)
