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
# # Which layers?
#
# If some layers may stay in full precision, which? A layer that hurts when it is
# quantized alone need not be the one that helps most when it is protected in a
# quantized model, and the best pair need not be the two best layers.

# %%
# %matplotlib inline
from IPython.display import display

from jaxdisp import models
from jaxdisp.report import jobs, plots, settings
from jaxdisp.report.search_lattice import Search

quantizer = models.Quantizer(bits=3, grid="symmetric", granularity="channel")
shared = {
    "model": None,
    "revision": None,
    "corpus": None,
    "languages": ("en", "ko", "sw"),
    "quantizer": quantizer,
    "reference": None,
    "seed": 0,
}

# %% [markdown]
# ## One layer at a time
#
# *Quantized alone*: what a language loses if only this layer is rounded. *Protected
# alone*: what it gains if only this layer is not. Eight sentences, of eight texts.

# %%
wanted = settings.Settings(command="measure", limit=8, layer_limit=8, **shared)
results = jobs.execute(wanted, settings.open_inputs(wanted))
figures = {each.name: each for each in plots.illustrations(results)}
print(figures["layers"].alt)
display(figures["layers"].figure)

# %% [markdown]
# A marked cell is one whose interval leaves out 0. With 12 layers, three languages and
# two questions there are 72 cells, so three or four would be marked by chance alone.
#
# ## All pairs
#
# There are 66 ways to protect two of twelve layers. All are measured on the same
# sentences; the engine shares what they have in common.

# %%
search = Search(keep=2, objective="worst", bits=(quantizer.bits,))
wanted = settings.Settings(command="search", limit=8, search=search, **shared)
searched = jobs.execute(wanted, settings.open_inputs(wanted))
none = searched["unprotected"]
print(
    f"nothing protected: worst {none['worst']:.2f} "
    f"[{none['worst_low']:.2f}, {none['worst_high']:.2f}] nats per sentence"
)
for row in sorted(searched["sets"], key=lambda row: row["rank"])[:5]:
    print(
        f"{row['rank']}. layers {row['layers']}: worst {row['worst']:.2f} "
        f"[{row['worst_low']:.2f}, {row['worst_high']:.2f}]  rank "
        f"{row['rank_low']} to {row['rank_high']}, best in "
        f"{100 * row['share_best']:.0f} % of resamples"
    )
print(len(searched["best_sets"]), "of", len(searched["sets"]), "may be the best")

# %%
figures = {each.name: each for each in plots.illustrations(searched)}
print(figures["sets"].alt)
display(figures["sets"].figure)

# %% [markdown]
# **Read the ranks' intervals.** The first of 66 is partly first by luck. If its rank
# may be anything from 1 to 66, then eight sentences cannot choose, whatever the points
# look like. And what the winner saves is flattered by having won: `jaxdisp run` and
# `jaxdisp search` measure the recommended set again, on sentences that had no part in
# the choice.
#
# ## What a layer is worth, whatever the others are
#
# The Shapley value shares the loss among layers: what a layer adds, averaged over the
# sets it could join. Pairs that are worth more, or less, than their parts are its
# interactions.

# %%
print(figures["layer_shares"].alt)
display(figures["layer_shares"].figure)

# %% [markdown]
# ## What not to conclude
#
# - That the set of rank 1 is best, unless few sets share that claim.
# - That these layers matter in another model, at other bits or for other languages.
# - That a set which makes languages more equal is better: look at `mean` and `worst`
#   beside it. A search marks sets that only level down.
#
# ## To try
#
# 1. `limit=32`: how many sets are still not distinguishable from the best?
# 2. `objective="mean"`: is it the same set? If not, whom does it leave behind?
# 3. `Search(budget="24%")`: how many bytes buy how much; see the figure `pareto`.
# 4. `bits=(3, 8)`: protected layers in 8 bits instead of full precision.
