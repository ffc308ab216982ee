"""`runner show`: one model, resolved."""

from typing import Any

import click

from runner.cli.output import print_json, print_table
from runner.fingerprint import fingerprint
from runner.signature import Signature, read_signature
from runner.spec import find_notebook, find_root, load_spec
from runner.stages import STAGES


@click.command()
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def command(model: str, as_json: bool) -> None:
    """Show MODEL's spec, notebooks, parameters and fingerprint."""
    root = find_root()
    spec = load_spec(root, model).model_dump(exclude_none=True)
    notebooks = {stage: find_notebook(root, model, stage) for stage in STAGES}
    shown = {stage: str(path.relative_to(root)) for stage, path in notebooks.items()}
    signatures = {stage: read_signature(path) for stage, path in notebooks.items()}
    content = fingerprint(root, model)
    if as_json:
        parameters = {stage: _plain(one) for stage, one in signatures.items()}
        answer = {"spec": spec, "notebooks": shown, "parameters": parameters}
        print_json(answer | {"fingerprint": content})
        return
    rows = [(key, _text(value)) for key, value in _flat(spec)]
    print_table(f"{model} · {content}", ["model.yaml", "value"], rows)
    for stage, one in signatures.items():
        parameters_table = [
            (p.name, p.type, "required" if p.required else _text(p.default), p.help)
            for p in one.parameters.values()
        ]
        header = ["parameter", "type", "default", "help"]
        print_table(f"{stage} · {shown[stage]}", header, parameters_table)


def _plain(signature: Signature) -> dict[str, Any]:
    return {
        one.name: {
            "type": one.type,
            "default": one.default,
            "required": one.required,
            "help": one.help,
        }
        for one in signature.parameters.values()
    }


def _flat(values: dict[str, Any], above: str = "") -> list[tuple[str, Any]]:
    """Write nested keys with dots, as `-p` takes them."""
    rows: list[tuple[str, Any]] = []
    for key, value in values.items():
        if isinstance(value, dict) and value:
            rows += _flat(value, f"{above}{key}.")
        else:
            rows.append((f"{above}{key}", value))
    return rows


def _text(value: object) -> str:
    return value if isinstance(value, str) and value else repr(value)
