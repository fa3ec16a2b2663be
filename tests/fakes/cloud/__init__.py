"""A small OpenStack over HTTP: Keystone, Nova and Glance in one process that keeps state.

For what a real cloud cannot be used for: counting every request, hundreds of servers, faults. It
answers like Nova 34; what it leaves out are the parts that nobody here asks for.
"""
