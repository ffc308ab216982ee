# Run by CircleCI's jobs: AWS credentials from the job's own OIDC token.
# A context with access keys instead of AWS_ROLE_ARN needs nothing of this.
set -euo pipefail

refuse() {
  echo "take-role.sh: $1" >&2
  exit 1
}

[ -z "${AWS_ACCESS_KEY_ID:-}" ] || exit 0
if [ -z "${AWS_ROLE_ARN:-}" ]; then
  echo "take-role.sh: the job's context has neither AWS_ROLE_ARN nor AWS_ACCESS_KEY_ID; what this machine has itself is used" >&2
  exit 0
fi
[[ $AWS_ROLE_ARN =~ ^arn:[a-z-]+:iam::[0-9]+:role/[^[:space:]]+$ ]] || refuse "AWS_ROLE_ARN: '$AWS_ROLE_ARN' is not the ARN of a role"
[ -n "${CIRCLE_OIDC_TOKEN_V2:-}" ] || refuse "CIRCLE_OIDC_TOKEN_V2: not set; CircleCI gives it to jobs that have a context, and to no fork"
[ -n "${BASH_ENV:-}" ] || refuse "BASH_ENV: not set; this runs in CircleCI only"

token_file="${TMPDIR:-/tmp}/circleci-oidc-token"
(umask 077 && printf '%s' "$CIRCLE_OIDC_TOKEN_V2" > "$token_file")
cat >> "$BASH_ENV" <<VARIABLES
export AWS_WEB_IDENTITY_TOKEN_FILE="$token_file"
export AWS_ROLE_SESSION_NAME="circleci-${CIRCLE_WORKFLOW_JOB_ID:-job}"
VARIABLES
