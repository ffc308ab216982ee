"""The verb `environment`: pin what models require, and make their environments."""

import click

from lifecycle.errors import CallError
from runner.cli.completion import complete_models
from runner.cli.output import echo


@click.command("environment")
@click.argument("models", nargs=-1, shell_complete=complete_models)
@click.option("--pin", is_flag=True, help="Write the locks instead: requirements.txt.")
@click.option("--upgrade", is_flag=True, help="With --pin: the newest of everything.")
def environment_command(models: tuple[str, ...], pin: bool, upgrade: bool) -> None:
    """Make the environments of MODELS, by default of all that have one of their own.

    Prints the interpreter of each, for an editor to run its notebooks in. A run makes
    what it needs itself.
    """
    from runner.notebook.environments import make_environment
    from runner.spec.folders import find_root, model_folders, read_yaml
    from runner.spec.requirements import ASKED, own_lock, write_lock

    if upgrade and not pin:
        raise CallError("environment --upgrade: only with --pin")
    root = find_root()
    for name in models:
        read_yaml(root, name)
        if not (root / "models" / name / ASKED).is_file():
            raise CallError(
                f"models/{name}: has no {ASKED}, so it runs in the environment of all"
            )
    chosen = list(dict.fromkeys(models)) or model_folders(root)
    for name in chosen:
        if not (root / "models" / name / ASKED).is_file():
            continue
        if pin:
            path = write_lock(root, name, upgrade=upgrade)
            echo(f"pinned {path.relative_to(root).as_posix()}")
        elif lock := own_lock(root, name):
            made = make_environment(root, name, lock, _say)
            echo(f"{name}: {made.python}")


def _say(text: str) -> None:
    echo(text, err=True)
