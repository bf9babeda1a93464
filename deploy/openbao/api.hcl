# What the api may do: seal a contact's key, and open one. Nothing about keys themselves, other keys or people.
path "transit/encrypt/contact" { capabilities = ["update"] }
path "transit/decrypt/contact" { capabilities = ["update"] }
path "auth/token/renew-self"   { capabilities = ["update"] }
path "auth/token/lookup-self"  { capabilities = ["read"] }
