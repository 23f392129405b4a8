"""What quantization costs each language, from parallel text."""

from jaxdisp.measure.corpus import Corpus, load_corpus
from jaxdisp.measure.cube import Evaluation, evaluate

__all__ = ["Corpus", "Evaluation", "evaluate", "load_corpus"]
