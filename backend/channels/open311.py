"""Open311 GeoReport v2 (wiki.open311.org/GeoReport_v2) as a further door: services, requests; JSON and XML.

Three deviations, all narrower: a client sees the requests that it handed in itself, never a description or a
place, and its key is asked for these too. `Idempotency-Key` makes a POST repeatable.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl
from xml.etree.ElementTree import Element, SubElement, tostring

import orjson

from backend.channels.errors import BadSignature, ChannelRefusal, Malformed, MethodRefused
from backend.channels.routes import Call, ChannelEntry, Reply, phone_of
from backend.channels.types import Caller, ChannelKind, Message, Standing, TakenIn
from foundation.database.database import Database
from foundation.errors import Forbidden, IdempotencyMismatch, InvalidInput, NotFound, Refusal
from foundation.ids import parse_report_code
from foundation.limits.refusals import LimitRefusal

MOST_FIELDS = 60
MOST_IDS = 50
MOST_REQUESTS = 1_000
SPAN = timedelta(days=90)
REMEMBERED = timedelta(seconds=30)
_FORM = "application/x-www-form-urlencoded"
_NUMBER = re.compile(r"-?[0-9]{1,3}(?:\.[0-9]{1,12})?")
_SERVICES = (
    "SELECT code, name_vi, name_en FROM routing.category WHERE ended_on IS NULL AND $1 ORDER BY position"
)
_WARDS = (
    "SELECT code, name FROM tenancy.unit WHERE kind = ANY($1::text[]) AND ended_on IS NULL ORDER BY name_key"
)
_TYPES = {"json": "application/json; charset=utf-8", "xml": "text/xml; charset=utf-8"}


class MissingKey(ChannelRefusal):
    """No api_key, or one of nobody (GeoReport v2: 403)."""

    code = "open311.api_key"
    status = 403
    vi = "Thiếu api_key hoặc api_key không hợp lệ."
    en = "The api_key is missing or not valid."


@dataclass(frozen=True, slots=True)
class _Service:
    code: str
    vi: str
    en: str

    def name(self, language: str) -> str:
        return self.en if language == "en" else self.vi


class Open311Endpoint:
    """Answers everything under `/open311`."""

    def __init__(self, entry: ChannelEntry, database: Database) -> None:
        self._entry = entry
        self._database = database
        self._services: tuple[_Service, ...] = ()
        self._wards: tuple[tuple[str, str], ...] = ()
        self._read_at: datetime | None = None

    async def reply(self, call: Call) -> Reply:
        """The answer to one call; refusals too, in the format that the path names."""
        format_ = "json"
        try:
            path, format_ = _format_of(call.path)
            return await self._answer(call, path, format_)
        except Refusal as refusal:
            if isinstance(refusal, NotFound | MissingKey | MethodRefused):
                self._entry.count(call.origin, refusal)
            return _refused(refusal, call.origin.language, format_)

    async def _answer(self, call: Call, path: tuple[str, ...], format_: str) -> Reply:
        match call.method, path:
            case (("GET" | "HEAD"), ("v2", "services")):
                await self._read()
                services = [_shown_service(one, call.origin.language) for one in self._services]
                return _reply(200, format_, "services", "service", services)
            case (("GET" | "HEAD"), ("v2", "services", code)):
                return await self._definition(code, format_)
            case "POST", ("v2", "requests"):
                return await self._post(call, format_)
            case (("GET" | "HEAD"), ("v2", "requests")):
                return await self._list(call, format_)
            case (("GET" | "HEAD"), ("v2", "requests", code)):
                return await self._one(call, code, format_)
            case _, ("v2", "services" | "requests") | ("v2", "services" | "requests", _):
                raise MethodRefused
        raise NotFound

    async def _definition(self, code: str, format_: str) -> Reply:
        await self._read()
        if all(one.code != code for one in self._services):
            raise NotFound
        values = [{"key": ward, "name": name} for ward, name in self._wards]
        ward = {
            "variable": True,
            "code": "ward",
            "datatype": "singlevaluelist",
            "required": False,
            "datatype_description": "",
            "order": 1,
            "description": "Phường, xã",
            "values": values,
        }
        told = {"service_code": code, "attributes": [ward]}
        if format_ == "json":
            return _json(200, told)
        return _xml(200, _element("service_definition", told, {"attributes": "attribute", "values": "value"}))

    async def _post(self, call: Call, format_: str) -> Reply:
        body = await self._entry.body(call)
        if call.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
            raise Malformed
        form = _fields(body)
        caller = await self._caller(call, form.get("api_key"))
        async with self._entry.turn(caller):
            message = _message_of(form, call.headers.get("idempotency-key"), body)
            taken = await self._entry.intake.take_in(caller, message)
        return _reply(201, format_, "service_requests", "request", [_receipt(taken, form)])

    async def _list(self, call: Call, format_: str) -> Reply:
        query = _fields(call.query)
        caller = await self._caller(call, query.get("api_key"))
        async with self._entry.turn(caller):
            codes, since, until = self._asked(query)
            found = await self._entry.intake.standing(caller, codes, since, until, MOST_REQUESTS)
        wanted, services = query.get("status"), (query.get("service_code") or "").split(",")
        shown = [
            request
            for request in await self._shown(found, call)
            if (not wanted or request["status"] in wanted.split(","))
            and (services == [""] or request["service_code"] in services)
        ]
        return _reply(200, format_, "service_requests", "request", shown)

    async def _one(self, call: Call, code: str, format_: str) -> Reply:
        caller = await self._caller(call, _fields(call.query).get("api_key"))
        async with self._entry.turn(caller):
            codes, now = [_code_of(code)], self._entry.clock.now()
            found = await self._entry.intake.standing(caller, codes, now, now, 1)
        if not found:
            raise NotFound
        return _reply(200, format_, "service_requests", "request", await self._shown(found, call))

    def _asked(self, query: Mapping[str, str]) -> tuple[list[str] | None, datetime, datetime]:
        now = self._entry.clock.now()
        if "service_request_id" in query:
            codes = query["service_request_id"].split(",")
            if len(codes) > MOST_IDS:
                raise InvalidInput("service_request_id")
            return [_code_of(code) for code in codes], now, now
        until = _moment("end_date", query) or now
        since = _moment("start_date", query) or until - SPAN
        if until - since > SPAN:
            raise InvalidInput("start_date")
        return None, since, until

    async def _shown(self, found: Sequence[Standing], call: Call) -> list[dict[str, Any]]:
        await self._read()
        names = {one.code: one.name(call.origin.language) for one in self._services}
        return [
            {
                "service_request_id": one.code,
                "status": "closed" if one.state == "closed" else "open",
                "status_notes": one.closing_reason or one.state,
                "service_code": one.category,
                "service_name": names.get(one.category, one.category),
                "agency_responsible": one.unit_name,
                "requested_datetime": one.created_at.isoformat(timespec="seconds"),
                "updated_datetime": one.updated_at.isoformat(timespec="seconds"),
            }
            for one in found
        ]

    async def _caller(self, call: Call, api_key: str | None) -> Caller:
        door = None if not api_key or len(api_key) > 100 else await self._entry.doors.of_client(api_key)
        if door is not None and door.kind is not ChannelKind.OPEN311:
            door = None
        try:
            return await self._entry.signed(call, door, lambda found: found.keys[0])
        except BadSignature as error:
            raise MissingKey from error

    async def _read(self) -> None:
        """Categories and wards, as they were at most half a minute ago."""
        now = self._entry.clock.now()
        if self._read_at is not None and now - self._read_at < REMEMBERED:
            return
        services = await self._database.pool.fetch(_SERVICES, True)
        wards = await self._database.pool.fetch(_WARDS, ["ward", "commune"])
        self._services = tuple(_Service(row["code"], row["name_vi"], row["name_en"]) for row in services)
        self._wards = tuple((row["code"], row["name"]) for row in wards)
        self._read_at = now


def _format_of(path: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """The path without its extension, which says the format. Raises NotFound."""
    if not path:
        raise NotFound
    last, _, format_ = path[-1].rpartition(".")
    if format_ not in _TYPES or not last:
        raise NotFound
    return (*path[:-1], last), format_


def _fields(octets: bytes) -> dict[str, str]:
    """A form. Raises Malformed when a field is there twice, or there are too many."""
    try:
        pairs = parse_qsl(
            octets.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict"
        )
    except ValueError as error:
        raise Malformed from error
    if len(dict(pairs)) != len(pairs):
        raise Malformed
    return dict(pairs)


def _message_of(form: Mapping[str, str], own_id: str | None, body: bytes) -> Message:
    if not form.get("description", "").strip():
        raise InvalidInput("description")
    return Message(
        own_id=own_id or f"post-{secrets.token_hex(16)}",
        body_digest=hashlib.sha256(body).digest(),
        body=form["description"],
        place=form.get("address_string") or form.get("address_id"),
        category=form.get("service_code"),
        ward=form.get("attribute[ward]"),
        latitude=_number("lat", form),
        longitude=_number("long", form),
        phone=phone_of(form.get("phone")),
        sender=form.get("account_id") or form.get("device_id") or None,
    )


def _number(name: str, form: Mapping[str, str]) -> float | None:
    text = form.get(name, "").strip()
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise InvalidInput(name)
    return float(text)


def _moment(name: str, query: Mapping[str, str]) -> datetime | None:
    """A W3C date with a time zone. Raises InvalidInput."""
    if name not in query:
        return None
    try:
        moment = datetime.fromisoformat(query[name])
    except ValueError as error:
        raise InvalidInput(name) from error
    if moment.tzinfo is None or not 2000 < moment.year < 2200:
        raise InvalidInput(name)
    return moment


def _code_of(text: str) -> str:
    """A report's code; what can be none is not found."""
    try:
        return parse_report_code(text.strip())
    except InvalidInput as error:
        raise NotFound from error


