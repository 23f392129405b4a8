"""Settings of a run, and the model and text that they name, opened and checked."""

import dataclasses
from typing import Any

from jaxdisp.claims import subjects
from jaxdisp.claims.ledger import registry as ledger
from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import cube, windows
from jaxdisp.measure.corpus import Corpus
from jaxdisp.measure.disparity import Contrast, contrast
from jaxdisp.models.model import Model, load
from jaxdisp.models.quantized import Quantizer, check_quantizer
from jaxdisp.report import clipping, searching
from jaxdisp.report.causes import analysis
from jaxdisp.report.causes import job as causes_job
from jaxdisp.report.claims import job as claims_job
from jaxdisp.report.hypotheses import job
from jaxdisp.report.search_lattice import Search
from jaxdisp.report.searching import Means


@dataclasses.dataclass(frozen=True, kw_only=True)
class Registration:
    """Which registration a run is made by, and with which options it is made."""

    sha256: str
    options: tuple[tuple[str, Any], ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that determines a run.

    `limit` is how many sentences per language are measured (None is all);
    `layer_limit` and `set_limit` how many of them the sweep over single layers and the
    `search` of protection sets use; 0 leaves that out. `clip_limit` is the same for the
    comparison of clipping rules, of which `deploy` is one; activations are averaged
    over the corpus `calibration`, by default the sentences compared on. Sentences
    longer than the context are scored in windows that are `stride` tokens apart (None
    is half of the context). The model computes in `dtype`. Of the experiments, those in
    `hypotheses` are run (empty is all, None is none), with `few_limit` sentences per
    language where many configurations are evaluated. `causes` says what is asked for of
    the causal model and of interventions. Of the ledger's claims, those in `claims` are
    judged (empty is all, None is none). `registered` is the registration that the run
    is made by.
    """

    command: str
    model: str | None
    revision: str | None
    corpus: str | None
    languages: tuple[str, ...] | None
    quantizer: Quantizer
    limit: int | None
    reference: str | None
    seed: int
    layer_limit: int = 0
    set_limit: int = 0
    search: Search | None = None
    clip_limit: int = 0
    deploy: str | None = None
    calibration: str | None = None
    stride: int | None = None
    dtype: str = "float32"
    hypotheses: tuple[str, ...] | None = None
    few_limit: int = subjects.FEW
    causes: causes_job.Wanted | None = None
    claims: tuple[str, ...] | None = None
    registered: Registration | None = None


KINDS: dict[str, Any] = {
    "quantizer": Quantizer,
    "search": Search,
    "causes": causes_job.Wanted,
    "registered": Registration,
}
"""Settings that are several, by what they are."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inputs:
    """The opened model and corpus, and which sentences exceed the model's context."""

    model: Model
    corpus: Corpus
    longer: windows.LongSentences
    chosen: Contrast | None
    compared: clipping.Inputs | None = None
    searched: searching.Inputs | None = None
    examined: job.Inputs | None = None
    caused: causes_job.Inputs | None = None
    claimed: claims_job.Inputs | None = None


def open_inputs(settings: Settings, means: Means | None = None) -> Inputs:
    """Opens model and corpus and checks that the settings fit them.

    Args:
        settings: of the run.
        means: how a search is carried out; None is here, with half of the free memory.

    Raises:
        ValueError: if anything a user gave is wrong; nothing has been written then.

    Reference: our own definition.
    """
    if not 0 <= settings.seed < 2**32:
        raise ValueError(f"seed must be between 0 and 2^32 - 1, got {settings.seed}")
    model = load(settings.model, settings.revision, settings.dtype)
    text = corpora.load_corpus(settings.corpus, settings.languages)
    check_quantizer(model, settings.quantizer)
    if settings.limit is not None:
        text = corpora.spread(text, settings.limit)
    longer = windows.count_longer(
        text.languages,
        cube.encode(model, text),
        model.config.context,
        settings.stride,
    )
    _check_texts(text, "--limit")
    _check_limits(settings, text)
    inputs = Inputs(
        model=model,
        corpus=text,
        longer=longer,
        chosen=contrast(text.languages, model.training_bytes, settings.reference),
    )
    compared, searched, examined = None, None, None
    if settings.command == "clip" or settings.clip_limit:
        compared = _clipping_inputs(settings, inputs)
    if settings.search is not None:
        searched = _search_inputs(settings, inputs, means or Means())
    if settings.hypotheses is not None:
        examined = job.check(
            model,
            text,
            settings.quantizer,
            settings.hypotheses,
            few=settings.few_limit,
            seed=settings.seed,
            stride=settings.stride,
        )
    return dataclasses.replace(
        inputs,
        compared=compared,
        searched=searched,
        examined=examined,
        caused=_causes_inputs(settings, inputs),
        claimed=_claims_inputs(settings, inputs),
    )


def _claims_inputs(settings: Settings, inputs: Inputs) -> claims_job.Inputs | None:
    if settings.claims is None:
        return None
    return claims_job.Inputs(
        entries=ledger.find(settings.claims),
        subject=subjects.make_subject(
            inputs.model,
            inputs.corpus,
            quantizer=settings.quantizer,
            few=settings.few_limit,
            seed=settings.seed,
            stride=settings.stride,
        ),
    )


def _causes_inputs(settings: Settings, inputs: Inputs) -> causes_job.Inputs | None:
    if settings.causes is None:
        return None
    return causes_job.check(
        settings.causes,
        inputs.model,
        inputs.corpus,
        settings.quantizer,
        reference=settings.reference,
        seed=settings.seed,
        stride=settings.stride,
    )


def _check_limits(settings: Settings, text: Corpus) -> None:
    for option, limit in (
        ("--layer-limit", settings.layer_limit),
        ("--set-limit", settings.set_limit),
        ("--clip-limit", settings.clip_limit),
    ):
        if limit < 0:
            raise ValueError(f"{option} must be 0 (no such sweep) or more, got {limit}")
        if limit:
            _check_texts(corpora.spread(text, limit), option)


def _search_inputs(
    settings: Settings, inputs: Inputs, means: Means
) -> searching.Inputs | None:
    if settings.command == "run" and not settings.set_limit:
        return None
    limit = settings.set_limit or inputs.corpus.n_sentences
    return searching.check(
        inputs.model,
        corpora.spread(inputs.corpus, limit),
        settings.quantizer,
        settings.search or Search(),
        means,
        chosen=inputs.chosen,
        seed=settings.seed,
        stride=settings.stride,
    )


def _clipping_inputs(settings: Settings, inputs: Inputs) -> clipping.Inputs:
    deploy = clipping.check(settings.deploy or clipping.AWARE, settings.quantizer)
    limit = settings.clip_limit or inputs.corpus.n_sentences
    text = corpora.spread(inputs.corpus, limit)
    calibration = text
    if settings.calibration is not None:
        languages = inputs.corpus.languages
        calibration = corpora.load_corpus(settings.calibration, languages)
    return clipping.Inputs(
        model=inputs.model,
        corpus=text,
        calibration=calibration,
        quantizer=settings.quantizer,
        deploy=deploy,
        chosen=inputs.chosen,
        seed=settings.seed,
        stride=settings.stride,
    )


def _check_texts(text: Corpus, option: str) -> None:
    n_groups = len(set(text.groups))
    if n_groups < 2:
        raise ValueError(
            f"{text.source}: {n_groups} independent text would be measured, but "
            f"intervals need at least 2; raise {option}, or split groups.tsv"
        )


def hashes(inputs: Inputs) -> dict[str, str]:
    """Returns the SHA-256 digests of weights, tokenizer and corpus.

    Args:
        inputs: opened.

    Reference: FIPS 180-4.
    """
    found = inputs.model.hashes | {"corpus": inputs.corpus.digest}
    if inputs.compared is not None:
        found["calibration"] = inputs.compared.calibration.digest
    return found


def describe(quantizer: Quantizer) -> str:
    """Names a quantizer in words.

    Args:
        quantizer: how weights are rounded.

    Reference: our own definition.
    """
    whose = {
        "tensor": "per tensor",
        "channel": "per output channel",
        "group": f"per {quantizer.group_size} input channels",
    }
    clipped = (
        "" if quantizer.clipping == "absmax" else f"{quantizer.clipping} clipping, "
    )
    return (
        f"{quantizer.bits} bits, {quantizer.grid} grid, "
        f"{whose[quantizer.granularity]}, {clipped}{' and '.join(quantizer.include)}"
    )


def configuration(settings: Settings, inputs: Inputs) -> dict[str, Any]:
    """Returns the content of `config.json`: settings and what they were applied to.

    Args:
        settings: of the run.
        inputs: opened.

    Reference: our own definition.
    """
    return dataclasses.asdict(settings) | {"hashes": hashes(inputs)}


def recalled(recorded: dict[str, Any]) -> Settings:
    """Reads the settings of a run from its configuration.

    Args:
        recorded: the content of `config.json`, as `configuration` gives it.

    Raises:
        ValueError: if it is of another version, or of no run of a model.

    Reference: our own definition.
    """
    try:
        fields = {name: _fixed(recorded[name]) for name in recorded if name != "hashes"}
        for name, kind in KINDS.items():
            if fields[name] is not None:
                fields[name] = _made(kind, fields[name])
        return Settings(**fields)
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"config.json is of another version of jaxdisp ({error}); use the one that "
            "made it"
        ) from error


def _made(kind: Any, fields: dict[str, Any]) -> Any:
    if kind is causes_job.Wanted and fields["choices"] is not None:
        fields = fields | {"choices": analysis.Choices(**fields["choices"])}
    return kind(**fields)


def _fixed(value: Any) -> Any:
    """Lists are tuples in settings, which do not change."""
    if isinstance(value, dict):
        return {name: _fixed(each) for name, each in value.items()}
    return tuple(map(_fixed, value)) if isinstance(value, list) else value
