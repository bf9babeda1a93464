"""Policies, forced flags, grants, owners, roles and definer functions of a migrated database, one a line.

Names of partitions change with the month, so a parent's partitions are one line: what holds for all of them.
"""

from pathlib import Path

import psycopg

FOLDER = Path(__file__).parent
_WHO = "CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END"
_OURS = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"

# The bootstrap superuser (oid 10) belongs to the cluster; a role's password and oid to nobody's eyes.
_ROLES = """
SELECT format('role %s %s %s %s %s %s %s settings={%s}', r.rolname,
    CASE WHEN r.rolcanlogin THEN 'login' ELSE 'nologin' END,
    CASE WHEN r.rolsuper THEN 'SUPERUSER' ELSE 'nosuperuser' END,
    CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' ELSE 'nobypassrls' END,
    CASE WHEN r.rolcreaterole THEN 'CREATEROLE' ELSE 'nocreaterole' END,
    CASE WHEN r.rolcreatedb THEN 'CREATEDB' ELSE 'nocreatedb' END,
    CASE WHEN r.rolreplication THEN 'REPLICATION' ELSE 'noreplication' END,
    (SELECT string_agg(s, ', ' ORDER BY s) FROM unnest(r.rolconfig) s))
FROM pg_roles r WHERE r.oid <> 10 AND r.rolname ~ '^DATABASE_'
"""
_MEMBERS = """
SELECT format('member %s of %s admin=%s inherit=%s set=%s', m.rolname, r.rolname, a.admin_option,
    a.inherit_option, a.set_option)
FROM pg_auth_members a JOIN pg_roles r ON r.oid = a.roleid JOIN pg_roles m ON m.oid = a.member
WHERE m.rolname ~ '^DATABASE_' AND m.oid <> 10
"""
_DATABASE = f"""
SELECT format('database grant %s to %s', string_agg(a.privilege_type, ',' ORDER BY a.privilege_type),
    {_WHO})
FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
WHERE d.datname = current_database() GROUP BY a.grantee
UNION ALL
SELECT format('database owner %s', d.datdba::regrole) FROM pg_database d WHERE d.datname = current_database()
"""
_SCHEMAS = f"""
SELECT format('schema %s owner=%s', n.nspname, n.nspowner::regrole) FROM pg_namespace n WHERE {_OURS}
UNION ALL
SELECT format('schema %s grant %s to %s', n.nspname,
    string_agg(a.privilege_type, ',' ORDER BY a.privilege_type),
    {_WHO})
FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
WHERE {_OURS} AND a.grantee <> n.nspowner GROUP BY n.nspname, a.grantee
"""
_KIND = """CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view'
    WHEN 'm' THEN 'matview' WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign' END"""
# A partition stands under its parent's name.
_NAME = """coalesce((SELECT 'partition of ' || i.inhparent::regclass::text FROM pg_inherits i
    WHERE i.inhrelid = c.oid AND c.relispartition), c.oid::regclass::text)"""
_RELATIONS = f"""
SELECT DISTINCT format('%s %s owner=%s%s%s%s', {_KIND}, {_NAME}, c.relowner::regrole,
    CASE WHEN c.relkind NOT IN ('r', 'p') THEN '' WHEN c.relforcerowsecurity THEN ' rls=forced'
         WHEN c.relrowsecurity THEN ' rls=enabled' ELSE ' rls=off' END,
    CASE c.relpersistence WHEN 'u' THEN ' unlogged' ELSE '' END, ' ' || array_to_string(c.reloptions, ' '))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {_OURS} AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
UNION
SELECT format('%s %s grant %s to %s', {_KIND}, {_NAME},
    string_agg(DISTINCT a.privilege_type, ',' ORDER BY a.privilege_type),
    {_WHO})
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
    aclexplode(coalesce(c.relacl,
        acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))) a
WHERE {_OURS} AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND a.grantee <> c.relowner
GROUP BY c.oid, c.relkind, c.relispartition, a.grantee
"""
_COLUMNS = f"""
SELECT DISTINCT format('table %s grant %s (%s) to %s', {_NAME}, a.privilege_type,
    string_agg(t.attname, ', ' ORDER BY t.attnum), {_WHO})
FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace,
    aclexplode(t.attacl) a
WHERE {_OURS} GROUP BY c.oid, c.relispartition, a.privilege_type, a.grantee
"""
_POLICIES = """
SELECT format('policy %s.%s %s %s %s to %s using (%s) check (%s)', p.schemaname, p.tablename, p.policyname,
    lower(p.permissive), p.cmd, array_to_string(p.roles, ','), regexp_replace(p.qual, '\\s+', ' ', 'g'),
    regexp_replace(p.with_check, '\\s+', ' ', 'g'))
FROM pg_policies p
"""
_FUNCTIONS = f"""
SELECT format('function %s owner=%s %s%s %s grants={{%s}}', p.oid::regprocedure, p.proowner::regrole,
    CASE WHEN p.prosecdef THEN 'DEFINER' ELSE 'invoker' END,
    CASE WHEN p.proleakproof THEN ' LEAKPROOF' ELSE '' END,
    coalesce(array_to_string(p.proconfig, ' '), 'no settings'),
    (SELECT string_agg({_WHO}, ', '
            ORDER BY a.grantee::regrole::text)
     FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee <> p.proowner))
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {_OURS}
UNION ALL
SELECT format('default grants of %s on %s: {{%s}}', d.defaclrole::regrole, d.defaclobjtype,
    array_to_string(d.defaclacl, ', '))
FROM pg_default_acl d
"""
_TRIGGERS = f"""
SELECT DISTINCT format('trigger %s %s calls %s%s', {_NAME}, t.tgname, t.tgfoid::regproc,
    CASE t.tgenabled WHEN 'O' THEN '' ELSE ' DISABLED' END)
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {_OURS} AND NOT t.tgisinternal
UNION
SELECT format('foreign key %s %s', {_NAME}, pg_get_constraintdef(k.oid))
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {_OURS} AND k.contype = 'f'
"""
_PARTS = {
    "Roles": _ROLES,
    "Memberships": _MEMBERS,
    "Database": _DATABASE,
    "Schemas": _SCHEMAS,
    "Tables, views, sequences": _RELATIONS,
    "Columns": _COLUMNS,
    "Policies": _POLICIES,
    "Functions": _FUNCTIONS,
    "Triggers and foreign keys": _TRIGGERS,
}


def describe(connection: psycopg.Connection, database: str) -> str:
    """The walls of the database that `connection` is on; `database` is "backend" or "vault"."""
    connection.execute("SET search_path = ''")
    parts = []
    for title, query in _PARTS.items():
        rows = connection.execute(query.replace("DATABASE", database).encode()).fetchall()
        lines = sorted(" ".join(str(row[0]).split()) for row in rows)
        parts.append("\n".join([f"# {title}", *lines]))
    return "\n\n".join(parts) + "\n"
