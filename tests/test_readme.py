"""The README's Python example runs as it stands."""

import pathlib
import re

README = pathlib.Path(__file__).parent.parent / "README.md"


def test_python_example_runs():
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    names = {}
    exec(compile(code, str(README), "exec"), names)
    assert names["cube"].nll.shape == (2, 2, 128)
