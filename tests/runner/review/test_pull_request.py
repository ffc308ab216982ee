"""The comment and the status in GitHub, against a server on this machine."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from runner.errors import GitHubError
from runner.review.pull_request import MAX_DESCRIPTION, Commit, find_commit

TOKEN = "a-token-of-this-test"
SHA = "0123456789abcdef0123456789abcdef01234567"


class FakeGitHub(ThreadingHTTPServer):
    """What GitHub keeps of one repository: comments, statuses, pull requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.comments: list[dict[str, Any]] = []
        self.statuses: list[dict[str, Any]] = []
        self.pulls: list[dict[str, Any]] = []
        self.redirect = ""
        self.refuses = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    """Answers as GitHub's REST API does."""

    server: FakeGitHub

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path.endswith("/pulls"):
            return self._send(self.server.pulls)
        page = int(query.partition("page=")[2].partition("&page=")[2] or 1)
        self._send(self.server.comments[100 * (page - 1) : 100 * page])

    def do_POST(self) -> None:
        content = self._content()
        if "/statuses/" in self.path:
            self.server.statuses.append(content | {"path": self.path})
            return self._send({})
        number = len(self.server.comments)
        comment = content | {"id": number, "html_url": f"https://github/{number}"}
        self.server.comments.append(comment | {"path": self.path})
        self._send(comment)

    def do_PATCH(self) -> None:
        number = int(self.path.rsplit("/", 1)[1])
        self.server.comments[number] |= self._content()
        self._send(self.server.comments[number])

    def _content(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(
            self.rfile.read(int(self.headers["Content-Length"]))
        )
        return content

    def _send(self, content: Any) -> None:
        known = self.headers["Authorization"] == f"Bearer {TOKEN}"
        code = 302 if self.server.redirect else self.server.refuses
        self.send_response(code or (200 if known else 401))
        if self.server.redirect:
            self.send_header("Location", self.server.redirect)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Keep it."""


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    """A GitHub of this test alone."""
    with FakeGitHub() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def commit(github: FakeGitHub) -> Commit:
    """A commit of pull request 7."""
    return Commit(
        repository="team/models",
        sha=SHA,
        token=TOKEN,
        pull_request=7,
        api=github.url,
    )


def test_each_model_has_one_comment(github: FakeGitHub, commit: Commit) -> None:
    """It is updated in place; another model's, and a person's, stay."""
    github.comments.append({"id": 0, "body": "a person's", "html_url": ""})
    commit.announce("abalone", "first")
    commit.announce("churn", "other")
    address = commit.announce("abalone", "second")

    bodies = [one["body"] for one in github.comments]
    assert len(bodies) == 3
    assert bodies[0] == "a person's"
    assert bodies[1].endswith("second")
    assert bodies[2].endswith("other")
    assert address == "https://github/1"
    assert github.comments[1]["path"] == "/repos/team/models/issues/7/comments"


def test_the_comment_is_found_on_a_later_page(
    github: FakeGitHub, commit: Commit
) -> None:
    """Long discussions have more comments than one answer holds."""
    for number in range(130):
        github.comments.append({"id": number, "body": "talk", "html_url": ""})
    commit.announce("abalone", "first")
    commit.announce("abalone", "second")

    assert len(github.comments) == 131
    assert github.comments[130]["body"].endswith("second")


def test_a_model_is_not_taken_for_one_whose_name_begins_alike(
    github: FakeGitHub, commit: Commit
) -> None:
    """`churn` and `churn-eu` have a comment each."""
    commit.announce("churn-eu", "europe")
    commit.announce("churn", "all")

    assert len(github.comments) == 2


def test_without_its_number_the_pull_request_is_found(github: FakeGitHub) -> None:
    """By the commit, and only an open one."""
    github.pulls += [{"number": 3, "state": "closed"}, {"number": 4, "state": "open"}]
    commit = Commit(repository="team/models", sha=SHA, token=TOKEN, api=github.url)
    commit.announce("abalone", "text")

    assert github.comments[0]["path"].endswith("/issues/4/comments")


def test_a_commit_without_pull_request_gets_no_comment(github: FakeGitHub) -> None:
    """There is nowhere to put it."""
    commit = Commit(repository="team/models", sha=SHA, token=TOKEN, api=github.url)

    assert commit.announce("abalone", "text") == ""
    assert github.comments == []


def test_the_status_leads_to_the_page(github: FakeGitHub, commit: Commit) -> None:
    """One per model, with a description that GitHub takes."""
    commit.set_status("abalone", "failure", "x" * 300, "https://page")

    status = github.statuses[0]
    assert status["path"] == f"/repos/team/models/statuses/{SHA}"
    assert status["target_url"] == "https://page"
    assert status["state"] == "failure"
    assert status["context"] == "review: abalone"
    assert len(status["description"]) == MAX_DESCRIPTION


def test_a_refusal_is_one_line_with_the_remedy(
    github: FakeGitHub, commit: Commit
) -> None:
    """And the token is not in it."""
    github.refuses = 403
    with pytest.raises(GitHubError, match=r"403 .*; give GITHUB_TOKEN") as caught:
        commit.announce("abalone", "text")

    assert TOKEN not in str(caught.value)


def test_a_redirect_is_not_followed(github: FakeGitHub, commit: Commit) -> None:
    """The token would go with it."""
    with FakeGitHub() as other:
        github.redirect = f"{other.url}/elsewhere"
        with pytest.raises(GitHubError, match="302"):
            commit.set_status("abalone", "success", "text", "https://page")

        assert other.statuses == []


def test_a_github_that_is_not_there_is_said(commit: Commit) -> None:
    """Nothing listens on the reserved port 1."""
    lost = Commit(
        repository=commit.repository, sha=SHA, token=TOKEN, api="http://127.0.0.1:1"
    )

    with pytest.raises(GitHubError, match="refused"):
        lost.set_status("abalone", "success", "text", "https://page")


GIVEN = {"GITHUB_TOKEN": TOKEN, "CIRCLE_SHA1": SHA}


@pytest.mark.parametrize(
    ("more", "origin", "repository", "number"),
    [
        (
            {"CIRCLE_PULL_REQUEST": "https://github.com/team/models/pull/7"},
            "",
            "team/models",
            7,
        ),
        (
            {"CIRCLE_REPOSITORY_URL": "git@github.com:team/models.git"},
            "",
            "team/models",
            None,
        ),
        ({}, "https://github.com/team/my.models", "team/my.models", None),
        ({}, "ssh://git@github.com/team/models.git", "team/models", None),
    ],
)
def test_the_repository_is_found(
    more: dict[str, str], origin: str, repository: str, number: int | None
) -> None:
    """From what CircleCI says, or from where the checkout came from."""
    commit = find_commit(GIVEN | more, origin)

    assert commit is not None
    assert (commit.repository, commit.pull_request) == (repository, number)


@pytest.mark.parametrize("missing", ["GITHUB_TOKEN", "CIRCLE_SHA1"])
def test_without_a_token_or_commit_github_is_left_alone(missing: str) -> None:
    """Most teams begin without."""
    given = {name: value for name, value in GIVEN.items() if name != missing}

    assert find_commit(given, "git@github.com:team/models.git") is None


def test_an_origin_that_is_no_repository_is_left_alone() -> None:
    """A path, for example."""
    assert find_commit(GIVEN, "/srv/git/models") is None
    assert find_commit(GIVEN, "https://github.com/team/models/../../evil") is None
