"""The route with the fakes behind it, on a real server: `granian tests.graphql_schema.served:app`."""

from tests.graphql_schema.conftest import make_api

app = make_api().client.app
