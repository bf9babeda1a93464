"""Objects with a global id (Relay), and the field that finds them by it."""

import strawberry


@strawberry.interface(
    description="Đối tượng có mã toàn cục. / An object with a global id: base64url of `Type:code`."
)
class Node:
    id: strawberry.ID = strawberry.field(description="Mã toàn cục. / The global id.")
