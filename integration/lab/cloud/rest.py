"""S3's protocol, REST with XML, read by AWS's own service model: path, query and headers decide on the operation."""
from __future__ import annotations

import base64
import functools
import hashlib
import re
import urllib.parse
import xml.etree.ElementTree as xml
from typing import Any, Mapping

from botocore.model import ListShape, OperationModel, Shape, StructureShape

from .models import Call, Checker, Violation, operation, service_model

# Headers of every S3 request, which the model does not list.
COMMON_HEADERS = {"x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "x-amz-user-agent",
                  "x-amz-decoded-content-length", "x-amz-trailer"}


@functools.cache
def _operations() -> list[tuple[str, bool, dict[str, str | None], OperationModel]]:
    """(method, with a key?, query that the operation is known by, operation); the most particular first. Of a query
    parameter that only has to be there, the value is None."""
    found = []
    for name in service_model("s3").operation_names:
        model = operation("s3", name)
        path, _, query = str(model.http["requestUri"]).partition("?")
        known: dict[str, str | None] = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        shape = model.input_shape
        for member in shape.required_members if shape else ():
            if shape.members[member].serialization.get("location") == "querystring":
                known[str(shape.members[member].serialization["name"])] = None
        found.append((str(model.http["method"]), "{Key+}" in path, known, model))
    return sorted(found, key=lambda one: -len(one[2]))


def _candidates(method: str, key: bool, query: Mapping[str, str], bucket: bool) -> list[OperationModel]:
    return [model for verb, with_key, known, model in _operations()
            if verb == method and with_key == key and bucket == ("{Bucket}" in str(model.http["requestUri"])) and
            all(name in query and value in (None, query[name]) for name, value in known.items())]


HOST = re.compile(r"(?:(.+)\.)?s3[.-](?:[a-z0-9-]+\.)?amazonaws\.com(?::\d+)?")


def split(host: str, path: str) -> tuple[str, str]:
    """Bucket and key, from a virtual host's name or from the path."""
    virtual = HOST.fullmatch(host)
    parts = urllib.parse.unquote(path).lstrip("/")
    if virtual and virtual[1]:
        return virtual[1], parts
    bucket, _, key = parts.partition("/")
    return bucket, key


def read(region: str, method: str, host: str, target: str, headers: Mapping[str, str], body: bytes) -> Call:
    path, _, rest = target.partition("?")
    query = dict(urllib.parse.parse_qsl(rest, keep_blank_values=True))
    bucket, key = split(host, path)
    found = _candidates(method, bool(key), query, bool(bucket))
    if not found:
        raise Violation([f"s3 has no {method} with {'a key' if key else 'no key'} and query {sorted(query)}"])
    # PutObject and CopyObject share method and path; the header tells them apart.
    copies = "x-amz-copy-source" in {name.lower() for name in headers}
    model = next((one for one in found if ("Copy" in one.name) == copies), found[0])
    reader = _Reader()
    parameters = reader.parameters(model, bucket, key, query, {k.lower(): v for k, v in headers.items()}, body)
    reader.done()
    return Call("s3", model.name, region, "rest-xml", parameters, model, bucket, key)


class _Reader(Checker):
    def parameters(self, model: OperationModel, bucket: str, key: str, query: dict[str, str],
                   headers: dict[str, str], body: bytes) -> dict[str, Any]:
        shape, out = model.input_shape, {}
        if shape is None:
            return {}
        fixed = urllib.parse.parse_qsl(str(model.http["requestUri"]).partition("?")[2], keep_blank_values=True)
        known_query, known_headers = {name for name, _ in fixed} | {"x-id"}, set(COMMON_HEADERS)
        for member, inner in shape.members.items():
            place, name = inner.serialization.get("location"), str(inner.serialization.get("name", member))
            if place == "uri":
                out[member] = bucket if member == "Bucket" else key
            elif place == "querystring":
                known_query.add(name)
                if name in query:
                    out[member] = self.scalar(inner, query[name], name)
            elif place == "header":
                known_headers.add(name.lower())
                if name.lower() in headers:
                    out[member] = self.header(inner, headers[name.lower()], name)
        known_headers |= self.checksums(model, headers, body)
        for name in set(query) - known_query:
            self.problem(name, f"{model.name} has no such query parameter")
        for name in headers:
            if name.startswith("x-amz-") and name not in known_headers and not name.startswith("x-amz-meta-"):
                self.problem(name, f"{model.name} has no such header")
        self.payload(shape, out, body)
        self.required(shape, out, "")
        return out

    def checksums(self, model: OperationModel, headers: dict[str, str], body: bytes) -> set[str]:
        """Headers that the model's trait httpChecksum allows; what they claim has to be so."""
        trait = model.http_checksum or {}
        names = {f"x-amz-checksum-{one}" for one in ("crc32", "crc32c", "crc64nvme", "sha1", "sha256")} if trait else set()
        if trait.get("requestChecksumRequired") and not set(headers) & (names | {"content-md5"}):
            self.problem(model.name, "needs Content-MD5 or x-amz-checksum-…")
        for name, digest in (("x-amz-checksum-sha256", hashlib.sha256), ("x-amz-checksum-sha1", hashlib.sha1),
                             ("content-md5", hashlib.md5)):
            if name in headers and headers[name] != base64.b64encode(digest(body).digest()).decode():
                self.problem(name, "is not the body's")
        return names

    def header(self, shape: Shape, text: str, name: str) -> Any:
        if shape.type_name == "timestamp":
            return text  # RFC 7231; moto reads it
        return self.scalar(shape, text, name) if shape.type_name not in ("list", "structure", "map") else text

    def payload(self, shape: StructureShape, out: dict[str, Any], body: bytes) -> None:
        name = shape.serialization.get("payload")
        if name is None:
            if body:
                self.problem("body", "this action has none")
            return
        inner = shape.members[name]
        if not isinstance(inner, StructureShape):
            out[name] = body
        elif body:
            try:
                out[name] = self.element(inner, xml.fromstring(body), str(inner.serialization.get("name", name)))
            except xml.ParseError as error:
                self.problem("body", f"not XML: {error}")

    def element(self, shape: Shape, node: xml.Element, where: str) -> Any:
        if isinstance(shape, StructureShape):
            return self.structure(shape, node, where)
        return self.scalar(shape, node.text or "", where)

    def structure(self, shape: StructureShape, node: xml.Element, where: str) -> dict[str, Any]:
        out: dict[str, Any] = {}
        by_name = {str(inner.serialization.get("name", member)): (member, inner)
                   for member, inner in shape.members.items() if not inner.serialization.get("xmlAttribute")}
        for child in node:
            name = child.tag.rpartition("}")[2]
            if name not in by_name:
                self.problem(f"{where}.{name}", "unknown element")
                continue
            member, inner = by_name[name]
            if isinstance(inner, ListShape) and inner.serialization.get("flattened"):
                out.setdefault(member, []).append(self.element(inner.member, child, f"{where}.{name}"))
            elif isinstance(inner, ListShape):
                out[member] = [self.element(inner.member, one, f"{where}.{name}") for one in child]
            else:
                out[member] = self.element(inner, child, f"{where}.{name}")
        self.required(shape, out, where)
        return out
