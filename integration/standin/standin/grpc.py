"""Just enough gRPC over HTTP/2 on a unix socket to ask containerd's CRI plugin something (RFC 9113, no Huffman).

A call without an answer message is an error; its code is in compressed trailers, which are not read.
"""
import socket
import struct

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY, _WINDOW = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1


class Failed(Exception):
    """No answer: the words are those of a Go gRPC client."""


def call(path: str, method: str, message: bytes, timeout: float = 10) -> bytes:
    """The answer's message. `path` of the socket, `method` like /runtime.v1.RuntimeService/Version."""
    try:
        with socket.socket(socket.AF_UNIX) as wire:
            wire.settimeout(timeout)
            wire.connect(path)
            _send(wire, method, message)
            return _receive(wire, method)
    except TimeoutError:
        raise Failed("rpc error: code = DeadlineExceeded desc = context deadline exceeded") from None
    except OSError as error:
        words = {2: "no such file or directory", 111: "connection refused", 13: "permission denied"}
        raise Failed('rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: '
                     f'dial unix {path}: connect: {words.get(error.errno, error)}"') from None


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def _header(name: str, value: str) -> bytes:
    return b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def _send(wire: socket.socket, method: str, message: bytes) -> None:
    headers = b"".join(_header(n, v) for n, v in (
        (":method", "POST"), (":scheme", "http"), (":path", method), (":authority", "localhost"),
        ("content-type", "application/grpc"), ("te", "trailers"), ("user-agent", "standin")))
    body = b"\x00" + struct.pack(">I", len(message)) + message
    wire.sendall(_PREFACE + _frame(_SETTINGS, 0, 0, b"") + _frame(_WINDOW, 0, 0, struct.pack(">I", 1 << 24))
                 + _frame(_HEADERS, _END_HEADERS, 1, headers)
                 + _frame(_WINDOW, 0, 1, struct.pack(">I", 1 << 24)) + _frame(_DATA, _END_STREAM, 1, body))


def _exactly(wire: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = wire.recv(count - len(data))
        if not part:
            raise Failed("rpc error: code = Unavailable desc = error reading from server: EOF")
        data += part
    return data


def _receive(wire: socket.socket, method: str) -> bytes:
    body = b""
    while True:
        head = _exactly(wire, 9)
        length, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
        payload = _exactly(wire, length)
        if kind == _SETTINGS and not flags & _ACK:
            wire.sendall(_frame(_SETTINGS, _ACK, 0, b""))
        elif kind == _PING and not flags & _ACK:
            wire.sendall(_frame(_PING, _ACK, 0, payload))
        elif kind == _DATA:
            body += payload
        elif kind in (_RESET, _GOAWAY):
            raise Failed("rpc error: code = Unavailable desc = transport is closing")
        if kind in (_DATA, _HEADERS) and flags & _END_STREAM:
            break
    if len(body) < 5:
        raise Failed(f"rpc error: code = Unknown desc = {method} was refused (the stand-in cannot read why)")
    return body[5:5 + struct.unpack(">I", body[1:5])[0]]


# Protocol buffers: fields by number

def encode_field(number: int, value: bytes | str | int) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def decode(message: bytes) -> dict[int, list]:
    """{field number: values}; a value is an int or the bytes of a string or message."""
    found: dict[int, list] = {}
    at = 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        kind = tag & 7
        if kind == 0:
            value, at = _read_varint(message, at)
        elif kind == 2:
            length, at = _read_varint(message, at)
            value, at = message[at:at + length], at + length
        else:
            width = 8 if kind == 1 else 4
            value, at = message[at:at + width], at + width
        found.setdefault(tag >> 3, []).append(value)
    return found


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
        if byte < 128:
            return value, at
