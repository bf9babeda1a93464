# The class `restricted` alone, by a certificate and a token of its own.
path "transit/encrypt/restricted" { capabilities = ["update"] }
path "transit/decrypt/restricted" { capabilities = ["update"] }
path "transit/rewrap/restricted"  { capabilities = ["update"] }
path "auth/token/renew-self"      { capabilities = ["update"] }
path "auth/token/lookup-self"     { capabilities = ["read"] }
