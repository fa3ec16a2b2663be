"""What happens in the cloud beside our actions; a package, so that its world ends with it."""
