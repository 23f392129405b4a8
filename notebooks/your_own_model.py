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
# # Your own model and corpus
#
# A model is a directory as Hugging Face writes it: `config.json`, weights in
# safetensors, `tokenizer.json`. A corpus is a directory of aligned `<language>.txt`.
# This notebook makes both, tiny, in a temporary directory; put in your own paths.

# %%
# %matplotlib inline
import dataclasses
import json
import pathlib
import tempfile

import jax
import numpy as np
import safetensors.numpy
from IPython.display import display

from jaxdisp import measure, models
from jaxdisp.models import model as opening
from jaxdisp.models import vocabulary
from jaxdisp.report import jobs, plots, settings
from jaxdisp.report.plans import deployed, predicted
from jaxdisp.report.plans import plan as plans

place = pathlib.Path(tempfile.mkdtemp())

# %% [markdown]
# ## A corpus
#
# Line *n* is the same sentence in every language. `groups.tsv` says which lines belong
# to one text, `corpus.toml` what text it is. The names are codes of languages; any of
# the usual ones will be understood (`docs/corpora.md`).

# %%
lines = {
    "en": [
        ("The cat sleeps.", "It is warm."),
        ("The train is late.", "We wait."),
        ("Bread needs time.", "Salt it well."),
        ("It rains again.", "Take a coat."),
    ],
    "de": [
        ("Die Katze schläft.", "Es ist warm."),
        ("Der Zug ist spät.", "Wir warten."),
        ("Brot braucht Zeit.", "Salze es gut."),
        ("Es regnet wieder.", "Nimm einen Mantel."),
    ],
    "fi": [
        ("Kissa nukkuu.", "On lämmintä."),
        ("Juna on myöhässä.", "Me odotamme."),
        ("Leipä vaatii aikaa.", "Suolaa se hyvin."),
        ("Taas sataa.", "Ota takki."),
    ],
}
(place / "corpus").mkdir()
for language, texts in lines.items():
    content = "\n".join(line for text in texts for line in text) + "\n"
    (place / "corpus" / f"{language}.txt").write_text(content, encoding="utf-8")
groups = ["line\tgroup", *(f"{n + 1}\ttext {n // 2}" for n in range(8))]
(place / "corpus" / "groups.tsv").write_text("\n".join(groups) + "\n")
(place / "corpus" / "corpus.toml").write_text('title = "Small talk"\nlicence = "CC0"\n')

text = measure.load_corpus(place / "corpus", ["eng", "deu", "fin"])
print(text.languages, text.codes, text.n_sentences, "sentences of", text.facts.title)

# %% [markdown]
# What is not parallel is refused, with the file and the line:

# %%
broken = place / "corpus" / "sv.txt"
broken.write_text("Katten sover.\n\n", encoding="utf-8")
try:
    measure.load_corpus(place / "corpus", ["sv", "en"])
except ValueError as error:
    print(str(error).removeprefix(str(place)))
broken.unlink()

# %% [markdown]
# ## A model
#
# A GPT-2 of two layers with weights drawn at random: what follows shows the way and
# means nothing. `training.json` beside the model is optional; it lets languages be
# compared by how much of their text the model has seen.

