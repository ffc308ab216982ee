"""Search: filters, operators, order and pages, on what Describe shows."""

from datetime import datetime

import pytest
from embedded_aws.sagemaker.search import matches, search
from moto.sagemaker.exceptions import ValidationError

JOB = {
    "TrainingJobName": "abalone-1",
    "TrainingJobStatus": "Completed",
    "TrainingTimeInSeconds": 12,
    "EnableManagedSpotTraining": True,
    "CreationTime": datetime(2026, 11, 28, 12, 0, 0),
    "HyperParameters": {"max_depth": "5", "a.b": "c"},
    "FinalMetricDataList": [{"MetricName": "validation:rmse", "Value": 2.5}],
    "InputDataConfig": [
        {"ChannelName": "train", "ContentType": "text/csv"},
        {"ChannelName": "validation", "ContentType": "text/libsvm"},
    ],
    "FailureReason": None,
    "Tags": [{"Key": "team", "Value": "ml"}],
}


@pytest.mark.parametrize(
    ("name", "operator", "value"),
    [
        ("TrainingJobName", "Equals", "abalone-1"),
        ("TrainingJobName", "NotEquals", "abalone-2"),
        ("TrainingJobName", "Contains", "lone"),
        ("TrainingJobName", "In", "other, abalone-1"),
        ("TrainingTimeInSeconds", "GreaterThan", "9"),
        ("TrainingTimeInSeconds", "LessThanOrEqualTo", "12"),
        ("CreationTime", "GreaterThanOrEqualTo", "2026-11-28T12:00:00Z"),
        ("CreationTime", "LessThan", "2026-11-28T14:30:00+02:00"),
        ("EnableManagedSpotTraining", "Equals", "true"),
        ("HyperParameters.max_depth", "Equals", "5"),
        ("HyperParameters.a.b", "Equals", "c"),
        ("Metrics.validation:rmse", "LessThan", "2.6"),
        ("Tags.team", "Equals", "ml"),
        ("InputDataConfig.ChannelName", "Equals", "validation"),
        ("FailureReason", "NotExists", None),
        ("HyperParameters.max_depth", "Exists", None),
        ("Bogus", "NotEquals", "x"),
    ],
)
def test_a_filter_finds_what_has_a_property(name, operator, value):
    """And its opposite, or another value, does not."""
    rule = {"Name": name, "Operator": operator} | ({"Value": value} if value else {})
    assert matches(JOB, {"Filters": [rule]})
    opposites = {"Exists": "NotExists", "NotExists": "Exists"}
    other = {"Operator": opposites[operator]} if value is None else {"Name": "Bogus"}
    if operator != "NotEquals":
        assert not matches(JOB, {"Filters": [rule | other]})


def test_filters_are_joined_by_and_or_or():
    """Nested filters ask one item of a list, and expressions can be in one."""
    right = {"Name": "TrainingJobStatus", "Value": "Completed"}
    wrong = {"Name": "TrainingJobStatus", "Value": "Failed"}
    assert not matches(JOB, {"Filters": [right, wrong]})
    assert matches(JOB, {"Filters": [right, wrong], "Operator": "Or"})
    inner = {"Filters": [wrong, right], "Operator": "Or"}
    assert matches(JOB, {"Filters": [right], "SubExpressions": [inner]})

    def nested(kind):
        return {
            "NestedPropertyName": "InputDataConfig",
            "Filters": [
                {"Name": "InputDataConfig.ChannelName", "Value": "train"},
                {"Name": "InputDataConfig.ContentType", "Value": kind},
            ],
        }

    assert matches(JOB, {"NestedFilters": [nested("text/csv")]})
    assert not matches(JOB, {"NestedFilters": [nested("text/libsvm")]})


def test_what_cannot_be_compared_is_refused():
    """A number is not compared with a text."""
    rule = {"Name": "TrainingTimeInSeconds", "Operator": "LessThan", "Value": "soon"}
    with pytest.raises(ValidationError, match="'soon' cannot be compared with '12'"):
        matches(JOB, {"Filters": [rule]})


@pytest.mark.parametrize(
    "request_",
    [
        {"SortBy": "TrainingJobNames"},
        {"SearchExpression": {"Filters": [{"Name": "TrainingJobNames"}]}},
        {
            "SearchExpression": {
                "SubExpressions": [
                    {
                        "NestedFilters": [
                            {"NestedPropertyName": "TrainingJobNames", "Filters": []}
                        ]
                    }
                ]
            }
        },
    ],
    ids=["order", "filter", "nested"],
)
def test_a_property_that_the_kind_does_not_have_is_refused(request_):
    """A misspelt one would find nothing, or all."""
    with pytest.raises(ValidationError, match="did you mean TrainingJobName"):
        search({"Resource": "TrainingJob"} | request_, [JOB])
    assert search({"Resource": "Model", "SortBy": "ModelName"}, [])["Results"] == []


def test_results_come_in_order_and_in_pages():
    """By any property; what lacks it comes last, and a token leads on."""
    jobs = [
        {"TrainingJobName": f"job-{n}", "TrainingTimeInSeconds": n} for n in (3, 1, 2)
    ]
    jobs.append({"TrainingJobName": "job-0"})
    request = {"Resource": "TrainingJob", "SortBy": "TrainingTimeInSeconds"}
    request["MaxResults"] = 3
    first = search(request, jobs)
    second = search(request | {"NextToken": first["NextToken"]}, jobs)
    names = [
        each["TrainingJob"]["TrainingJobName"]
        for answer in (first, second)
        for each in answer["Results"]
    ]
    assert names == ["job-3", "job-2", "job-1", "job-0"]
    assert first["TotalHits"] == {"Value": 4, "Relation": "EqualTo"}
    assert "NextToken" not in second
    with pytest.raises(ValidationError, match="Invalid pagination token"):
        search(request | {"NextToken": "?"}, jobs)


def test_search_finds_what_works_and_what_is_recorded(account, trained, name):
    """Jobs, packages, groups, models, endpoints; experiments too."""
    data = trained["ModelArtifacts"]["S3ModelArtifacts"]
    package = account.package(name, data)
    account.live(name, data, Tags=[{"Key": "team", "Value": name}])
    account.sagemaker.create_experiment(ExperimentName=name)

    def found(kind, **rule):
        answer = account.sagemaker.search(
            Resource=kind, SearchExpression={"Filters": [rule]}
        )
        return [each[kind] for each in answer["Results"]]

    job = trained["TrainingJobName"]
    assert found("TrainingJob", Name="TrainingJobName", Value=job)[0][
        "TrainingJobStatus"
    ] == ("Completed")
    (shown,) = found("ModelPackage", Name="ModelPackageArn", Value=package)
    assert shown["ModelApprovalStatus"] == "Approved"
    assert found("ModelPackageGroup", Name="ModelPackageGroupName", Value=name)
    (model,) = found("Model", Name="ModelName", Value=name)
    assert model["Model"]["ModelName"] == name
    (endpoint,) = found("Endpoint", Name="Tags.team", Value=name)
    assert endpoint["EndpointStatus"] == "InService"
    assert found("Experiment", Name="ExperimentName", Value=name)
    assert found("Project", Name="ProjectName", Operator="Exists") == []
