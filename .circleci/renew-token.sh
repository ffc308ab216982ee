# Runs beside a CircleCI job: its OIDC token lasts an hour, a training may last longer.
# boto3 reads the file again whenever its credentials run out.
set -euo pipefail

token_file="${TMPDIR:-/tmp}/circleci-oidc-token"

renew() {
  local claims="{\"aud\": \"$CIRCLE_ORGANIZATION_ID\"}"
  (umask 077 && circleci run oidc get --claims "$claims" > "$token_file.new") &&
    [ -s "$token_file.new" ] && mv "$token_file.new" "$token_file"
}

# Access keys need no token.
[ -f "$token_file" ] || exit 0
: "${CIRCLE_ORGANIZATION_ID:?not set, though CircleCI sets it in every job}"

# Every half hour for five hours, which is the longest that a job may take.
for _ in $(seq 10); do
  sleep 1800
  renew || { sleep 60 && renew; } || echo "renew-token.sh: CircleCI gave no new token" >&2
done