def _receipt(taken: TakenIn, form: Mapping[str, str]) -> dict[str, Any]:
    return {
        "service_request_id": taken.code,
        "service_notice": taken.outcome.value,
        "account_id": form.get("account_id"),
    }


def _shown_service(service: _Service, language: str) -> dict[str, Any]:
    name = service.name(language)
    return {
        "service_code": service.code,
        "service_name": name,
        "description": name,
        "metadata": True,
        "type": "realtime",
        "keywords": "",
        "group": "",
    }


def _refused(refusal: Refusal, language: str, format_: str) -> Reply:
    status = {InvalidInput: 400, NotFound: 404, Forbidden: 403, IdempotencyMismatch: 409}.get(
        type(refusal), 400
    )
    headers: dict[str, str] = {}
    if isinstance(refusal, ChannelRefusal):
        status = refusal.status
    if isinstance(refusal, LimitRefusal):
        status, headers["retry-after"] = refusal.status, str(refusal.retry_after)
    if isinstance(refusal, MethodRefused):
        headers["allow"] = "GET, POST"
    error = {"code": status, "description": f"{refusal.code}: {refusal.message(language)}"}
    reply = _reply(status, format_, "errors", "error", [error])
    return Reply(reply.status, reply.body, {**reply.headers, **headers})


def _reply(status: int, format_: str, many: str, one: str, items: Sequence[Mapping[str, Any]]) -> Reply:
    if format_ == "json":
        return _json(status, list(items))
    root = Element(many)
    for item in items:
        root.append(_element(one, item, {}))
    return _xml(status, root)


def _json(status: int, told: Any) -> Reply:
    return Reply(status, orjson.dumps(told), {"content-type": _TYPES["json"]})


def _xml(status: int, root: Element) -> Reply:
    octets = b'<?xml version="1.0" encoding="utf-8"?>' + tostring(root, encoding="utf-8")
    return Reply(status, octets, {"content-type": _TYPES["xml"]})


def _element(name: str, told: Mapping[str, Any], members: Mapping[str, str]) -> Element:
    """An object as XML; `members` names the elements of its lists."""
    element = Element(name)
    for key, value in told.items():
        if isinstance(value, list):
            inside = SubElement(element, key)
            for one in value:
                inside.append(_element(members[key], one, members))
        else:
            SubElement(element, key).text = _text(value)
    return element


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
