"""The verb `check`: what is wrong with models, before anything runs."""

from dataclasses import asdict

import click

from runner.cli.completion import complete_models
from runner.cli.output import echo, print_json


@click.command("check")
@click.argument("models", nargs=-1, shell_complete=complete_models)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def check_command(models: tuple[str, ...], as_json: bool) -> None:
    """Find what is wrong with specs and notebooks of MODELS, by default of all.

    Exit code 1 means that something is; hints fail nothing.
    """
    from runner.spec.check import check_models
    from runner.spec.folders import find_root, left_over_folders, model_folders

    root = find_root()
    for name in left_over_folders(root):
        echo(f"models/{name}: passed over, tools have left it; remove it", err=True)
    names = list(dict.fromkeys(models)) or model_folders(root)
    found = check_models(root, names)
    wrong = [one for one in found if not one.is_hint]
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        for one in found:
            echo(str(one))
        hints = len(found) - len(wrong)
        echo(
            f"{len(names)} model{'s' * (len(names) != 1)} checked: "
            f"{len(wrong) or 'no'} problem{'s' * (len(wrong) != 1)}, "
            f"{hints or 'no'} hint{'s' * (hints != 1)}"
        )
    if wrong:
        click.get_current_context().exit(1)
