"""The models that a change affects: the rules, the base, and live endpoints."""

import json
import random
import subprocess
from pathlib import Path

import pytest
import toys
from path_filtering import path_filtering
from repository import NOTEBOOK, Repository

from lifecycle.errors import CallError
from runner.ci.selection import Selection, select
from runner.errors import SpecError
from runner.spec import content as contents

MODELS = ("abalone", "churn", "fraud")


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Three models on main, committed; no test changes them."""
    made = Repository(tmp_path_factory.mktemp("committed") / "clone", MODELS)
    made.commit()
    return made


@pytest.fixture
def repository(tmp_path: Path, committed: Repository) -> Repository:
    """Three models on main, committed."""
    return committed.copy(tmp_path / "clone")


def names(selection: Selection) -> list[str]:
    return [model.name for model in selection.models]


def write_code(repository: Repository, path: str, code: str) -> None:
    """Commit a notebook of one code cell."""
    toys.write(repository.root / path, toys.code(code))
    repository.commit()


def on_branch(repository: Repository, **given: object) -> Selection:
    return select(repository.root, branch="feature", **given)  # type: ignore[arg-type]


def on_main(repository: Repository, **given: object) -> Selection:
    return select(repository.root, branch="main", **given)  # type: ignore[arg-type]


def test_a_file_in_a_folder_affects_its_model(repository: Repository) -> None:
    """One changed file selects one model, with the file as the reason."""
    fork = repository.git("rev-parse", "HEAD")
    repository.branch("feature")
    repository.commit("models/churn/data.sql")

    selection = on_branch(repository)

    assert selection.base == fork
    assert names(selection) == ["churn"]
    assert selection.models[0].reasons == ("models/churn/data.sql: new",)


@pytest.mark.parametrize(
    "path", ["README.md", "models/README.md", "notebooks/README.md", "runner/x.py"]
)
def test_files_of_no_model_affect_none(repository: Repository, path: str) -> None:
    """No rule names them."""
    repository.branch("feature")
    repository.commit(path)
    assert names(on_branch(repository)) == []


def test_a_shared_notebook_affects_the_models_that_use_it(
    repository: Repository,
) -> None:
    """A model with a notebook of its own does not use it."""
    repository.write("models/churn/train-register.ipynb", NOTEBOOK)
    repository.commit()
    repository.branch("feature")
    write_code(repository, "notebooks/train-register.ipynb", "1")

    selection = on_branch(repository)

    assert names(selection) == ["abalone", "fraud"]
    reason = "notebooks/train-register.ipynb: code changed"
    assert selection.models[0].reasons == (reason,)


@pytest.mark.parametrize("repaired", [False, True])
def test_a_shared_notebook_that_breaks_affects_its_users(
    repository: Repository, repaired: bool
) -> None:
    """Whether it cannot be read any more, or can be again."""
    notebook, broken = "notebooks/train-register.ipynb", "<<<<<<< HEAD"
    repository.write(notebook, broken if repaired else NOTEBOOK)
    repository.commit()
    repository.branch("feature")
    repository.write(notebook, NOTEBOOK if repaired else broken)
    repository.commit()

    selection = on_branch(repository)

    assert names(selection) == list(MODELS)
    assert f"{notebook}:1: not JSON" in selection.models[0].reasons[0]


def test_text_cells_select_nothing(repository: Repository) -> None:
    """Nor do outputs, a README, or what is said of a model and its owner."""
    repository.branch("feature")
    text = {"cell_type": "markdown", "metadata": {}, "source": "Why", "id": "a"}
    repository.write(
        "notebooks/train-register.ipynb",
        json.dumps({**json.loads(NOTEBOOK), "cells": [text]}),
    )
    repository.write("models/churn/README.md", "# Churn")
    repository.model("fraud", description="Who cheats")
    repository.commit()

    assert names(on_branch(repository)) == []


def test_a_removed_shared_notebook_affects_its_users(repository: Repository) -> None:
    """A shared notebook may be removed together with the last need of it."""
    repository.branch("feature")
    repository.git("rm", "-q", "notebooks/deploy.ipynb")
    repository.commit()
    assert names(on_branch(repository)) == list(MODELS)


@pytest.mark.parametrize("change", ["edited", "added", "removed"])
def test_a_notebook_of_a_task_affects_the_models_of_that_task(
    repository: Repository, change: str
) -> None:
    """It comes before the shared one; a model with its own uses neither."""
    file = "notebooks/regression/train-register.ipynb"
    repository.write("models/churn/train-register.ipynb", NOTEBOOK)
    if change != "added":
        write_code(repository, file, "1")
    repository.commit("notebooks/binary/deploy.ipynb")
    repository.branch("feature")
    if change == "removed":
        repository.git("rm", "-q", file)
        repository.commit()
    else:
        write_code(repository, file, "2")

    assert names(on_branch(repository)) == ["abalone", "fraud"]


def test_a_notebook_of_another_task_affects_no_model(repository: Repository) -> None:
    """All three models here are regressions."""
    repository.branch("feature")
    repository.commit("notebooks/binary/deploy.ipynb")
    assert names(on_branch(repository)) == []


def test_a_shared_notebook_behind_one_of_the_task_affects_no_model(
    repository: Repository,
) -> None:
    """The notebook of the task comes first."""
    repository.write("notebooks/regression/deploy.ipynb", NOTEBOOK)
    repository.commit()
    repository.branch("feature")
    repository.commit("notebooks/deploy.ipynb")
    assert names(on_branch(repository)) == []


LOCK = "click==8.0\nsix==1.0\n    # via python-dateutil\npython-dateutil==2.0\n"


@pytest.mark.parametrize(
    ("lock", "reason"),
    [
        (
            LOCK.replace("dateutil==2.0", "dateutil==2.1"),
            "package python-dateutil 2.0 → 2.1: models/churn/prepare.ipynb",
        ),
        (
            LOCK.replace("six==1.0", "six==1.1"),
            "package six 1.0 → 1.1: needed by python-dateutil",
        ),
        (LOCK.replace("click==8.0", "click==8.1"), ""),
        (f"{LOCK}lightgbm==4.0\n", ""),
    ],
    ids=["imported", "needed by it", "another", "added"],
)
def test_a_pin_affects_the_models_that_import_the_package(
    repository: Repository, lock: str, reason: str
) -> None:
    """Or one that needs it; a tool that no model uses affects none."""
    repository.write("requirements.txt", LOCK)
    write_code(repository, "models/churn/prepare.ipynb", "import dateutil")
    repository.branch("feature")
    repository.write("requirements.txt", lock)
    repository.commit()

    selection = on_branch(repository)

    assert names(selection) == (["churn"] if reason else [])
    assert [one.reasons for one in selection.models] == ([(reason,)] if reason else [])


OWN = f"# a lock\n{LOCK.replace('dateutil==2.0', 'dateutil==3.0')}"
OWN_FILES = ("models/churn/requirements.in", "models/churn/requirements.txt")


@pytest.mark.parametrize(
    ("changed", "affected"),
    [
        ({OWN_FILES[1]: OWN.replace("dateutil==3.0", "dateutil==3.1")}, ["churn"]),
        ({OWN_FILES[1]: OWN.replace("six==1.0", "six==1.1")}, ["churn"]),
        ({OWN_FILES[1]: OWN.replace("click==8.0", "click==8.1")}, []),
        ({OWN_FILES[1]: OWN.replace("# a lock", "# another head")}, []),
        ({OWN_FILES[0]: "python-dateutil>=3\nclick\n"}, []),
        ({"requirements.txt": LOCK.replace("==2.0", "==2.1")}, ["abalone"]),
        ({"requirements.txt": LOCK.replace("==1.0", "==1.1")}, ["abalone"]),
        ({"requirements.in": "python-dateutil\n"}, []),
        ({OWN_FILES[1]: None}, ["churn"]),
        ({OWN_FILES[0]: None, OWN_FILES[1]: None}, ["churn"]),
        (
            {
                "models/abalone/requirements.in": "",
                "models/abalone/requirements.txt": OWN,
            },
            ["abalone"],
        ),
        (
            {
                "models/abalone/requirements.in": "",
                "models/abalone/requirements.txt": f"# the same\n{LOCK}",
            },
            [],
        ),
    ],
    ids=[
        "an imported one of its own",
        "one that is needed by it",
        "another",
        "the lock's head",
        "what it asks for",
        "an imported one of all",
        "one of all that is needed by it",
        "what all ask for",
        "its lock is gone",
        "it has no environment of its own any more",
        "it gets an environment of its own",
        "it gets one with the same packages",
    ],
)
def test_pins_of_an_own_environment_affect_its_model_only(
    repository: Repository, changed: dict[str, str | None], affected: list[str]
) -> None:
    """By the packages that its code imports; the pins of all no longer do."""
    repository.write("requirements.txt", LOCK)
    repository.write(OWN_FILES[0], "python-dateutil>=3\n")
    repository.write(OWN_FILES[1], OWN)
    for model in ("abalone", "churn"):
        write_code(repository, f"models/{model}/prepare.ipynb", "import dateutil")
    before = {name: content_of(repository, name) for name in MODELS}
    repository.branch("feature")
    for path, text in changed.items():
        if text is None:
            (repository.root / path).unlink()
        else:
            repository.write(path, text)
    repository.commit()

    assert names(on_branch(repository)) == affected
    # By construction: what is selected is what has another content.
    after = {name: content_of(repository, name) for name in MODELS}
    assert [name for name in MODELS if before[name] != after[name]] == affected


def content_of(repository: Repository, name: str) -> str:
    """Return a model's fingerprint, or why it has none."""
    try:
        return contents.content(repository.root, name, "HEAD").fingerprint
    except SpecError as error:
        return str(error)


