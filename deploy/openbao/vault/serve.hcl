# What the serving vault may do: seal, open and rewrap epoch keys of the classes but `restricted`, the seeds of request
# keys, and small secrets. "update", not "create": create would make new keys. Nothing about keys themselves.
path "transit/encrypt/internal"      { capabilities = ["update"] }
path "transit/decrypt/internal"      { capabilities = ["update"] }
path "transit/rewrap/internal"       { capabilities = ["update"] }
path "transit/encrypt/personal"      { capabilities = ["update"] }
path "transit/decrypt/personal"      { capabilities = ["update"] }
path "transit/rewrap/personal"       { capabilities = ["update"] }
path "transit/encrypt/party"         { capabilities = ["update"] }
path "transit/decrypt/party"         { capabilities = ["update"] }
path "transit/rewrap/party"          { capabilities = ["update"] }
path "transit/encrypt/request-seeds" { capabilities = ["update"] }
path "transit/decrypt/request-seeds" { capabilities = ["update"] }
path "transit/encrypt/secrets"       { capabilities = ["update"] }
path "transit/decrypt/secrets"       { capabilities = ["update"] }
path "transit/rewrap/secrets"        { capabilities = ["update"] }
path "auth/token/renew-self"         { capabilities = ["update"] }
path "auth/token/lookup-self"        { capabilities = ["read"] }
