"""CloudWatch's state: moto's, in which an alarm that has seen no data is not OK."""

from typing import Any

from moto.cloudwatch.models import Alarm, CloudWatchBackend, cloudwatch_backends

from embedded_aws.account import ACCOUNT_ID

NO_DATA = "INSUFFICIENT_DATA"
UNCHECKED = "Unchecked: Initial alarm creation"


class Backend(CloudWatchBackend):
    """Keep alarms, whose state is what SetAlarmState says."""

    def put_metric_alarm(self, name: str, *arguments: Any, **more: Any) -> Alarm:
        """Create or change an alarm; one that is new has no data."""
        known = self.alarms.get(name)
        alarm = super().put_metric_alarm(name, *arguments, **more)
        alarm.state_value = known.state_value if known else NO_DATA
        alarm.state_reason = known.state_reason if known else UNCHECKED
        return alarm


def alarm_states(region: str, names: list[str]) -> dict[str, str]:
    """Return the state of each of the alarms that exist."""
    alarms = cloudwatch_backends[ACCOUNT_ID][region].alarms
    return {name: alarms[name].state_value for name in names if name in alarms}


def install() -> None:
    """Put this backend in the place of moto's."""
    cloudwatch_backends.backend = Backend
