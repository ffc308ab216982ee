"""Small configs without a mistake."""

PIPELINE = """\
version: 2.1
orbs:
  continuation: circleci/continuation@2.0.1
parameters:
  action: {type: enum, enum: [ci, retrain], default: ci}
  force: {type: boolean, default: false}
executors:
  python:
    parameters:
      tag: {type: string, default: "3.12"}
    docker: [{image: cimg/python:<< parameters.tag >>}]
commands:
  install:
    parameters:
      extra: {type: string, default: ""}
    steps:
      - checkout
      - run: {command: make setup, environment: {EXTRA: << parameters.extra >>}}
jobs:
  train:
    parameters:
      model: {type: string}
    executor: {name: python, tag: "3.11"}
    environment: {MODEL_NAME: << parameters.model >>}
    steps:
      - install: {extra: gpu}
      - when:
          condition: << pipeline.parameters.force >>
          steps: [install]
      - run: python -m runner run "$MODEL_NAME" && echo << pipeline.number >>
  deploy:
    executor: python
    parallelism: << pipeline.git.branch == "main" and 2 or 1 >>
    steps: [install]
  gate:
    type: no-op
workflows:
  main:
    when: pipeline.parameters.action == "ci" or pipeline.parameters.force
    max_auto_reruns: 2
    jobs:
      - train:
          name: train-a
          model: a
          context: [trainers]
      - review: {type: approval, requires: [train-a]}
      - deploy:
          requires: [review]
          filters: pipeline.git.branch matches /main|release-.*/
          serial-group: << pipeline.project.slug >>/deploy
      - gate: {requires: [{train-a: [success, failed]}]}
"""
SETUP = """\
version: 2.1
setup: true
orbs:
  continuation: circleci/continuation@2.0.1
parameters:
  action: {type: enum, enum: [ci, retrain], default: ci}
jobs:
  select:
    docker: [{image: cimg/base:current}]
    steps:
      - continuation/continue: {configuration_path: x.yml}
workflows:
  setup:
    jobs: [select]
"""
RELEASE = """\
version: 2.1
orbs:
  standard:
    jobs:
      test:
        docker: [{image: cimg/base:current}]
        steps: [{run: make standard-test}]
jobs:
  build:
    parameters: {os: {type: enum, enum: [linux, mac]}, python: {type: string}}
    docker: [{image: cimg/base:current}]
    steps: [{run: {command: make build, max_auto_reruns: 2, auto_rerun_delay: 10s}}]
  test:
    docker: [{image: cimg/base:current}]
    steps: [checkout, {persist_to_workspace: {root: ., paths: [report]}}]
  migrate:
    docker: [{image: cimg/base:current}]
    steps: [checkout, {run: make migrate}]
  release:
    type: release
    plan_name: service-release
    validation:
      enabled: true
      evaluation_time: 30m
      auto_rollback_on_failure: true
      webhooks: [{name: errors, provider: datadog, max_failures: 2}]
job-groups:
  rollout:
    jobs:
      - migrate
      - release: {requires: [migrate]}
workflows:
  ship:
    jobs:
      - build:
          matrix:
            parameters: {os: [linux, mac], python: ["3.12", "3.13"]}
            exclude: [{os: mac, python: "3.12"}]
      - test: {override-with: standard/test, requires: [build]}
      - rollout:
          requires: [test]
          serial-group: << pipeline.project.slug >>/rollout
          filters: pipeline.git.branch == "main"
"""
ROLLBACK = """\
version: 2.1
jobs:
  rollback:
    docker: [{image: cimg/base:current}]
    environment:
      COMPONENT: << pipeline.deploy.component_name >>
      TARGET: << pipeline.deploy.target_version >>
    steps: [checkout, {run: 'make rollback "$COMPONENT" "$TARGET"'}]
workflows:
  rollback:
    when: pipeline.deploy.target_version != pipeline.deploy.current_version
    jobs: [rollback]
"""
