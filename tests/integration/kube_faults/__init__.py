"""What a faulty Kubernetes does to the operator; a package, so that its world ends with it."""
