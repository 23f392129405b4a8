"""Results: what a function returns when one array is not enough."""

from typing import TypeVar, dataclass_transform

import chex

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def result(cls: type[T]) -> type[T]:
    """Makes a class a frozen, keyword-only dataclass that is a pytree.

    Definition: `chex.dataclass(frozen=True, kw_only=True)`, in a form that type
    checkers understand. Field shapes are checked in tests, when one is constructed.

    Args:
        cls: a class with annotated fields, and nothing but derived properties.

    Reference: our own definition.
    """
    return chex.dataclass(frozen=True, kw_only=True)(cls)
