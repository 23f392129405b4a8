"""Do the errors of rounded layers add up independently where it counts, at the logits?

Errors of the weights of different layers are no more related than any two random
matrices, which says nothing. What decides whether losses add up is whether the changes
of the logits that two layers cause point the same way, under the metric in which the
loss is measured. Where they do not, the loss of two layers is the sum of their losses.
"""

import dataclasses

import jax
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray

from jaxdisp.claims import losses
from jaxdisp.claims.experiment import Experiment, Outcome, Rows, Subject
from jaxdisp.claims.finding import Claim, Finding, judge, not_applicable
from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import error_geometry, logit_errors
from jaxdisp.result import result
from jaxdisp.search import lattice
from jaxdisp.stats import mantel
from jaxdisp.stats.equivalence import margin_left
from jaxdisp.stats.jackknife import jackknife_interval
from jaxdisp.stats.model_choice import straight_line

LAYERS = 6
"""Layers that it takes: five are left when one is left out."""

TEXTS = 5
SENTENCES = 16
"""Of each language; every pair of layers takes a pass over them."""

INDEPENDENT = Claim(
    id="T-006",
    statement="Errors that layers make at the logits are uncorrelated (below 0.1).",
    source="research notes, T-006",
    unit="what is left of 0.1 from the typical correlation",
    method="root mean square correlation over pairs of layers, without the bias of "
    "finite text; jackknife over texts",
    most=0.1,
)
"""Correlations of 0.1 in all pairs would double the loss of 12 layers against the sum
of their own; well below it, losses add up. The root mean square, since correlations of
both signs could have mean 0 without being 0."""

CANCEL = Claim(
    id="T-006b",
    statement="Errors of the first and the last layer cancel at the logits.",
    source="research notes, synergy of first and last layer",
    unit="minus the correlation",
    method="correlation at the logits; jackknife over texts",
    least=0.05,
)
"""At -0.05 the two together lose at most 5 % less than each by itself: no more than a
trace of what the notes explain by it."""

PREDICTS = Claim(
    id="T-006c",
    statement="Products of errors at the logits predict which layers lose more "
    "together than apart.",
    source="second-order theory",
    unit="rank correlation over pairs of layers",
    method="Spearman; jackknife over layers, Mantel's permutations of layers",
    least=0.2,
)
"""Below a rank correlation of 0.2 it predicts nothing worth the name."""

CLAIMS = (INDEPENDENT, CANCEL, PREDICTS)


@result
class Measured:
    """Products of errors at the logits, and losses of pairs of layers, by sentence.

    `fisher` and `plain` are as in `logit_errors.Products`; `interaction` is what
    rounding both layers of a pair loses beyond what each loses alone, in nats; pairs
    are those of `error_geometry.pairs`.
    """

    fisher: Float[np.ndarray, "language sentence layer layer"]
    plain: Float[np.ndarray, "language sentence layer layer"]
    interaction: Float[np.ndarray, "pair language sentence"]


def _run(subject: Subject) -> Outcome:
    part = corpora.spread(subject.few, SENTENCES)
    n_layers, n_texts = subject.model.config.n_layers, len(set(part.groups))
    n, lacking = n_layers, None
    if n_layers < LAYERS:
        lacking = f"needs at least {LAYERS} layers, got {n_layers}"
    elif n_texts < TEXTS:
        n, lacking = n_texts, f"needs at least {TEXTS} texts, got {n_texts}"
    if lacking:
        return Outcome(
            findings=tuple(not_applicable(claim, n, lacking) for claim in CLAIMS),
            tables={},
        )
    found = measure(dataclasses.replace(subject, few=part))
    return decide(found, part.languages, np.array(part.groups), key=subject.key)


def measure(subject: Subject) -> Measured:
    """Measures errors at the logits and losses of all pairs of layers.

    Definition: `interaction = D(i, j) - D(i) - D(j)`, D against full precision.

    Args:
        subject: all of its few sentences are used.

    Reference: our own definition.
    """
    model, text = subject.model, subject.few
    n_layers = model.config.n_layers
    alone = lattice.one_quantized(n_layers)
    full = lattice.uniform(n_layers)[:1]
    row, column = np.triu_indices(n_layers, 1)
    nll = losses.evaluate(
        subject, np.concatenate([full, alone, alone[row] + alone[column]])
    )
    single, both = nll[1 : 1 + n_layers] - nll[0], nll[1 + n_layers :] - nll[0]
    states = logit_errors.final_states(
        model,
        text,
        losses.rounded(subject),
        np.concatenate([full, alone]),
        stride=subject.stride,
    )
    products = [
        logit_errors.error_products(model, each, text.n_sentences) for _, each in states
    ]
    return Measured(
        fisher=np.stack([each.fisher for each in products]),
        plain=np.stack([each.plain for each in products]),
        interaction=both - single[row] - single[column],
    )


