"""Running experiments one after another, each kept as soon as it is done."""

import dataclasses
import functools as ft
from collections.abc import Callable, Sequence
from typing import Any

from jaxdisp.claims import families, registry, subjects
from jaxdisp.claims.experiment import Experiment, Subject
from jaxdisp.claims.finding import restored
from jaxdisp.measure.corpus import Corpus
from jaxdisp.models.model import Model
from jaxdisp.models.quantized import Quantizer
from jaxdisp.report import heap, runs

STATED = ("id", "title", "question", "support", "refutation", "control")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inputs:
    """The experiments that are asked for, and what they are carried out on."""

    experiments: tuple[Experiment, ...]
    subject: Subject


def check(
    model: Model,
    corpus: Corpus,
    quantizer: Quantizer,
    ids: Sequence[str],
    *,
    few: int,
    seed: int,
    stride: int | None,
) -> Inputs:
    """Checks that experiments exist and can be run on a model and a corpus.

    Args:
        model: an open model.
        corpus: parallel text.
        quantizer: how weights are rounded.
        ids: of experiments; none is all.
        few: sentences for sweeps over many configurations.
        seed: of everything random.
        stride: of windows, in tokens; None is half of the context.

    Raises:
        ValueError: if an id is unknown, or anything does not fit.

    Reference: our own definition.
    """
    return Inputs(
        experiments=registry.find(ids),
        subject=subjects.make_subject(
            model, corpus, quantizer=quantizer, few=few, seed=seed, stride=stride
        ),
    )


def work(inputs: Inputs) -> int:
    """Counts what experiments read, in sentences, for a progress bar.

    Args:
        inputs: checked.

    Reference: our own definition.
    """
    return sum(_sentences(each, inputs.subject) for each in inputs.experiments)


def results(
    inputs: Inputs, run: runs.Run | None, advance: Callable[[int], object]
) -> dict[str, Any]:
    """Runs experiments, or takes from an unfinished run what it has of them.

    Args:
        inputs: checked.
        run: where each is kept once it is done; None keeps nothing.
        advance: called with the sentences read since the last call.

    Returns:
        `findings`, as `claims.finding.Finding` has them; `experiments`: what each
        stated before it ran, and its tables; and `corrected`: the findings with an
        interval, corrected for how many there are.

    Reference: our own definition.
    """
    findings: list[dict[str, Any]] = []
    stated = []
    heap.give_back()
    for experiment in inputs.experiments:
        examine = ft.partial(_examined, experiment, inputs)
        found = runs.keep_object(run, f"experiment-{experiment.id}", examine)
        findings += found["findings"]
        said = {name: getattr(experiment, name) for name in STATED}
        stated.append(said | {"tables": found["tables"]})
        heap.give_back()
        advance(_sentences(experiment, inputs.subject))
    return {
        "findings": findings,
        "experiments": stated,
        "corrected": families.corrected(
            [restored(row) for row in findings],
            [experiment.id for experiment in inputs.experiments],
        ),
    }


def _sentences(experiment: Experiment, subject: Subject) -> int:
    return (
        experiment.passes * subject.corpus.n_sentences * len(subject.corpus.languages)
    )


def _examined(experiment: Experiment, inputs: Inputs) -> dict[str, Any]:
    outcome = registry.examine(experiment, inputs.subject)
    return {
        "findings": [dataclasses.asdict(finding) for finding in outcome.findings],
        "tables": outcome.tables,
    }
