"""The custom resources as Python types: what users write and read. No input or output happens here."""
