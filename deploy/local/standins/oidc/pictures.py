"""Profile pictures: for each subject a square of its own colour, so that a picture URL shows a real PNG."""

import hashlib
import struct
import zlib

from starlette.requests import Request
from starlette.responses import Response

from deploy.local.standins.oidc.identities import Identities

_SIDE = 96


class Pictures:
    def __init__(self, identities: Identities) -> None:
        self._identities = identities

    async def show(self, request: Request) -> Response:
        sub = request.path_params["sub"]
        if self._identities.find(sub) is None:
            return Response(status_code=404)
        return Response(painted(sub), media_type="image/png", headers={"Cache-Control": "public, max-age=86400"})


def painted(sub: str) -> bytes:
    red, green, blue = (128 + byte // 3 for byte in hashlib.sha256(sub.encode()).digest()[:3])
    row = b"\0" + bytes((red, green, blue)) * _SIDE
    header = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(row * _SIDE)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
