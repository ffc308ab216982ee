"""Run a script as SageMaker's training toolkit does: `python train.py`.

The contract is that of `sagemaker_program` and `sagemaker_submit_directory`, which SDK
v2 and boto3 clients use: hyperparameters are arguments and variables, a failure is
described in output/failure, the exit code is the script's.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import traceback
from pathlib import Path

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
CODE, MODEL = BASE / "code", BASE / "model"
INPUT, OUTPUT = BASE / "input", BASE / "output"
PREFIX = "sagemaker_"
NO_SCRIPT = (
    "framework error: \nno script: name one in the hyperparameter sagemaker_program, "
    "or in SourceCode(entry_script=...) of ModelTrainer"
)


class ToolkitError(Exception):
    """Report a failure in the toolkit's words, with the exit code of the job."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


def main() -> int:
    """Run the job's script, and return the exit code."""
    try:
        given = {k: decoded(v) for k, v in read("hyperparameters").items()}
        own_program = os.environ.get("SAGEMAKER_PROGRAM", "")
        program = str(own_program or given.get("sagemaker_program") or "")
        if not program:
            return fail(NO_SCRIPT, 1)
        place_code(given)
        own = {k: v for k, v in given.items() if not k.startswith(PREFIX)}
        arguments = as_arguments(own)
        os.environ.update(variables(given, own, program, arguments))
        run(program, arguments)
    except ToolkitError as error:
        return fail(str(error), error.code)
    except (OSError, ValueError, KeyError, tarfile.TarError) as error:
        return fail(f"framework error: \n{traceback.format_exc()}\n{error}", 1)
    (OUTPUT / "success").touch()
    return 0


def fail(text: str, code: int) -> int:
    """Describe a failure where the platform looks for it, and in the log."""
    print(text, file=sys.stderr, flush=True)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / "failure").write_text(text, encoding="utf-8")
    return code


def read(name: str) -> dict:  # type: ignore[type-arg]
    """Read one of SageMaker's configuration files."""
    text = (INPUT / "config" / f"{name}.json").read_text(encoding="utf-8")
    values: dict = json.loads(text)  # type: ignore[type-arg]
    return values


def decoded(text: str) -> object:
    """Return what a hyperparameter spells in JSON, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def place_code(given: dict) -> None:  # type: ignore[type-arg]
    """Put the submitted code into /opt/ml/code; the platform has fetched it from S3."""
    submitted = given.get("sagemaker_submit_directory") or os.environ.get(
        "SAGEMAKER_SUBMIT_DIRECTORY", ""
    )
    CODE.mkdir(parents=True, exist_ok=True)
    source = Path(str(submitted).removeprefix("file://"))
    if str(submitted).startswith("s3://") or not submitted or source == CODE:
        return
    if source.is_dir():
        shutil.copytree(source, CODE, dirs_exist_ok=True)
    elif tarfile.is_tarfile(source):
        with tarfile.open(source) as archive:
            archive.extractall(CODE, filter="data")
    else:
        shutil.copy2(source, CODE)


def as_arguments(values: dict) -> list[str]:  # type: ignore[type-arg]
    """Return hyperparameters as arguments of the script, sorted by their names."""
    arguments = []
    for key in sorted(values):
        arguments += [f"--{key}" if len(key) > 1 else f"-{key}", as_text(values[key])]
    return arguments


def as_text(value: object) -> str:
    """Return how an argument spells a value."""
    if isinstance(value, dict):
        return ",".join(f"{key}={value[key]}" for key in sorted(value))
    return str(value)


def variables(
    given: dict,  # type: ignore[type-arg]
    own: dict,  # type: ignore[type-arg]
    program: str,
    arguments: list[str],
) -> dict[str, str]:
    """Return the toolkit's variables, SM_MODEL_DIR and the others."""
    resources, channels = read("resourceconfig"), read("inputdataconfig")
    about: dict = {  # type: ignore[type-arg]
        "channel_input_dirs": {n: str(INPUT / "data" / n) for n in channels},
        "current_host": resources["current_host"],
        "current_instance_type": resources.get("current_instance_type"),
        "framework_module": None,
        "hosts": resources["hosts"],
        "hyperparameters": own,
        "input_config_dir": str(INPUT / "config"),
        "input_data_config": channels,
        "input_dir": str(INPUT),
        "is_master": resources["current_host"] == min(resources["hosts"]),
        "job_name": os.environ.get("TRAINING_JOB_NAME", ""),
        "log_level": given.get("sagemaker_container_log_level", 20),
        "master_hostname": min(resources["hosts"]),
        "model_dir": str(MODEL),
        "module_dir": str(given.get("sagemaker_submit_directory") or CODE),
        "module_name": program.removesuffix(".py"),
        "network_interface_name": resources["network_interface_name"],
        "num_cpus": os.cpu_count(),
        "num_gpus": 0,
        "output_data_dir": str(OUTPUT / "data"),
        "output_dir": str(OUTPUT),
        "output_intermediate_dir": str(OUTPUT / "intermediate"),
        "resource_config": resources,
        "user_entry_point": program,
    }
    named = {f"SM_{key.upper()}": value for key, value in about.items()}
    named["SM_CHANNELS"] = sorted(channels)
    named["SM_HPS"], named["SM_TRAINING_ENV"] = own, about
    named["SM_USER_ARGS"] = arguments
    named |= {
        f"SM_CHANNEL_{n.upper()}": path
        for n, path in about["channel_input_dirs"].items()
    }
    named |= {f"SM_HP_{k.upper().replace('-', '_')}": v for k, v in own.items()}
    found = {k: v if isinstance(v, str) else json.dumps(v) for k, v in named.items()}
    path = os.environ.get("PYTHONPATH")
    return found | {"PYTHONPATH": f"{CODE}:{path}" if path else str(CODE)}


def run(program: str, arguments: list[str]) -> None:
    """Install requirements.txt if there is one, and run the script to its end."""
    if (CODE / "requirements.txt").exists():
        install = [sys.executable, "-m", "pip", "install", "-r", "requirements.txt"]
        check("InstallRequirementsError", install)
    if (CODE / "setup.py").exists() and program.endswith(".py"):
        check("InstallModuleError", [sys.executable, "-m", "pip", "install", "."])
        command = [sys.executable, "-m", program.removesuffix(".py"), *arguments]
    elif program.endswith(".py"):
        command = [sys.executable, program, *arguments]
    else:
        script = CODE / program
        if script.exists():
            script.chmod(0o755)
        quoted = " ".join(map(shlex.quote, arguments))
        command = ["/bin/sh", "-c", f"./{program} {quoted}"]
    print("Invoking script with the following command:", flush=True)
    print(" ".join(command), flush=True)
    check("ExecuteUserScriptError", command)


def check(kind: str, command: list[str]) -> None:
    """Run a command; raise ToolkitError with its last words if it fails."""
    process = subprocess.Popen(command, cwd=CODE, stderr=subprocess.PIPE)
    assert process.stderr is not None
    last: list[str] = []
    with process.stderr as lines:
        for line in lines:
            sys.stderr.buffer.write(line)
            sys.stderr.flush()
            last = [*last[-19:], line.decode(errors="replace").rstrip()]
    code = process.wait()
    if code:
        spoken = [line for line in last if line]
        message = spoken[-1] if spoken else ""
        raise ToolkitError(
            f'{kind}:\nExitCode {code}\nErrorMessage "{message}"\n'
            f'Command "{" ".join(command)}"',
            code if code > 0 else 128 - code,
        )


if __name__ == "__main__":
    sys.exit(main())
