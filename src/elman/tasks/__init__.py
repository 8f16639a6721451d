"""The tasks: data, options, networks, training runs and endpoints of each model class."""
