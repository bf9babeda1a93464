# What ./ioc does: makes keys, policies and roles, takes snapshots. It opens nothing.
path "sys/mounts/transit"      { capabilities = ["create", "update"] }
path "sys/mounts"              { capabilities = ["read"] }
path "sys/auth"                { capabilities = ["read"] }
path "sys/policies/acl/api"           { capabilities = ["create", "update", "read"] }
path "auth/cert/certs/api"            { capabilities = ["create", "update", "read"] }
path "transit/keys/contact"           { capabilities = ["create", "update", "read"] }
path "transit/keys/contact/rotate"    { capabilities = ["update"] }
path "transit/encrypt/*"       { capabilities = ["deny"] }
path "transit/decrypt/*"       { capabilities = ["deny"] }
path "sys/storage/raft/snapshot" { capabilities = ["read"] }
path "auth/token/renew-self"   { capabilities = ["update"] }