def decide(
    found: Measured,
    languages: tuple[str, ...],
    groups: Int[np.ndarray, " sentence"],
    *,
    key: PRNGKeyArray,
    draws: int = 500,
) -> Outcome:
    """Judges how errors at the logits are related.

    Definition: products are added up over languages before they are divided, so that a
    language counts by how large its errors are.

    Args:
        found: as from `measure`.
        languages: their names.
        groups: the text that each sentence belongs to.
        key: of random signs and permutations.
        draws: of random signs.

    Reference: our own definition.
    """
    signs, orders, mixed = jax.random.split(key, 3)
    fisher, plain = found.fisher.sum(axis=0), found.plain.sum(axis=0)
    by_sentence = found.fisher.reshape(-1, *found.fisher.shape[2:])
    null = error_geometry.random_signs(by_sentence, key=signs, draws=draws)
    texts = error_geometry.by_text(fisher, groups)
    interaction = error_geometry.by_text(
        np.moveaxis(found.interaction, 0, -1).mean(axis=0), groups
    )
    predicted = error_geometry.pairs(texts) / len(languages)
    n_sentences = len(groups)
    agreement = mantel.agreement(
        _table(predicted.sum(axis=0) / n_sentences),
        _table(interaction.sum(axis=0) / n_sentences),
        key=orders,
    )
    pair_rows = _pair_rows(texts, error_geometry.by_text(plain, groups))
    for row, one, other in zip(
        pair_rows,
        predicted.sum(axis=0) / n_sentences,
        interaction.sum(axis=0) / n_sentences,
        strict=True,
    ):
        row |= {"predicted": float(one), "interaction": float(other)}
    slope, bounds = _slope(predicted, interaction)
    return Outcome(
        findings=(
            _independent(texts, null),
            _cancel(texts, null),
            _predicts(agreement, slope, bounds),
        ),
        tables={
            "pairs": pair_rows,
            "languages": _language_rows(found.fisher, languages),
            "random_signs": _null_rows(null),
            "prediction": [
                dataclasses.asdict(agreement)
                | {"slope": slope, "slope_low": bounds[0], "slope_high": bounds[1]}
                | _by_text_rows(predicted, interaction, mixed)
            ],
        },
    )


def _table(values: np.ndarray) -> np.ndarray:
    """Lays pairs out as a symmetric table."""
    n = (1 + int(np.sqrt(1 + 8 * len(values)))) // 2
    table = np.zeros((n, n))
    table[np.triu_indices(n, 1)] = values
    return table + table.T


def _left_out(texts: np.ndarray) -> np.ndarray:
    return texts.sum(axis=0) - texts


def _independent(texts: np.ndarray, null: np.ndarray) -> Finding:
    rest = [np.delete(texts, number, axis=0) for number in range(len(texts))]
    square = error_geometry.squared_correlation(texts)
    low, high = jackknife_interval(
        square, np.stack([error_geometry.squared_correlation(some) for some in rest])
    )
    typical, least, most = (float(np.sqrt(max(x, 0.0))) for x in (square, low, high))
    effect, within = margin_left(
        typical, (least, most), target=0.0, margin=INDEPENDENT.most
    )
    values = error_geometry.pairs(error_geometry.correlations(texts.sum(axis=0)))
    return judge(
        INDEPENDENT,
        effect,
        within,
        len(texts),
        f"correlations of {len(values)} pairs: typically {typical:.3f} [{least:.3f}, "
        f"{most:.3f}], mean {values.mean():.3f}, from {values.min():.3f} to "
        f"{values.max():.3f}; random signs give "
        f"{np.sqrt(np.mean(null**2)):.3f}",
    )


def _cancel(texts: np.ndarray, null: np.ndarray) -> Finding:
    def corner(products: np.ndarray) -> np.ndarray:
        return error_geometry.correlations(products)[..., 0, -1]

    estimate = corner(texts.sum(axis=0))
    low, high = jackknife_interval(estimate, corner(_left_out(texts)))
    place = texts.shape[-1] - 2
    chance = np.quantile(null[:, place], [0.025, 0.975])
    seen = chance[0] <= estimate <= chance[1]
    return judge(
        CANCEL,
        -float(estimate),
        (-float(high), -float(low)),
        len(texts),
        f"correlation {estimate:.3f} [{low:.3f}, {high:.3f}]; random signs give "
        f"{chance[0]:.3f} to {chance[1]:.3f}",
        control="random signs reach it" if seen else None,
    )