# %%
words = [line for texts in lines.values() for text_ in texts for line in text_]
tokenizer = vocabulary.train_vocabulary(tuple(words), 290)
config = {
    "model_type": "gpt2",
    "n_layer": 2,
    "n_head": 2,
    "n_embd": 16,
    "n_positions": 64,
    "vocab_size": 290,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
width = config["n_embd"]
shapes = {"wte.weight": (290, width), "wpe.weight": (64, width), "ln_f": width}
for layer in range(config["n_layer"]):
    shapes |= {
        f"h.{layer}.ln_1": width,
        f"h.{layer}.attn.c_attn": (width, 3 * width),
        f"h.{layer}.attn.c_proj": (width, width),
        f"h.{layer}.ln_2": width,
        f"h.{layer}.mlp.c_fc": (width, 4 * width),
        f"h.{layer}.mlp.c_proj": (4 * width, width),
    }
arrays = {}
keys = jax.random.split(jax.random.key(0), len(shapes))
for key, (name, shape) in zip(keys, shapes.items(), strict=True):
    if isinstance(shape, int):  # a normalization: gains of 1
        arrays[f"{name}.weight"] = np.ones(shape, np.float32)
        arrays[f"{name}.bias"] = np.zeros(shape, np.float32)
    elif name.endswith(".weight"):
        arrays[name] = np.array(0.3 * jax.random.normal(key, shape))
    else:
        arrays[f"{name}.weight"] = np.array(0.3 * jax.random.normal(key, shape))
        arrays[f"{name}.bias"] = np.zeros(shape[1], np.float32)

home = place / "model"
home.mkdir()
(home / "config.json").write_text(json.dumps(config))
(home / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")
(home / "training.json").write_text(
    json.dumps({"training_bytes": {"en": 9000, "de": 500, "fi": 100}})
)
safetensors.numpy.save_file(arrays, home / "model.safetensors", {"format": "pt"})

model = models.load(str(home))
print(model.architecture.name, model.config.n_layers, "layers", model.training_bytes)

# %% [markdown]
# `jaxdisp models DIR` says of any directory or hub id whether it is understood.
#
# ## Measure

# %%
quantizer = models.Quantizer(bits=3, grid="symmetric", granularity="channel")
wanted = settings.Settings(
    command="measure",
    model=str(home),
    revision=None,
    corpus=str(place / "corpus"),
    languages=("eng", "deu", "fin"),
    quantizer=quantizer,
    limit=None,
    reference=None,
    seed=0,
)
found = jobs.execute(wanted, settings.open_inputs(wanted))
for row in found["degradation"]:
    print(
        f"{row['language']}  {row['d_sent']:6.3f} "
        f"[{row['d_sent_low']:6.3f}, {row['d_sent_high']:6.3f}] nats per sentence"
        f"  {row['flag']}"
    )

# %%
found["model"] = "a model of our own"  # rather than where it happens to lie
figures = {each.name: each for each in plots.illustrations(found)}
print(figures["degradation"].alt)
display(figures["degradation"].figure)

# %% [markdown]
# Four texts are too few: intervals are wide and hold 0. That is the right answer for
# so little text, and no evidence that quantization is free. `collapsed` says that the
# rounded model predicts hardly better than chance, which random weights never did.
# `jaxdisp power` says how many sentences it takes to see a difference of a given size.
#
# ## A plan, and the model that it makes
#
# A plan says which layers are rounded and how. Its prediction is a measurement on the
# rounded model; the checkpoint that `jaxdisp quantize` writes has the same losses.

# %%
plan = plans.Plan(
    model=plans.target(model),
    quantizers=(quantizer,),
    assignment=(0, 1),  # the first layer stays in full precision
    outside=1,
)
foretold = predicted.predict(model, text, plan)
plan = dataclasses.replace(plan, predicted=foretold)
source = deployed.source_of(opening.describe(str(home)), str(home), None)
deployed.write(plan, source, place / "rounded")

rounded = models.load(str(place / "rounded"))
full = np.zeros((1, rounded.config.n_layers), int)
cube = measure.evaluate(rounded, text, full, [])
losses = np.asarray(cube.nll[0], np.float64).mean(axis=1)
for language, loss in zip(text.languages, losses, strict=True):
    row = next(r for r in foretold["languages"] if r["language"] == language)
    print(
        f"{language}  predicted {row['loss_per_sentence']:.4f}, the written checkpoint "
        f"{loss:.4f} nats per sentence"
    )
    assert abs(row["loss_per_sentence"] - loss) < 1e-3
print(sorted(path.name for path in (place / "rounded").iterdir()))

# %% [markdown]
# ## To try
#
# 1. Your model: `jaxdisp measure --model DIR_OR_HUB_ID`.
# 2. Published text: `--corpus ntrex:DIR`, `udhr:DIR` or `flores:dev`.
# 3. `jaxdisp run --output runs/mine` makes the report and recommends a plan;
#    `jaxdisp plan export runs/mine/plan.json --to llm-compressor` writes a recipe.
# 4. Remove `training.json`: languages are then compared only with a `--reference`.
