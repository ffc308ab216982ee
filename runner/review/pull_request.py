"""The way to the review page in GitHub: a comment and a commit status per model."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lifecycle.errors import CallError, LifecycleError
from runner.errors import GitHubError
from runner.git import git_line
from runner.review.page import PAGE, read_review, render
from runner.review.record import decision_commands

API = "https://api.github.com"
ARTIFACTS = "https://output.circle-artifacts.com/output/job"
PULL = re.compile(r"https://[^/]+/([\w.-]+/[\w.-]+)/pull/(\d+)")
# A host, which may stand behind a user with a token, and before a port.
ORIGIN = re.compile(
    r"(?:(?:https|ssh)://(?:[^/]*@)?[^/:@]+(?::\d+)?/|(?:[^/:]*@)?[^/:@]+:)"
    r"([\w.-]+/[\w.-]+?)(?:\.git)?/?"
)
TIMEOUT_SECONDS = 10
PER_PAGE, MAX_PAGES = 100, 20
# Characters of a commit status.
MAX_DESCRIPTION = 140
State = Literal["success", "failure", "pending"]


def announce(
    root: Path, model: str, environment: Mapping[str, str]
) -> tuple[str, LifecycleError | None]:
    """Comment in GitHub where the page of this job's run is.

    Returns:
        The address of the page, and why GitHub could not be told, if so.

    Raises:
        CallError: there is no page.
    """
    folder = root / "build" / model
    if not (folder / PAGE).is_file():
        raise CallError(f"build/{model}/{PAGE}: not there; run the model first")
    url = artifact_url(model, environment)
    try:
        origin = git_line(root, "remote", "get-url", "origin")
        if commit := find_commit(environment, origin):
            review = read_review(folder)
            state: State = "failure" if review["tone"] == "bad" else "success"
            said = f"{review['headline']}. {review['because']}"
            commit.set_status(model, state, said, url)
            commit.write_comment(model, comment(review, url))
        elif environment.get("GITHUB_TOKEN"):
            raise GitHubError(
                "GitHub: nobody is told there; `git remote get-url origin` names no "
                "repository of GitHub, or CIRCLE_SHA1 is not set"
            )
    except LifecycleError as error:
        return url, error
    return url, None


def artifact_url(model: str, environment: Mapping[str, str]) -> str:
    """Return the address of the page in CircleCI's artifacts; elsewhere its path."""
    path = f"build/{model}/{PAGE}"
    job = environment.get("CIRCLE_WORKFLOW_JOB_ID")
    node = environment.get("CIRCLE_NODE_INDEX", "0")
    return f"{ARTIFACTS}/{job}/artifacts/{node}/{path}" if job else path


def comment(review: Mapping[str, Any], url: str) -> str:
    """Return the comment of one model in GitHub's Markdown.

    Args:
        review: as `review.json` has it.
    """
    decide = decision_commands(review["model"], review["version"] or 0, "aws")
    return render("comment.md.j2", review=review, url=url, decide=decide).strip()


@dataclass(frozen=True, kw_only=True)
class Commit:
    """A commit of a GitHub repository, and the token that may comment on it."""

    repository: str
    sha: str
    token: str
    pull_request: int | None = None
    api: str = API

    def write_comment(self, model: str, body: str) -> str:
        """Write the model's comment in the pull request, or update the one there is."""
        number = self.pull_request or self._find_pull_request()
        if number is None:
            return ""
        marker = f"<!-- runner review {model} -->"
        content = {"body": f"{marker}\n{body}"}
        for one in self._comments(number):
            if str(one.get("body", "")).startswith(marker):
                path = f"issues/comments/{one['id']}"
                return str(self._call("PATCH", path, content)["html_url"])
        path = f"issues/{number}/comments"
        return str(self._call("POST", path, content)["html_url"])

    def set_status(self, model: str, state: State, description: str, url: str) -> None:
        """Set the commit's status for a model; its link is the review page."""
        content = {
            "state": state,
            "target_url": url,
            "description": description[:MAX_DESCRIPTION],
            "context": f"review: {model}",
        }
        self._call("POST", f"statuses/{self.sha}", content)

    def _find_pull_request(self) -> int | None:
        """Return the number of the open pull request that has this commit."""
        found = self._call("GET", f"commits/{self.sha}/pulls")
        numbers = [one["number"] for one in found if one.get("state") == "open"]
        return int(numbers[0]) if numbers else None

    def _comments(self, number: int) -> Iterator[Mapping[str, Any]]:
        for page in range(1, MAX_PAGES + 1):
            query = f"per_page={PER_PAGE}&page={page}"
            found = self._call("GET", f"issues/{number}/comments?{query}")
            yield from found
            if len(found) < PER_PAGE:
                return

    def _call(self, method: str, path: str, content: Any = None) -> Any:
        """Call GitHub's API.

        Raises:
            GitHubError: GitHub refuses or does not answer.
        """
        import requests

        try:
            response = requests.request(
                method,
                f"{self.api}/repos/{self.repository}/{path}",
                json=content,
                headers={
                    "Accept": "application/vnd.github+json",
                    "User-Agent": "runner",
                },
                auth=self._authorize,
                timeout=TIMEOUT_SECONDS,
                # The token would be sent along.
                allow_redirects=False,
            )
            if response.status_code < 300:
                return response.json()
        except (requests.RequestException, ValueError) as error:
            raise GitHubError(f"GitHub: {method} {path}: {error}") from error
        why = f"{response.status_code} {response.reason}"
        remedy = "give GITHUB_TOKEN write access to pull requests and statuses"
        raise GitHubError(f"GitHub: {method} {path}: {why}; {remedy}")

    def _authorize(self, request: Any) -> Any:
        """Add the token; as a header alone it would give way to one in ~/.netrc."""
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


def find_commit(environment: Mapping[str, str], origin: str = "") -> Commit | None:
    """Return the commit that CircleCI builds; None without a token for GitHub."""
    token = environment.get("GITHUB_TOKEN")
    sha = environment.get("CIRCLE_SHA1")
    pull = PULL.fullmatch(environment.get("CIRCLE_PULL_REQUEST", ""))
    known = ORIGIN.fullmatch(environment.get("CIRCLE_REPOSITORY_URL") or origin)
    repository = pull[1] if pull else known[1] if known else ""
    if not token or not sha or not repository:
        return None
    return Commit(
        repository=repository,
        sha=sha,
        token=token,
        pull_request=int(pull[2]) if pull else None,
        api=environment.get("GITHUB_API_URL", API).rstrip("/"),
    )
