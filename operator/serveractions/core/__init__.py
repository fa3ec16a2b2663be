"""The life of one action, from an applied manifest to a true outcome.

The core knows protocols (`ports`), not libraries: it runs against a real cluster and a real Nova as
it runs against the fakes of the tests.
"""
