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
# # Measure a disparity, and read it
#
# What does 3-bit quantization cost each language, and how unequal is that? The idea of
# `jaxdisp` fits in one array: `nll[config, language, sentence]`, the loss in nats of
# every sentence, in every language, in every configuration of the model. The sentences
# are parallel (sentence 17 says the same thing in every language), so every statistic
# made of this array is paired.

# %%
# %matplotlib inline
import jax
import numpy as np
from IPython.display import display

from jaxdisp import measure, models
from jaxdisp.measure import corpus, degradation, disparity
from jaxdisp.report import jobs, plots, settings

# %% [markdown]
# The package brings a small multilingual GPT-2 and 128 parallel sentences in 16
# languages, in 16 short texts. Languages can be named by any of their codes: `eng`,
# `deu_Latn` and `ko-KR` would do as well.

# %%
model = models.load()
languages = ["en", "de", "ko", "sw"]
text = corpus.spread(measure.load_corpus(languages=languages), limit=48)
print(model.config.n_layers, "layers")
print(text.languages, text.n_sentences, "sentences", len(set(text.groups)), "texts")
print(text.facts.title, "-", text.facts.licence)

# %% [markdown]
# ## A configuration is data
#
# An *assignment* holds one integer per layer: 0 leaves the layer in full precision, 1
# takes it from the first quantizer. No assignment needs a new program.

# %%
quantizer = models.Quantizer(bits=3, grid="symmetric", granularity="channel")
quantized = np.ones(model.config.n_layers, int)
first_protected = quantized.copy()
first_protected[0] = 0

cube = measure.evaluate(
    model, text, [0 * quantized, quantized, first_protected], [quantizer]
)
print(cube.nll.shape, "= config, language, sentence")

# %% [markdown]
# ## What each language loses
#
# Nats per parallel sentence is the unit to compare languages by: they all say the same,
# while tokens and bytes differ. Sentences of one text are not independent, so the
# bootstrap draws whole texts, the same ones in every language.

# %%
key, groups = jax.random.key(0), np.array(text.groups)
lost = degradation.degradation(
    cube, cube.nll[0], groups, key=key, vocabulary=model.config.vocabulary
)
print("lost, nats per sentence, 95 %")
for place, language in enumerate(text.languages):
    for config, name in ((1, "all quantized"), (2, "layer 0 protected")):
        bounds = lost.per_sentence
        estimate, low, high = (
            float(bound[config, place])
            for bound in (bounds.estimate, bounds.low, bounds.high)
        )
        print(f"{language}  {name:18} {estimate:6.2f}  [{low:5.2f}, {high:5.2f}]")

# %% [markdown]
# **Reading an interval.** With other texts like these, this model would have lost
# something between the two ends: the interval is about texts, not about other models
# or other ways to round. An interval that holds 0 is no proof of no loss; it says that
# these texts cannot tell. Whether two languages differ is *not* seen from intervals
# that overlap, because the losses of one text go together in all languages. It is seen
# from the interval of their difference, below.
#
# ## How unequal that is
#
# Disparity is never shown without the level of the loss: a model can be made more equal
# by making the best language worse.

# %%
sides = disparity.contrast(text.languages, model.training_bytes)
assert sides is not None  # it is known how much text the model was trained on
print("little training text:", *sides.low, " much:", *sides.high)
unequal = disparity.disparity(
    cube,
    cube.nll[0],
    groups,
    weights=disparity.weights_of(sides, text.languages),
    key=key,
)
for name in ("mean", "worst", "max_min", "difference"):
    found = getattr(unequal, name)
    print(
        f"{name:12} all quantized {float(found.estimate[1]):6.3f} "
        f"[{float(found.low[1]):6.3f}, {float(found.high[1]):6.3f}]   "
        f"layer 0 protected {float(found.estimate[2]):6.3f} "
        f"[{float(found.low[2]):6.3f}, {float(found.high[2]):6.3f}]"
    )
print("levelled down:", np.asarray(disparity.levels_down(unequal, base=1)))

# %% [markdown]
# `difference` is what languages with little training text lose beyond the others.
# Where its interval holds 0, this run does not show that the model is unfair to either
# side, and it does not show that it is fair. `max_min` is never negative: even equal
# languages would show some of it by chance, so it alone proves nothing.
#
# ## The figures of the report
#
# `jaxdisp measure --output DIR` does all of the above and keeps it. The same from
# Python, with the figures that its report shows:

# %%
wanted = settings.Settings(
    command="measure",
    model=None,
    revision=None,
    corpus=None,
    languages=tuple(languages),
    quantizer=quantizer,
    limit=48,
    reference=None,
    seed=0,
)
results = jobs.execute(wanted, settings.open_inputs(wanted))
figures = {each.name: each for each in plots.illustrations(results)}
print(figures["degradation"].alt)
display(figures["degradation"].figure)

# %%
print(figures["disparity"].alt)
display(figures["disparity"].figure)

# %% [markdown]
# ## What not to conclude
#
# - That a language is "harder" because it loses more: its text may be longer, its
#   tokens shorter, its training text less. This measures a cost and no cause of it.
# - That a difference in *percent of perplexity* is larger: such percentages explode
#   where losses do not. Nats add up.
# - Anything about other models, or about 4 bits from 3.
#
# ## To try
#
# 1. `bits=4` and `granularity="tensor"`: which of the two matters more, and is the
#    difference between them outside its interval?
# 2. All 128 sentences (`limit=None`): how much narrower do the intervals become? Why
#    not by the square root of 128 / 48?
# 3. Protect the last layer instead of the first.
# 4. `reference="en"`: the contrast becomes all others against English.
