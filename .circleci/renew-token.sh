# Runs beside a CircleCI job: its OIDC token lasts an hour, a training may last longer.
# boto3 reads the file again whenever its credentials run out.

token_file="${TMPDIR:-/tmp}/circleci-oidc-token"

for _ in $(seq 10); do
  sleep 1800
  [ -f "$token_file" ] || exit 0
  (umask 077 && circleci run oidc get --claims "{\"aud\": \"$CIRCLE_ORGANIZATION_ID\"}" > "$token_file.new") &&
    mv "$token_file.new" "$token_file"
done
