"""What a faulty Kubernetes does to the operator. A package, so that its world ends with its last test."""
