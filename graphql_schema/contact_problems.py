"""Problems of contacts."""

import strawberry

from backend.contacts import errors
from graphql_schema.errors import PROBLEMS, Problem, plain


@strawberry.type(
    description="Chưa thể lưu hoặc mở thông tin liên hệ. / Contacts can be neither kept nor opened now."
)
class ContactUnavailable(Problem):
    pass


@strawberry.type(description="Không có thông tin liên hệ. / Nobody left contact details for this report.")
class NoContact(Problem):
    pass


PROBLEMS |= {
    errors.ContactUnavailable: (ContactUnavailable, plain(ContactUnavailable)),
    errors.NoContact: (NoContact, plain(NoContact)),
}
