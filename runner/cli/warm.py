"""Warm kernels for a run, begun before anything else so that they are there in time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from runner.stages import STAGES

if TYPE_CHECKING:
    from forked_kernels.client import WarmKernels

    from runner.cli.plan import Plan


@contextmanager
def warm_kernels(cold: bool) -> "Iterator[WarmKernels | None]":
    """Start what kernels are forked from, and end it with all of them."""
    from forked_kernels.client import begin

    kernels = None if cold else begin(_say)
    if kernels is None:
        yield None
        return
    with kernels:
        yield kernels


def preload(kernels: "WarmKernels | None", plans: "Sequence[Plan]") -> None:
    """Import meanwhile what the notebooks import, those of the first stage first."""
    from forked_kernels.imports import notebook_imports

    if kernels is None:
        return
    stages = [one for plan in plans for one in plan.stages]
    stages.sort(key=lambda one: STAGES.index(one.name))
    kernels.preload({one.notebook: notebook_imports(one.notebook) for one in stages})


def _say(why: str) -> None:
    click.echo(f"kernels start cold: {why}", err=True)
