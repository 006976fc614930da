"""The chat page of the nmt package, started by `nmt ui`. Installed, this package is called `nmt_ui`."""
