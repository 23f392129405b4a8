"""All experiments, and how one of them is found and run."""

import dataclasses
import zlib
from collections.abc import Sequence

import jax

from jaxdisp.claims import (
    attention_sinks,
    bottleneck,
    causal_tracing,
    error_correlation,
    gateway_regression,
    gateway_structure,
    information_content,
    information_flow,
    language_variance,
    mean_field,
    morphological_agreement,
    rate_distortion,
    redundancy,
    relative_error,
    representation_convergence,
    residual_propagation,
)
from jaxdisp.claims.experiment import Experiment, Outcome, Subject

EXPERIMENTS: tuple[Experiment, ...] = (
    information_content.EXPERIMENT,
    relative_error.EXPERIMENT,
    language_variance.EXPERIMENT,
    residual_propagation.EXPERIMENT,
    gateway_structure.EXPERIMENT,
    error_correlation.EXPERIMENT,
    bottleneck.EXPERIMENT,
    morphological_agreement.EXPERIMENT,
    representation_convergence.EXPERIMENT,
    rate_distortion.EXPERIMENT,
    information_flow.EXPERIMENT,
    causal_tracing.EXPERIMENT,
    mean_field.EXPERIMENT,
    attention_sinks.EXPERIMENT,
    gateway_regression.EXPERIMENT,
    redundancy.EXPERIMENT,
)
"""In the order in which the research notes have them."""


def find(ids: Sequence[str]) -> tuple[Experiment, ...]:
    """Finds experiments by their ids, in the order of the registry; none is all.

    Args:
        ids: such as `T-004` or `mean-field`; upper or lower case.

    Raises:
        ValueError: if there is no such experiment, or one is named twice.

    Reference: our own definition.
    """
    known = {experiment.id.lower(): experiment for experiment in EXPERIMENTS}
    wanted = [name.lower() for name in ids]
    unknown = [name for name in ids if name.lower() not in known]
    if unknown:
        allowed = ", ".join(experiment.id for experiment in EXPERIMENTS)
        raise ValueError(f"no experiment {', '.join(unknown)}; allowed: {allowed}")
    repeated = sorted({name for name in wanted if wanted.count(name) > 1})
    if repeated:
        raise ValueError(f"experiment {', '.join(repeated)} is named more than once")
    return tuple(
        experiment for name, experiment in known.items() if not wanted or name in wanted
    )


def owner(finding: str, known: Sequence[str] | None = None) -> str:
    """Names the experiment that a finding belongs to.

    Definition: the experiment with the longest id that the finding's begins with, since
    a finding's id is that of its experiment, or has a suffix to it.

    Args:
        finding: id of a finding, or of an experiment; upper or lower case.
        known: ids of experiments; None are those of the registry.

    Raises:
        ValueError: if there is no such experiment.

    Reference: our own definition.
    """
    if known is None:
        known = [experiment.id for experiment in EXPERIMENTS]
    fitting = [name for name in known if finding.lower().startswith(name.lower())]
    if not fitting:
        raise ValueError(
            f"no experiment finds {finding}; findings begin with the id of an "
            f"experiment: {', '.join(known)}"
        )
    return max(fitting, key=len)


def examine(experiment: Experiment, subject: Subject) -> Outcome:
    """Runs an experiment, with randomness of its own.

    Definition: `run` with the subject's key folded with the CRC-32 of the id, so that
    what one experiment finds does not depend on which others are run.

    Args:
        experiment: one of `EXPERIMENTS`.
        subject: what it is run on.

    Reference: our own definition.
    """
    key = jax.random.fold_in(subject.key, zlib.crc32(experiment.id.encode()))
    return experiment.run(dataclasses.replace(subject, key=key))
