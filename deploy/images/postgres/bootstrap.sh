#!/bin/bash
# Run by the image once, on an empty data directory: the migrator's role and its database, and who takes backups, as
# stack/postgres.py makes them. IOC_ROLE owns IOC_DATABASE. IOC_BACKUP_ROLE reads everything, by the replication
# protocol alone; with IOC_BACKUP_NETWORK from the cluster's own network too, else by the socket.
set -euo pipefail
secret() { cat "${IOC_SECRETS_FOLDER:-/run/secrets}/postgres-$1"; }
psql --no-psqlrc --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname=postgres \
  --set=role="$IOC_ROLE" --set=database="$IOC_DATABASE" --set=password="$(secret "$IOC_ROLE")" \
  --set=backup="$IOC_BACKUP_ROLE" --set=backup_password="$(secret "$IOC_BACKUP_ROLE")" <<'SQL'
SET password_encryption = 'scram-sha-256';
SELECT format('CREATE ROLE %I LOGIN %s', :'role', CASE WHEN :'role' LIKE '%\_migrator' THEN 'CREATEROLE' ELSE '' END)
\gexec
ALTER ROLE :"role" PASSWORD :'password';
CREATE DATABASE :"database" OWNER :"role";
CREATE ROLE :"backup" LOGIN REPLICATION PASSWORD :'backup_password';
SQL
if [ -n "${IOC_BACKUP_NETWORK:-}" ]; then
  echo "host replication $IOC_BACKUP_ROLE samenet scram-sha-256" >>"$PGDATA/pg_hba.conf"
fi
