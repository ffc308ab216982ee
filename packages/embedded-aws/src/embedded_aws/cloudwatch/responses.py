"""CloudWatch's actions."""

from moto.cloudwatch.models import Alarm
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult


class Response(CloudWatchResponse):
    """Describe alarms by all that a call asks for; moto takes one of it."""

    def describe_alarms(self) -> ActionResult:
        """Answer DescribeAlarms."""
        found = self.cloudwatch_backend.describe_alarms()
        return ActionResult(
            {"MetricAlarms": [each for each in found if self._is_wanted(each)]}
        )

    def _is_wanted(self, alarm: Alarm) -> bool:
        names, state = self._get_param("AlarmNames"), self._get_param("StateValue")
        prefix = self._get_param("AlarmNamePrefix") or ""
        action = self._get_param("ActionPrefix") or ""
        actions = [
            *(alarm.ok_actions or []),
            *(alarm.alarm_actions or []),
            *(alarm.insufficient_data_actions or []),
        ]
        return (
            alarm.rule is None
            and (not names or alarm.name in names)
            and alarm.name.startswith(prefix)
            and (not state or alarm.state_value == state)
            and (not action or any(each.startswith(action) for each in actions))
        )
