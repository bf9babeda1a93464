#!/bin/bash
# Run by the image once, on an empty data directory: the migrator's role and its database, as stack/postgres.py
# makes them. IOC_ROLE owns IOC_DATABASE.
set -euo pipefail
psql --no-psqlrc --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname=postgres \
  --set=role="$IOC_ROLE" --set=database="$IOC_DATABASE" --set=password="$(<"${IOC_SECRETS_FOLDER:-/run/secrets}/postgres-$IOC_ROLE")" <<'SQL'
SET password_encryption = 'scram-sha-256';
SELECT format('CREATE ROLE %I LOGIN %s', :'role', CASE WHEN :'role' LIKE '%\_migrator' THEN 'CREATEROLE' ELSE '' END)
\gexec
ALTER ROLE :"role" PASSWORD :'password';
CREATE DATABASE :"database" OWNER :"role";
SQL
