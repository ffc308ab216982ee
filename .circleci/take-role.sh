# Run by CircleCI's jobs: AWS credentials from the job's own OIDC token.
# A context with access keys instead of AWS_ROLE_ARN needs nothing of this.

token_file="${TMPDIR:-/tmp}/circleci-oidc-token"

if [ -n "${AWS_ROLE_ARN:-}" ] && [ -z "${AWS_ACCESS_KEY_ID:-}" ]; then
  (umask 077 && printf '%s' "${CIRCLE_OIDC_TOKEN_V2:?the job needs a context}" > "$token_file")
  cat >> "$BASH_ENV" <<VARIABLES
export AWS_WEB_IDENTITY_TOKEN_FILE="$token_file"
export AWS_ROLE_SESSION_NAME=circleci-${CIRCLE_WORKFLOW_JOB_ID:-job}
VARIABLES
fi
