"""`serveractions run`: the operator's own engine without a cluster.

A journal file stands where Kubernetes stands for the operator: it keeps the objects, and its lock
is the Lease. Everything else, above all what is sent and when, is the engine of `core`.
"""
