# Who destroys: versions of a key that nothing lives under any more. It can set nothing else at a key, make no version,
# open nothing and delete no key.
path "transit/keys/+"        { capabilities = ["read"] }
path "transit/keys/+/config" {
  capabilities       = ["update"]
  allowed_parameters = { "min_decryption_version" = [], "min_encryption_version" = [] }
}
path "transit/keys/+/trim"   { capabilities = ["update"] }
path "transit/decrypt/*"     { capabilities = ["deny"] }
path "auth/token/renew-self" { capabilities = ["update"] }
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
