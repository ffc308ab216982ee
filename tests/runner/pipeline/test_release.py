"""Which commit an endpoint was deployed from, and that an older one leaves it alone."""

import pytest
import tiny
from repository import Repository

from lifecycle.aws import client
from lifecycle.deploy import deploy
from lifecycle.endpoint import read_deployed_tags
from lifecycle.errors import EndpointError
from lifecycle.registry import find_package
from packages import ENDPOINT, delete_endpoint, make_package, new_name
from runner.pipeline.plan import make_plan
from runner.pipeline.release import record_deployment, refuse_outdated
from runner.spec.fingerprint import fingerprint, serving_fingerprint

SMALLER = {"instance_type": "ml.t2.medium", "instance_count": 1}


@pytest.fixture
def repository(tmp_path):
    """A clone with one tiny model of a name of its own."""
    made = Repository(tmp_path / "clone")
    tiny.write_shared(made.root)
    made.name = new_name()
    tiny.write_model(made.root, made.name)
    made.first = made.commit()
    return made


@pytest.fixture
def live(repository, aws):
    """Serve the checkout's content, from its first commit."""
    content = fingerprint(repository.root, repository.name)
    deploy(make_package(repository.name, fingerprint=content), endpoint=ENDPOINT)
    yield
    delete_endpoint(repository.name)


def planned(repository, *stages, **given):
    return make_plan(repository.root, repository.name, stages or ("deploy",), given)


def changed(repository, slope):
    """Commit other content."""
    tiny.write_model(repository.root, repository.name, slope=slope)
    return repository.commit()


def test_a_first_deployment_has_nothing_to_undo(repository, aws):
    """Without an endpoint nothing is refused, and nothing is marked."""
    refuse_outdated(planned(repository))
    record_deployment(planned(repository))
    assert repository.name not in read_deployed_tags()


def test_a_deployment_that_ran_to_its_end_is_marked(repository, live):
    """With what was deployed, and from which commit."""
    record_deployment(planned(repository))

    tags = read_deployed_tags()[repository.name]
    assert tags["deployed_commit"] == repository.first
    assert tags["deployment"] == serving_fingerprint(repository.root, repository.name)


def test_other_parameters_are_another_deployment(repository, live):
    """What `-p` changes is not what the checkout says, so it is not marked as that."""
    larger = '{"instance_type": "ml.m5.xlarge"}'
    record_deployment(planned(repository, endpoint=larger))
    assert "deployment" not in read_deployed_tags()[repository.name]


def test_an_older_commit_does_not_replace_a_later_one(repository, live):
    """A rerun of an old job is refused, with the way to go back on purpose."""
    changed(repository, 5.0)
    back = fingerprint(repository.root, repository.name)
    later = changed(repository, 1.0)
    record_deployment(planned(repository))
    repository.checkout(f"{later}~1")
    assert fingerprint(repository.root, repository.name) == back

    with pytest.raises(EndpointError, match=f"commit {later[:7]}, which came after"):
        refuse_outdated(planned(repository))
    refuse_outdated(planned(repository, "train-register", "deploy"))


@pytest.mark.parametrize("other", ["newer", "same content", "unrelated"])
def test_any_other_commit_may_be_deployed(repository, live, other):
    """One that came later, serves the same, or is of another history."""
    if other == "same content":
        mark_from = repository.commit("README.md")
        record_deployment(planned(repository))
        repository.checkout(repository.first)
        assert mark_from != repository.first
    else:
        record_deployment(planned(repository))
        if other == "unrelated":
            repository.git("checkout", "-q", "--orphan", "elsewhere")
        changed(repository, 7.0)

    refuse_outdated(planned(repository))


@pytest.mark.parametrize("trained_again", [False, True])
def test_a_rollback_stays_until_its_content_is_trained_again(
    repository, live, trained_again
):
    """The rerun of a deployment is no decision to go forward; a new version is."""
    changed(repository, 2.0)
    content = fingerprint(repository.root, repository.name)
    if not trained_again:
        make_package(repository.name, fingerprint=content)
    now = deploy(find_package(repository.name, 1), endpoint=SMALLER)
    tag = {"Key": "rolled_back_from", "Value": content}
    client("sagemaker").add_tags(ResourceArn=now.arn, Tags=[tag])
    if trained_again:
        make_package(repository.name, fingerprint=content)
        refuse_outdated(planned(repository))
        return

    with pytest.raises(EndpointError, match=r"since a rollback .* --to 2`"):
        refuse_outdated(planned(repository))
