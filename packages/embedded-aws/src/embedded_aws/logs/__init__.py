"""CloudWatch Logs, which jobs and endpoints write, kept between runs."""
