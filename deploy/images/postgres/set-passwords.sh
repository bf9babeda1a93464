#!/bin/bash
# After the migrations, as superuser: gives each login role the password in its file. Arguments: the roles.
set -euo pipefail
PGPASSWORD="$(<"${IOC_SECRETS_FOLDER:-/run/secrets}/postgres-$PGUSER")"
export PGPASSWORD
for role in "$@"; do
  psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --dbname=postgres \
    --set=role="$role" --set=password="$(<"${IOC_SECRETS_FOLDER:-/run/secrets}/postgres-$role")" <<'SQL'
SET password_encryption = 'scram-sha-256';
ALTER ROLE :"role" PASSWORD :'password';
SQL
done
