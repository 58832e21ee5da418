"""A server that writes ready-made chunks as fast as it can: the ceiling of what this HTTP stack sends.

    python -m tests.benchmarks.ready

`/?size=BYTES&chunk=BYTES` is a chunked response of that size, written in pieces of that size.
"""

import asyncio

from aiohttp import web

__all__ = ["main"]


async def push(request: web.Request) -> web.StreamResponse:
    """Write chunks."""
    size, length = int(request.query["size"]), int(request.query["chunk"])
    chunk = bytes(length)
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(request)
    for _ in range(-(-size // length)):
        await response.write(chunk)
    await response.write_eof()
    return response


async def health(_: web.Request) -> web.Response:
    """Say that all is well."""
    return web.json_response({"status": "ok"})


async def main(app: web.Application) -> None:
    """Serve an application on a free port, which is printed, for ever."""
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    ready = web.Application()
    ready.router.add_get("/", push)
    ready.router.add_get("/health", health)
    asyncio.run(main(ready))
