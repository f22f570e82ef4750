"""Refusals, as Status objects with Kubernetes' reasons and words."""


class Refusal(Exception):
    """Ends a request with a Status; raised by whatever layer says no."""

    def __init__(self, code: int, reason: str, message: str, details: dict | None = None):
        super().__init__(message)
        self.code, self.reason, self.details = code, reason, details

    def status(self) -> dict:
        found = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                 "message": str(self), "reason": self.reason, "code": self.code}
        if self.details:
            found["details"] = self.details
        return found


def _about(resource, name: str) -> dict:
    return {"name": name, "kind": resource.plural, **({"group": resource.group} if resource.group else {})}


def not_found(resource, name: str) -> Refusal:
    return Refusal(404, "NotFound", f'{resource.qualified} "{name}" not found', _about(resource, name))


def exists(resource, name: str) -> Refusal:
    return Refusal(409, "AlreadyExists", f'{resource.qualified} "{name}" already exists', _about(resource, name))


def conflict(resource, name: str) -> Refusal:
    return Refusal(409, "Conflict", f'Operation cannot be fulfilled on {resource.qualified} "{name}": the object has '
                   "been modified; please apply your changes to the latest version and try again",
                   _about(resource, name))


def invalid(resource, name: str, causes: list[tuple[str, str]]) -> Refusal:
    """causes: (field, what is wrong with it)."""
    texts = [f"{field}: {what}" for field, what in causes]
    joined = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    details = _about(resource, name) | {
        "causes": [{"reason": what.split(":")[0].replace(" ", ""), "message": what, "field": field}
                   for field, what in causes]}
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    return Refusal(422, "Invalid", f'{kind} "{name}" is invalid: {joined}', details)


def bad_request(message: str) -> Refusal:
    return Refusal(400, "BadRequest", message)


def forbidden(resource, name: str, why: str) -> Refusal:
    subject = f'{resource.qualified} "{name}"' if name else resource.qualified
    return Refusal(403, "Forbidden", f"{subject} is forbidden: {why}", _about(resource, name))


def unauthorized() -> Refusal:
    return Refusal(401, "Unauthorized", "Unauthorized")


def unsupported_media(accepted: list[str]) -> Refusal:
    return Refusal(415, "UnsupportedMediaType", "the body of the request was in an unknown format - accepted media "
                   f"types include: {', '.join(accepted)}")


def no_such_path() -> Refusal:
    return Refusal(404, "NotFound", "the server could not find the requested resource")


def not_allowed() -> Refusal:
    return Refusal(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
