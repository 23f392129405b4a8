"""Numbers of the notes' repository that claims about kurtosis are checked with."""

LANGUAGES = (
    "ara", "deu", "eng", "fin", "fra", "heb", "hin", "jpn", "kor", "rus", "tha", "tur",
    "vie", "zho",
)  # fmt: skip
OUTLIER_SHARES = (
    0.1771732773, 0.1900691262, 0.2047234324, 0.1910289948, 0.2019148548,
    0.1831268397, 0.1720823157, 0.1805417787, 0.1787983414, 0.1819722306,
    0.1752024760, 0.1828796359, 0.1898071015, 0.1826203472,
)  # fmt: skip
"""Share of activation in BLOOM's outlier layers, in quant-disparity:
experiments/phase-1-extraction/outlier_activation.json."""

DEGRADATIONS = (
    0.025, 0.008, 0.005, 0.016, 0.007, 0.020, 0.021, 0.022, 0.018, 0.012, 0.020, 0.015,
    0.009, 0.013,
)  # fmt: skip
"""Of other models (Command R, Aya 23), "approximated from figures" of Marchisio et al.
2024, in quant-disparity: data/degradation.json."""

BLOOM_LAYERS = (
    8.13, 4.71, 1.74, 2.64, 76.28, 125.92, 44.80, 39.05, 8.03, 8.98, 5.47, 3.44, 2.84,
    1.48, 0.96, 0.98, 1.37, 1.81, 2.99, 4.63, 16.37, 148.20, 164.30, 36.31,
)  # fmt: skip
XGLM_LAYERS = (
    1.94, 1.22, 0.76, 0.68, 0.66, 0.81, 1.17, 1.08, 0.80, 0.41, 0.35, 0.28, 0.25, 0.22,
    0.19, 0.20, 0.22, 0.33, 0.31, 0.32, 0.36, 0.52, 0.65, 1.52,
)  # fmt: skip
"""Excess kurtosis by layer, in quant-disparity: experiments/phase-1-extraction/
bloom_architecture.json and xglm_layer_kurtosis.json."""

XGLM_DEGRADATIONS: tuple[float, ...] = ()
"""Measured for XGLM in the repository: none."""

OUTLIERS, NEAR_OUTLIERS = (5, 21, 22), (4, 5, 6, 7, 20, 21, 22, 23)
"""Layers of the notes' two classes, in quant-disparity: theory/validate_theory.py."""
