"""A client whose requests to the public address reach another process, as an edge would send them on."""

import ssl

import httpx

from cli.client import IocClient


class _Elsewhere(httpx.AsyncBaseTransport):
    def __init__(self, url: str, context: ssl.SSLContext) -> None:
        self._url = httpx.URL(url)
        self._inner = httpx.AsyncHTTPTransport(verify=context)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(host=self._url.host, port=self._url.port)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


def send_elsewhere(client: IocClient, url: str) -> IocClient:
    """`client`, unopened, whose calls of the api go to `url`. Proofs still name the public address."""
    context = ssl.create_default_context(cafile=str(client.endpoints.ca_file))
    mounts = {client.endpoints.api_url: _Elsewhere(url, context)}
    client.http = httpx.AsyncClient(verify=context, timeout=30, mounts=mounts)
    return client
