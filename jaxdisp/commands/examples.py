"""Examples at the end of each command's help; a test carries each of them out."""

EXAMPLES: dict[str, tuple[str, ...]] = {
    "models": ("jaxdisp models", "jaxdisp models DIR_OR_HUB_ID"),
    "measure": (
        "jaxdisp measure",
        "jaxdisp measure --model DIR_OR_HUB_ID --corpus DIR --granularity channel",
        "jaxdisp measure --languages en,he,sw --bits 3 --json",
    ),
    "run": (
        "jaxdisp run --fast --output runs/first",
        "jaxdisp run --model DIR_OR_HUB_ID --corpus DIR --output runs/mine",
        "jaxdisp run --print-config",
    ),
    "hypotheses": (
        "jaxdisp hypotheses T-002 T-005 --output runs/why",
        "jaxdisp hypotheses T-002 --model DIR_OR_HUB_ID --corpus DIR --json",
    ),
    "search": (
        "jaxdisp search --keep 3 --dry-run",
        "jaxdisp search --sets '0,9,11;0,11' --output runs/sets",
        "jaxdisp search --keep 2 --limit 4 --output runs/search",
    ),
    "merge": (
        "jaxdisp search --keep 1 --shard 1/2 --output runs/part-1",
        "jaxdisp search --keep 1 --shard 2/2 --output runs/part-2",
        "jaxdisp merge runs/part-1 runs/part-2 --output runs/whole",
    ),
    "causal": (
        "jaxdisp causal --data units.csv",
        "jaxdisp causal --limit 16 --interventions none --output runs/causes",
    ),
    "intervene": ("jaxdisp intervene R --few-limit 4",),
    "power": (
        "jaxdisp power --rho 0.7 --n 12",
        "jaxdisp power --languages 16 --sentences 128",
    ),
    "claims": (
        "jaxdisp claims --id A1",
        "jaxdisp claims --id D --json",
    ),
    "register": (
        "jaxdisp register plan.yaml --output runs/registered",
        "jaxdisp run --registered --output runs/registered",
    ),
    "report": ("jaxdisp report runs/first",),
    "compare": (
        "jaxdisp compare runs/four-bits runs/three-bits",
        "jaxdisp compare runs/first runs/mine --reference en --output runs/compared",
    ),
    "verify": (
        "jaxdisp verify runs/first",
        "jaxdisp verify runs/first --sample 50 --seed 1 --json",
    ),
    "quantize": (
        "jaxdisp quantize --plan runs/first/plan.json --out quantized",
        "jaxdisp quantize --plan runs/first/plan.json --out checked --check",
    ),
    "plan make": (
        "jaxdisp plan make runs/first --output plan.json",
        "jaxdisp plan make runs/first --layers 0,9,11 --output plan.json",
    ),
    "plan show": ("jaxdisp plan show runs/first/plan.json",),
    "plan export": (
        "jaxdisp plan export runs/first/plan.json --to llm-compressor",
        "jaxdisp plan export runs/first/plan.json --to gptqmodel --output recipe.json",
    ),
    "plan import": (
        "jaxdisp plan export runs/first/plan.json --to qwix --output recipe.json",
        "jaxdisp plan import recipe.json --output plan.json",
    ),
    "clip": (
        "jaxdisp clip --law gaussian --bits 4",
        "jaxdisp clip --limit 4 --deploy minimax --output runs/clip",
    ),
    "train": ("jaxdisp train RECIPE --data DIR --output MODEL",),
}


def of(command: str) -> str:
    """Writes the examples of a command for its help, each on a line of its own."""
    # \b keeps the lines as they are
    lines = [f"  {example}" for example in EXAMPLES[command]]
    return "\n".join(["\b", "Examples:", *lines])
