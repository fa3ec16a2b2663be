"""What happens in the cloud beside our actions. A package, so that its world ends with its last test."""
