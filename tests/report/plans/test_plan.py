"""Plans: written and read back, refused where they are damaged or another model's."""

import copy
import dataclasses
import json
import pathlib
import tempfile

import hypothesis
import pytest
from hypothesis import strategies as st

from jaxdisp.models import Quantizer, quantized
from jaxdisp.report.plans import plan as plans
from tests.report.plans import made_up_plan


def content(**changes):
    found = plans.content(
        made_up_plan.plan(made_up_plan.model(), predicted=made_up_plan.PREDICTED)
    )
    return json.loads(json.dumps(found)) | changes


@hypothesis.given(
    st.lists(st.integers(0, 2), min_size=3, max_size=3),
    st.integers(0, 2),
    st.dictionaries(st.text(max_size=5), st.integers(0, 2), max_size=2),
    st.sampled_from([None, {"by": "worst"}]),
)
def test_what_is_written_is_read(assignment, outside, exceptions, chosen):
    plan = made_up_plan.plan(
        made_up_plan.model(),
        assignment=tuple(assignment),
        outside=outside,
        exceptions=exceptions,
        chosen=chosen,
        predicted=made_up_plan.PREDICTED,
    )
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "plan.json"
        path.write_bytes(plans.encoded(plans.content(plan)))
        assert plans.read(path) == plan
    assert plans.protected(plan) == tuple(
        layer for layer in range(3) if not assignment[layer]
    )


def test_the_content_has_the_fields_that_are_promised():
    found = content()
    assert list(found) == [
        "schema_version",
        "kind",
        "model",
        "quantizers",
        "assignment",
        "outside",
        "exceptions",
        "chosen",
        "predicted",
    ]
    assert (found["schema_version"], found["kind"]) == (1, "jaxdisp plan")
    assert list(found["model"]["hashes"]) == ["weights", "tokenizer"]
    assert found["quantizers"][0] == {
        "bits": 3,
        "grid": "symmetric",
        "granularity": "tensor",
        "group_size": 64,
        "include": ["matrices"],
        "clipping": "absmax",
    }


def test_the_embedded_model_has_no_source():
    named = plans.target(
        dataclasses.replace(made_up_plan.model(), source="polyglot (embedded)")
    )
    assert named.source is None


def changed(*path, to):
    """The content with one entry replaced, or dropped where that is `del`."""
    found = copy.deepcopy(content())
    node = found
    for key in path[:-1]:
        node = node[key]
    if to == "del":
        del node[path[-1]]
    else:
        node[path[-1]] = to
    return found


BROKEN = {
    "kind": (("kind",), "recipe", "is not a plan: kind must be 'jaxdisp plan'"),
    "version": (("schema_version",), 2, "a plan of version 2; this jaxdisp reads"),
    "nothing chosen": (("chosen",), "del", "plan lacks chosen"),
    "more": (("note",), "x", "plan has unknown fields: note"),
    "assignment in words": (("assignment",), "0,1", "assignment must be list"),
    "short": (("assignment",), [0, 1], "has 2 entries for 3 layers"),
    "version of a layer": (("assignment",), [0, 3, 1], "layer 1: version 3 must be 0"),
    "negative": (("assignment",), [0, -1, 1], "layer 1: version -1 must be 0"),
    "truth": (("assignment",), [0, True, 1], "entry of assignment must be int"),
    "outside": (("outside",), 3, "outside: version 3 must be 0 .* to 2, the number"),
    "exception": (("exceptions",), {"a": 9}, "exception a: version 9"),
    "exception in words": (("exceptions",), {"a": "x"}, "exception a must be int"),
    "bits": (("quantizers", 0, "bits"), 9, "between 2 and 8, got 9"),
    "bits in words": (("quantizers", 0, "bits"), "4", "bits must be int"),
    "grid": (("quantizers", 0, "grid"), "nf4", "grid must be one of symmetric"),
    "who": (("quantizers", 0, "granularity"), "row", "must be one of tensor"),
    "clipping": (("quantizers", 0, "clipping"), "gptq", "must be one of absmax"),
    "include": (("quantizers", 0, "include"), ["norms"], "must be one of matrices"),
    "quantizer": (("quantizers", 0, "zero"), 1, "unknown fields: zero"),
    "hash": (("model", "hashes", "weights"), "del", "model.hashes lacks weights"),
    "source": (("model", "source"), 3, "model.source must be str or null, got 3"),
    "layers": (("model", "n_layers"), "del", "model lacks n_layers"),
    "predicted": (("predicted", "corpus"), "del", "predicted lacks corpus"),
    "text": (("predicted", "corpus", "digest"), "del", "corpus lacks digest"),
    "loss": (("predicted", "languages", 0, "d_sent"), "del", "languages lacks d_sent"),
    "loss in words": (
        ("predicted", "languages", 0, "loss_per_token"),
        "2",
        "loss_per_token must be int or float, got '2'",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_damaged_plans_are_refused(name, tmp_path):
    path, to, expected = BROKEN[name]
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(changed(*path, to=to)))
    with pytest.raises(ValueError, match=expected) as caught:
        plans.read(file)
    assert str(caught.value).startswith(f"{file}: ")


def test_what_is_no_plan_at_all_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"plan\.json: no such file; jaxdisp run"):
        plans.read(tmp_path / "plan.json")
    with pytest.raises(ValueError, match=r"is a directory; give the plan\.json in it"):
        plans.read(tmp_path)
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ValueError, match="not valid JSON"):
        plans.read(tmp_path / "a.json")
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(ValueError, match="must hold a JSON object"):
        plans.read(tmp_path / "a.json")


def of_another(**changes):
    plan = made_up_plan.plan(made_up_plan.model())
    return dataclasses.replace(plan, model=dataclasses.replace(plan.model, **changes))


def test_plans_for_another_model_are_refused():
    plans.check(made_up_plan.plan(made_up_plan.model()), made_up_plan.model())
    hashes = plans.target(made_up_plan.model()).hashes
    for changes, expected in (
        ({"architecture": "llama"}, "architecture is llama, that of .* is gpt2"),
        ({"n_layers": 4}, "number of layers is 4, that of .* is 3"),
        ({"hashes": {**hashes, "weights": "0"}}, r"weights \(SHA-256\) is 0"),
        ({"hashes": {**hashes, "tokenizer": "0"}}, r"tokenizer \(SHA-256\) is 0"),
        ({"source": None, "n_layers": 4}, r"another model \(polyglot \(embedded\)\)"),
    ):
        with pytest.raises(ValueError, match=expected):
            plans.check(of_another(**changes), made_up_plan.model())


def test_plans_that_do_not_fit_their_model_are_refused():
    unknown = made_up_plan.plan(made_up_plan.model(), exceptions={"h.0.mlp.c_proj": 1})
    with pytest.raises(ValueError, match=r"no module h\.0\.mlp\.c_proj; .* such as tr"):
        plans.check(unknown, made_up_plan.model())
    half = made_up_plan.plan(
        made_up_plan.model(), quantizers=(Quantizer(include=("head",)), Quantizer())
    )
    with pytest.raises(ValueError, match="are one tensor; include both"):
        plans.check(half, made_up_plan.model())
    few = made_up_plan.plan(
        made_up_plan.model(),
        quantizers=(Quantizer(granularity="group", group_size=0), Quantizer()),
    )
    with pytest.raises(ValueError, match="group"):
        plans.check(few, made_up_plan.model())


def test_every_field_of_a_quantizer_is_kept():
    names = {each.name for each in dataclasses.fields(quantized.Quantizer)}
    assert set(content()["quantizers"][0]) == names
