"""Claims of the simulated suite, by simulating it anew."""

import jax
import numpy as np
import pytest

from jaxdisp.claims.ledger import published_runs as published
from jaxdisp.claims.ledger import suite_claims as claims
from jaxdisp.claims.ledger.judgement import judged
from tests.claims.ledger import planted

ENTRY = {entry.id: entry for entry in claims.ENTRIES}
A = published.ALIGNMENT


def test_the_variance_between_simulated_languages():
    noise = np.abs(np.asarray(jax.random.normal(jax.random.key(0), (150, 2, 8, 768))))
    means = noise.mean(axis=3)
    variance = [
        np.var(means[:, place] * factor, axis=1).mean()
        for place, factor in enumerate((0.8 + 0.4 * A, 0.9 + 0.2 * A))
    ]
    found = ENTRY["E13"].recompute().values["expected ratio"]
    # 150 draws of a ratio whose single draws scatter by a few per cent
    assert found == pytest.approx(variance[0] / variance[1], rel=0.05)


def test_cosines_of_simulated_activations():
    keys = jax.random.split(jax.random.key(1))
    clean, noise = (np.asarray(jax.random.normal(key, (50, 8, 768))) for key in keys)
    clean = np.abs(clean) * (0.8 + 0.4 * A)[:, None]
    low = np.where(np.arange(8) < 4, 1.0, 1.5)[:, None]
    found = ENTRY["E14"].recompute().values
    for name, scale in (("last", 0.4), ("none", 0.3), ("first", 0.2), ("both", 0.1)):
        noisy = clean + scale * low * noise
        lengths = np.linalg.norm(clean, axis=2) * np.linalg.norm(noisy, axis=2)
        cosine = np.mean(np.sum(clean * noisy, axis=2) / lengths)
        # half-normal activations of 768 channels scatter by 1 %, averaged over 400
        assert found[f"cosine, {name} protected"] == pytest.approx(cosine, abs=0.002)


def test_effective_kurtosis_follows_from_alignment_whatever_kurtoses_are():
    share = (0.8 + 0.4 * A)[:, None] * np.array([1.0] * 3 + [0.0] * 9)
    share = share + (0.9 + 0.2 * A)[:, None] * np.array([0.0] * 3 + [1.0] * 9)
    share = share / share.sum(axis=1, keepdims=True)
    degradation = 0.05 + 0.25 * (1 - A)
    expected = ENTRY["E15"].recompute().values["correlation without noise"]
    for gateway, other in ((1.9, 0.1), (90.0, 4.0)):
        kurtosis = share @ np.array([gateway] * 3 + [other] * 9)
        r = np.corrcoef(kurtosis, degradation)[0, 1]
        assert r == pytest.approx(expected, rel=1e-9)


def test_condition_numbers_of_random_matrices():
    n, above = 32, 20.0
    drawn = np.asarray(jax.random.normal(jax.random.key(2), (3000, n, n)), np.float64)
    condition = np.linalg.cond(drawn)
    share = np.mean(condition > above * n)
    # the limiting law, with three standard errors of 3000 matrices
    assert 1 - np.exp(-2 / above - 2 / above**2) == pytest.approx(share, abs=0.02)
    x = 61140.05 / 768
    found = ENTRY["E16"].recompute().values["share of random matrices with as much"]
    assert found == pytest.approx(2 / x, rel=0.01)


def test_centred_vectors_of_languages_span_one_less():
    drawn = np.asarray(jax.random.normal(jax.random.key(3), (8, 768)), np.float64)
    assert np.linalg.matrix_rank(drawn - drawn.mean(axis=0)) == 7
    values = np.linalg.svd(drawn - drawn.mean(axis=0), compute_uv=False) ** 2
    shares = np.cumsum(values) / values.sum()
    assert np.searchsorted(shares, 0.95) + 1 == 7


def test_an_altered_title_is_noticed():
    assert ENTRY["E12"].recompute().verdict == "fails"
    assert [n for n, t in claims.TITLES["suite"].items() if "kurtosis" in t] == [
        "T-009"
    ]


@pytest.mark.parametrize(
    ("name", "finding"),
    [
        ("E13", "T-003"),
        ("E14", "T-004"),
        ("E16", "T-005b"),
        ("E17", "T-008"),
        ("E20", "T-006"),
        ("E21", "T-007"),
    ],
)
def test_measured_findings_are_taken_over(name, finding):
    known = planted.evidence(findings=[planted.finding(finding, "fails")])
    found = judged(ENTRY[name], known)
    assert (found.id, found.verdict) == (name, "fails")
    assert finding.startswith(ENTRY[name].experiments[0])


@pytest.mark.parametrize(("sign", "said"), [(-1, "holds"), (1, "fails")])
def test_kurtosis_against_losses_has_the_sign_of_the_claim(sign, said, monkeypatch):
    lost = np.arange(1.0, 13.0)
    kurtosis = (sign * lost).tolist()

    class Losses:
        everything = np.repeat(lost[:, None], 3, axis=1)
        full = np.zeros((12, 3))

    monkeypatch.setattr(claims.losses, "layer_losses", lambda _: Losses)
    known = planted.evidence({"kurtoses by language": {"layers": kurtosis}})
    assert judged(ENTRY["E15"], known).verdict == said
