"""Stores by a text, for scripts that tests run as processes."""

from __future__ import annotations

from typing import Any


def store_of(text: str) -> Any:
    """`redis <url> <prefix>`, or what `Memo` takes as it is."""
    if not text.startswith("redis "):
        return text
    from dogpile.cache import make_region

    _, url, prefix = text.split()
    arguments = {"url": url, "distributed_lock": True, "thread_local_lock": False, "lock_timeout": 60}
    region = make_region(key_mangler=lambda key: f"{prefix}:{key}")
    return region.configure("dogpile.cache.redis", arguments=arguments)
