"""The roof: HTTP in, HTTP out.  The only room that knows the others; sole owner of aiohttp."""
