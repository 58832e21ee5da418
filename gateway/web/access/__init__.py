"""Who may see which dataset: tokens are verified, and what they prove becomes a `View`.

`access.py` is the door: the middleware, and what it asks.  `policy_file.py` reads the operator's file, `policy.py` says
what a proof is worth, `tokens.py` and `visas.py` verify what issuers signed with the keys of `key_sets.py`,
`static_tokens.py` knows those of the operator.  No token is ever logged, kept or repeated.
"""
