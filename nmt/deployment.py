"""A trained network for those who serve it without this package: as a TensorFlow SavedModel or a LiteRT file.

The folder that `deploy` writes holds the network (`saved_model/` or `model.tflite`), both tokenizers, the model card
and `deployment.json` with what a program around it must know. Both networks have the same two signatures:

    encode  source (B, S) int32, ids with EOS last, padded with 0 on the right
            -> values (B, S, D), keys (B, S, A), mask (B, S) bool, states (B, 2·L, H)
    step    tokens (B, 1) int32, and values, keys, mask, states
            -> log_probs (B, V) in nats, attention (B, S), states (B, 2·L, H)

GRUs and simple RNNs have no c, so their states are (B, L, H); a network without attention has no values and keys.

Axis letters: B batch, S source, D memory width, A attention width, L decoder layers (each with h and c), H units,
V vocabulary. In a SavedModel B and S are free; in a LiteRT file B is 1 and S a fixed number.
"""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nmt import backend, bundle
from nmt.bundle import BundleConfig
from nmt.errors import BundleError, ConfigError
from nmt.network.model import Memory, TranslationModel
from nmt.network.recurrent import State
from nmt.tokenizer import BOS_ID, EOS_ID, PAD_ID, UNKNOWN_ID

FORMATS = ("saved_model", "litert")
WEIGHTS = ("float16", "float32")  # of a LiteRT file
FORMAT_VERSION = 1
SAVED_MODEL, LITERT, DESCRIPTION = "saved_model", "model.tflite", "deployment.json"
SIGNATURES = ("encode", "step")
_ONE_OF_TWO = (
    "> This folder holds one network: of the two that the card below speaks of, the one for the new kind of text.\n"
    "> The scores on everyday sentences are those of the other one.\n\n"
)
_NEVER = -1e9  # finite, so that sums of log-probabilities stay numbers; -65504 among float16 constants

Tensor = Any


def deploy(
    model: str | Path, deployment_format: str, output: str | Path, *, source_tokens: int = 0, weights: str = WEIGHTS[0]
) -> str:
    """Write a bundle's network, and what goes with it, into a new folder.

    Args:
        model: name or folder of a bundle with training weights.
        deployment_format: "saved_model" or "litert".
        output: the folder; it appears under its name only when complete, and must be empty or absent.
        source_tokens: S of a LiteRT file, EOS included; 0 takes the longest source that the network was trained on.
        weights: of a LiteRT file: "float16", as the bundle stores them, or "float32", twice the size. The converter
            rounds other constants too, so log-probabilities may move in the third digit.

    Returns:
        What was written, for the reader.

    Raises:
        BundleError: no such bundle, or its weights or tokenizers are missing or damaged.
        ConfigError: an unknown format, a folder in use, an impossible S, or Keras is not on TensorFlow.
    """
    for what, value, possible in (("format", deployment_format, FORMATS), ("weights", weights, WEIGHTS)):
        if value not in possible:
            raise ConfigError(f'{what} must be one of {", ".join(possible)}, not "{value}"')
    if source_tokens < 0 or source_tokens == 1 or (source_tokens and deployment_format != "litert"):
        raise ConfigError(
            f"source_tokens is for litert and at least 2, one of them EOS; got {source_tokens} for {deployment_format}"
        )
    if not backend.uses_tensorflow():
        raise ConfigError(
            f"{deployment_format} is made by TensorFlow, but Keras runs on {backend.BACKEND}: "
            "set KERAS_BACKEND=tensorflow"
        )
    output = Path(output).resolve()
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise ConfigError(f"{output} exists and is not an empty folder: name a new one, or remove it first")

    folder = bundle.find(model)
    config = bundle.read_config(folder)
    network = _load(folder, config)
    source_tokens = source_tokens or config.max_source_tokens
    with _appearing(output) as temporary:
        if deployment_format == "saved_model":
            save_model(network, temporary / SAVED_MODEL)
        else:
            (temporary / LITERT).write_bytes(litert(network, source_tokens, weights))
        for name in (bundle.SOURCE_TOKENIZER, bundle.TARGET_TOKENIZER):
            shutil.copyfile(bundle.check_file(folder, config, name), temporary / name)
        if (folder / bundle.CARD).exists():
            card = (folder / bundle.CARD).read_text(encoding="utf-8")
            (temporary / bundle.CARD).write_text(_ONE_OF_TWO + card if config.is_routed else card, encoding="utf-8")
        text = json.dumps(_description(config, deployment_format, source_tokens), indent=2, ensure_ascii=False)
        (temporary / DESCRIPTION).write_text(text + "\n", encoding="utf-8")
    size = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    which = ", the new one of its two networks," if config.is_routed else ""
    return f"wrote {config.name}{which} as {deployment_format} to {output} ({size / 1e6:.1f} MB)"


