#!/bin/sh
# Runs once, when the database is made: the product's role owns its database and is no superuser.
set -eu
psql --username postgres --set ON_ERROR_STOP=1 --set password="$(cat /run/secrets/database_password)" <<'SQL'
CREATE ROLE aim LOGIN PASSWORD :'password';
CREATE DATABASE aim OWNER aim;
SQL
