"""Any edit that can change a model changes its fingerprint and selects it; none other.

Repositories are generated, then edited in hundreds of ways. What an edit changes is
told by executing the notebooks before and after it.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from generated.execution import Executor, executor
from generated.history import Clone
from generated.mutations import Mutation, mutations
from generated.observations import Observer
from generated.repositories import LINK, PACKAGES, SUBMODULE, Generated
from notebook_inputs import Revision, Tree

from runner.ci.selection import select
from runner.spec.content import Content, content_in, open_tree
from runner.spec.differences import compare

# Each seed makes another repository, and tries its share of the kinds of edits in it.
SEEDS = 2
# One of so many mutations is also selected, and compared with the files on disk.
SAMPLE = 10


@pytest.fixture(scope="module")
def executing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    """A process that executes notebooks and tells what they read."""
    with executor(tmp_path_factory.mktemp("site"), PACKAGES) as started:
        yield started


class Check:
    """Compares content and selection with executions, edit by edit."""

    def __init__(self, root: Path, seed: int, executing: Executor) -> None:
        made = Generated(seed)
        self.seed = seed
        self.mutations = list(mutations(made))[seed::SEEDS]
        edits = [one.edits for one in self.mutations]
        self.clone = Clone(root, made.files, made.submodules, edits)
        self.base = Revision(self.clone.root, self.clone.base)
        self.before = self.contents(self.base)
        self.observer = Observer(root, executing)
        self.observed = self.observer.observe()
        self.runs = self.observer.runs
        self.wrong: list[str] = []

    def revision(self, commit: str) -> Revision:
        return Revision(self.clone.root, commit, self.base)

    def contents(self, tree: Tree) -> dict[str, Content]:
        """Return the content of all models of a tree."""
        code = (".py", ".ipynb", ".yaml", ".txt")
        entries = tree.entries.items()
        tree.preload(p for p, e in entries if p.endswith(code) or e.kind == "link")
        models = {p.split("/")[1] for p in tree.entries if p.endswith("/model.yaml")}
        return {model: content_in(tree, model) for model in sorted(models)}

    def run(self, sample: int = SAMPLE) -> list[str]:
        """Return what disagrees, each with the mutation."""
        pairs = zip(self.mutations, self.clone.commits, strict=True)
        for number, (mutation, commit) in enumerate(pairs):
            self.check(mutation, commit, number % sample == self.seed % sample)
        return self.wrong

    def check(self, mutation: Mutation, commit: str, sampled: bool) -> None:
        """Compare what a mutation changes with what its execution says."""
        after = self.contents(self.revision(commit))
        trained = {m for m in after if self.differs(after, m, "fingerprint")}
        served = {m for m in after if self.differs(after, m, "serving_fingerprint")}
        self.clone.write(mutation.edits)
        right_trained, right_served = self.observe(mutation)
        self.expect(mutation, "content", trained, right_trained)
        self.expect(mutation, "serving", served - trained, right_served - right_trained)
        if sampled:
            self.clone.go(commit)
            found = select(self.clone.root, base=self.clone.base)
            names = {one.name for one in found.models}
            self.expect(mutation, "select", names, right_trained | right_served)
            self.compare_with_disk(mutation, after)
            self.clone.go(self.clone.base)
        self.clone.restore(mutation.edits)

    def compare_with_disk(self, mutation: Mutation, after: dict[str, Content]) -> None:
        """Expect of files on disk what they are once they are committed."""
        here = self.contents(open_tree(self.clone.root))
        for model, one in after.items():
            for part in compare(one.parts, here[model].parts):
                self.say(mutation, f"disk: {model}: {part}")

    def differs(self, after: dict[str, Content], model: str, what: str) -> bool:
        before = self.before.get(model)
        return before is None or getattr(after[model], what) != getattr(before, what)

    def observe(self, mutation: Mutation) -> tuple[set[str], set[str]]:
        """Return the models that an edit changes, and those that it serves anew."""
        files = self.clone.files
        changes = [(path, files.get(path), one) for path, one in mutation.edits.items()]
        modes = {one.mode for _, *both in changes for one in both if one}
        self.observer.runs = dict(self.runs)
        if modes & {LINK, SUBMODULE}:
            self.observer.runs.clear()
        come_or_gone = [path for path, old, new in changes if not (old and new)]
        self.observer.forget(mutation.edits, come_or_gone)
        observed = self.observer.observe()
        none = (None, None)
        pairs = [(m, one, self.observed.get(m, none)) for m, one in observed.items()]
        return (
            {model for model, new, old in pairs if new[0] != old[0]},
            {model for model, new, old in pairs if new[1] != old[1]},
        )

    def expect(
        self, mutation: Mutation, what: str, found: set[str], right: set[str]
    ) -> None:
        """Note which models are found though they are not right, and the reverse."""
        if found != right:
            missed, added = sorted(right - found), sorted(found - right)
            self.say(mutation, f"{what}: misses {missed}, adds {added}")

    def say(self, mutation: Mutation, what: str) -> None:
        self.wrong.append(f"{self.seed}: {mutation.name}: {what}")


@pytest.mark.parametrize("seed", range(SEEDS))
def test_what_an_edit_can_change_is_what_it_selects(
    tmp_path: Path, executing: Executor, seed: int
) -> None:
    """Content and selection are what the execution of the code shows."""
    check = Check(tmp_path / "clone", seed, executing)

    assert len(check.mutations) >= 75
    assert check.run() == []
