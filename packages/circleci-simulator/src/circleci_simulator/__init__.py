"""CircleCI offline: a checker of its configs, and a simulator of its pipelines."""

from circleci_simulator.checks import check, check_pair
from circleci_simulator.compile import Job, compile_jobs, compiled_size
from circleci_simulator.config import Config, ConfigError, load
from circleci_simulator.expressions import ExpressionError
from circleci_simulator.project import PipelineRun, Project
from circleci_simulator.simulate import JobStatus, executed, hanging, job_statuses
from circleci_simulator.steps import JobRun
from circleci_simulator.workflows import Pipeline

__all__ = [
    "Config",
    "ConfigError",
    "ExpressionError",
    "Job",
    "JobRun",
    "JobStatus",
    "Pipeline",
    "PipelineRun",
    "Project",
    "check",
    "check_pair",
    "compile_jobs",
    "compiled_size",
    "executed",
    "hanging",
    "job_statuses",
    "load",
]
