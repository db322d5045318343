"""The science and the service that runs it: from an experiment to the events that tell what came out."""
