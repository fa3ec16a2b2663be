"""One module for each Nova action: what to send, when, and how to tell what became of it.

Everything here is pure: it turns what was asked (a spec) and what was seen (an `Observation`) into
a request or a verdict. The core decides when; the cloud edge does the talking.
"""
