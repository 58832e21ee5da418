"""HTTP in, HTTP out: the only room that knows all the others, and the owner of aiohttp's server.

`messages` reads requests and sends responses; `endpoints` is what each path answers.
"""