def save_model(model: TranslationModel, folder: Path, batch: int | None = None, source: int | None = None) -> None:
    """Write a SavedModel with the two signatures.

    Args:
        model: with its weights loaded.
        folder: absent.
        batch: B, or None for any.
        source: S, or None for any.
    """
    from nmt.backend import keras, ops

    config = model.config
    num_parts = len(config.state_parts)
    num_states = num_parts * config.decoder_layers
    values_dim, keys_dim = _memory_widths(model)

    def encode(source: Tensor) -> dict[str, Tensor]:
        memory, states = model.encode(source)
        read = {"values": memory.values, "keys": memory.keys} if values_dim else {}
        return {**read, "mask": memory.mask, "states": _packed(states)}

    def step(tokens: Tensor, values: Tensor, keys: Tensor, mask: Tensor, states: Tensor) -> dict[str, Tensor]:
        parts = ops.unstack(states, num_states, axis=1)
        layers = tuple(tuple(parts[k : k + num_parts]) for k in range(0, num_states, num_parts))
        decoded = model.decode(tokens, Memory(values, keys, mask), layers)
        logits = decoded.logits[:, 0]
        never = ops.full_like(logits[:, :EOS_ID], _NEVER)  # PAD, UNKNOWN, BOS; their share goes to the others
        log_probs = ops.log_softmax(ops.concatenate([never, logits[:, EOS_ID:]], axis=-1), axis=-1)
        return {"log_probs": log_probs, "attention": decoded.attention[:, 0], "states": _packed(decoded.states)}

    def step_unread(tokens: Tensor, mask: Tensor, states: Tensor) -> dict[str, Tensor]:
        empty = ops.zeros((*ops.shape(mask), 0), dtype="float32")
        return step(tokens, empty, empty, mask, states)

    read: dict[str, tuple[tuple[int | None, ...], str]] = {
        "values": ((batch, source, values_dim), "float32"),
        "keys": ((batch, source, keys_dim), "float32"),
    }
    shapes: dict[str, tuple[tuple[int | None, ...], str]] = {
        "tokens": ((batch, 1), "int32"),
        **(read if values_dim else {}),
        "mask": ((batch, source), "bool"),
        "states": ((batch, num_states, config.decoder_units), "float32"),
    }
    # Not tracked as a whole: the archive finds the variables that the endpoints use, and would store all of them twice.
    archive = keras.export.ExportArchive()
    with backend.without_gradients():
        archive.add_endpoint("encode", encode, [keras.InputSpec("int32", (batch, source), name="source")])
        specs = [keras.InputSpec(dtype, shape, name=name) for name, (shape, dtype) in shapes.items()]
        archive.add_endpoint("step", step if values_dim else step_unread, specs)
        archive.write_out(str(folder), verbose=False)


def litert(model: TranslationModel, source_tokens: int, weights: str) -> bytes:
    """A LiteRT file with the two signatures for one sentence of at most `source_tokens` tokens, EOS included."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / SAVED_MODEL
        save_model(model, folder, batch=1, source=source_tokens)
        return backend.litert(folder, SIGNATURES, half=weights == "float16")


@contextlib.contextmanager
def _appearing(output: Path) -> Iterator[Path]:
    """A folder to fill that takes the place of `output`, absent or empty, when all went well."""
    temporary = output.with_name(output.name + ".writing")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        if output.exists():
            output.rmdir()
        os.replace(temporary, output)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _load(folder: Path, config: BundleConfig) -> TranslationModel:
    weights = bundle.read_weights(folder, config)
    model = TranslationModel(config.model)
    try:
        model.set_named_weights(weights)
    except ValueError as error:
        raise BundleError(f"{folder / bundle.WEIGHTS}: {error}") from None
    return model


def _memory_widths(model: TranslationModel) -> tuple[int, int]:
    """Of values and keys, as `TranslationModel.encode` gives them."""
    config = model.config
    keys = {"dot": config.memory_dim, "none": 0}
    values_dim = model.attention.context_dim(config.memory_dim) + (config.embedding_dim if config.lexical else 0)
    return values_dim, keys.get(config.attention, config.attention_dim)


def _packed(states: tuple[State, ...]) -> Tensor:
    """h (and c) of every layer, each (B, H) -> (B, 2·L, H): rows of a batch are then rows of one tensor."""
    from nmt.backend import ops

    return ops.stack([part for state in states for part in state], axis=1)


def _description(config: BundleConfig, deployment_format: str, source_tokens: int) -> dict[str, Any]:
    """What `deployment.json` says."""
    return {
        "format_version": FORMAT_VERSION,
        "format": deployment_format,
        "name": config.name,
        "source_language": config.source_language,
        "target_language": config.target_language,
        "special_ids": {"pad": PAD_ID, "unknown": UNKNOWN_ID, "bos": BOS_ID, "eos": EOS_ID},
        "max_source_tokens": source_tokens,
        "max_length_factor": config.search.max_length_factor,
        "max_length_extra": config.search.max_length_extra,
        "num_parameters": config.num_parameters,
        "licence": config.licence,
        "data_credit": config.data_credit,
    }