def _predicts(
    found: mantel.Agreement, slope: float, bounds: tuple[float, float]
) -> Finding:
    chance = f"permuted layers reach it with p {found.p_value:.2g}"
    return judge(
        PREDICTS,
        found.estimate,
        (found.low, found.high),
        found.n,
        f"p {found.p_value:.2g} by permuted layers; measured over predicted "
        f"{slope:.2f} [{bounds[0]:.2f}, {bounds[1]:.2f}] (theory: 1)",
        control=chance if found.p_value > 0.05 else None,
    )


def _slope(
    predicted: np.ndarray, interaction: np.ndarray
) -> tuple[float, tuple[float, float]]:
    """Slope of measured interactions on predicted ones, with an interval over texts."""

    def one(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return straight_line(x, y).slope

    estimate = one(predicted.sum(axis=0), interaction.sum(axis=0))
    left_out = np.stack(
        [
            one(x, y)
            for x, y in zip(_left_out(predicted), _left_out(interaction), strict=True)
        ]
    )
    low, high = jackknife_interval(estimate, left_out)
    return float(estimate), (float(low), float(high))


def _by_text_rows(
    predicted: np.ndarray, interaction: np.ndarray, key: PRNGKeyArray
) -> dict[str, float]:
    """Correlation of texts and pairs with predictions from the same texts or others."""
    x = (predicted - predicted.mean(axis=0)).ravel()
    y = interaction - interaction.mean(axis=0)

    def correlation(of: np.ndarray) -> float:
        size = np.linalg.norm(x) * np.linalg.norm(of)
        return float(x @ of.ravel() / size) if size else 0.0

    orders = np.argsort(np.asarray(jax.random.bits(key, (500, len(y)))), axis=1)
    null = np.quantile([correlation(y[order]) for order in orders], [0.025, 0.975])
    return {
        "by_text": correlation(y),
        "by_other_text_low": float(null[0]),
        "by_other_text_high": float(null[1]),
    }


def _pair_rows(texts: np.ndarray, plain: np.ndarray) -> Rows:
    each = error_geometry.pairs(error_geometry.correlations(texts.sum(axis=0)))
    without = error_geometry.pairs(error_geometry.correlations(_left_out(texts)))
    low, high = jackknife_interval(each, without)
    flat = error_geometry.pairs(error_geometry.correlations(plain.sum(axis=0)))
    row, column = np.triu_indices(texts.shape[-1], 1)
    return [
        {
            "layer": int(row[at]),
            "other_layer": int(column[at]),
            "correlation": float(each[at]),
            "low": float(low[at]),
            "high": float(high[at]),
            "unweighted": float(flat[at]),
        }
        for at in range(len(each))
    ]


def _language_rows(fisher: np.ndarray, languages: tuple[str, ...]) -> Rows:
    tables = error_geometry.correlations(fisher.sum(axis=1))
    rows: Rows = []
    for language, table in zip(languages, tables, strict=True):
        values = error_geometry.pairs(table)
        rows.append(
            {
                "language": language,
                "mean": float(values.mean()),
                "typical": float(np.sqrt(np.mean(values**2))),
                "first_last": float(table[0, -1]),
            }
        )
    return rows


def _null_rows(null: np.ndarray) -> Rows:
    summaries = {
        "mean": null.mean(axis=1),
        "typical": np.sqrt(np.mean(null**2, axis=1)),
        "first_last": null[:, _layers_of(null.shape[1]) - 2],
    }
    rows: Rows = []
    for name, values in summaries.items():
        low, high = np.quantile(values, [0.025, 0.975])
        rows.append({"of": name, "low": float(low), "high": float(high)})
    return rows


def _layers_of(n_pairs: int) -> int:
    return (1 + int(np.sqrt(1 + 8 * n_pairs))) // 2


EXPERIMENT = Experiment(
    id="T-006",
    title="Correlation of errors at the logits",
    question="Do errors of different layers add up, cancel, or neither, and does that "
    "predict what pairs of layers lose together?",
    support="The typical correlation over pairs is below 0.1 by its interval; that of "
    "first and last layer is below 0; the rank correlation of predicted and measured "
    "interactions is above 0 and not reached by permuted layers.",
    refutation="The typical correlation is above 0.1; that of first and last layer is "
    "above -0.05; the rank correlation is below 0.2.",
    control="A random sign for the error of every layer and sentence; permuted layers; "
    "predictions from other texts.",
    run=_run,
    passes=4,
)
