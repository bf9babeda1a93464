#!/bin/bash
# Keycloak takes passwords from its environment only: they are read from files here, never from a command line.
set -euo pipefail
KC_DB_PASSWORD="$(</run/secrets/postgres-keycloak)"
KC_BOOTSTRAP_ADMIN_USERNAME=admin
KC_BOOTSTRAP_ADMIN_PASSWORD="$(</run/secrets/keycloak-admin)"
export KC_DB_PASSWORD KC_BOOTSTRAP_ADMIN_USERNAME KC_BOOTSTRAP_ADMIN_PASSWORD
exec /opt/keycloak/bin/kc.sh start --optimized --import-realm "$@"
