"""Any edit that can change a model changes its fingerprint and selects it; none other.

Repositories are generated, then edited in hundreds of ways. What an edit must change is
told twice, by the description that a repository was written from and by executing its
notebooks; neither shares code with what is tested.
"""

import json
import random
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path

import pytest
from generated.code_mutations import CODE_MUTATIONS
from generated.edits import Mutation
from generated.execution import Executor, executor
from generated.file_mutations import FILE_MUTATIONS
from generated.history import Clone
from generated.needs import PACKAGES
from generated.repositories import STAGES, Generated

from runner.ci.selection import select
from runner.spec.content import Content, compare, content_in, open_tree
from runner.spec.trees import Revision

# The lines of a model.yaml that determine no training.
NOT_TRAINED = ("#", "description:", "owner:", "approval:", "endpoint:")


def mutations_of(made: Generated) -> Iterator[Mutation]:
    """Yield mutations of a repository, some of every kind."""
    for make in (*CODE_MUTATIONS, *FILE_MUTATIONS):
        yield from make(made, random.Random(f"{made.seed} {make.__name__}"))


@pytest.fixture(scope="module")
def execute(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    """A process that executes notebooks and tells what they read."""
    with executor(tmp_path_factory.mktemp("site"), PACKAGES) as started:
        yield started


class Check:
    """Compares content, selection and execution over the mutations of a repository."""

    def __init__(
        self,
        root: Path,
        made: Generated,
        mutations: list[Mutation],
        execute: Executor,
    ) -> None:
        self.made = made
        self.execute = execute
        self.mutations = mutations
        self.clone = Clone(root, made, mutations)
        self.blobs: dict[str, bytes] = {}
        self.before = self.contents(self.clone.base)
        self.observed = self.observe()
        self.wrong: list[str] = []

    def contents(self, commit: str) -> dict[str, Content]:
        """Return the content of all models at a commit."""
        tree = Revision(self.clone.root, commit, self.blobs)
        tree.preload(p for p, one in tree.entries.items() if one.kind != "submodule")
        found = (path.split("/") for path in tree.entries)
        models = {one[1] for one in found if one[0] == "models" and len(one) > 2}
        return {model: content_in(tree, model) for model in sorted(models)}

    def run(self) -> list[str]:
        """Return what disagrees, each with the mutation."""
        for mutation, commit in zip(self.mutations, self.clone.commits, strict=True):
            self.check(mutation, commit)
        return self.wrong

    def check(self, mutation: Mutation, commit: str) -> None:
        after = self.contents(commit)
        trained = self.changed(after, "fingerprint")
        served = self.changed(after, "serving_fingerprint") - trained
        self.expect(mutation, "content", trained, mutation.trained, mutation.either)
        self.expect(mutation, "serving", served, mutation.served, mutation.either)
        self.clone.write(mutation.edits)
        self.clone.go(commit)
        selection = select(self.clone.root, base=self.clone.base)
        self.clone.go(self.clone.base)
        self.compare_with_disk(mutation, after)
        self.compare_with_execution(mutation, trained)
        self.clone.restore(mutation.edits)
        names = {one.name for one in selection.models}
        self.expect(mutation, "select", names, trained | served, frozenset())
        if selection.deleted != mutation.deleted:
            self.say(mutation, f"select: deleted {selection.deleted}")
        for one in selection.models:
            if one.name in mutation.trained | mutation.served and not any(
                mutation.shown in reason for reason in one.reasons
            ):
                self.say(mutation, f"select: {one.name}: {one.reasons}")

    def compare_with_disk(self, mutation: Mutation, after: dict[str, Content]) -> None:
        """Expect of an edit that is not committed what it is once it is."""
        tree = open_tree(self.clone.root)
        for model, one in after.items():
            here = content_in(tree, model)
            for part in compare(one.parts, here.parts):
                self.say(mutation, f"disk: {model}: {part}")

    def compare_with_execution(self, mutation: Mutation, trained: set[str]) -> None:
        """Expect that what is executed and read after an edit is content."""
        observed = self.observe()
        changed = {
            model for model, one in observed.items() if one != self.observed.get(model)
        }
        if missed := changed - trained:
            self.say(mutation, f"execution: content misses {sorted(missed)}")
        if missed := changed - mutation.trained - mutation.either:
            self.say(mutation, f"execution: description misses {sorted(missed)}")

    def observe(self) -> dict[str, object]:
        """Execute the notebooks of all models, and return what they made use of."""
        root = self.clone.root
        runs: dict[Path, object] = {}
        found = {}
        for settings in sorted(root.glob("models/*/model.yaml")):
            lines = settings.read_text(encoding="utf-8").splitlines()
            task = next(line[6:] for line in lines if line.startswith("task: "))
            places = (settings.parent, root / "notebooks" / task, root / "notebooks")
            used: list[object] = [
                sorted(line for line in lines if not line.startswith(NOT_TRAINED))
            ]
            for stage in STAGES[:2]:
                paths = (place / f"{stage}.ipynb" for place in places)
                path = next((path for path in paths if path.exists()), None)
                if path and path not in runs:
                    runs[path] = self.observe_run(path)
                used.append(path and (str(path), runs[path]))
            found[settings.parent.name] = used
        return found

    def observe_run(self, notebook: Path) -> object:
        """Execute a notebook, and return all that determined its result."""
        root = self.clone.root
        cells = [
            ("".join(cell["source"]).replace("\r\n", "\n"), cell["metadata"])
            for cell in json.loads(notebook.read_bytes())["cells"]
            if cell["cell_type"] == "code"
        ]
        run = self.execute.run(root, str(notebook.relative_to(root)))
        files = {
            path: (root / path).read_bytes() if (root / path).is_file() else None
            for path in run["read"]
        }
        pins = dict(
            line.split("==")
            for line in (root / "requirements.txt").read_text().splitlines()
            if "==" in line
        )
        modules = {module: name for name, (_, module) in PACKAGES.items()}
        versions = {one: pins.get(modules[one]) for one in run["packages"]}
        code = [(text, about.get("tags")) for text, about in cells if text.strip()]
        return code, files, versions, run["result"]

    def changed(self, after: dict[str, Content], what: str) -> set[str]:
        """Return the models of a commit of which a fingerprint is another one."""
        return {
            model
            for model, one in after.items()
            if model not in self.before
            or getattr(one, what) != getattr(self.before[model], what)
        }

    def expect(
        self,
        mutation: Mutation,
        what: str,
        found: AbstractSet[str],
        right: AbstractSet[str],
        either: AbstractSet[str],
    ) -> None:
        """Note which models are found though they are not right, and the reverse."""
        if missed := sorted(right - found - either):
            self.say(mutation, f"{what}: misses {missed}")
        if added := sorted(found - right - either):
            self.say(mutation, f"{what}: adds {added}")

    def say(self, mutation: Mutation, what: str) -> None:
        self.wrong.append(f"{self.made.seed}: {mutation.name}: {what}")


@pytest.mark.parametrize("seed", range(8))
def test_what_an_edit_can_change_is_what_it_selects(
    tmp_path: Path, execute: Executor, seed: int
) -> None:
    """Content, selection and reasons are what the description of the code says."""
    made = Generated(seed)
    check = Check(tmp_path / "clone", made, list(mutations_of(made)), execute)
    assert check.run() == []
