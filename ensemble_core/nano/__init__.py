"""The nano suite: small models and generated tasks in which the effects are measurable."""
