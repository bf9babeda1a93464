"""The api with three more fields, which state a level and an age of the sign-in. No product field does yet.

python -m security_tests.attacks.identity.strict_api --settings FILE
"""

from datetime import timedelta
from typing import Any

import strawberry
from granian import Granian
from litestar import Litestar
from strawberry.tools import merge_types

import services.api
from graphql_schema import schema
from graphql_schema.access import step_up

FRESH = timedelta(seconds=15)


@strawberry.type
class StrictQuery:
    @strawberry.field(metadata=step_up("aal2", timedelta(hours=10)))  # type: ignore[untyped-decorator]  # returns Any, by design
    def papers(self) -> str:
        return "papers"

    @strawberry.field(metadata=step_up("aal1", FRESH))  # type: ignore[untyped-decorator]  # returns Any, by design
    def fresh(self) -> str:
        return "fresh"

    @strawberry.field(metadata=step_up("aal3", timedelta(minutes=15)))  # type: ignore[untyped-decorator]  # returns Any, by design
    def cadre_files(self) -> str:
        return "cadre files"


def build() -> strawberry.Schema:
    """The product's schema and the three fields."""
    return strawberry.Schema(
        query=merge_types("Query", (*schema.QUERIES, StrictQuery)),
        mutation=merge_types("Mutation", schema.MUTATIONS),
        subscription=merge_types("Subscription", schema.SUBSCRIPTIONS),
        config=schema.config(),
    )


def create_app() -> Litestar:
    """The api's own application, with this schema."""
    vars(services.api).update(build=build)
    return services.api.create_app()


def _this_app(_: str, **options: Any) -> Any:
    return Granian("security_tests.attacks.identity.strict_api:create_app", **options)


if __name__ == "__main__":
    vars(services.api).update(Granian=_this_app)
    services.api.main()
