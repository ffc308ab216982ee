"""A pull request's comment and a commit's status that lead to the review page."""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Literal

from runner import api
from runner.errors import GitHubError

API = "https://api.github.com"
PULL = re.compile(r"https://[^/]+/([\w.-]+/[\w.-]+)/pull/(\d+)")
ORIGIN = re.compile(
    r"(?:https://|git@|ssh://git@)[^/:]+[/:]([\w.-]+/[\w.-]+?)(?:\.git)?/?"
)
PER_PAGE, MAX_PAGES = 100, 20
MAX_DESCRIPTION = 140
State = Literal["success", "failure", "pending"]


@dataclass(frozen=True, kw_only=True)
class Commit:
    """A commit of a GitHub repository, and the token that may comment on it."""

    repository: str
    sha: str
    token: str
    pull_request: int | None = None
    api: str = API

    def announce(self, model: str, body: str) -> str:
        """Write one comment per model into the pull request, and keep it up to date."""
        number = self.pull_request or self._find_pull_request()
        if number is None:
            return ""
        marker = f"<!-- runner review {model} -->"
        content = {"body": f"{marker}\n{body}"}
        for comment in self._comments(number):
            if str(comment.get("body", "")).startswith(marker):
                path = f"issues/comments/{comment['id']}"
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
        """Find the open pull request that has this commit."""
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
        """Call GitHub's API, and say in one line what it refuses."""
        request = urllib.request.Request(
            f"{self.api}/repos/{self.repository}/{path}",
            data=json.dumps(content).encode() if content is not None else None,
            method=method,
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                "User-Agent": "runner",
            },
        )
        try:
            return api.call(request)
        except urllib.error.HTTPError as error:
            error.close()
            why = f"{error.code} {error.reason}"
            remedy = "give GITHUB_TOKEN write access to pull requests and statuses"
            raise GitHubError(f"GitHub: {method} {path}: {why}; {remedy}") from error
        except (OSError, HTTPException, ValueError) as error:
            raise GitHubError(f"GitHub: {method} {path}: {error}") from error


def find_commit(environment: Mapping[str, str], origin: str = "") -> Commit | None:
    """Find the commit that CircleCI builds; nothing without a token for GitHub."""
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
