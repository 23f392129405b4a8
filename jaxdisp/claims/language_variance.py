"""T-003: do languages differ most in the first, three-quarter and last layers?"""

from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Float, Int

from jaxdisp.claims.experiment import Experiment, Outcome, Rows, Subject
from jaxdisp.claims.finding import Claim, Finding, judge, not_applicable
from jaxdisp.measure import language_variance as measure
from jaxdisp.measure import states
from jaxdisp.result import result
from jaxdisp.search import lattice
from jaxdisp.stats.jackknife import bonferroni_level, jackknife_interval
from jaxdisp.stats.outliers import set_contrast
from jaxdisp.stats.variance_components import row_variance, shuffled_excess

SHUFFLES = 200
LEAST_TEXTS, LEAST_LAYERS = 4, 8
"""Of 8 layers there are 56 sets of three, so that one can be among the top 2.5 %."""

LEAST = 0.1
"""Ten per cent of an average layer: the notes claim 137 (a ratio of 3.08)."""

LEVEL = bonferroni_level(2)
METHOD = "jackknife over texts, for two statistics; rank among all sets of three layers"
UNIT = "of an average layer's variance between languages"
CLAIMS = {
    "means": Claim(
        id="T-003",
        statement="Mean states of languages differ more in the first, three-quarter "
        "and last layers than in the others",
        source="research notes, T-003",
        unit=UNIT,
        method=METHOD,
        least=LEAST,
    ),
    "spreads": Claim(
        id="T-003b",
        statement="Log-variances of channels differ more between languages in the "
        "first, three-quarter and last layers than in the others",
        source="research notes, T-003",
        unit=UNIT,
        method=METHOD,
        least=LEAST,
    ),
}


@result
class Variances:
    """Variance between languages of one statistic, layer by layer.

    `observed` is that of the statistic as it is and `excess` what noise of the texts
    does not explain; `left_*` are without one text each, `shuffled` are excesses with
    languages shuffled, `without` those without one language each.
    """

    observed: Float[np.ndarray, " layer"]
    excess: Float[np.ndarray, " layer"]
    left_observed: Float[np.ndarray, "text layer"]
    left_excess: Float[np.ndarray, "text layer"]
    shuffled: Float[np.ndarray, "draw layer"]
    without: Float[np.ndarray, "language layer"]


def run(subject: Subject) -> Outcome:
    """Measures the variance between languages after every layer, and compares layers.

    Args:
        subject: model and text.

    Reference: our own definition, after the research notes' T-003.
    """
    missing, found = _missing(subject), None
    if missing is None:
        found = measure.text_sums(
            states.language_states(
                subject.model, subject.corpus, stride=subject.stride
            ),
            subject.corpus.groups,
        )
        missing = _too_few(found)
    if found is None or missing is not None:
        n_texts = len(set(subject.corpus.groups))
        return Outcome(
            findings=tuple(
                not_applicable(claim, n_texts, missing or "")
                for claim in CLAIMS.values()
            ),
            tables={},
        )
    n_languages, n_texts = found.counts.shape
    bits = jax.random.bits(subject.key, (SHUFFLES, n_texts, n_languages))
    order = np.argsort(np.asarray(bits), axis=2)
    kept = [
        measure.profiles(found, 1 + layer)
        for layer in range(subject.model.config.n_layers)
    ]
    measured = {
        "means": compare([one.means for one in kept], order),
        "spreads": compare([one.spreads for one in kept], order),
    }
    return Outcome(
        findings=tuple(decide(CLAIMS[name], v) for name, v in measured.items()),
        tables={
            "layers": [r for name, v in measured.items() for r in _layers(name, v)],
            "contrasts": [_contrast(name, v) for name, v in measured.items()],
        },
    )


def compare(
    cells: Sequence[Float[np.ndarray, "language text ..."]],
    order: Int[np.ndarray, "draw text language"],
) -> Variances:
    """Measures the variance between languages of each layer's pseudo-values.

    Args:
        cells: of each layer, by language and text.
        order: languages as shuffled, per draw and text.

    Reference: as `stats.variance_components.row_variance`.
    """
    n_languages, n_texts = cells[0].shape[:2]
    whole = [row_variance(layer) for layer in cells]
    left = [
        [row_variance(np.delete(layer, text, axis=1)) for layer in cells]
        for text in range(n_texts)
    ]
    without = [
        [row_variance(np.delete(layer, language, axis=0)).excess for layer in cells]
        for language in range(n_languages if n_languages > 2 else 0)
    ]
    return Variances(
        observed=np.array([one.observed for one in whole]),
        excess=np.array([one.excess for one in whole]),
        left_observed=np.array([[one.observed for one in row] for row in left]),
        left_excess=np.array([[one.excess for one in row] for row in left]),
        shuffled=np.stack([shuffled_excess(layer, order) for layer in cells], axis=1),
        without=np.array(without).reshape(-1, len(cells)),
    )


