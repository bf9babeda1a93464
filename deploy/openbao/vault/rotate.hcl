# Who rotates: new versions of the keys, and what was sealed under old ones brought to the newest. It opens nothing and
# destroys nothing, but old versions of the key of request keys' seeds, whose seeds live two days.
path "transit/keys/+"                    { capabilities = ["read"] }
path "transit/keys/+/rotate"             { capabilities = ["update"] }
path "transit/rewrap/+"                  { capabilities = ["update"] }
# New epoch keys, which OpenBao makes and hands out wrapped alone.
path "transit/datakey/wrapped/+"         { capabilities = ["update"] }
path "transit/keys/request-seeds/config" {
  capabilities       = ["update"]
  allowed_parameters = { "min_decryption_version" = [], "min_encryption_version" = [] }
}
path "transit/keys/request-seeds/trim"   { capabilities = ["update"] }
path "transit/decrypt/*"                 { capabilities = ["deny"] }
path "transit/encrypt/*"                 { capabilities = ["deny"] }
path "auth/token/renew-self"             { capabilities = ["update"] }
path "auth/token/lookup-self"            { capabilities = ["read"] }
path "auth/token/revoke-self"            { capabilities = ["update"] }
