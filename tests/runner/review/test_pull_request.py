"""The comment and the commit status, written to a GitHub on this machine."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import reviews

from runner.errors import GitHubError
from runner.review.page import escape_markdown, read_review, write_page
from runner.review.pull_request import (
    MAX_DESCRIPTION,
    Commit,
    announce,
    comment,
    find_commit,
)

TOKEN = "a-token-of-this-test"
SHA = "0123456789abcdef0123456789abcdef01234567"
URL = "https://output.circle-artifacts.com/page"


class FakeGitHub(ThreadingHTTPServer):
    """The comments, statuses and pull requests of one repository."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.comments: list[dict[str, Any]] = []
        self.statuses: list[dict[str, Any]] = []
        self.pulls: list[dict[str, Any]] = []
        self.calls: list[str] = []
        # How it answers instead of serving the call.
        self.status = 0
        self.redirect = ""
        self.body = b""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    """Answers as GitHub's REST API does."""

    server: FakeGitHub

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        page = int(query.partition("&page=")[2] or 1)
        comments = self.server.comments[100 * (page - 1) : 100 * page]
        self._send(self.server.pulls if path.endswith("/pulls") else comments)

    def do_POST(self) -> None:
        content = self._content() | {"path": self.path}
        if "/statuses/" in self.path:
            self.server.statuses.append(content)
        else:
            number = len(self.server.comments)
            content |= {"id": number, "html_url": f"https://github/{number}"}
            self.server.comments.append(content)
        self._send(content)

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
        server = self.server
        server.calls.append(f"{self.command} {self.path}")
        known = self.headers["Authorization"] == f"Bearer {TOKEN}"
        self.send_response(server.status or (200 if known else 401))
        if server.redirect:
            self.send_header("Location", server.redirect)
        body = server.body or json.dumps(content).encode()
        # A body that is announced longer than it is was cut on its way.
        self.send_header("Content-Length", str(len(body) + body.endswith(b"...")))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the output of the tests clean."""


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    """A GitHub with one repository."""
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
    commit.write_comment("abalone", "first")
    commit.write_comment("churn", "other")
    address = commit.write_comment("abalone", "second")

    bodies = [one["body"] for one in github.comments]
    assert len(bodies) == 3
    assert bodies[0] == "a person's"
    assert bodies[1].endswith("second")
    assert bodies[2].endswith("other")
    assert address == "https://github/1"
    assert github.comments[1]["path"] == "/repos/team/models/issues/7/comments"


def test_a_comment_is_found_on_a_later_page(github: FakeGitHub, commit: Commit) -> None:
    """GitHub returns a hundred comments at once."""
    for number in range(130):
        github.comments.append({"id": number, "body": "talk", "html_url": ""})
    commit.write_comment("abalone", "first")
    commit.write_comment("abalone", "second")

    assert len(github.comments) == 131
    assert github.comments[130]["body"].endswith("second")


def test_models_whose_names_begin_alike_have_a_comment_each(
    github: FakeGitHub, commit: Commit
) -> None:
    """For example `churn` and `churn-eu`."""
    commit.write_comment("churn-eu", "europe")
    commit.write_comment("churn", "all")

    assert len(github.comments) == 2


def test_without_its_number_the_pull_request_is_found(github: FakeGitHub) -> None:
    """By the commit; a closed pull request is passed over."""
    github.pulls += [{"number": 3, "state": "closed"}, {"number": 4, "state": "open"}]
    commit = Commit(repository="team/models", sha=SHA, token=TOKEN, api=github.url)
    commit.write_comment("abalone", "text")

    assert github.comments[0]["path"].endswith("/issues/4/comments")


def test_a_commit_without_pull_request_gets_no_comment(github: FakeGitHub) -> None:
    """There is nowhere to put it."""
    commit = Commit(repository="team/models", sha=SHA, token=TOKEN, api=github.url)

    assert commit.write_comment("abalone", "text") == ""
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
    """The token is not in it."""
    github.status = 403
    with pytest.raises(GitHubError, match=r"403 .*; give GITHUB_TOKEN") as caught:
        commit.write_comment("abalone", "text")

    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(
    github: FakeGitHub, commit: Commit, status: int
) -> None:
    """The token would be sent along."""
    with FakeGitHub() as other:
        github.status, github.redirect = status, f"{other.url}/elsewhere"
        with pytest.raises(GitHubError, match=str(status)):
            commit.set_status("abalone", "success", "text", URL)
        with pytest.raises(GitHubError, match=str(status)):
            commit.write_comment("abalone", "text")

        assert other.calls == []
        assert len(github.calls) == 2


@pytest.mark.parametrize("body", [b"text", b'{"html_url": "https://...'])
def test_an_answer_that_is_no_json_is_an_error(
    github: FakeGitHub, commit: Commit, body: bytes
) -> None:
    """A proxy may answer in GitHub's place, or the answer may be cut."""
    github.body = body

    with pytest.raises(GitHubError, match="GitHub: POST statuses/"):
        commit.set_status("abalone", "success", "text", URL)


