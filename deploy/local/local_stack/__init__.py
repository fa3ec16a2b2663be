"""A real Kubernetes control plane and a real Nova on one machine, for the demo and the tests.

`python -m local_stack up` is the command line; `stack.running()` is the same as a context manager.
"""