# What shared code is reached by, its file, and the reason that is given for it.
WAYS = {
    "import": (
        "from features.dates import parse",
        "features/common.py ← features/dates.py ← models/churn/prepare.ipynb: changed",
    ),
    "data file": (
        "open('../../features/rates.csv')",
        "features/rates.csv ← models/churn/prepare.ipynb: changed",
    ),
    "%run": (
        "%run ../../tools/rows.py",
        "tools/rows.py: changed; cannot be followed: models/churn/prepare.ipynb runs "
        "%run ../../tools/rows.py",
    ),
    "shell": (
        "files = !ls ../../tools",
        "tools/rows.py: changed; cannot be followed: models/churn/prepare.ipynb runs "
        "files = !ls ../../tools",
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_shared_code_affects_its_users(repository: Repository, way: str) -> None:
    """And nobody else, with the way from the changed file to the notebook."""
    code, reason = WAYS[way]
    changed = reason.partition(":")[0].partition(" ←")[0]
    repository.write("features/dates.py", "from features import common\n")
    repository.write("features/common.py", "SHARE = 0.2\n")
    repository.write("features/rates.csv", "1\n")
    repository.write("tools/rows.py", "1\n")
    write_code(repository, "models/churn/prepare.ipynb", f"x = 1\n{code}")
    repository.branch("feature")
    repository.commit(changed)

    selection = on_branch(repository)

    assert names(selection) == ["churn"]
    assert selection.models[0].reasons == (reason,)


def test_a_link_to_a_folder_affects_the_models_behind_it(
    repository: Repository,
) -> None:
    """Through other links, too, and also when the link itself leads elsewhere."""
    repository.write("data/one/rows.csv", "1\n")
    repository.write("data/two/rows.csv", "2\n")
    (repository.root / "shared").symlink_to("data/one")
    (repository.root / "models/churn/rows").symlink_to("../../shared")
    repository.commit()
    repository.branch("feature")
    fork = repository.commit("data/one/rows.csv")
    edited = on_branch(repository)
    (repository.root / "shared").unlink()
    (repository.root / "shared").symlink_to("data/two")
    repository.commit()
    led = on_branch(repository, base=fork)

    way = "models/churn/rows/rows.csv: changed"
    assert [one.reasons for one in edited.models] == [(f"data/one/rows.csv ← {way}",)]
    assert [one.reasons for one in led.models] == [(f"data/two/rows.csv ← {way}",)]


def test_both_sides_of_a_rename_count(repository: Repository) -> None:
    """Moving a file between models affects the one it left, too."""
    repository.commit("models/abalone/big.sql")
    repository.branch("feature")
    repository.git("mv", "models/abalone/big.sql", "models/churn/big.sql")
    repository.commit()

    assert names(on_branch(repository)) == ["abalone", "churn"]
    assert path_filtering(repository, MODELS) == {"churn"}


@pytest.mark.parametrize(
    "name",
    [
        "Untitled 1.ipynb",
        'a"quote.csv',
        "new\nline.csv",
        "tab\there.csv",
        "naïve.csv",
        "$(touch x).csv",
        "-n",
        "<< pipeline.id >>.csv",
    ],
)
def test_odd_file_names_count_like_others(repository: Repository, name: str) -> None:
    """No character in a file's name hides it or breaks the line of the reason."""
    repository.branch("feature")
    repository.commit(f"models/fraud/{name}")

    selection = on_branch(repository)

    assert names(selection) == ["fraud"]
    assert selection.models[0].reasons[0].isprintable()


def test_a_file_name_that_is_not_utf8_counts(repository: Repository) -> None:
    """Bytes that are no text select as well, and the reason can be printed."""
    repository.branch("feature")
    blob = repository.git("rev-parse", "HEAD:requirements.txt")
    entry = b"100644 " + blob.encode() + b"\tmodels/churn/\xff.csv\0"
    subprocess.run(
        ["git", "update-index", "-z", "--index-info"],
        input=entry,
        cwd=repository.root,
        check=True,
        timeout=60,
    )
    repository.git("commit", "-q", "-m", "bytes")

    selection = on_branch(repository)

    assert names(selection) == ["churn"]
    selection.models[0].reasons[0].encode()


def test_a_deleted_model_is_listed_and_not_selected(repository: Repository) -> None:
    """There is nothing to train in a folder that is gone."""
    repository.branch("feature")
    repository.git("rm", "-qr", "models/churn")
    repository.commit()

    selection = on_branch(repository)

    assert names(selection) == []
    assert selection.deleted == ("churn",)


def test_a_renamed_model_is_selected_under_its_new_name(
    repository: Repository,
) -> None:
    """The old folder is listed as deleted, the new one is selected."""
    repository.branch("feature")
    repository.git("mv", "models/churn", "models/leavers")
    repository.commit()

    selection = on_branch(repository)

    assert (names(selection), selection.deleted) == (["leavers"], ("churn",))


@pytest.mark.parametrize("name", ["Bad Name", "a;rm -rf", "<< x >>", "x" * 41, "a_b"])
def test_a_folder_that_is_no_model_name_is_refused(
    repository: Repository, name: str
) -> None:
    """Such a name stops the pipeline before it can reach YAML or a shell."""
    repository.write(f"models/{name}/model.yaml", "name: x\n")
    repository.commit()
    with pytest.raises(SpecError, match="not a model name"):
        on_main(repository)


def test_hidden_folders_are_no_models(repository: Repository) -> None:
    """Templates and checkpoints are neither selected nor listed as deleted."""
    repository.branch("feature")
    repository.commit("models/_template/model.yaml", "models/.cache/x")
    selection = on_branch(repository)
    assert (names(selection), selection.deleted) == ([], ())


def test_a_branch_is_measured_from_where_it_left_main(repository: Repository) -> None:
    """All commits of the branch count, and no later ones of main."""
    repository.branch("feature")
    repository.commit("models/abalone/a")
    repository.commit("models/churn/b")
    repository.checkout("main")
    repository.commit("models/fraud/c")
    repository.checkout("feature")
    assert names(on_branch(repository)) == ["abalone", "churn"]


def test_a_branch_with_main_merged_in_shows_only_its_own(
    repository: Repository,
) -> None:
    """Merging main into a branch does not select what main changed."""
    repository.branch("feature")
    repository.commit("models/abalone/a")
    repository.checkout("main")
    repository.commit("models/fraud/c")
    repository.checkout("feature")
    repository.git("merge", "-q", "--no-edit", "main")
    assert names(on_branch(repository)) == ["abalone"]


def test_a_branch_without_commits_is_measured_from_its_parent(
    repository: Repository,
) -> None:
    """A branch at main's newest commit selects what that commit changed."""
    repository.commit("models/fraud/c")
    repository.branch("feature")
    assert names(on_branch(repository)) == ["fraud"]


def test_origin_counts_before_a_stale_local_main(
    repository: Repository, tmp_path: Path
) -> None:
    """CircleCI has just fetched origin's branch."""
    repository.branch("feature")
    repository.commit("models/abalone/a")
    repository.git("update-ref", "refs/remotes/origin/main", "HEAD")
    repository.commit("models/churn/b")
    assert names(on_branch(repository)) == ["churn"]


def merged(repository: Repository, how: str) -> str:
    """Merge two commits into main in one of the ways of GitHub."""
    before = repository.git("rev-parse", "HEAD")
    repository.branch("feature")
    repository.commit("models/abalone/a")
    repository.commit("models/churn/b")
    repository.checkout("main")
    if how == "merge":
        repository.git("merge", "-q", "--no-ff", "--no-edit", "feature")
    elif how == "squash":
        repository.git("merge", "-q", "--squash", "feature")
        repository.git("commit", "-q", "-m", "squashed")
    else:
        repository.git("merge", "-q", "--ff-only", "feature")
    return before


@pytest.mark.parametrize("how", ["merge", "squash", "rebase"])
def test_every_way_to_merge_gives_the_same_answer(
    repository: Repository, how: str
) -> None:
    """Measured from the previous push, a rebase of two commits loses neither."""
    before = merged(repository, how)
    assert names(on_main(repository, pushed_from=before)) == ["abalone", "churn"]


@pytest.mark.parametrize("how", ["merge", "squash"])
def test_a_merge_needs_no_previous_push(repository: Repository, how: str) -> None:
    """The first parent of main's newest commit is the state before."""
    merged(repository, how)
    assert names(on_main(repository)) == ["abalone", "churn"]


def test_a_rebase_is_measured_from_what_was_deployed_last(
    repository: Repository,
) -> None:
    """If CircleCI names no previous push, an endpoint's tags name a commit."""
    before = merged(repository, "rebase")
    live = live_of(repository)
    for tags in live.values():
        tags["deployed_commit"] = before
    assert names(on_main(repository, live=live)) == ["abalone", "churn"]


def test_a_second_pipeline_for_a_commit_repeats_the_first(
    repository: Repository,
) -> None:
    """One model may be deployed from this commit while another one failed."""
    before = merged(repository, "rebase")
    head = repository.git("rev-parse", "HEAD")
    live = live_of(repository)
    live["abalone"]["deployed_commit"] = head
    live["fraud"]["deployed_commit"] = before
    assert names(on_main(repository, live=live)) == ["abalone", "churn"]


@pytest.mark.parametrize("pushed_from", ["HEAD", "0" * 40, "--output=x", "feature"])
def test_a_wrong_previous_push_is_ignored(
    repository: Repository, pushed_from: str
) -> None:
    """The commit itself, one that is gone after a forced push, or no commit."""
    merged(repository, "squash")
    if pushed_from == "HEAD":
        pushed_from = repository.git("rev-parse", "HEAD")
    found = names(on_main(repository, pushed_from=pushed_from))
    assert found == ["abalone", "churn"]


def test_the_first_commit_selects_everything(repository: Repository) -> None:
    """There is nothing to compare with."""
    selection = on_main(repository)
    assert (selection.base, names(selection)) == (None, list(MODELS))
    assert "first commit" in selection.notes[0]


@pytest.mark.parametrize("branch", ["main", "feature"])
def test_a_shallow_clone_selects_everything(
    repository: Repository, tmp_path: Path, branch: str
) -> None:
    """What the missing history would tell is unknown, and the note says so."""
    repository.commit("models/abalone/a")
    repository.branch("feature")
    repository.commit("models/churn/b")
    shallow = tmp_path / "shallow"
    url = f"file://{repository.root}"
    repository.git("clone", "-q", "--depth=1", "--no-single-branch", url, str(shallow))
    repository.root = shallow
    repository.git("checkout", "-q", branch)

    selection = select(shallow, branch=branch)

    assert names(selection) == list(MODELS)
    assert "shallow" in selection.notes[0]


def test_an_unknown_default_branch_selects_everything(repository: Repository) -> None:
    """There is nothing to compare with."""
    repository.commit("models/abalone/a")
    selection = on_branch(repository, default_branch="trunk")
    assert names(selection) == list(MODELS)
    assert "'trunk'" in selection.notes[0]


def test_no_git_at_all_selects_everything(
    repository: Repository, tmp_path: Path
) -> None:
    """An unpacked archive has no history to measure in."""
    (repository.root / ".git").rename(tmp_path / "elsewhere")
    assert "no git history" in on_main(repository).notes[0]


def test_a_named_base_wins(repository: Repository) -> None:
    """`--base` compares with the commit at which HEAD left that revision."""
    repository.branch("feature")
    repository.commit("models/abalone/a")
    repository.commit("models/churn/b")
    assert names(on_branch(repository, base="HEAD~1")) == ["churn"]
    assert names(on_branch(repository, base="main")) == ["abalone", "churn"]


@pytest.mark.parametrize("base", ["nowhere", "--output=pwned", "$(touch pwned)", ""])
def test_a_base_that_is_not_there_is_a_wrong_call(
    repository: Repository, base: str
) -> None:
    """A mistyped revision is an error, and never an option of git."""
    with pytest.raises(CallError, match="no such revision"):
        on_branch(repository, base=base)
    assert not (repository.root / "pwned").exists()


@pytest.mark.parametrize("name", ["$(touch pwned)", "a;touch pwned", "<<x>>", "-x"])
def test_a_hostile_branch_name_is_only_a_name(
    repository: Repository, name: str
) -> None:
    """A branch is compared, never executed."""
    repository.commit("models/abalone/a")
    selection = select(repository.root, branch=name, default_branch=name)
    assert names(selection) == ["abalone"]
    assert not (repository.root / "pwned").exists()


def test_a_project_inside_a_larger_repository(tmp_path: Path) -> None:
    """Paths are relative to the project, not to the top of the repository."""
    outer = Repository(tmp_path / "outer")
    inner = Repository(tmp_path / "outer" / "ml", MODELS)
    subprocess.run(["rm", "-rf", str(inner.root / ".git")], check=True, timeout=60)
    outer.commit()
    outer.commit("ml/models/churn/x", "models/abalone/y")
    assert names(select(inner.root, branch="main")) == ["churn"]


def live_of(repository: Repository) -> dict[str, dict[str, str]]:
    """Return the tags of endpoints that serve what is checked out."""
    root = repository.root
    return {
        name: {
            "fingerprint": contents.content(root, name).fingerprint,
            "deployment": contents.content(root, name).serving_fingerprint,
        }
        for name in MODELS
    }


def test_what_is_live_is_not_deployed_again(repository: Repository) -> None:
    """Endpoints that serve the checkout's content need nothing."""
    repository.commit("README.md")
    assert names(on_main(repository, live=live_of(repository))) == []


def test_what_is_not_live_is_selected_whatever_the_commit(
    repository: Repository,
) -> None:
    """The next push repeats a deployment that failed or never began."""
    repository.commit("README.md")
    live = live_of(repository)
    live["churn"] = {"fingerprint": "0" * 64}
    del live["fraud"]

    selection = on_main(repository, live=live)

    reasons = {model.name: model.reasons[0] for model in selection.models}
    assert reasons.keys() == {"churn", "fraud"}
    assert "serves 000000000000" in reasons["churn"]
    assert "not deployed yet" in reasons["fraud"]


@pytest.mark.parametrize("path", ["models/churn/model.yaml", "notebooks/deploy.ipynb"])
def test_a_deployment_that_failed_is_repeated(
    repository: Repository, path: str
) -> None:
    """Also one of the same model on other instances, however many commits ago."""
    live = live_of(repository)
    if path.endswith("yaml"):
        spec = (repository.root / path).read_text().replace("m5.large", "m5.xlarge")
        repository.write(path, spec)
    else:
        toys.write(repository.root / path, *toys.takes("model: str = ''"))
    repository.commit()
    repository.commit("README.md")
    repository.commit("README.md")

    selection = on_main(repository, live=live)

    changed = ["churn"] if path.endswith("yaml") else list(MODELS)
    assert names(selection) == changed
    assert "last deploy did not finish" in selection.models[0].reasons[0]


def test_a_change_outside_the_content_is_deployed_too(repository: Repository) -> None:
    """Another instance type trains the same model, yet needs a deployment."""
    spec = (repository.root / "models/churn/model.yaml").read_text()
    repository.write("models/churn/model.yaml", spec.replace("m5.large", "m5.xlarge"))
    repository.commit()
    assert names(on_main(repository, live=live_of(repository))) == ["churn"]


def test_a_rollback_is_not_undone(repository: Repository) -> None:
    """The content that was rolled back from is not deployed until it changes."""
    repository.commit("models/churn/README.md")
    live = live_of(repository)
    left = live["churn"]["fingerprint"]
    live["churn"] = {"fingerprint": "0" * 64, "rolled_back_from": left}

    selection = on_main(repository, live=live)

    assert names(selection) == []
    assert "rolled back" in selection.notes[0]


@pytest.mark.parametrize("seed", range(12))
def test_ordinary_pushes_select_what_the_orb_selects(tmp_path: Path, seed: int) -> None:
    """For edits and additions inside folders both agree."""
    chance = random.Random(seed)
    repository = Repository(tmp_path / "clone", MODELS)
    repository.commit()
    for _ in range(4):
        repository.commit(*_some_files(chance))
    if chance.random() < 0.7:
        repository.branch("feature")
        for _ in range(chance.randint(1, 3)):
            repository.commit(*_some_files(chance))
    branch = repository.git("branch", "--show-current")

    selection = select(repository.root, branch=branch)

    assert set(names(selection)) == path_filtering(repository, MODELS)


def _some_files(chance: random.Random) -> list[str]:
    folders = [f"models/{model}" for model in MODELS] + ["docs", "runner"]
    chosen = chance.sample(folders, chance.randint(1, 2))
    return [f"{folder}/file{chance.randint(1, 3)}.txt" for folder in chosen]


@pytest.mark.parametrize("seed", range(12))
def test_never_less_than_the_orb_selects(tmp_path: Path, seed: int) -> None:
    """The orb misses some renames and odd names; the runner misses none."""
    chance = random.Random(seed)
    repository = Repository(tmp_path / "clone", MODELS)
    repository.commit(*(f"models/{model}/a b.txt" for model in MODELS))
    repository.commit(*_some_files(chance))
    if chance.random() < 0.7:
        repository.branch("feature")
    for step in range(3):
        one, other = chance.sample(MODELS, 2)
        files = (
            repository.git("ls-files", "-z", f"models/{one}").rstrip("\0").split("\0")
        )
        file = chance.choice(files)
        if chance.random() < 0.5:
            repository.git("mv", file, f'models/{other}/moved {step}".txt')
        elif chance.random() < 0.5:
            repository.git("rm", "-q", file)
        repository.commit(f"models/{chance.choice(MODELS)}/{step}.txt")

    selection = select(
        repository.root, branch=repository.git("branch", "--show-current")
    )

    assert set(names(selection)) >= path_filtering(repository, MODELS)


def test_a_rebase_loses_commits_in_the_orb_only(repository: Repository) -> None:
    """The orb looks at the last commit of a push to main, and at no other."""
    before = merged(repository, "rebase")
    assert path_filtering(repository, MODELS) == {"churn"}
    assert names(on_main(repository, pushed_from=before)) == ["abalone", "churn"]


def test_names_with_blanks_escape_the_orb_only(repository: Repository) -> None:
    """The orb splits such a name and then matches neither half."""
    repository.branch("feature")
    repository.commit('models/abalone/it\'s "quoted".csv')
    assert path_filtering(repository, MODELS) == set()
    assert names(on_branch(repository)) == ["abalone"]


def test_a_missing_git_is_named(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CallError, match="git: command not found"):
        on_main(repository)