def test_a_github_that_does_not_answer_is_named(commit: Commit) -> None:
    """Nothing listens on the reserved port 1."""
    lost = Commit(
        repository=commit.repository, sha=SHA, token=TOKEN, api="http://127.0.0.1:1"
    )

    with pytest.raises(GitHubError, match="refused"):
        lost.set_status("abalone", "success", "text", URL)


def test_the_token_is_the_jobs_own(
    github: FakeGitHub,
    commit: Commit,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An entry of ~/.netrc for the same host, which git may need, is not sent."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login git password another-token\n")
    monkeypatch.setenv("NETRC", str(netrc))

    commit.set_status("abalone", "success", "text", URL)

    assert len(github.statuses) == 1


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
        ({}, "ssh://git@ssh.github.com:443/team/models.git", "team/models", None),
        (
            {},
            "https://x-access-token:ghs_1@github.com/team/models",
            "team/models",
            None,
        ),
        ({}, "https://ghs_1@github.com/team/models.git/", "team/models", None),
        ({}, "github.com:team/models", "team/models", None),
    ],
)
def test_the_repository_is_found(
    more: dict[str, str], origin: str, repository: str, number: int | None
) -> None:
    """From CircleCI's variables, or from the origin of the checkout."""
    commit = find_commit(GIVEN | more, origin)

    assert commit is not None
    assert (commit.repository, commit.pull_request) == (repository, number)


@pytest.mark.parametrize("missing", ["GITHUB_TOKEN", "CIRCLE_SHA1"])
def test_without_a_token_or_a_commit_github_is_not_called(missing: str) -> None:
    """Both are optional."""
    given = {name: value for name, value in GIVEN.items() if name != missing}

    assert find_commit(given, "git@github.com:team/models.git") is None


def test_an_origin_that_is_no_repository_is_ignored() -> None:
    """For example a path."""
    assert find_commit(GIVEN, "/srv/git/models") is None
    assert find_commit(GIVEN, "../git/models") is None
    assert find_commit(GIVEN, "https://github.com/team/models/../../evil") is None
    assert find_commit(GIVEN, "https://evil@team/models@github.com") is None


def test_a_token_without_a_repository_is_told(folder):
    """Whoever set the token waits for a comment."""
    reviews.write_training(folder, reviews.evaluation(2.0, live=2.5))
    write_page(folder, "toy")
    url, error = announce(folder.parents[1], "toy", GIVEN)
    assert url and "names no repository of GitHub" in str(error)


def test_a_comment_has_the_headline_the_metrics_and_the_link(folder):
    """So that the page need not be opened for them."""
    reviews.write_training(folder, reviews.evaluation(2.0, live=2.5))
    write_page(folder, "toy")
    text = comment(read_review(folder), URL)

    minus = "\N{MINUS SIGN}"
    assert text.startswith("### ✓ toy version 2: Can be approved\n")
    assert "| rmse | at most 2.5 | 2.00 (1.90 to 2.10) | passed |" in text
    difference = f"{minus}0.5 ({minus}0.5 to {minus}0.5) better"
    assert f"| rmse | 2.00 (1.90 to 2.10) | 2.50 | {difference} |" in text
    relative = "at most 5 % worse than live \\(at most 2.625; live\\: 2.5\\)"
    assert f"| rmse | {relative} |" in text
    assert f"**[Open the review page]({URL})**" in text
    assert text.endswith('--version 2 --target aws --reject --reason "…"`')


