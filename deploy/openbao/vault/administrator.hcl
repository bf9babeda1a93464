# What ./ioc does: makes keys, policies and roles, takes snapshots. It opens, rotates and destroys nothing.
path "sys/mounts/transit"      { capabilities = ["create", "update"] }
path "sys/mounts"              { capabilities = ["read"] }
path "sys/auth"                { capabilities = ["read"] }
path "sys/policies/acl/serve"            { capabilities = ["create", "update", "read"] }
path "sys/policies/acl/serve-restricted" { capabilities = ["create", "update", "read"] }
path "sys/policies/acl/rotate"           { capabilities = ["create", "update", "read"] }
path "sys/policies/acl/destroy"          { capabilities = ["create", "update", "read"] }
path "auth/cert/certs/serve"             { capabilities = ["create", "update", "read"] }
path "auth/cert/certs/serve-restricted"  { capabilities = ["create", "update", "read"] }
path "auth/cert/certs/rotate"            { capabilities = ["create", "update", "read"] }
path "auth/cert/certs/destroy"           { capabilities = ["create", "update", "read"] }
path "transit/keys/+"          { capabilities = ["create", "update", "read"] }
path "transit/encrypt/*"       { capabilities = ["deny"] }
path "transit/decrypt/*"       { capabilities = ["deny"] }
path "sys/storage/raft/snapshot" { capabilities = ["read"] }
path "auth/token/renew-self"   { capabilities = ["update"] }
