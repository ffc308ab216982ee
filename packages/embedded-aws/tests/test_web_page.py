"""A page of another origin, in a browser here: it reads and changes nothing."""

import functools
import http.server
import json
import shutil
import threading

import pytest
from embedded_account import DEFAULT_BUCKET

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome here"),
]

# All ways in which a page can call, each with what it could read of the answer.
SCRIPT = """\
async ([url, bucket]) => {
  const scope = "AKIA/20261128/us-east-1/";
  const signed = service => ({Authorization:
    `AWS4-HMAC-SHA256 Credential=${scope}${service}/aws4_request, ` +
    "SignedHeaders=host, Signature=abc"});
  const query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" +
    encodeURIComponent(`${scope}s3/aws4_request`) + "&X-Amz-Signature=abc" +
    "&X-Amz-SignedHeaders=host&X-Amz-Expires=60&X-Amz-Date=" +
    new Date().toISOString().replace(/[-:]|\\.\\d+/g, "");
  const read = [];
  const ask = async (path, options) => {
    try {
      read.push(await (await fetch(url + path, options)).text());
    } catch {
      read.push("");
    }
  };
  const put = {method: "PUT", body: "mine"};
  await ask("/", {headers: signed("s3")});
  await ask(`/${bucket}/secret`, {headers: signed("s3")});
  await ask(`/${bucket}/secret?${query}`, {});
  await ask(`/${bucket}/planted?${query}`, {...put, mode: "no-cors"});
  await ask(`/${bucket}/planted?${query}`, {...put, method: "POST", mode: "no-cors"});
  await ask(`/${bucket}/planted`, {...put, headers: signed("s3")});
  await ask("/", {method: "POST", body: '{"ModelPackageGroupName": "planted"}',
    headers: {...signed("sagemaker"),
              "X-Amz-Target": "SageMaker.CreateModelPackageGroup"}});
  await ask("/_embedded/faults", {method: "DELETE", mode: "no-cors"});
  const shown = await Promise.all(["img", "script", "iframe"].map(name =>
    new Promise(done => {
      const element = document.createElement(name);
      element.onload = () => done(name == "iframe" ? "" : name);
      element.onerror = () => done("");
      element.src = `${url}/${bucket}/secret?${query}`;
      document.body.append(element);
    })));
  const form = document.createElement("form");
  form.action = `${url}/${bucket}/planted?${query}`;
  form.method = "POST";
  form.target = "frame";
  const frame = document.createElement("iframe");
  frame.name = "frame";
  document.body.append(form, frame);
  await new Promise(done => { frame.onload = done; form.submit(); });
  return [...read, ...shown];
}
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Serve an empty page from another port, and open it in a browser."""
    from playwright.sync_api import sync_playwright

    folder = tmp_path_factory.mktemp("evil")
    (folder / "index.html").write_text("<!doctype html><title>evil</title>")
    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with sync_playwright() as playwright:
            flags = ["--no-sandbox", "--disable-gpu"]
            browser = playwright.chromium.launch(executable_path=BROWSER, args=flags)
            opened = browser.new_page()
            opened.goto(f"http://localhost:{server.server_port}/")
            yield opened
            browser.close()
        server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serve files, and log nothing."""

    def log_message(self, *_):
        """Say nothing."""


def state_of(account, embedded):
    """Return all that the page could have changed."""
    contents = account.s3.list_objects_v2(Bucket=DEFAULT_BUCKET).get("Contents", [])
    groups = account.sagemaker.list_model_package_groups(NameContains="planted")
    names = [each["Name"] for each in account.s3.list_buckets()["Buckets"]]
    keys = sorted((each["Key"], each["ETag"]) for each in contents)
    return keys, names, groups["ModelPackageGroupSummaryList"], embedded.faults()


def test_a_page_of_another_origin_reads_and_changes_nothing(page, account, embedded):
    """Neither by scripts nor by what a page can embed or send without them."""
    account.put("secret", "alert('secret')")
    before = state_of(account, embedded)
    answers = page.evaluate(SCRIPT, [embedded.url, DEFAULT_BUCKET])
    assert set(answers) == {""}, json.dumps(answers)
    assert state_of(account, embedded) == before
