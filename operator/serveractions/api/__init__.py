"""The custom resources as Python types: what users write and read. Nothing here does I/O."""
