"""What can go wrong with the store, as one line made for a person; nothing here imports duckdb."""


class StoreError(RuntimeError):
    """The store cannot do what was asked; the message is one line."""


class StoreBusy(StoreError):  # noqa: N818
    """Another process has the database file open."""


class StoreFull(StoreError):  # noqa: N818
    """The disk is full or cannot be written; nothing acknowledged is lost, the same call may be made again later."""
