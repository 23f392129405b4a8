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
# # Quickstart: what does 4-bit quantization cost each language?
#
# The idea of `jaxdisp` fits in one array: `nll[config, language, sentence]`, the loss
# in nats of every sentence, in every language, in every configuration of the model.
# The sentences are parallel (sentence 17 says the same thing in every language), so
# every statistic made of this array is paired.

# %%
import jax
import numpy as np

from jaxdisp import measure, models
from jaxdisp.measure import corpus, degradation, disparity

# %% [markdown]
# The package brings a small multilingual GPT-2 and 128 parallel sentences in 16
# languages, in 16 short texts. Any directory in Hugging Face format and any directory
# of aligned `<language>.txt` files will do as well.

# %%
model = models.load()
languages = ["en", "de", "ko", "sw"]
text = corpus.spread(measure.load_corpus(languages=languages), limit=48)
print(model.config)
print(text.languages, text.n_sentences, "sentences", len(set(text.groups)), "texts")

# %% [markdown]
# ## A configuration is data
#
# An *assignment* holds one integer per layer: 0 leaves the layer in full precision, 1
# takes it from the first quantizer, 2 from the second. No assignment needs a new
# program.

# %%
quantizer = models.Quantizer(bits=3, grid="symmetric", granularity="channel")
n_layers = model.config.n_layers
full = np.zeros(n_layers, int)
quantized = np.ones(n_layers, int)
first_protected = quantized.copy()
first_protected[0] = 0

cube = measure.evaluate(model, text, [full, quantized, first_protected], [quantizer])
print(cube.nll.shape, "= config, language, sentence")

# %% [markdown]
# ## What each language loses
#
# Nats per parallel sentence is the unit to compare languages by: tokens differ between
# languages, and so do bytes. Sentences of one text are not independent, so the
# bootstrap resamples whole texts, the same ones in every language.

# %%
key = jax.random.key(0)
groups = np.array(text.groups)
lost = degradation.degradation(
    cube, cube.nll[0], groups, key=key, vocabulary=model.config.vocabulary
)
for place, language in enumerate(text.languages):
    for config, name in ((1, "all quantized"), (2, "layer 0 protected")):
        estimate, low, high = (
            float(bound[config, place])
            for bound in (
                lost.per_sentence.estimate,
                lost.per_sentence.low,
                lost.per_sentence.high,
            )
        )
        print(f"{language}  {name:18} {estimate:6.2f}  [{low:5.2f}, {high:5.2f}]")

# %% [markdown]
# ## How unequal that is
#
# Disparity is never shown without the level of the loss: a model can be made more equal
# by making the best language worse.

# %%
sides = disparity.contrast(text.languages, model.training_bytes)
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