def test_a_comment_says_what_to_look_at(folder):
    """Above the tables."""
    reviews.write_training(folder, reviews.evaluation(2.25, live=2.2, margin=0.1))
    write_page(folder, "toy")
    text = comment(read_review(folder), URL)

    assert text.startswith("### ! toy version 2: Can be approved, but look closer\n")
    assert "\n- Undecided\\: rmse 2.25 is 2.3 % better to 6.8 % worse" in text


def test_a_comment_names_what_the_model_card_lacks(folder):
    """So that it is filled in before the version is approved."""
    reviews.write_training(folder, reviews.evaluation(2.0))
    gaps = {"text": "# Card", "gaps": ["the section “Limits” is missing or empty"]}
    reviews.write(folder / "model-card.json", gaps)
    write_page(folder, "toy")
    text = comment(read_review(folder), URL)

    assert "- The model card is incomplete\\: the section “Limits” is missing" in text


def test_the_comment_on_a_failed_notebook_has_no_metrics(folder):
    """There are none."""
    reviews.write_stage(folder, "prepare", status="failed", error="KeyError")
    write_page(folder, "toy")
    text = comment(read_review(folder), URL)

    assert text.startswith("### ✗ toy: Cannot be approved\\: prepare failed\n")
    assert "\n- KeyError\n" in text
    assert "difference" not in text
    assert "--reject" not in text


def test_markdown_in_a_text_is_escaped():
    """No mention, link, image, table cell or tag comes out of it."""
    hostile = "@team ![x](https://evil) | <img src=x> `code`\n# heading"
    escaped = escape_markdown(hostile)

    assert "\n" not in escaped
    for mark in "@[]()|<>`#!":
        assert escaped.count(mark) == escaped.count(f"\\{mark}")


@pytest.fixture
def job(github: FakeGitHub) -> dict[str, str]:
    """The variables of a job that may call GitHub."""
    return GIVEN | {
        "CIRCLE_WORKFLOW_JOB_ID": "job-id",
        "CIRCLE_NODE_INDEX": "2",
        "CIRCLE_PULL_REQUEST": "https://github.com/team/models/pull/7",
        "GITHUB_API_URL": github.url,
    }


@pytest.mark.parametrize(
    ("rmse", "state", "title"),
    [
        (2.0, "success", "Can be approved. "),
        (2.6, "failure", "Cannot be approved: a gate failed. "),
    ],
)
def test_a_job_announces_its_page(github, job, folder, rmse, state, title):
    """The address of CircleCI's artifact is in the comment and in the status."""
    failed = {"status": "failed", "results": None} if state == "failure" else {}
    reviews.write_training(folder, reviews.evaluation(rmse), **failed)
    write_page(folder, "toy")

    url, error = announce(folder.parents[1], "toy", job)

    artifacts = "https://output.circle-artifacts.com/output/job/job-id/artifacts/2"
    assert (url, error) == (f"{artifacts}/build/toy/index.html", None)
    (status,) = github.statuses
    assert (status["state"], status["target_url"]) == (state, url)
    assert status["description"].startswith(title)
    assert f"({url})" in github.comments[0]["body"]


def test_a_refused_announcement_still_has_the_address(github, job, folder):
    """The page is there all the same; the caller gets the error to print."""
    reviews.write_training(folder, reviews.evaluation(2.0))
    write_page(folder, "toy")
    github.status = 500

    url, error = announce(folder.parents[1], "toy", job)

    assert url.endswith("/build/toy/index.html")
    assert isinstance(error, GitHubError)


def test_outside_of_circleci_the_address_is_a_path(folder):
    """Without its variables GitHub is not called either."""
    write_page(folder, "toy")

    found = announce(folder.parents[1], "toy", {})

    assert found == ("build/toy/index.html", None)
