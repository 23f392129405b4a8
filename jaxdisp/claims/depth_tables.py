"""What is followed through depth, and its tables: by tap, by layer, by language."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from jaxdisp.claims.experiment import Rows
from jaxdisp.measure import mean_field
from jaxdisp.result import result
from jaxdisp.search import lattice
from jaxdisp.stats.jackknife import jackknife_interval


@result
class Depth:
    """Two runs of a model compared, over all texts and without one each.

    `error` is the log of the relative error of run 1, `power` the mean square of a
    channel, `correlation` the mean cosine of states of different texts.
    """

    error: Float[np.ndarray, "language tap all"]
    power: Float[np.ndarray, "version language tap all"]
    correlation: Float[np.ndarray, "version language tap all"]


@result
class Measured:
    """The model quantized, and with noise put in, and both of a null model.

    `quantized` has all layers quantized, `first` the first one alone.
    """

    quantized: Depth
    first: Depth
    noise: Depth
    null: Depth
    null_noise: Depth


def taps(found: Measured) -> Rows:
    """Lists signal, correlation and errors before and after every layer.

    Errors are geometric means over languages, all else are means.

    Args:
        found: what was measured.

    Reference: our own definition.
    """
    own, null = found.quantized, found.null
    columns = {
        "power": (own.power[0].mean(axis=0), False),
        "power_quantized": (own.power[1].mean(axis=0), False),
        "correlation": (own.correlation[0].mean(axis=0), False),
        "correlation_quantized": (own.correlation[1].mean(axis=0), False),
        "correlation_shuffled": (null.correlation[0].mean(axis=0), False),
        "error": (own.error.mean(axis=0), True),
        "error_of_layer_0": (found.first.error.mean(axis=0), True),
        "error_shuffled": (null.error.mean(axis=0), True),
        "error_of_noise": (found.noise.error.mean(axis=0), True),
        "error_of_noise_shuffled": (found.null_noise.error.mean(axis=0), True),
    }
    return [
        {"tap": tap}
        | {
            key: value
            for name, (x, log) in columns.items()
            for key, value in _bounded(name, x[tap], log=log).items()
        }
        for tap in range(own.error.shape[1])
    ]


def layers(found: Measured) -> Rows:
    """Lists by how much each layer makes noise grow, in nats of its relative error.

    Args:
        found: what was measured.

    Reference: our own definition.
    """
    gains, null = (
        np.diff(x.error.mean(axis=0), axis=0) for x in (found.noise, found.null_noise)
    )
    n_layers = len(gains)
    gateways = lattice.gateways(n_layers) if n_layers >= 5 else ()
    return [
        {"layer": layer, "gateway": int(layer in gateways)}
        | _bounded("gain", gains[layer])
        | _bounded("gain_shuffled", null[layer])
        for layer in range(n_layers)
    ]


def languages(found: Measured, names: Sequence[str]) -> Rows:
    """Lists how errors grow in each language, and how its states become alike.

    Args:
        found: what was measured.
        names: of the languages.

    Reference: our own definition.
    """
    own = found.quantized
    slope = mean_field.depth_slope(own.error[:, 1:].swapaxes(1, 2))
    decay = mean_field.correlation_length(own.correlation[..., 0])
    lengths = np.where(np.isfinite(decay.length), decay.length, 0.0).tolist()
    return [
        {"language": name}
        | _bounded("slope", slope[place])
        | _bounded("error", own.error[place, -1], log=True)
        | _bounded("correlation", own.correlation[0, place, -1])
        | _bounded("correlation_quantized", own.correlation[1, place, -1])
        | {
            "length": lengths[0][place] or None,
            "length_quantized": lengths[1][place] or None,
            "explained": float(decay.explained[0, place]),
            "explained_quantized": float(decay.explained[1, place]),
        }
        for place, name in enumerate(names)
    ]


def _bounded(
    name: str, values: Float[np.ndarray, " all"], *, log: bool = False
) -> dict[str, float | None]:
    """A number with its interval over texts; None where there is none."""
    if not np.all(np.isfinite(values)):
        return dict.fromkeys((name, f"{name}_low", f"{name}_high"))
    low, high = jackknife_interval(values[:1], values[1:, None])
    found = np.concatenate([values[:1], low, high])
    estimate, low, high = (np.exp(found) if log else found).tolist()
    return {name: estimate, f"{name}_low": low, f"{name}_high": high}
