"""Whether a version predicts what was recorded at its training, and the note of it."""

from runner.deployment import as_tags, tags
from runner.errors import RunnerError
from runner.evaluation import load_booster, predict
from runner.invocation import Golden, check_golden, compare, read_golden
from runner.live import Live, utc
from runner.package import Package, describe
from runner.session import client


def check_archive(package: Package, golden: Golden) -> None:
    """Refuse, before any endpoint changes, an archive that is not what was trained."""
    import pandas as pd

    predictions = predict(load_booster(package.model_data), pd.DataFrame(golden.rows))
    compare(f"{package.model_data}", predictions.tolist(), golden)


def verdict(live: Live | None) -> str:
    """Say what is live, and whether it predicts what was recorded at its training."""
    from botocore.exceptions import ClientError

    if live is None:
        return "nothing"
    try:
        golden = read_golden(describe(live.package)) if live.package else None
        if golden is None:
            return f"{live}, with no golden rows to be verified by"
        check_golden(live.endpoint, golden)
    except (RunnerError, ClientError) as error:
        return f"{live}, which cannot be verified: {error}"
    return f"{live}, verified"


def attempt(live: Live, package: Package) -> None:
    """Note on an endpoint which version is being deployed, until one is verified."""
    begun = as_tags({"attempted": str(package.version)})
    client("sagemaker").add_tags(ResourceArn=live.arn, Tags=begun)


def record(
    live: Live, package: Package, *, before: str = "", rolled_back_from: str = ""
) -> None:
    """Note on config and endpoint that this version was verified, and after which.

    An endpoint's tags name the version that was verified last, not the one that an
    interrupted deploy may have left: who compares them with a checkout deploys again.
    """
    sagemaker = client("sagemaker")
    since = utc(live.modified)
    history = {"verified": since} | ({"before": before} if before else {})
    state = {
        "config": live.config,
        "since": since,
        "rolled_back_from": rolled_back_from,
        "goes_back_to": "",
        "attempted": "",
    }
    sagemaker.add_tags(ResourceArn=live.config_arn, Tags=as_tags(history))
    sagemaker.add_tags(ResourceArn=live.arn, Tags=[*tags(package), *as_tags(state)])
