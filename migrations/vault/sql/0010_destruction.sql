-- Moving data keys to newer epochs, and destroying epochs that nothing lies under any more.
-- Who may do what: whoever keeps the keys (vault_keyring) sees of a record its place and its wrapped data key, and may
-- exchange that; sealed content, versions and results it does not see.
GRANT USAGE ON SCHEMA records TO vault_keyring;
GRANT SELECT (id, tenant, class, wrapped) ON records.record TO vault_keyring;
GRANT UPDATE (wrapped) ON records.record TO vault_keyring;
CREATE POLICY keeper_looks ON records.record FOR SELECT TO vault_keyring USING (wrapped IS NOT NULL);
-- An exchange, and no way to take a key away: that is the records' own deletion.
CREATE POLICY keeper_exchanges ON records.record FOR UPDATE TO vault_keyring
    USING (wrapped IS NOT NULL) WITH CHECK (wrapped IS NOT NULL);
GRANT EXECUTE ON FUNCTION keyring.find(text, integer, integer) TO vault_keyring;
