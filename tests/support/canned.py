"""Answers of a provider that speaks OpenAI's chat dialect, as bytes."""

from __future__ import annotations

import json
import zlib
from typing import Any, Sequence

from wire import Headers

USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


def http_response(
    status: int = 200,
    body: bytes = b"",
    *,
    headers: Headers = (),
    content_type: str = "application/json",
    chunked: bool = False,
    reason: str = "X",
) -> bytes:
    lines = [f"HTTP/1.1 {status} {reason}"]
    if content_type:
        lines.append(f"Content-Type: {content_type}")
    lines += [f"{name}: {value}" for name, value in headers]
    if chunked:
        lines.append("Transfer-Encoding: chunked")
        framed = chunk(body) + b"0\r\n\r\n"
    else:
        lines.append(f"Content-Length: {len(body)}")
        framed = body
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + framed


def stream_head(*, content_type: str = "text/event-stream", chunked: bool = True, headers: Headers = ()) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Type: {content_type}"]
    lines += [f"{name}: {value}" for name, value in headers]
    lines.append("Transfer-Encoding: chunked" if chunked else "Connection: close")
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data) if data else b""


LAST_CHUNK = b"0\r\n\r\n"


def stored_brotli(*pieces: bytes) -> list[bytes]:
    """Pieces of one brotli stream, each readable as it comes: uncompressed meta-blocks (RFC 7932 section 9.2)."""
    blocks = [((len(piece) - 1) << 3 | 1 << 19).to_bytes(3, "little") + piece for piece in pieces]
    size_and_window = (len(pieces[0]) - 1) << 7 | 1 << 23 | 0x0B
    blocks[0] = size_and_window.to_bytes(3, "little") + pieces[0]
    blocks[-1] += b"\x03"  # the last meta-block, empty
    return blocks


def stored_zstd(*pieces: bytes) -> list[bytes]:
    """Pieces of one zstd frame, each readable as it comes: raw blocks (RFC 8878 section 3.1.1)."""
    blocks = [(len(piece) << 3).to_bytes(3, "little") + piece for piece in pieces]
    blocks[0] = b"\x28\xb5\x2f\xfd\x00\x38" + blocks[0]  # no checksum, a window of 128 KiB
    blocks[-1] += b"\x01\x00\x00"  # the last block, empty
    return blocks


def gzipped(*pieces: bytes) -> list[bytes]:
    """Pieces of one gzip member, each readable as it comes."""
    packer = zlib.compressobj(wbits=31)
    blocks = [packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH) for piece in pieces]
    blocks[-1] += packer.flush()
    return blocks


CODINGS = {"gzip": gzipped, "br": stored_brotli, "zstd": stored_zstd}


def body(content: str = "Hello there", *, usage: dict[str, Any] | None = USAGE, **members: Any) -> bytes:
    """A chat completion that was not streamed."""
    reply: dict[str, Any] = {
        "id": "chatcmpl-upstream",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "upstream-model",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
    }
    if usage is not None:
        reply["usage"] = usage
    reply.update(members)
    return json.dumps(reply).encode()


def delta(content: str | None = None, *, finish: str | None = None, **members: Any) -> dict[str, Any]:
    """One chunk of a stream."""
    part: dict[str, Any] = {} if content is None else {"content": content}
    part.update(members.pop("delta", {}))
    return {
        "id": "chatcmpl-upstream",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "upstream-model",
        "choices": [{"index": 0, "delta": part, "finish_reason": finish}],
        **members,
    }


def usage_chunk(usage: dict[str, Any] = USAGE) -> dict[str, Any]:
    return {
        "id": "chatcmpl-upstream",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "upstream-model",
        "choices": [],
        "usage": usage,
    }


def event(payload: Any) -> bytes:
    return b"data: " + (payload if isinstance(payload, bytes) else json.dumps(payload).encode()) + b"\n\n"


DONE = b"data: [DONE]\n\n"


def events(
    words: Sequence[str] = ("Hel", "lo", " there"),
    *,
    usage: dict[str, Any] | None = USAGE,
    finish: str | None = "stop",
    done: bool = True,
) -> bytes:
    """A whole stream's body."""
    out = event(delta("", delta={"role": "assistant"}))
    out += b"".join(event(delta(word)) for word in words)
    if finish is not None:
        out += event(delta(finish=finish))
    if usage is not None:
        out += event(usage_chunk(usage))
    return out + (DONE if done else b"")


def stream(*args: Any, **named: Any) -> bytes:
    """A whole streamed response, chunked, that leaves the connection usable."""
    return stream_head() + chunk(events(*args, **named)) + LAST_CHUNK


def plain(*args: Any, **named: Any) -> bytes:
    return http_response(200, body(*args, **named))


def error(status: int, message: str = "upstream says no", *, headers: Headers = (), **members: Any) -> bytes:
    text = json.dumps({"error": {"message": message, "type": "upstream_error", "code": None, **members}})
    return http_response(status, text.encode(), headers=headers)