def decide(claim: Claim, found: Variances) -> Finding:
    """Judges whether the three layers show more variance between languages.

    Definition: the effect is the mean excess of the three layers less that of the
    others, over the mean observed variance of all layers. It must lie above 0 for other
    texts, be among the largest 2.5 % of all sets of three layers, and exceed what 97.5
    % of shuffles of the languages give. That the noise is taken off leaves the effect
    around 0 where languages do not differ.

    Args:
        claim: of the statistic.
        found: variances by layer.

    Reference: our own definition.
    """
    n_texts, n_layers = found.left_excess.shape
    scale = float(found.observed.mean())
    if scale == 0:
        return not_applicable(claim, n_texts, "all languages are alike in all layers")
    chosen = lattice.gateways(n_layers)
    estimate = float(_difference(found.excess, chosen)) / scale
    left = _difference(found.left_excess, chosen) / found.left_observed.mean(axis=1)
    bounds = jackknife_interval(np.array([estimate]), left[:, None], level=LEVEL)
    sets = set_contrast(found.excess, chosen)
    shuffles = _difference(found.shuffled, chosen) / scale
    share = (1 + np.sum(shuffles >= estimate)) / (1 + len(shuffles))
    control = None
    if share > 1 - LEVEL:
        control = f"{share:.0%} of shuffles of the languages reach it"
    if sets.rank / sets.n_sets > 1 - LEVEL:
        control = f"{sets.rank - 1} of {sets.n_sets} sets of three layers exceed it"
    largest = int(np.argmax(found.excess))
    return judge(
        claim,
        estimate,
        (bounds[0].item(), bounds[1].item()),
        n_texts,
        f"layers {', '.join(map(str, chosen))} rank {sets.rank} of {sets.n_sets} sets; "
        f"the largest variance is after layer {largest}",
        control=control,
    )


def _difference(values: np.ndarray, chosen: Sequence[int]) -> np.ndarray:
    """The mean of the chosen layers less that of the others, on the last axis."""
    inside = np.isin(np.arange(values.shape[-1]), chosen)
    return np.asarray(
        values[..., inside].mean(axis=-1) - values[..., ~inside].mean(axis=-1)
    )


def _missing(subject: Subject) -> str | None:
    """What is too few to begin with."""
    n_texts = len(set(subject.corpus.groups))
    n_languages = len(subject.corpus.languages)
    n_layers = subject.model.config.n_layers
    if n_languages < 2:
        return f"needs at least 2 languages, got {n_languages}"
    if n_texts < LEAST_TEXTS:
        return f"needs at least {LEAST_TEXTS} texts, got {n_texts}"
    if n_layers < LEAST_LAYERS:
        return f"needs at least {LEAST_LAYERS} layers, got {n_layers}"
    return None


def _too_few(found: measure.TextSums) -> str | None:
    fewest = measure.fewest_tokens(found)
    if fewest < measure.LEAST_TOKENS:
        return (
            f"needs at least {measure.LEAST_TOKENS} tokens of each language without "
            f"any one text, got {fewest}"
        )
    return None


def _layers(name: str, found: Variances) -> Rows:
    chosen = lattice.gateways(len(found.excess))
    low, high = jackknife_interval(found.excess, found.left_excess)
    shuffled = np.quantile(found.shuffled, [0.025, 0.975], axis=0)
    return [
        {
            "statistic": name,
            "layer": layer,
            "gateway": "yes" if layer in chosen else "no",
            "observed": float(found.observed[layer]),
            "noise": float(found.observed[layer] - found.excess[layer]),
            "excess": float(found.excess[layer]),
            "low": float(low[layer]),
            "high": float(high[layer]),
            "shuffled_low": float(shuffled[0, layer]),
            "shuffled_high": float(shuffled[1, layer]),
        }
        for layer in range(len(found.excess))
    ]


def _contrast(name: str, found: Variances) -> dict[str, str | int | float | None]:
    chosen = lattice.gateways(len(found.excess))
    scale = float(found.observed.mean()) or 1.0
    sets = set_contrast(found.excess, chosen)
    shuffled = np.quantile(_difference(found.shuffled, chosen), [0.025, 0.975]) / scale
    without = _difference(found.without, chosen) / scale
    return {
        "statistic": name,
        "contrast": sets.estimate / scale,
        "rank": sets.rank,
        "sets": sets.n_sets,
        "shuffled_low": float(shuffled[0]),
        "shuffled_high": float(shuffled[1]),
        "without_a_language_low": float(without.min()) if len(without) else None,
        "without_a_language_high": float(without.max()) if len(without) else None,
    }


EXPERIMENT = Experiment(
    id="T-003",
    title="Variance between languages by layer",
    question="Do activation statistics differ more between languages in the first, "
    "three-quarter and last layers than in the others?",
    support="The variance between languages beyond the noise of texts, over that of "
    "tokens, is larger in these layers for other texts too, and this set of three is "
    "among the highest 2.5 % of all sets.",
    refutation="The difference is surely less than 10 % of an average layer's variance "
    "between languages.",
    control="Languages shuffled within each text, which leaves no variance between "
    "them; all other sets of three layers.",
    run=run,
    passes=1,
)
