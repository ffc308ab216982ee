"""What CircleCI knows without being told: pipeline values, orbs, steps, keys."""

import re

# A name without a value in a pipeline is undefined there.
PIPELINE_VALUES = frozenset(
    """
    pipeline.id pipeline.number pipeline.name pipeline.definition.id
    pipeline.integration_source pipeline.project.type pipeline.project.slug
    pipeline.git.tag pipeline.git.branch pipeline.git.branch.is_default
    pipeline.git.revision pipeline.git.base_revision pipeline.git.repo_url
    pipeline.git.repo_owner pipeline.git.repo_name pipeline.git.repo_id
    pipeline.git.commit.url pipeline.git.commit.subject pipeline.git.commit.body
    pipeline.git.commit.author_login pipeline.config.repository.name
    pipeline.config.repository.url pipeline.config.file_path pipeline.config.ref
    pipeline.config.sha pipeline.trigger.received_at pipeline.trigger.type
    pipeline.trigger.id pipeline.trigger.name pipeline.event.name
    pipeline.event.action pipeline.event.github.ref pipeline.event.github.after
    pipeline.event.context.github.pr_url pipeline.schedule.id
    pipeline.deploy.component_name pipeline.deploy.environment_name
    pipeline.deploy.target_version pipeline.deploy.current_version
    pipeline.deploy.namespace pipeline.deploy.reason
    pipeline.trigger_parameters.webhook.body
    """.split()  # noqa: SIM905, a page of names reads better unquoted
)
# People write these, so they must not become part of a command.
HARMLESS = frozenset(
    {"pipeline.id", "pipeline.number", "pipeline.git.revision", "pipeline.project.slug"}
)
PULL_REQUEST = re.compile(r"pipeline\.event\.github\.pull_request\.[\w.]+")
DEPRECATED = re.compile(
    r"pipeline\.(trigger_source|schedule\.name|project\.git_url"
    r"|trigger_parameters\.(circleci|github_app|gitlab)\..+)"
)

CONTINUE = {
    "circleci_domain": {"type": "string", "default": "circleci.com"},
    "configuration_path": {"type": "string"},
    "files_changed": {"type": "string", "default": "/tmp/files-changed-list"},
    "parameter_for_files_changed": {"type": "string", "default": ""},
    "parameters": {"type": "string", "default": "{}"},
    "when": {
        "type": "enum",
        "enum": ["on_success", "always", "on_fail"],
        "default": "on_success",
    },
}
# Each known orb: its versions, and its commands and jobs with their parameters.
ORBS = {
    "circleci/continuation": {
        "versions": {"2.0.0", "2.0.1"},
        "commands": {"continue": CONTINUE, "finish": {}},
        "jobs": {
            "continue": CONTINUE
            | {
                "checkout": {"type": "boolean", "default": True},
                "workspace_path": {"type": "string", "default": ""},
                "resource_class": {"type": "string", "default": "small"},
                "executor": {"type": "executor", "default": "default"},
                "circleci_ip_ranges": {"type": "boolean", "default": False},
            }
        },
    },
}

STEPS = frozenset(
    """
    checkout run when unless save_cache restore_cache store_artifacts
    store_test_results persist_to_workspace attach_workspace setup_remote_docker
    add_ssh_keys
    """.split()  # noqa: SIM905
)
JOB_TYPES = {"build", "approval", "no-op", "release", "lock", "unlock"}
TOP_LEVEL = {
    "version", "setup", "orbs", "parameters", "executors", "commands", "jobs",
    "job-groups", "workflows", "description", "display",
}  # fmt: skip
WORKFLOW = {"jobs", "when", "unless", "triggers", "max_auto_reruns"}
INVOCATION = {
    "name", "requires", "context", "filters", "type", "matrix", "pre-steps",
    "post-steps", "serial-group", "override-with",
}  # fmt: skip
STATUSES = {"success", "failed", "canceled", "unauthorized", "not_run", "terminal"}
