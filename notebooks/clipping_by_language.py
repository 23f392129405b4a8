# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Clipping by language
#
# Before weights are rounded, they are clipped: the threshold decides between coarse
# steps for all and lost extremes for a few. It is usually chosen for the weights as
# they are. But an error in a weight costs a language only as far as its activations
# meet that weight, so the best threshold may differ among languages. Does it matter?

# %%
# %matplotlib inline
from IPython.display import display

from jaxdisp import models
from jaxdisp.report import clip_plots, jobs, law_thresholds, plots, settings

# %% [markdown]
# ## One threshold, from theory
#
# For weights that follow a law there is a threshold of least mean squared error. Few
# bits want to clip early, heavy tails late.

# %%
for law in ("gaussian", "laplace"):
    for bits in (2, 3, 4, 8):
        found = law_thresholds.law_thresholds(law, bits)
        best = found["in_standard_deviations"]["exact_symmetric"]
        print(f"{law:9} {bits} bits: clip at {best:.2f} standard deviations")

# %%
curves, _ = clip_plots.of_law(law_thresholds.law_thresholds("laplace", 4))
print(curves.alt)
display(curves.figure)

# %% [markdown]
# The curve is flat around its minimum: a threshold that is 10 % off costs next to
# nothing. Remember that when thresholds of languages turn out to differ a little.
#
# ## Thresholds of a model and its languages
#
# `absmax` clips nothing. `exact` has the least error of the weights. `average` and
# `minimax` look at activations: the least error of the outputs on average over
# languages, and for the language that is worst off. Each rule is then deployed, and
# what a language loses is measured.

# %%
wanted = settings.Settings(
    command="measure",
    model=None,
    revision=None,
    corpus=None,
    languages=("en", "ko", "sw"),
    quantizer=models.Quantizer(bits=4, grid="symmetric", granularity="tensor"),
    limit=16,
    reference=None,
    seed=0,
    clip_limit=16,
    deploy="minimax",
)
results = jobs.execute(wanted, settings.open_inputs(wanted))
compared = results["clipping"]
for row in compared["degradation"]:
    if row["rule"] in ("absmax", "exact", "minimax"):
        print(
            f"{row['language']}  {row['rule']:8} {row['d_sent']:6.2f} "
            f"[{row['d_sent_low']:5.2f}, {row['d_sent_high']:5.2f}] nats per sentence"
        )

# %%
figures = {each.name: each for each in plots.illustrations(results)}
print(figures["clipping"].alt)
display(figures["clipping"].figure)

# %% [markdown]
# ## Read the differences, not the levels
#
# On the left, intervals of rules overlap widely, because texts differ much from one
# another. On the right are differences of the same sentences under two rules, which are
# known far better. Only an interval there that leaves out 0 is a finding.

# %%
for row in compared["differences"]:
    if (row["rule"], row["against"]) in (("exact", "absmax"), ("minimax", "exact")):
        print(
            f"{row['language']}  {row['rule']} against {row['against']:7} "
            f"{row['effect']:6.2f} [{row['effect_low']:5.2f}, "
            f"{row['effect_high']:5.2f}] nats per sentence  {row['flag']}"
        )
print(compared["verdict"])

# %% [markdown]
# ## What not to conclude
#
# - That a rule helps a language because one of many intervals leaves out 0. The verdict
#   says how many would by chance alone.
# - That a smaller error of weights or outputs is a smaller loss. It is measured here
#   for that reason: 16 sentences, one model, one scheme.
# - That clipping by language is deployable: weights have one threshold, whatever
#   language comes in. `minimax` is what one threshold can do for the worst off.
#
# ## To try
#
# 1. `granularity="channel"`: with a threshold for every channel, what is left to gain?
# 2. `bits=3` and `bits=8`: where do rules differ most? The theory above says why.
# 3. `jaxdisp clip --languages en,ko,sw` shows the thresholds of every matrix, and how
#    far those of one language are from those of another.
# 4. Set `calibration="ntrex:DIR"`: thresholds from news, losses from these texts.
